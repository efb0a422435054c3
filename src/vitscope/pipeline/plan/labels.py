"""Which class a text means: a class number, a name as the model or the user spells it, or a WordNet id.

Knows nothing about: files of images, tables, torch.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, get_args

from vitscope.errors import BadInput
from vitscope.load_options import read_names
from vitscope.models.sources.imagenet import wnid, wnid_classes

if TYPE_CHECKING:
    from vitscope.models import Model

Order: TypeAlias = Literal["imagefolder", "timm", "numbers"]
"""How folders were numbered in training: sorted as text, sorted with numbers as numbers and case ignored, or by their
names, which are numbers."""
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
Given: TypeAlias = str | Path | Sequence[str] | Mapping[str, int]
"""What `classes=` takes: an order, a file (`read_names`), names in the order of the classes, or name to number."""
_MOST_LABELS: Final = 2**31
"""The image table keeps labels in 32 bits."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.0*)?")
Numbers: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class ClassNames:
    """What is known of a model's classes: their number (None without a classifier), and their names.

    Parameters
    ----------
    names: the model's own, in order.
    given: numbers by name, said by the user; they count before the model's own names.
    order: said by the user instead: how folders were numbered in training.
    """

    n_classes: int | None
    names: tuple[str, ...] | None
    given: Mapping[str, int] | None = None
    order: Order | None = None

    def label(self, text: str, where: str) -> int:
        """A label as its class number: a whole number, a class name, or nothing (-1).

        Raises
        ------
        BadInput: not a class of the model, or a name of several.
        """
        text = text.strip()
        if text == "":
            return -1
        if _NUMBER.fullmatch(text) and not (self.given and text in self.given):
            return self.number(int(text.partition(".")[0]), where)
        found = self.find(text)
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(
                f"cannot use the label {text!r} of {where}: it may mean the classes {' and '.join(map(str, found))}",
                "Give the class number.",
            )
        raise BadInput(
            f"cannot use the label {text!r} of {where}: expected a class number"
            + (" or one of the model's class names" if self.names else ""),
            "Labels count from 0; -1 or nothing means none. Other names: --classes FILE.",
        )

    def number(self, number: int, where: str) -> int:
        """A class number, or -1. Raises BadInput for one that the model does not have."""
        if -1 <= number < (self.n_classes or _MOST_LABELS):
            return number
        known = (
            f"the model has {self.n_classes} classes (0..{self.n_classes - 1})"
            if self.n_classes
            else f"expected -1..{_MOST_LABELS - 1}"
        )
        raise BadInput(
            f"cannot use the label {number} of {where}: {known}",
            "Use the model that the labels were made for; -1 means no label.",
        )

    def find(self, text: str) -> Numbers:
        """Numbers of the classes that a name may mean: as given, as the model spells it, loosely, or by WordNet id.

        Loosely: without regard to case, spaces, _ and -, and by one of the names that commas separate. Several numbers
        mean that the name is ambiguous; none, that it is unknown.
        """
        spellings = (text, _plain(text))
        for index in self._indexes:
            for spelling in dict.fromkeys(spellings):
                if spelling in index:
                    return index[spelling]
        return self._by_wnid(text) if self.given is None else ()

    def _by_wnid(self, text: str) -> Numbers:
        """By WordNet id, where the model has as many classes as a set of ImageNet and no other name for this one."""
        key = wnid(text)
        found = None if key is None else wnid_classes(self.n_classes).get(key)
        return () if found is None or self.contradicts(*found) else (found[0],)

    def name(self, label: int) -> str | None:
        """The model's own name of a class, None where it has none."""
        return self.names[label] if self.names is not None and 0 <= label < len(self.names) else None

    def contradicts(self, label: int, name: str) -> bool:
        """Whether a class has another name in the model: not even one of those that commas separate is the same."""
        own = self.name(label)
        return own is not None and not _spellings(own) & _spellings(name)

    @cached_property
    def _indexes(self) -> tuple[Mapping[str, Numbers], ...]:
        """Numbers by spelling, the strictest first."""
        tables: list[Iterable[tuple[str, int]]] = []
        if self.given is not None:
            tables += [self.given.items(), ((_plain(name), number) for name, number in self.given.items())]
        own = () if self.names is None else [(name, number) for number, name in enumerate(self.names)]
        tables += [own, ((_plain(name), number) for name, number in own)]
        tables.append((_plain(part), number) for name, number in own for part in name.split(",") if "," in name)
        return tuple(_gathered(table) for table in tables)


def classes_of(model: "Model", given: Given | None = None) -> ClassNames:
    """The classes of a model, and what the user says of them.

    Raises
    ------
    BadInput: another number of names than the model has classes, or a file that cannot be read so.
    """
    known = ClassNames(model.n_classes, model.classes)
    return known if given is None else with_given(known, given)


def with_given(known: ClassNames, given: Given) -> ClassNames:
    """The same with names, or an order, said by the user (`classes_of`)."""
    if isinstance(given, str) and given.lower() in ORDERS:
        return ClassNames(known.n_classes, known.names, order=cast(Order, given.lower()))
    where = "classes"
    entries: Any = given
    if isinstance(given, str | os.PathLike):
        orders = f"Give a file, or how training numbered the folders: {', '.join(ORDERS)}."
        where, entries = str(given), read_names(Path(given), orders)
    numbers = dict(entries) if isinstance(entries, Mapping) else _numbered(entries, where, known.n_classes)
    for name, number in numbers.items():
        whole = isinstance(number, int) and not isinstance(number, bool)
        if not isinstance(name, str) or not whole or not 0 <= number < (known.n_classes or _MOST_LABELS):
            raise BadInput(
                f"cannot use the class {name!r}: {number!r} of {where}: expected a name and a number"
                + (f" from 0 to {known.n_classes - 1}" if known.n_classes else " from 0"),
                'Name the classes in order, or give {"name": number}.',
            )
    return ClassNames(known.n_classes, known.names, given=numbers)


def _numbered(names: Any, where: str, n_classes: int | None) -> dict[str, int]:  # noqa: ANN401 - a user's
    names = list(names)
    if n_classes is not None and len(names) != n_classes:
        raise BadInput(
            f"cannot use the {len(names)} names of {where}: the model has {n_classes} classes",
            'Give one name a class, in order, or only some as JSON: {"name": number}.',
        )
    numbers: dict[str, int] = {}
    for name in names:
        if name in numbers:
            raise BadInput(f"cannot use the names of {where}: {name!r} appears twice", "Give each class its own name.")
        numbers[name] = len(numbers)
    return numbers


def _gathered(pairs: Iterable[tuple[str, int]]) -> Mapping[str, Numbers]:
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for name, number in pairs:
        if number not in numbers[name]:
            numbers[name].append(number)
    return {name: tuple(sorted(found)) for name, found in numbers.items()}


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold())


def _spellings(name: str) -> set[str]:
    return {_plain(name), *(_plain(part) for part in name.split(","))}
