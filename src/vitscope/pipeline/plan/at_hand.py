"""Pictures that are no files: a torch Dataset, a `datasets.Dataset`, pairs (picture, label) of any iterable.

Each picture is read when it is needed, and is then what a file would be: bytes, by whose checksum it is known again.
Neither torch's data sets nor `datasets` are imported: what they have is asked of the object.
Knows nothing about: models, what labels mean (`dataset_labels`).
"""

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from vitscope.errors import BadInput, ImageUnreadable, VitscopeError
from vitscope.models.pictures.images import read_bytes
from vitscope.pipeline.plan.items import HINT, LABEL_KEYS, Label, as_label, encoded, label_of, picture_of

NAME: Final = "dataset"
"""What pictures without a name are called, with their number: `dataset 17`."""


@dataclass(frozen=True)
class AtHand:
    """Pictures by number, some or all of a data set, with the labels that it gives them.

    Parameters
    ----------
    given: what it is, in words.
    content: the bytes of a picture, by its number in the data set.
    label: its label; a picture may have to be read for it.
    numbers: which pictures, in order.
    names: of classes, by the data set's own numbers.
    path: the file of a picture, where the pictures are files.
    note: what has to be said of it.
    """

    given: str
    content: Callable[[int], bytes]
    label: Callable[[int], Label]
    numbers: tuple[int, ...]
    names: Mapping[int, str] = field(default_factory=dict)
    path: Callable[[int], str] | None = None
    note: str | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def sample(self, limit: int | None, seed: int) -> "AtHand":
        """The same seeded sample that a listing takes, before anything is read."""
        if limit is None or limit >= len(self):
            return self
        kept = np.sort(np.random.default_rng([seed, 1]).permutation(len(self))[:limit])
        return replace(self, numbers=tuple(self.numbers[i] for i in kept))

    def read(self, name: str) -> bytes:
        """The bytes of a picture by its name. Raises ImageUnreadable."""
        return self.content(int(name.rpartition(" ")[2]))


def at_hand(images: Any) -> AtHand | None:  # noqa: ANN401 - whatever a user holds
    """What a user holds as pictures that are no files; None for paths, tables and lists of paths.

    Raises
    ------
    BadInput: neither of the two.
    """
    if isinstance(images, AtHand):
        return images
    if isinstance(images, str | os.PathLike) or hasattr(images, "columns"):
        return None
    if hasattr(images, "features") and hasattr(images, "cast_column"):
        return _hugging_face(images)
    if isinstance(images, Mapping):
        splits = ", ".join(map(str, list(images)[:4]))
        raise _refused(images, f"Give one of its parts ({splits}), as data[...]." if images else HINT)
    if isinstance(images, Collection) and all(isinstance(each, str | os.PathLike) for each in images):
        return None
    if hasattr(images, "__getitem__") and hasattr(images, "__len__") and not isinstance(images, bytes | np.ndarray):
        return _numbered(images)
    inner = getattr(images, "dataset", None)
    if inner is not None:
        raise _refused(images, "It makes batches of a data set: give the data set, as loader.dataset.")
    if isinstance(images, Iterable) and not isinstance(images, bytes) and not hasattr(images, "tolist"):
        return _spooled(images)
    raise _refused(images, HINT)


def _refused(images: object, hint: str) -> BadInput:
    return BadInput(
        f"cannot analyse an object of type {type(images).__name__}: expected a folder, a table or list file, a "
        "sequence of paths, a data frame, or a data set of pictures and labels",
        hint,
    )


# Hugging Face ---------------------------------------------------------------------------------------------------------


def _hugging_face(data: Any) -> AtHand:  # noqa: ANN401 - datasets.Dataset
    """A `datasets.Dataset`: its column of images as they are stored, its column of class labels."""
    if not hasattr(data, "__len__"):
        raise _refused(data, "It streams: load it without streaming, or give list(data.take(1000)).")
    kinds = {name: type(kind).__name__ for name, kind in data.features.items()}
    pictures = [name for name, kind in kinds.items() if kind == "Image"]
    if len(pictures) != 1:
        raise BadInput(
            f"cannot analyse this data set: it has {len(pictures) or 'no'} columns of images "
            f"({', '.join(pictures or kinds)}), expected one",
            'Keep one: data.select_columns(["image", "label"]); or name it one: data.cast_column("image", Image()).',
        )
    column = pictures[0]
    labels = [name for name, kind in kinds.items() if kind == "ClassLabel"]
    labels = labels or [name for name in LABEL_KEYS if kinds.get(name) == "Value"]
    several = len(labels) > 1 and "label" not in labels
    chosen = None if several or not labels else "label" if "label" in labels else labels[0]
    stored = data.with_format(None).select_columns([column])
    stored = stored.cast_column(column, type(data.features[column])(decode=False))
    named = getattr(data.features[chosen], "names", None) if chosen else None

    def content(number: int) -> bytes:
        kept = stored[number][column]
        if kept is None:
            raise ImageUnreadable("missing: the data set has no picture there")
        return kept["bytes"] if kept["bytes"] is not None else read_bytes(Path(kept["path"]))

    values: Sequence[Any] = list(data.with_format(None).select_columns([chosen])[chosen]) if chosen else []
    odd = as_label(values[0])[1] if values else None
    why = f"several columns of labels: {', '.join(labels)}; keep one with select_columns" if several else odd
    return AtHand(
        f"a datasets.Dataset of {len(data)} pictures",
        content,
        lambda number: as_label(values[number])[0] if chosen else None,
        tuple(range(len(data))),
        dict(enumerate(named or ())),
        note=f"no labels: {why}" if why else None,
    )


