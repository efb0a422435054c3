"""Commits: a unit of work is done when, and only when, its commit file is there and its checksums agree.

Knows nothing about: what a unit computes. A unit is a shard of images x a group, or a group of its own: the featured
matrices, the fit of the patterns.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

from vitscope.store.files.durable import read_sealed, write_sealed

FOLDER: Final = "commits"
Group = Literal["head", "featured", "partial", "matrices", "patterns"]
GROUPS: Final[tuple[Group, ...]] = ("head", "featured", "partial", "matrices", "patterns")
"""In the order in which they are computed."""
WHOLE: Final[tuple[Group, ...]] = ("featured", "patterns")
"""Groups that are one unit, of the whole run."""
_UNIT_NAME: Final = re.compile(r"(\d{6,9})-(head|partial|matrices)")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Unit(NamedTuple):
    """One unit of work; those of `WHOLE` belong to no shard and have shard 0."""

    group: Group
    shard: int

    @property
    def name(self) -> str:
        """Name of the commit file, without its ending."""
        return self.group if self.group in WHOLE else f"{self.shard:06d}-{self.group}"


class RegionSum(NamedTuple):
    """The sha256 of a region of an array: `path` under `arrays/`, `bounds` as (start, stop) of each axis."""

    path: str
    bounds: tuple[tuple[int, int], ...]
    sha256: str


@dataclass(frozen=True)
class Commit:
    """What a unit wrote, with checksums.

    `files` maps a path under the run to its sha256. `rows` are the images whose matrices the unit keeps (featured ones,
    or those of the patterns' sample). `counted` and `sum_sha256` describe the running sum of attention after a head
    unit: number of images in it and its checksum.
    """

    unit: str
    regions: tuple[RegionSum, ...]
    files: Mapping[str, str]
    rows: tuple[int, ...] = ()
    counted: int = 0
    sum_sha256: str | None = None


def commit_file(run: Path, unit: Unit) -> Path:
    """Where the commit of a unit is, or will be."""
    return run / FOLDER / f"{unit.name}.json"


def write_commit(run: Path, commit: Commit) -> None:
    """Rename the commit into place: from now on the unit is done."""
    write_sealed(run / FOLDER / f"{commit.unit}.json", asdict(commit))


def read_commit(run: Path, unit: Unit) -> Commit | None:
    """The commit of a unit; None when there is none or when it is damaged (the unit is then computed anew)."""
    try:
        return parse_commit(run, unit)
    except (OSError, ValueError):
        return None


def parse_commit(run: Path, unit: Unit) -> Commit:
    """The commit of a unit.

    Raises
    ------
    ValueError: it is damaged, or not what vitscope writes. OSError: it is not there or cannot be read.
    """
    # Those of older formats have no seal; a seal whose name is damaged leaves a key that no commit has.
    document = read_sealed(commit_file(run, unit), sealed=lambda document: False)
    if document.keys() != {field.name for field in fields(Commit)} or document["unit"] != unit.name:
        raise ValueError("it is not the commit of its unit")
    try:
        regions = tuple(_region(*region) for region in document["regions"])
        files = {_inside(name): _checksum(value) for name, value in document["files"].items()}
        sum_sha256 = document["sum_sha256"]
        rows = tuple(_count(row) for row in document["rows"])
        counted = _count(document["counted"])
    except (TypeError, AttributeError) as error:
        raise ValueError(f"it has parts of the wrong kind ({error})") from None
    return Commit(unit.name, regions, files, rows, counted, None if sum_sha256 is None else _checksum(sum_sha256))


def committed(run: Path) -> set[Unit]:
    """The units whose commit file is there; whether it and what it names are sound is `soundness`'s question."""
    units: set[Unit] = set()
    for file in (run / FOLDER).glob("*.json"):
        named = _UNIT_NAME.fullmatch(file.stem)
        unit = Unit(cast(Group, named[2]), int(named[1])) if named else None
        if unit is not None and unit.name == file.stem:
            units.add(unit)
        elif file.stem in WHOLE:
            units.add(Unit(cast(Group, file.stem), 0))
    return units


def _region(path: object, bounds: object, checksum: object) -> RegionSum:
    pairs = tuple((_count(start), _count(stop)) for start, stop in bounds)  # pyright: ignore[reportGeneralTypeIssues] - TypeError is caught
    return RegionSum(_inside(path), pairs, _checksum(checksum))


def _inside(name: object) -> str:
    """A path below the run, as vitscope writes it."""
    if not isinstance(name, str) or not name or any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError(f"{name!r:.80} is not a path inside the run")
    return name


def _checksum(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(f"{value!r:.80} is not a checksum")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r:.80} is not a number of something")
    return value
