"""Files that are either whole or not there: write beside, flush to the disk, rename into place; sealed documents.

What is read is doubted: a pipe, a link or a document too large or too deep is refused before it can do harm.
Knows nothing about: what is in the files.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from vitscope.errors import StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_KEPT: Final = "What was committed is kept. Free some space and run the same command with --resume."
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_PARTIAL_PREFIX: Final = ".vitscope-"
_PARTIAL_SUFFIX: Final = ".partial"
_LARGEST_DOCUMENT: Final = 64 * 2**20
"""Bytes of a JSON document; those of a run are at most a few megabytes."""
_SEAL: Final = "sha256"


@contextlib.contextmanager
def storage_errors(folder: Path, *, when_full: str = _KEPT) -> Iterator[None]:
    """Turn the operating system's refusals to write under `folder` into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                f"cannot write to {folder}: the disk is full ({error.strerror})",
                when_full,
            ) from error
        hint = "Choose a folder you may write to, or change its permissions." if error.errno in _REFUSED else ""
        raise StorageError(f"cannot write to {folder}: {error.strerror or error}", hint) from error


def partial_name(name: str) -> str:
    """A name for what is being written, that nobody else has and a later start knows as its own (`is_partial`)."""
    return f"{_PARTIAL_PREFIX}{name[:100]}-{secrets.token_hex(8)}{_PARTIAL_SUFFIX}"


def is_partial(path: Path) -> bool:
    """Whether a file or folder is one that vitscope was writing when it was killed, by its name."""
    return path.name.startswith(_PARTIAL_PREFIX) and path.name.endswith(_PARTIAL_SUFFIX)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, flush it, and rename it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(partial_name(path.name))
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
    text = _text(value, indent)
    write_atomically(path, lambda beside: beside.write_bytes(text.encode("utf-8")))


def write_sealed(path: Path, value: dict[str, Any], *, indent: int | None = None) -> None:
    """Write a JSON object with the sha256 of its own text, so that any change of the file is seen (`read_sealed`)."""
    write_json(path, {**value, _SEAL: _seal(value, indent)}, indent=indent)


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Read a JSON document.

    Raises
    ------
    ValueError: damaged (JSONDecodeError, UnicodeDecodeError), too large, too deep, or no regular file.
    OSError: it is not there or cannot be read.
    """
    return _parsed(_read_text(path))


def read_sealed(
    path: Path, *, indent: int | None = None, sealed: Callable[[dict[str, Any]], bool] = lambda document: True
) -> dict[str, Any]:
    """Read what `write_sealed` wrote, without the seal.

    Parameters
    ----------
    sealed: whether a document must have a seal, which those of older formats have not; one that it has must fit.

    Raises
    ------
    ValueError: as `read_json`; or a byte differs from what was written, or it is no object.
    OSError: it is not there or cannot be read.
    """
    text = _read_text(path)
    document = _parsed(text)
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    if _SEAL not in document:
        if sealed(document):
            raise ValueError("its checksum is missing")
        return document
    seal = document.pop(_SEAL)
    if seal != _seal(document, indent) or text != _text({**document, _SEAL: seal}, indent):
        raise ValueError("its checksum does not fit what is in it")
    return document


def require_regular(path: Path) -> os.stat_result:
    """The status of a file that is one: not a link, a pipe, a folder or a device.

    Raises
    ------
    ValueError: it is something else. FileNotFoundError, OSError: it is not there, or cannot be looked at.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file" if not stat.S_ISLNK(status.st_mode) else "it is a link")
    return status


def _text(value: object, indent: int | None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def _seal(value: object, indent: int | None) -> str:
    return hashlib.sha256(_text(value, indent).encode("utf-8")).hexdigest()


def _read_text(path: Path) -> str:
    size = require_regular(path).st_size
    if size > _LARGEST_DOCUMENT:
        raise ValueError(f"it has {size} bytes, expected at most {_LARGEST_DOCUMENT}")
    return path.read_bytes().decode("utf-8")


def _parsed(text: str) -> Any:  # noqa: ANN401 - see read_json
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


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


@contextlib.contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Hold an advisory lock on `path` once nobody else does: for what is read, changed and written again at once."""
    try:
        import fcntl
    except ImportError:  # as in `exclusive`
        yield
        return
    with contextlib.ExitStack() as stack:
        with storage_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("a"))
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
