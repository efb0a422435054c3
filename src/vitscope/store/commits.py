"""Commits: a unit of work is done when, and only when, its commit file is there and its checksums agree.

Knows nothing about: what a unit computes. A unit is a shard of images x a group, or a group of its own: the featured
matrices, the fit of the patterns.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

from vitscope.errors import RunError
from vitscope.store.arrays import digest, read_region
from vitscope.store.durable import file_sha256, read_json, write_json

FOLDER: Final = "commits"
Group = Literal["head", "featured", "partial", "matrices", "patterns"]
GROUPS: Final[tuple[Group, ...]] = ("head", "featured", "partial", "matrices", "patterns")
"""In the order in which they are computed."""
WHOLE: Final[tuple[Group, ...]] = ("featured", "patterns")
"""Groups that are one unit, of the whole run."""


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
    write_json(run / FOLDER / f"{commit.unit}.json", asdict(commit))


def read_commit(run: Path, unit: Unit) -> Commit | None:
    """The commit of a unit; None when there is none or when it is damaged (the unit is then computed anew)."""
    try:
        document = read_json(commit_file(run, unit))
        regions = tuple(
            RegionSum(path, tuple((int(start), int(stop)) for start, stop in bounds), checksum)
            for path, bounds, checksum in document["regions"]
        )
        rows = tuple(int(row) for row in document["rows"])
        files = dict(document["files"])
        return Commit(document["unit"], regions, files, rows, int(document["counted"]), document["sum_sha256"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def committed(run: Path) -> set[Unit]:
    """The units whose commit file is there; reading it and its checksums is `is_sound`'s."""
    units: set[Unit] = set()
    for file in (run / FOLDER).glob("*.json"):
        shard, _, group = file.stem.partition("-")
        if shard in WHOLE and not group:
            units.add(Unit(shard, 0))
        elif shard.isdigit() and group in GROUPS:
            units.add(Unit(group, int(shard)))
    return units


def is_sound(run: Path, unit: Unit) -> bool:
    """Whether everything a unit wrote is still there with the same bytes."""
    commit = read_commit(run, unit)
    if commit is None:
        return False
    try:
        return all(file_sha256(run / name) == checksum for name, checksum in commit.files.items()) and all(
            digest(read_region(run, path, tuple(slice(*bound) for bound in bounds))) == checksum
            for path, bounds, checksum in commit.regions
        )
    except (OSError, RunError, TypeError, IndexError):
        return False
