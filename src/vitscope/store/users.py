"""What users and the Lab have written into a run, which nothing can compute anew: what of it is damaged is set aside.

Knows nothing about: models, torch; units of work.
"""

from collections.abc import Iterator
from typing import Final

from vitscope.errors import VitscopeError
from vitscope.store.files.durable import read_sealed, write_sealed
from vitscope.store.lab import FOLDER as LAB
from vitscope.store.lab import LabRuns
from vitscope.store.manifest import SEALED_FROM
from vitscope.store.pattern_files import NAMES, read_names, were_named
from vitscope.store.run import RunFolder

_ASIDE: Final = ".damaged"


def damaged_documents(run: RunFolder) -> Iterator[tuple[str, str]]:
    """Documents of users that are not as they were written: path below the run, what is wrong."""
    try:
        if not read_names(run) and were_named(run.path) and not (run.path / NAMES).exists():
            yield NAMES, "it is missing, though names were given"
    except VitscopeError as error:
        yield NAMES, error.message
    sealed = run.manifest.schema_version >= SEALED_FROM
    for lab in LabRuns(run.path).ids():
        name = f"{LAB}/{lab}.json"
        try:
            read_sealed(run.path / name, sealed=lambda document: sealed)
        except (OSError, ValueError) as error:
            yield name, f"it is damaged ({error})"


def set_aside(run: RunFolder) -> None:
    """Rename what is damaged, so that the run can go on and nothing of it is lost; OSError where that is refused."""
    for name, _ in list(damaged_documents(run)):
        file = run.path / name
        if file.is_symlink() or file.exists():
            taken = len(list(file.parent.glob(f"{file.name}*{_ASIDE}")))
            file.rename(file.with_name(f"{file.name}{f'.{taken}' if taken else ''}{_ASIDE}"))
        if name == NAMES:
            write_sealed(file, {}, indent=1)


def aside(run: RunFolder) -> list[str]:
    """Paths below the run of what was set aside."""
    folders = ((run.path / NAMES).parent, run.path / LAB)
    files = (file for folder in folders for file in folder.glob(f"*.json*{_ASIDE}"))
    return sorted(file.relative_to(run.path).as_posix() for file in files)


def remedy(name: str) -> str:
    """What to do about a damaged document."""
    kept = "`vitscope analyze ... --resume` sets it aside, beside its place"
    return f"{kept}: the patterns have their automatic names then" if name == NAMES else f"{kept}; ask the Lab again"
