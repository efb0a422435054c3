"""`checksums.json`: the sha256 of the files of a run that belong to no unit: its plan, its image table, array metadata.

Knows nothing about: what is in the files. From format 5.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vitscope.store.files.durable import file_sha256, read_sealed, require_regular, write_sealed

FILE: Final = "checksums.json"


def write_checksums(run: Path, names: Iterable[str], *, kept: dict[str, str] | None = None) -> None:
    """Note the checksums of files as they are now, beside those `kept`."""
    noted = {**(kept or {}), **{name: file_sha256(run / name) for name in names}}
    write_sealed(run / FILE, dict(sorted(noted.items())), indent=1)


def read_checksums(run: Path) -> dict[str, str]:
    """Checksums by path below the run.

    Raises
    ------
    ValueError: the file is damaged. OSError: it is not there.
    """
    document = read_sealed(run / FILE, indent=1)
    if not all(isinstance(checksum, str) for checksum in document.values()):
        raise ValueError("it has parts of the wrong kind")
    return document


def fault(run: Path, name: str, checksums: dict[str, str]) -> str:
    """What is wrong with a file; nothing where it is as it was written."""
    try:
        require_regular(run / name)
        if file_sha256(run / name) != checksums.get(name):
            return "it has changed since it was written"
    except FileNotFoundError:
        return "it is missing"
    except (OSError, ValueError) as error:
        return f"it cannot be read ({error})"
    return ""
