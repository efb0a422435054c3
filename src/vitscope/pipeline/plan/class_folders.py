"""Labels from the names of folders, one folder per class. Where numbers would be a guess, there are none, and a reason.

The rule, in this order (docs/decisions/0020): what the user says; the model's class names, loosely spelled, or WordNet
ids; class numbers where no library would have given others; alphabetical order where common libraries agree on it.
Knows nothing about: images, tables, torch.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vitscope.errors import BadInput
from vitscope.pipeline.plan.labels import ORDERS, ClassNames, Order

SPLITS: Final = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
"""Folders that hold classes and are none, where all folders at the top are such."""
_SHOWN: Final = 3


@dataclass(frozen=True)
class FolderLabels:
    """Labels (-1 = none) and class names, one an image, and what has to be said of them."""

    labels: tuple[int, ...]
    class_names: tuple[str | None, ...]
    note: str | None


def labels_from_folders(paths: Sequence[str], classes: ClassNames) -> FolderLabels:
    """Labels of images from their paths `folder/.../name`, relative to the folder that was given.

    Raises
    ------
    BadInput: what the user says of the classes does not fit the folders.
    """
    parts = [path.split("/")[:-1] for path in paths]
    notes: list[str] = []
    tops = {folders[0] for folders in parts if folders}
    if tops and all(parts) and all(top.lower() in SPLITS for top in tops) and not all(map(classes.find, tops)):
        shown = ", ".join(sorted(tops))
        notes.append(
            f"{shown}: taken as splits of the data, the folders inside as classes (to use one, give its folder)"
        )
        parts = [folders[1:] for folders in parts]
        loose = sum(not folders for folders in parts)
        if 0 < loose < len(parts):
            notes.append(f"{loose} of {len(parts)} images lie in no class folder and have no label")
    elif not all(parts):
        loose = sum(not folders for folders in parts)
        if loose < len(parts):
            lie = "1 image lies" if loose == 1 else f"{loose} images lie"
            notes.append(f"no labels: {lie} beside the folders, so the folders are not taken as classes")
        return FolderLabels((-1,) * len(paths), (None,) * len(paths), notes[0] if notes else None)
    if not any(parts):
        notes.append("no labels: there are no folders inside")
        return FolderLabels((-1,) * len(paths), (None,) * len(paths), "; ".join(notes))
    named, numbers, note = _numbered(parts, classes)
    notes += [note] if note else []
    labels = tuple(-1 if name is None else numbers.get(name, -1) for name in named)
    return FolderLabels(labels, tuple(named), "; ".join(notes) or None)


def _numbered(
    parts: Sequence[Sequence[str]], classes: ClassNames
) -> tuple[list[str | None], Mapping[str, int], str | None]:
    """The folder that names each image's class, numbers by folder, and a note."""
    top = [folders[0] if folders else None for folders in parts]
    last = [folders[-1] if folders else None for folders in parts]
    names = _distinct(top)
    if classes.order is not None:
        return top, ordered(names, classes, classes.order), f"folders numbered as said: {classes.order}"
    for named in (top, last):
        known = _known(_distinct(named), classes)
        if len(known) == len(_distinct(named)):
            return named, known, None
    numbers = _as_numbers(names)
    if numbers is not None and _are_class_numbers(names, numbers, classes):
        note = (
            None if classes.names is not None or 0 in numbers.values() else "folder names taken as class numbers from 0"
        )
        return top, numbers, note
    known = _known(names, classes)
    if known:
        return top, known, f"no labels in {some([n for n in names if n not in known])}: {_unknown(classes)}"
    if classes.given is not None:
        raise BadInput(
            f"cannot use these classes: none of the {len(names)} folders ({some(names)}) is among them",
            "Name the classes as the folders are named.",
        )
    if classes.n_classes is None:  # no predictions to compare with: numbers only tell the groups apart
        return top, numbers or {name: i for i, name in enumerate(names)}, None
    return top, *_assumed(names, classes, deeper=top != last)