# Data sets and sequences ----------------------------------------------------------------------------------------------


def _numbered(data: Any) -> AtHand:  # noqa: ANN401 - a torch Dataset, a list
    """Anything with a length and items by number: pairs, pictures, or mappings with both."""
    base, numbers = _without_subsets(data)
    if not numbers:
        raise BadInput(f"cannot analyse a {type(data).__name__}: it holds no pictures", HINT)
    given = f"a {type(data).__name__} of {type(base).__name__}" if base is not data else f"a {type(data).__name__}"
    given += f" with {len(numbers)} pictures"
    names = _names_of(base)
    if (files := _files(base)) is not None:
        transformed = any(getattr(base, name, None) is not None for name in ("transform", "transforms"))
        return AtHand(
            given,
            lambda number, files=files: read_bytes(Path(files[number][0])),
            lambda number, files=files: as_label(files[number][1])[0],
            numbers,
            names,
            path=lambda number, files=files: files[number][0],
            note="the model's own preprocessing is used, not the data set's transform" if transformed else None,
        )
    targets: Any = getattr(base, "targets", ())
    known = len(targets) == len(base)
    first = base[numbers[0]]
    encoded(picture_of(first, numbers[0]), numbers[0])  # refuses what is no picture before anything is planned
    odd = None if known else as_label(label_of(first))[1]
    return AtHand(
        given,
        lambda number: _content(base, number),
        lambda number: as_label(targets[number] if known else _label(base, number))[0],
        numbers,
        names,
        note=odd and f"no labels: {odd}",
    )


def _content(data: Any, number: int) -> bytes:  # noqa: ANN401
    """The bytes of a picture. Raises ImageUnreadable where the data set, or Pillow, cannot read it."""
    try:
        return encoded(picture_of(data[number], number), number)
    except VitscopeError:
        raise
    except Exception as error:  # a data set is a user's, and so is what it raises
        reason = " ".join(str(error).split())[:160] or "no reason given"
        raise ImageUnreadable(f"its data set cannot read it ({type(error).__name__}: {reason})") from error


def _label(data: Any, number: int) -> Any:  # noqa: ANN401
    try:
        return label_of(data[number])
    except Exception:  # its picture cannot be read either, and says why
        return None


def _without_subsets(data: Any) -> tuple[Any, tuple[int, ...]]:  # noqa: ANN401
    """The data set below any `torch.utils.data.Subset`, and which of its items are meant."""
    numbers: Sequence[int] = range(len(data))
    while hasattr(data, "indices") and hasattr(data, "dataset"):
        numbers = [int(data.indices[number]) for number in numbers]
        data = data.dataset
    return data, tuple(numbers)


def _files(data: Any) -> Sequence[tuple[str, Any]] | None:  # noqa: ANN401
    """Files and labels of torchvision's ImageFolder, whose loader only decodes, and of pairs; None of anything else."""
    samples = getattr(data, "samples", None)
    loader = getattr(getattr(data, "loader", None), "__module__", "")
    if isinstance(samples, list) and len(samples) == len(data) and loader == "torchvision.datasets.folder":
        return samples
    if isinstance(data, list | tuple):
        pictures = [picture_of(item, number) for number, item in enumerate(data)]
        if all(isinstance(picture, str | os.PathLike) for picture in pictures):
            return [(str(path), label_of(item)) for path, item in zip(pictures, data, strict=True)]
    return None


def _names_of(data: Any) -> Mapping[int, str]:  # noqa: ANN401
    """Names of classes by number, as torchvision's data sets have them."""
    numbers = getattr(data, "class_to_idx", None)
    if isinstance(numbers, Mapping):
        return {int(number): str(name) for name, number in numbers.items()}
    names = getattr(data, "classes", None)
    plain = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    return dict(enumerate(names)) if plain and names is not None else {}


def _spooled(pictures: Iterable[Any]) -> AtHand:
    """Pictures that pass by once, kept in a temporary folder: they are needed again, and are not held in memory."""
    spool = _Spool()
    labels: list[Label] = []
    odd = None
    for number, item in enumerate(pictures):
        (spool.folder / str(number)).write_bytes(encoded(picture_of(item, number), number))
        label, why = as_label(label_of(item))
        labels.append(label)
        odd = odd or why
    if not labels:
        raise BadInput(f"cannot analyse a {type(pictures).__name__}: it holds no pictures", HINT)
    return AtHand(
        f"{len(labels)} pictures from a {type(pictures).__name__}",
        spool.read,
        lambda number: labels[number],
        tuple(range(len(labels))),
        note=odd and f"no labels: {odd}",
    )


class _Spool:
    """A temporary folder that is gone when nothing reads from it any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vitscope-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def read(self, number: int) -> bytes:
        """The bytes of a picture."""
        return (self.folder / str(number)).read_bytes()


def names_of(images: AtHand) -> Iterator[str]:
    """What its pictures are called in a run: their files, or their numbers."""
    for number in images.numbers:
        yield images.path(number) if images.path is not None else f"{NAME} {number}"
