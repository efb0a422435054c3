"""Runs of the Lab, kept in the folder of the run that they were made on: one JSON document each, in `lab/`.

Knows nothing about: what is in a document, beside its id.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from vitscope.errors import NotAvailable, RunError
from vitscope.store.files.durable import in_turn, read_sealed, storage_errors, write_sealed

FOLDER: Final = "lab"
_LOCK: Final = ".lock"
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
        found = []
        for file in self._folder.glob("*.json"):
            if _ID.fullmatch(file.stem):
                with contextlib.suppress(OSError):  # another page may have deleted it meanwhile
                    found.append((-file.lstat().st_mtime_ns, file.stem))
        return [lab for _, lab in sorted(found)]

    def read(self, lab: str) -> dict[str, Any]:
        """One document.

        Raises
        ------
        NotAvailable: there is none of this id. RunError: it is damaged.
        """
        try:
            return read_sealed(self._path(lab), sealed=lambda document: False)  # older ones have no seal
        except FileNotFoundError:
            raise NotAvailable(f"there is no Lab run {lab}", "It may have been deleted; ask again.") from None
        except (OSError, ValueError) as error:
            reason = f"{error}" if type(error) is ValueError else type(error).__name__
            raise _damaged(self._path(lab), reason) from error

    def save(self, lab: str, document: Document) -> None:
        """Write one, whole or not at all.

        Raises
        ------
        StorageError: the folder cannot be written, or the disk is full.
        """
        with storage_errors(self._folder), in_turn(self._folder / _LOCK):
            write_sealed(self._path(lab), dict(document))

    def change(self, lab: str, change: Callable[[dict[str, Any]], Document]) -> None:
        """Write one anew as `change` makes it of what is there, which nobody else changes or deletes meanwhile.

        Raises
        ------
        NotAvailable, RunError: as `read`. StorageError: as `save`.
        """
        path = self._path(lab)
        with storage_errors(self._folder), in_turn(self._folder / _LOCK):
            write_sealed(path, dict(change(self.read(lab))))

    def delete(self, lab: str) -> None:
        """Forget one.

        Raises
        ------
        NotAvailable: there is none of this id. StorageError: the folder cannot be written.
        """
        path = self._path(lab)
        with storage_errors(self._folder), in_turn(self._folder / _LOCK):
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
