"""Labels: from a table `path,label[,class_name]`, or from the names of one folder a class.

Knows nothing about: images, models (only their class names), torch.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vitscope.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd


_MOST_LABELS: Final = 2**31
"""The image table keeps labels in 32 bits."""


@dataclass(frozen=True)
class ClassNames:
    """What a model says about its classes: their number (None without a classifier) and, perhaps, their names."""

    n_classes: int | None
    names: tuple[str, ...] | None

    def label(self, text: str, where: str) -> int:
        """A label as its class number: an integer, a class name, or nothing (-1).

        Raises
        ------
        BadInput: not a class of the model.
        """
        text = text.strip()
        if text == "":
            return -1
        try:
            number = int(text)
        except ValueError:
            if self.names is not None and text in self.names:
                return self.names.index(text)
            raise BadInput(
                f"cannot use the label {text!r} of {where}: expected a class number"
                + (" or one of the model's class names" if self.names else ""),
                "Labels count from 0; -1 or nothing means none.",
            ) from None
        if not -1 <= number < (self.n_classes or _MOST_LABELS):
            known = (
                f"the model has {self.n_classes} classes (0..{self.n_classes - 1})"
                if self.n_classes
                else f"expected -1..{_MOST_LABELS - 1}"
            )
            raise BadInput(
                f"cannot use the label {number} of {where}: {known}",
                "Use the model that the labels were made for; -1 means no label.",
            )
        return number

    def name(self, label: int) -> str | None:
        """The model's own name of a class, None where it has none."""
        return self.names[label] if self.names is not None and 0 <= label < len(self.names) else None


@dataclass(frozen=True)
class LabelTable:
    """Rows of a table of labels; `paths` are relative to `root`."""

    root: Path
    paths: tuple[str, ...]
    labels: tuple[int, ...]
    class_names: tuple[str | None, ...]


def read_label_table(path: Path, classes: ClassNames) -> LabelTable:
    """Read `path,label[,class_name]` (comma- or, for `.tsv`, tab-separated, with a header).

    Raises
    ------
    BadInput: not readable, a column is missing, or a label is not one of the model's classes (naming the line).
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"cannot read the labels {path}: {error.strerror}", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"cannot read the labels {path}: not text in UTF-8", "Save it as a UTF-8 CSV file.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise BadInput(f"cannot read the labels {path}: {error} in line {reader.line_num}") from error
    columns = reader.fieldnames or []
    return _table(
        path.resolve().parent, columns, ((f"line {line} of {path.name}", row) for line, row in rows), str(path), classes
    )


def table_from_frame(frame: "pd.DataFrame", classes: ClassNames) -> LabelTable:
    """A data frame with the columns path, label and perhaps class_name; relative paths start at the working folder."""
    text = frame.astype(object).where(frame.notna(), "")
    rows = (
        (f"row {i}", {name: _as_text(value) for name, value in row.items()})
        for i, row in enumerate(text.to_dict("records"))
    )
    return _table(Path.cwd(), [str(name) for name in frame.columns], rows, "the data frame", classes)


def labels_from_folders(
    folders: Sequence[str], classes: ClassNames
) -> tuple[tuple[int, ...], tuple[str | None, ...], str | None]:
    """Labels from one folder a class: (labels, class names, note).

    A folder is a class by the model's own name of it, by number, or by alphabetical place where there are as many
    folders as classes (a note says so) or the model has no classifier. Otherwise the names are kept without labels; a
    note says so too.
    """
    names = sorted(set(folders))
    numbers, note = _class_numbers(names, classes), None
    if numbers is None and classes.n_classes in (None, len(names)):
        numbers = {name: i for i, name in enumerate(names)}
        if classes.n_classes is not None:  # a guess, which other spellings of the names would make a wrong one
            note = f"the {len(names)} folders are taken for the model's classes in alphabetical order"
    if numbers is None:
        note = (
            f"the {len(names)} folder names are not among the model's {classes.n_classes} classes: kept as names, "
            "without labels (give --labels)"
        )
        return (-1,) * len(folders), tuple(folders), note
    return tuple(numbers[folder] for folder in folders), tuple(folders), note


def _class_numbers(names: Sequence[str], classes: ClassNames) -> Mapping[str, int] | None:
    if classes.names is not None and set(names) <= set(classes.names):
        return {name: classes.names.index(name) for name in names}
    if all(name.isascii() and name.isdigit() for name in names):
        numbers = {name: int(name) for name in names}
        if classes.n_classes is None or max(numbers.values()) < classes.n_classes:
            return numbers
    return None


def _table(
    root: Path,
    columns: Sequence[str],
    rows: Iterable[tuple[str, Mapping[str, str | None]]],
    given: str,
    classes: ClassNames,
) -> LabelTable:
    absent = [name for name in ("path", "label") if name not in columns]
    if absent:
        raise BadInput(
            f"cannot read the labels {given}: no column {' and '.join(absent)}, it has {', '.join(columns) or 'none'}",
            "The first line must be path,label or path,label,class_name.",
        )
    paths: list[str] = []
    labels: list[int] = []
    names: list[str | None] = []
    seen: dict[str, int] = {}
    for where, row in rows:
        path = (row.get("path") or "").strip()
        if not path:
            raise BadInput(f"cannot read the labels {given}: {where} has no path")
        label = classes.label(row.get("label") or "", where)
        if seen.setdefault(path, label) != label:
            raise BadInput(f"cannot read the labels {given}: {path} has two labels, {seen[path]} and {label}")
        paths.append(path)
        labels.append(label)
        names.append((row.get("class_name") or "").strip() or classes.name(label))
    return LabelTable(root, tuple(paths), tuple(labels), tuple(names))


def _as_text(value: object) -> str:
    """A cell as it would stand in a CSV file; 3.0 is the class 3."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
