"""Names of files as text: what a run, its tables and the page keep is UTF-8, so a name must be.

Linux allows any bytes (old archives, other locales); Python reads them by the locale, as half characters where they do
not fit. Knows nothing about: what is in the files.
"""

import os
import sys
from pathlib import Path

from vitscope.errors import BadInput


def as_text(name: str) -> str:
    r"""The name with `\xe9` for every byte that is not UTF-8."""
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a character that this locale has not
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def fault(name: str) -> tuple[str, str] | None:
    """Why a name cannot be kept, and what to do; None where it can."""
    encoding = sys.getfilesystemencoding()
    try:
        text = os.fsencode(name).decode("utf-8")
    except UnicodeEncodeError:
        text = None
    except UnicodeDecodeError:
        return "its name is not text in UTF-8", "Rename it."
    if text == name:
        return None
    return (
        f"its name is not ASCII, and Python takes names of files for {encoding} here",
        "Set PYTHONUTF8=1, or a locale in UTF-8.",
    )


def require_text(name: str, doing: str) -> None:
    """Raise BadInput, `cannot <doing> <name>: ...`, for a name that cannot be kept."""
    found = fault(name)
    if found is not None:
        raise BadInput(f"cannot {doing} {as_text(name)}: {found[0]}", found[1])


def exists(path: Path) -> bool:
    """Whether a file or folder is there: `Path.exists` raises for a name that is too long or may not be looked up."""
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: Path) -> bool:
    """Whether it is a file, as `exists`."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether it is a folder, as `exists`."""
    return os.path.isdir(path)  # noqa: PTH112
