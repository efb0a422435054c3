"""Which files an analysis is about: a folder, a list of paths, or a table of paths and labels.

Knows nothing about: what is in the files, models (only their class names), torch.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import numpy as np

from vitscope.errors import BadInput
from vitscope.file_names import as_text, exists, fault, is_folder, require_text
from vitscope.models.pictures.images import ARRAYS, SUFFIXES, read_bytes
from vitscope.models.pictures.levels import PictureRange, parse_range
from vitscope.pipeline.plan.at_hand import AtHand, at_hand, names_of
from vitscope.pipeline.plan.class_folders import labels_from_folders
from vitscope.pipeline.plan.dataset_labels import labels_from_dataset
from vitscope.pipeline.plan.label_tables import LabelTable, on_this_system, read_label_table, table_from_frame
from vitscope.pipeline.plan.labels import ClassNames
from vitscope.store.manifest import FILE as RUN_FILE
from vitscope.store.run import PLAN_TABLE

if TYPE_CHECKING:
    import pandas as pd

Images: TypeAlias = "str | Path | Sequence[str | Path] | pd.DataFrame | AtHand | Any"
"""A folder, a table or list file, paths, a data frame; a data set, or pairs of a picture and a label (`at_hand`)."""
_TABLES: Final = {".csv", ".tsv"}
_LISTS: Final = {".txt", ".lst"}


@dataclass(frozen=True)
class Listing:
    """The files in order, with labels (-1 = none) and class names; `paths` are relative to `root`, or absolute.

    `note` says how labels were read where that was not plain, `picture_range` what is black and white (`levels`).
    `held` are the pictures of a data set that are no files; `paths` are then their names.
    """

    kind: Literal["folder", "list", "table", "dataset"]
    root: Path
    given: str
    paths: tuple[str, ...]
    labels: tuple[int, ...]
    class_names: tuple[str | None, ...]
    ignored: tuple[str, ...] = ()
    note: str | None = None
    picture_range: PictureRange | None = None
    held: AtHand | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, row: int) -> bytes:
        """The bytes of one picture. Raises ImageUnreadable."""
        if self.held is not None:
            return self.held.read(self.paths[row])
        return read_bytes(self.root / self.paths[row])

    def sample(self, limit: int | None, seed: int) -> "Listing":
        """A seeded sample of at most `limit` files, in their order; all of them for None."""
        if limit is None or limit >= len(self):
            return self
        kept = np.sort(np.random.default_rng([seed, 1]).permutation(len(self))[:limit])
        return replace(
            self,
            paths=tuple(self.paths[i] for i in kept),
            labels=tuple(self.labels[i] for i in kept),
            class_names=tuple(self.class_names[i] for i in kept),
        )


def list_images(
    images: Images,
    labels: str | Path | None,
    classes: ClassNames,
    picture_range: str | Sequence[float] | None = None,
    *,
    limit: int | None = None,
    seed: int = 0,
) -> Listing:
    """List the images of an analysis.

    Parameters
    ----------
    images: a folder (one sub-folder per class where it has no images of its own), a `.csv` or `.tsv` table with the
        columns path, label and perhaps class_name, a `.txt` list of paths, a sequence of paths, or a data frame like
        the table. Paths in a file are relative to it.
    labels: a table of labels for a folder or a list.
    picture_range: values of black and white in pictures with more than 8 bits a channel (`parse_range`).
    limit: of a data set whose labels have to be read, only those of this seeded sample are.

    Raises
    ------
    BadInput: nothing there, not readable, no images, or labels that do not fit; the message names the first offender.
    """
    levels = parse_range(picture_range)
    held = at_hand(images)
    if held is not None:
        return replace(_from_dataset(held.sample(limit, seed), labels, classes), picture_range=levels)
    listing = replace(_listed(images, labels, classes), picture_range=levels).sample(limit, seed)
    if classes.order is not None and (labels is not None or listing.kind != "folder"):
        raise BadInput(
            f"cannot number folders as {classes.order}: the labels of {listing.given} are not from folders",
            "Leave --classes out, or give a folder with one sub-folder per class.",
        )
    return listing


def _listed(images: Images, labels: str | Path | None, classes: ClassNames) -> Listing:
    if hasattr(images, "columns"):
        return _from_table(table_from_frame(cast("pd.DataFrame", images), classes), "a data frame", labels)
    if not isinstance(images, str | os.PathLike):
        given = [Path(path) for path in cast("Sequence[str | Path]", images)]
        return _labelled(_from_paths(given, f"a list of {_count(len(given), 'path')}"), labels, classes)
    path = Path(images)
    if is_folder(path):
        listing = _from_folder(path, classes, guess_labels=labels is None)
        return _labelled(listing, labels, classes)
    if not exists(path):
        raise BadInput(f"cannot analyse {path}: there is no such folder or file", "Check the path.")
    if path.suffix.lower() in _TABLES:
        return _from_table(read_label_table(path, classes), str(path), labels)
    if path.suffix.lower() in _LISTS:
        lines = [line.strip() for line in _text(path).splitlines()]
        named = [line for line in lines if line and not line.startswith("#")]
        given = [path.parent / on_this_system(line, path.parent) for line in named]
        return _labelled(_from_paths(given, str(path)), labels, classes)
    if path.suffix.lower() in SUFFIXES | ARRAYS:
        return _labelled(_from_paths([path], str(path)), labels, classes)
    raise BadInput(
        f"cannot analyse {path}: expected a folder, a .csv table or a .txt list",
        "A table has the columns path,label and perhaps class_name; paths are relative to it.",
    )


def _from_folder(folder: Path, classes: ClassNames, *, guess_labels: bool) -> Listing:
    found, ignored, unnamed = _walk(folder)
    odd = _unnamed(unnamed)
    if not found:
        detail = f"; {len(ignored)} other files are there, such as {ignored[0]}" if ignored else ""
        detail += f"; {odd}" if odd else ""
        raise BadInput(
            f"cannot analyse {folder}: no images in it or below it{detail}",
            f"Images are recognised by their names: {' '.join(sorted(SUFFIXES))}; or arrays, .npy.",
        )
    listing = Listing(
        "folder",
        folder.resolve(),
        str(folder),
        tuple(found),
        (-1,) * len(found),
        (None,) * len(found),
        tuple(ignored),
        odd,
    )
    if not guess_labels:
        return listing
    known = labels_from_folders(found, classes)
    note = "; ".join(filter(None, (known.note, odd))) or None
    return replace(listing, labels=known.labels, class_names=known.class_names, note=note)


def _unnamed(images: Sequence[str]) -> str | None:
    """What is said of images whose names cannot be kept."""
    if not images:
        return None
    reason, hint = fault(images[0]) or ("", "")
    of = f" (first of {len(images)})" if len(images) > 1 else ""
    return f"left out {as_text(images[0])}{of}: {reason}. {hint.rstrip('.')}"


def _from_dataset(held: AtHand, labels: str | Path | None, classes: ClassNames) -> Listing:
    """The pictures of a data set: files where it is one of files, else by number."""
    if labels is not None:
        raise BadInput(f"cannot take labels from {labels}: {held.given} has its own", "Leave --labels out.")
    own = labels_from_dataset([held.label(number) for number in held.numbers], held.names, classes)
    note = "; ".join(filter(None, (own.note, held.note))) or None
    paths = list(names_of(held))
    if held.path is None:
        return Listing("dataset", Path(), held.given, tuple(paths), own.labels, own.class_names, note=note, held=held)
    files = _from_paths([Path(path) for path in paths], held.given)
    every = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - as in _from_paths
    first = dict(reversed([*zip(every, range(len(every)), strict=True)]))
    twice = next((i for i, path in enumerate(every) if own.labels[i] != own.labels[first[path]]), None)
    if twice is not None:
        raise BadInput(f"cannot label {paths[twice]}: {held.given} gives it two labels", "Keep one of them.")
    rows = [first[path] for path in dict.fromkeys(every)]
    return replace(
        files,
        kind="dataset",
        labels=tuple(own.labels[row] for row in rows),
        class_names=tuple(own.class_names[row] for row in rows),
        note="; ".join(filter(None, (files.note, note))) or None,
    )


def _walk(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Images, other files, and images whose names cannot be kept in a run, below a folder, as sorted relative paths.

    Links to folders are followed, once each. Runs are passed over: their previews are not the user's images.
    """

    def unreadable(error: OSError) -> None:
        raise BadInput(
            f"cannot list {error.filename or folder}: {error.strerror}", "Change its permissions, or leave it out."
        ) from error

    found: list[str] = []
    arrays: list[str] = []
    ignored: list[str] = []
    unnamed: list[str] = []
    seen: set[str] = set()
    for current, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        real = os.path.realpath(current)
        if real in seen or {RUN_FILE, PLAN_TABLE} <= set(files):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                path = (Path(current) / name).relative_to(folder).as_posix()
                suffix = Path(name).suffix.lower()
                if suffix not in SUFFIXES | ARRAYS:
                    ignored.append(as_text(path))
                elif fault(path) is not None:
                    unnamed.append(path)
                else:
                    (arrays if suffix in ARRAYS else found).append(path)
    if found or unnamed:  # arrays beside images are something else: labels, features, masks
        ignored += map(as_text, arrays)
    return sorted(found or arrays), sorted(ignored), sorted(unnamed)