def _assumed(names: Sequence[str], classes: ClassNames, *, deeper: bool) -> tuple[Mapping[str, int], str]:
    """Alphabetical order where the model has no names to go by and libraries agree on it; else nothing but a reason."""
    if classes.names is not None or len(names) != classes.n_classes:
        return {}, (
            f"no labels: {_count(names)} ({some(names)}), and nothing says which of the model's {classes.n_classes} "
            "classes they are; give --labels FILE or --classes FILE"
        )
    if deeper:
        return {}, (
            "no labels: there are folders inside the folders, and libraries take different ones as classes; give "
            "--labels FILE or --classes FILE"
        )
    torchvision, timm = _in_order(names, "imagefolder"), _in_order(names, "timm")
    odd = next((name for name in names if torchvision[name] != timm[name]), None)
    if odd is None:
        return torchvision, (
            f"labels are assumed: the {_count(names)} numbered in alphabetical order ({names[0]} = 0); the model does "
            "not name its classes, so give --classes FILE if it was trained in another order"
        )
    return {}, (
        f"no labels: libraries number these {_count(names)} differently ({odd} is class {torchvision[odd]} for "
        f"torchvision's ImageFolder, {timm[odd]} for timm); give --classes imagefolder, --classes timm, or --classes "
        "FILE with one name per line in the model's order"
    )


def fitting_orders(
    folders: Sequence[str | None], predictions: Sequence[int], n_classes: int | None
) -> Mapping[Order, int] | None:
    """How often predictions are the folder's number, by order; None where folders cannot be numbered by their order.

    Says what the model was probably trained with. It is no accuracy: the better of two was chosen.
    """
    names = _distinct(folders)
    if not names or len(names) != n_classes or len(folders) != len(predictions):
        return None
    orders: dict[Order, dict[str, int]] = {
        "imagefolder": _in_order(names, "imagefolder"),
        "timm": _in_order(names, "timm"),
    }
    if orders["imagefolder"] == orders["timm"]:
        return None
    pairs = [(folder, number) for folder, number in zip(folders, predictions, strict=True) if folder is not None]
    return {order: sum(of[folder] == number for folder, number in pairs) for order, of in orders.items()}


def ordered(names: Sequence[str], classes: ClassNames, order: Order) -> Mapping[str, int]:
    """Numbers by the order that the user says."""
    if order == "numbers":
        numbers = _as_numbers(names)
        if numbers is None or max(numbers.values()) >= (classes.n_classes or max(numbers.values()) + 1):
            raise BadInput(
                f"cannot take the {_count(names)} ({some(names)}) as class numbers: expected 0 to "
                f"{'...' if classes.n_classes is None else classes.n_classes - 1}",
                f"Other orders: {', '.join(name for name in ORDERS if name != order)}; or --classes FILE.",
            )
        return numbers
    if classes.n_classes not in (None, len(names)):
        raise BadInput(
            f"cannot number the {_count(names)} in the order of {order}: the model has {classes.n_classes} classes",
            "Give the names of all classes in their order: --classes FILE.",
        )
    return _in_order(names, order)


def _in_order(names: Sequence[str], order: Order) -> dict[str, int]:
    """Places of the names as torchvision's ImageFolder sorts them (as text) or timm (`natural_key`)."""
    ordered = sorted(names) if order == "imagefolder" else sorted(sorted(names), key=_natural)
    return {name: place for place, name in enumerate(ordered)}


def _natural(name: str) -> list[int | str]:
    """The key of timm (timm.utils.natural_key): numbers as numbers, case ignored; text at the even places."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]


def _as_numbers(names: Sequence[str]) -> dict[str, int] | None:
    if not all(name.isascii() and name.isdigit() for name in names):
        return None
    return {name: int(name) for name in names}


def _are_class_numbers(names: Sequence[str], numbers: Mapping[str, int], classes: ClassNames) -> bool:
    """Whether numbers as names can only be class numbers.

    They must be classes of the model. A model with names of its own was not trained on folders that are numbers. Of one
    without, folders `0` to `11` may have been sorted as text, which gives `10` the number 2.
    """
    if classes.n_classes is None or max(numbers.values()) >= classes.n_classes:
        return classes.n_classes is None
    if classes.names is not None:
        return True
    padded = len({len(name) for name in names}) == 1 and len(names[0]) >= len(str(classes.n_classes - 1))
    return padded or classes.n_classes <= 10


def _known(names: Sequence[str], classes: ClassNames) -> dict[str, int]:
    """Folders that are one class of the model by name."""
    found = {name: classes.find(name) for name in names}
    return {name: numbers[0] for name, numbers in found.items() if len(numbers) == 1}


def _unknown(classes: ClassNames) -> str:
    return "not one of the model's classes" if classes.given is None else "not one of the given classes"


def _distinct(names: Sequence[str | None]) -> list[str]:
    return sorted({name for name in names if name is not None})


def some(names: Sequence[str]) -> str:
    """The first few names, for a sentence."""
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} folder{'' if len(names) == 1 else 's'}"
