"""Everything that a run keeps, held against its checksums: what is damaged, and what to do about it.

Knows nothing about: models, torch; how damage is repaired.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vitscope.errors import VitscopeError
from vitscope.store.arrays import groups, metadata_file, open_array, planned_arrays
from vitscope.store.files.checksums import FILE as CHECKSUMS
from vitscope.store.files.checksums import fault, read_checksums
from vitscope.store.files.commits import FOLDER as COMMITS
from vitscope.store.files.commits import Unit, parse_commit
from vitscope.store.files.durable import file_sha256
from vitscope.store.image_table import IMAGE_TABLE, PLAN_TABLE
from vitscope.store.lab import FOLDER as LAB
from vitscope.store.manifest import SEALED_FROM
from vitscope.store.pattern_files import NAMES
from vitscope.store.resolution import DOCUMENT, read_resolution
from vitscope.store.run import SUMS, RunFolder
from vitscope.store.soundness import faults
from vitscope.store.users import damaged_documents, remedy

RESUME: Final = "`vitscope analyze ... --resume` makes it anew"


@dataclass(frozen=True)
class Damage:
    """Something that is not as it was written: where, what, what to do; the unit of work that computes it anew."""

    where: str
    what: str
    remedy: str
    unit: Unit | None = None


@dataclass(frozen=True)
class Checked:
    """How a run was found."""

    damages: tuple[Damage, ...]
    units: int
    """Units of work whose every file and number was read."""
    uncovered: tuple[str, ...]
    """What no checksum covers: documents and tables of formats before 5."""


def check(run: RunFolder) -> Checked:
    """Read everything that a run keeps and hold it against its checksums.

    Raises
    ------
    RunError: `run.json` itself is missing or damaged.
    """
    done = run.committed_units()
    tables = list(_tables(run))
    if any(damage.where == PLAN_TABLE for damage in tables):  # which units there are is not known then
        return Checked(tuple(tables), 0, ())
    found = [*tables, *_units(run, done), *_odd_commits(run), *_sum(run, done), *_documents(run)]
    old = run.manifest.schema_version < SEALED_FROM
    return Checked(tuple(found), len(done), ("run.json", PLAN_TABLE, COMMITS, NAMES, LAB) if old else ())


def _tables(run: RunFolder) -> Iterator[Damage]:
    """The plan, the image table, the metadata of arrays."""
    manifest = run.manifest
    specs, complete = planned_arrays(manifest), manifest.state == "complete"
    if manifest.schema_version < SEALED_FROM:
        for path, spec in specs.items():
            try:
                open_array(run.path, path, spec)
            except VitscopeError as error:
                yield Damage(metadata_file(path), error.message, RESUME)
    else:
        try:
            known = read_checksums(run.path)
        except (OSError, ValueError) as error:
            yield Damage(CHECKSUMS, f"it is missing or damaged ({error})", RESUME)
            known = {}
        names = [PLAN_TABLE, *map(metadata_file, (*groups(manifest), *specs)), *([IMAGE_TABLE] if complete else [])]
        for name in names if known else ():
            reason = fault(run.path, name, known)
            if reason:
                yield Damage(name, reason, RESUME)
    try:
        _ = run.planned_images
    except VitscopeError as error:
        yield Damage(PLAN_TABLE, error.message, RESUME)
        return
    try:
        _ = run.images
    except VitscopeError as error:
        yield Damage(IMAGE_TABLE, error.message, RESUME)


def _units(run: RunFolder, done: set[Unit]) -> Iterator[Damage]:
    specs = planned_arrays(run.manifest)
    for unit in sorted(done):
        for what in faults(run.path, unit, specs):
            yield Damage(f"unit {unit.name}", what, RESUME, unit)
    if run.manifest.state == "complete":
        for unit in sorted(run.all_units() - done):
            yield Damage(f"unit {unit.name}", "its commit is missing though the run is complete", RESUME, unit)


def _odd_commits(run: RunFolder) -> Iterator[Damage]:
    known = {f"{unit.name}.json" for unit in run.all_units()}
    for file in sorted((run.path / COMMITS).glob("*")):
        if file.name not in known and not file.name.startswith("."):
            yield Damage(f"{COMMITS}/{file.name!r}", "it is not the commit of a unit of this run", "delete it")


def _sum(run: RunFolder, done: set[Unit]) -> Iterator[Damage]:
    """The running sum of attention, which is there until whole matrices are done."""
    shards = [unit.shard for unit in done if unit.group == "head"]
    if not shards or not run.manifest.options.mean_attention or Unit("featured", 0) in done:
        return
    last = max(shards)
    name = f"{SUMS}/{last:06d}.npy"
    try:
        if file_sha256(run.path / name) != parse_commit(run.path, Unit("head", last)).sum_sha256:
            yield Damage(name, "it has changed since it was written", f"{RESUME}, from the first shard")
    except (OSError, ValueError) as error:
        yield Damage(name, f"it is missing or damaged ({error})", f"{RESUME}, from the first shard")


def _documents(run: RunFolder) -> Iterator[Damage]:
    """What users and the Lab have written, which no unit computes."""
    for name, what in damaged_documents(run):
        yield Damage(name, what, remedy(name))
    try:
        read_resolution(run.path)
    except VitscopeError as error:
        yield Damage(DOCUMENT, error.message, "`vitscope resolution ... --run RUN` makes it anew")