def require_text_names(listing: Listing) -> None:
    """Raise BadInput where a folder or file that was named has a name that a run could not keep."""
    for name in (str(listing.root), listing.given, *listing.paths):
        require_text(name, "analyse")


def _from_paths(paths: Sequence[Path], given: str) -> Listing:
    if not paths:
        raise BadInput(f"cannot analyse {given}: it names no images", "Give at least one path.")
    _require_files(paths, given)
    every = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - resolve() would follow links
    absolute = list(dict.fromkeys(every))
    again = len(every) - len(absolute)
    note = f"{_count(again, 'path')} left out: named twice" if again else None
    root = Path(os.path.commonpath([path.parent for path in absolute])) if _one_drive(absolute) else None
    relative = [path.relative_to(root).as_posix() if root else str(path) for path in absolute]
    n = len(absolute)
    return Listing("list", root or Path.cwd(), given, tuple(relative), (-1,) * n, (None,) * n, note=note)


def _from_table(table: LabelTable, given: str, labels: str | Path | None) -> Listing:
    if labels is not None:
        raise BadInput(f"cannot take labels from {labels}: {given} has its own", "Leave --labels out.")
    if not table.paths:
        raise BadInput(f"cannot analyse {given}: it has no rows", "Add one row per image: path,label[,class_name].")
    _require_files([table.root / path for path in table.paths], given)
    return Listing("table", table.root, given, table.paths, table.labels, table.class_names, note=table.note)


