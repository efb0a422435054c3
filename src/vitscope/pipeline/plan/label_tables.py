"""Labels from a table `path,label[,class_name]`, a file or a data frame: exactly what it says, or one clear error.

Knows nothing about: models (only their classes), what is in the images, torch.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from vitscope.errors import BadInput
from vitscope.file_names import exists, require_text
from vitscope.pipeline.plan.labels import ClassNames

if TYPE_CHECKING:
    import pandas as pd

_NEEDED: Final = ("path", "label")
_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class LabelTable:
    """Rows of a table of labels, one an image; `paths` are relative to `root`, or absolute."""

    root: Path
    paths: tuple[str, ...]
    labels: tuple[int, ...]
    class_names: tuple[str | None, ...]
    note: str | None = None


def read_label_table(path: Path, classes: ClassNames) -> LabelTable:
    """Read a table separated by commas, semicolons or tabs, with a header that names path, label and maybe class_name.

    Raises
    ------
    BadInput: not readable, a column missing or there twice, a row of another length, an image with two labels, or a
        label that is not one of the model's classes (naming the line).
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"cannot read the labels {path}: {error.strerror}", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"cannot read the labels {path}: not text in UTF-8", "Save it as a UTF-8 CSV file.") from error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text, str(path)), strict=True)
    try:
        header = next((row for row in reader if row), [])
        rows = [(f"line {reader.line_num} of {path.name}", row) for row in reader if row]
    except csv.Error as error:
        raise BadInput(
            f"cannot read the labels {path}: {error} in line {reader.line_num}", "Check the quotation marks there."
        ) from error
    columns = _columns(header, str(path))
    for where, row in rows:
        if not min(len(columns), 1 + max(map(columns.index, _NEEDED))) <= len(row) <= len(columns):
            raise BadInput(
                f"cannot read the labels {path}: {where} has {_count(len(row), 'column')}, the header {len(columns)}",
                "Put values with a separator in quotation marks.",
            )
    named = ((where, dict(zip(columns, row, strict=False))) for where, row in rows)
    return _table(path.resolve().parent, named, str(path), classes)


def table_from_frame(frame: "pd.DataFrame", classes: ClassNames) -> LabelTable:
    """A data frame with the columns path, label and perhaps class_name; relative paths start at the working folder."""
    columns = _columns([str(name) for name in frame.columns], "the data frame")
    known = frame.notna().to_numpy()
    values = frame.astype(object).to_numpy()
    rows = (
        (f"row {i}", {name: str(value) if there else "" for name, value, there in zip(columns, row, mask, strict=True)})
        for i, (row, mask) in enumerate(zip(values, known, strict=True))
    )
    return _table(Path.cwd(), rows, "the data frame", classes)


def _separator(text: str, given: str) -> str:
    """What separates the columns of the header. Raises BadInput where that is none of the known separators."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    for separator in _SEPARATORS:
        cells = next(csv.reader([header], delimiter=separator), [])
        if set(_NEEDED) <= {_plain(cell) for cell in cells}:
            return separator
    if set(_NEEDED) <= {_plain(cell) for cell in header.replace("|", " ").split()}:
        raise BadInput(
            f"cannot read the labels {given}: its columns are separated by none of {', '.join(_SEPARATORS.values())}",
            "Save it as a CSV file with commas.",
        )
    return max(_SEPARATORS, key=header.count)


def _columns(header: Sequence[str], given: str) -> list[str]:
    """The names of the columns as we call them. Raises BadInput where one is missing or there twice."""
    columns = [_plain(name) for name in header]
    absent = [name for name in _NEEDED if name not in columns]
    if absent:
        raise BadInput(
            f"cannot read the labels {given}: no column {' and '.join(absent)}, it has {', '.join(columns) or 'none'}",
            "The first line must be path,label or path,label,class_name.",
        )
    twice = [name for name, times in Counter(columns).items() if times > 1 and name in (*_NEEDED, "class_name")]
    if twice:
        raise BadInput(
            f"cannot read the labels {given}: it has {columns.count(twice[0])} columns {twice[0]}", "Keep one."
        )
    return columns


def _table(root: Path, rows: Iterable[tuple[str, Mapping[str, str]]], given: str, classes: ClassNames) -> LabelTable:
    paths: list[str] = []
    labels: list[int] = []
    names: list[str | None] = []
    of_file: dict[str, tuple[int, str]] = {}
    listed: set[str] = set()
    repeated = 0
    for where, row in rows:
        path = row["path"].strip()
        if not path or "\0" in path:
            raise BadInput(f"cannot read the labels {given}: {where} has no path{' but a NUL' if path else ''}")
        require_text(path, f"find what {where} names,")
        path = on_this_system(path, root)
        label = classes.label(row["label"], where)
        file = os.path.realpath(root / path)
        before, spelled = of_file.setdefault(file, (label, path))
        if before != label:
            also = "" if spelled == path else f" (also spelled {path})"
            raise BadInput(
                f"cannot read the labels {given}: {spelled}{also} has two labels, {before} and {label}",
                "Keep one row per image; -1 is no label.",
            )
        key = os.path.abspath(root / path)  # noqa: PTH100 - resolve() would follow links
        if key in listed:
            repeated += 1
            continue
        listed.add(key)
        paths.append(path)
        labels.append(label)
        names.append(row.get("class_name", "").strip() or classes.name(label))
    notes = (_twice(repeated), _contradiction(labels, names, classes))
    return LabelTable(root, tuple(paths), tuple(labels), tuple(names), "; ".join(filter(None, notes)) or None)


def on_this_system(path: str, root: Path) -> str:
    r"""A path from a file as this system writes it: `a\b.jpg` from Windows is `a/b.jpg` where only that exists."""
    if "\\" in path and not exists(root / path):
        path = path.replace("\\", "/")
    return PurePosixPath(path).as_posix() if os.sep == "/" else path


def _twice(repeated: int) -> str | None:
    return (
        f"{_count(repeated, 'row')} left out: {'it names' if repeated == 1 else 'they name'} an image again"
        if repeated
        else None
    )


def _contradiction(labels: Sequence[int], names: Sequence[str | None], classes: ClassNames) -> str | None:
    """Where the table calls a class by another name than the model does, or by two names."""
    called: dict[int, str] = {}
    for label, name in zip(labels, names, strict=True):
        if label < 0 or name is None:
            continue
        if classes.contradicts(label, name):
            return (
                f"class {label} is {name!r} in the table, {classes.name(label)!r} in the model: are these its labels?"
            )
        first = called.setdefault(label, name)
        if first != name:
            return f"class {label} has two names in the table, {first!r} and {name!r}"
    return None


def _plain(name: str) -> str:
    return name.strip().lower()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
