"""Runs of the Lab, kept in the folder of the run that they were made on: one JSON document each, in `lab/`.

Knows nothing about: what is in a document, beside its id.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vitscope.errors import NotAvailable, RunError
from vitscope.store.durable import read_json, storage_errors, write_json

FOLDER: Final = "lab"
_ID: Final = re.compile(r"[0-9a-f]{12}")

Document = Mapping[str, Any]


def lab_id(question: Document) -> str:
    """Twelve hexadecimal digits that a question always has: asked again, its run replaces the one before."""
    text = json.dumps(question, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class LabRuns:
    """The documents in one run folder."""

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER

    def ids(self) -> list[str]:
        """Of what is kept, the latest first."""
        files = [file for file in self._folder.glob("*.json") if _ID.fullmatch(file.stem)]
        return [file.stem for file in sorted(files, key=lambda file: (-file.stat().st_mtime_ns, file.stem))]

    def read(self, lab: str) -> dict[str, Any]:
        """One document.

        Raises
        ------
        NotAvailable: there is none of this id. RunError: it is damaged.
        """
        try:
            document = read_json(self._path(lab))
        except FileNotFoundError:
            raise NotAvailable(f"there is no Lab run {lab}", "It may have been deleted; ask again.") from None
        except (OSError, ValueError) as error:
            raise _damaged(self._path(lab), type(error).__name__) from error
        if not isinstance(document, dict):
            raise _damaged(self._path(lab), "no object")
        return document

    def save(self, lab: str, document: Document) -> None:
        """Write one, whole or not at all.

        Raises
        ------
        StorageError: the folder cannot be written, or the disk is full.
        """
        with storage_errors(self._folder):
            write_json(self._path(lab), document)

    def delete(self, lab: str) -> None:
        """Forget one.

        Raises
        ------
        NotAvailable: there is none of this id. StorageError: the folder cannot be written.
        """
        path = self._path(lab)
        with storage_errors(self._folder):
            try:
                path.unlink()
            except FileNotFoundError:
                raise NotAvailable(f"there is no Lab run {lab}") from None

    def _path(self, lab: str) -> Path:
        if not _ID.fullmatch(lab):
            raise NotAvailable(f"there is no Lab run {lab!r}", "An id is twelve hexadecimal digits.")
        return self._folder / f"{lab}.json"


def _damaged(path: Path, reason: str) -> RunError:
    return RunError(f"cannot read the Lab run {path}: damaged ({reason})", "Delete the file and ask again.")
