"""Files that are either whole or not there: write beside, flush to the disk, rename into place.

Knows nothing about: what is in the files.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from vitscope.errors import StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
PARTIAL_SUFFIX = ".partial"
"""Ending of a file that is being written; whatever has it after a kill is rubbish."""


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write under `folder` into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                f"cannot write to {folder}: the disk is full ({error.strerror})",
                "What was committed is kept. Free some space and run the same command with --resume.",
            ) from error
        hint = "Choose a folder you may write to, or change its permissions." if error.errno in _REFUSED else ""
        raise StorageError(f"cannot write to {folder}: {error.strerror or error}", hint) from error


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, flush it, and rename it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + PARTIAL_SUFFIX)
    try:
        write(beside)
        flush([beside])
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    flush([path.parent])


def write_json(path: Path, value: object, *, indent: int | None = None) -> None:
    """Write a JSON document atomically; refuses NaN and infinities, which are not JSON."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    write_atomically(path, lambda beside: beside.write_text(text + "\n", encoding="utf-8"))


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Read a JSON document; ValueError (JSONDecodeError, UnicodeDecodeError) when it is damaged."""
    return json.loads(path.read_text(encoding="utf-8"))


def flush(paths: Iterable[Path]) -> None:
    """Wait until files or folders are on the disk, not only in the cache."""
    for path in paths:
        if os.name == "nt" and path.is_dir():  # Windows cannot flush a folder, and need not
            continue
        descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes as 64 hexadecimal digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def exclusive(path: Path, refusal: Exception) -> Iterator[None]:
    """Hold an advisory lock on `path` or raise `refusal`; the system frees it even when the process is killed."""
    try:
        import fcntl
    except ImportError:  # Windows has no flock: two writers of one run are then the user's own affair
        yield
        return
    with contextlib.ExitStack() as stack:
        with storage_errors(path.parent):
            file = stack.enter_context(path.open("a"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal from None
        yield