def _labelled(listing: Listing, labels: str | Path | None, classes: ClassNames) -> Listing:
    """The listing with labels from a table; images the table does not name keep none."""
    if labels is None:
        return listing
    table = read_label_table(Path(labels), classes)
    rows: dict[str, list[int]] = {}
    for i, path in enumerate(listing.paths):
        rows.setdefault(os.path.realpath(listing.root / path), []).append(i)
    roots = (table.root, listing.root)  # beside the table, or else beside the images
    root = next((root for root in roots if any(exists(root / path) for path in table.paths)), table.root)
    _require_files([root / path for path in table.paths], str(labels))
    numbers, names = list(listing.labels), list(listing.class_names)
    matched = 0
    for path, label, name in zip(table.paths, table.labels, table.class_names, strict=True):
        for row in rows.get(os.path.realpath(root / path), ()):
            numbers[row], names[row] = label, name
            matched += 1
    if not matched:
        raise BadInput(
            f"cannot label the images of {listing.given}: none of the {len(table.paths)} rows of {labels} fits",
            "Paths in the table are relative to it; its first is "
            + (table.paths[0] if table.paths else "missing")
            + ".",
        )
    missing = len(listing) - sum(label >= 0 for label in numbers)
    left = f"{missing} of {len(listing)} images have no label" if missing else None
    note = "; ".join(filter(None, (listing.note, table.note, left)))
    return replace(listing, labels=tuple(numbers), class_names=tuple(names), note=note or None)


def _require_files(paths: Sequence[Path], given: str) -> None:
    missing = [path for path in paths if not exists(path)]
    if missing:
        raise BadInput(
            f"cannot analyse {given}: {len(missing)} of {len(paths)} files it names do not exist, first {missing[0]}",
            "Paths in a file are relative to that file.",
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _one_drive(paths: Sequence[Path]) -> bool:
    return len({path.drive for path in paths}) == 1


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}", "It must be a text file in UTF-8.") from error
