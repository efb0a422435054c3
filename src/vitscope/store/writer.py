"""A run as it is written: created whole, then one unit at a time, each flushed and then committed by a rename.

Knows nothing about: models, torch; how a unit is computed or scheduled.
"""

import dataclasses
import errno
import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import numpy as np

from vitscope.errors import RunError, StorageError
from vitscope.quantities import Kind
from vitscope.store.arrays import (
    CODES,
    DEPTH,
    DEPTH_COUNT,
    DEVIATION,
    DIVERSITY,
    ENERGY,
    MATRICES,
    MATRIX_FEATURES,
    MEDOIDS,
    OFFSETS,
    OUTPUTS,
    POOLED,
    PROTOTYPES,
    Region,
    create_array,
    create_groups,
    fit_arrays,
    groups,
    matrix_arrays,
    metadata_file,
    planned_arrays,
    repair_arrays,
    write_region,
)
from vitscope.store.arrays import FOLDER as ARRAYS
from vitscope.store.files.checksums import fault, read_checksums, write_checksums
from vitscope.store.files.commits import (
    GROUPS,
    Commit,
    RegionSum,
    Unit,
    commit_file,
    committed,
    read_commit,
    write_commit,
)
from vitscope.store.files.durable import (
    exclusive,
    file_sha256,
    flush,
    is_partial,
    partial_name,
    storage_errors,
    write_atomically,
    write_json,
)
from vitscope.store.files.tables import COMPUTED, PLANNED, POINTS, read_tables, write_table
from vitscope.store.image_table import IMAGE_TABLE, PLAN_TABLE, shard_table
from vitscope.store.manifest import FILE, SEALED_FROM, Manifest, Source, State, write_manifest
from vitscope.store.pattern_files import CLUSTERS, POINTS_TABLE
from vitscope.store.run import PREVIEWS, SUMS, RunFolder
from vitscope.store.soundness import is_sound
from vitscope.store.units import HeadUnit, MatricesUnit, PartialUnit, PatternsUnit
from vitscope.store.users import set_aside

_LOCK: Final = ".lock"
_ZARR_PARTIAL: Final = re.compile(r"(c|zarr)\..*\.?[0-9a-f]{32}\.partial|zarr\.[0-9a-f]{32}\.partial")
"""What zarr leaves when it is killed while it writes a chunk or metadata."""


class RunWriter:
    """Writes one run. Open it with `RunWriter.opened`, which holds the run's lock, so that two writers never meet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = RunFolder(path)

    @staticmethod
    def create(path: Path, manifest: Manifest, plan: Mapping[str, Sequence[object]]) -> None:
        """Make a run folder with its plan and empty arrays; it appears at `path` whole or not at all.

        Raises
        ------
        StorageError: `path` holds something already, or cannot be written.
        """
        with storage_errors(path.parent):
            require_free(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(path.parent)
            beside = path.with_name(partial_name(path.name))
            beside.mkdir()
            try:
                with exclusive(beside / _LOCK, _other_start(path)):  # a later start sees by it that this one lives
                    write_table(beside / PLAN_TABLE, plan, PLANNED)
                    create_groups(beside, manifest)
                    for name, spec in planned_arrays(manifest).items():
                        create_array(beside, name, spec)
                    write_checksums(beside, [PLAN_TABLE, *_metadata_files(manifest).values()])
                    write_manifest(beside, manifest)
                    _rename(beside, path)
            except BaseException:
                shutil.rmtree(beside, ignore_errors=True)
                raise
            flush([path.parent])

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> "Iterator[RunWriter]":
        """The writer of an existing run, the only one at a time.

        Raises
        ------
        RunError: there is no run, it is damaged, or another process is writing it.
        """
        writer = cls(path)
        busy = RunError(
            f"cannot write to {path}: another vitscope is working on this run",
            "Wait for it to end, or stop it; then run the same command with --resume.",
        )
        with exclusive(path / _LOCK, busy):
            with storage_errors(path):
                writer._remove_rubbish()
            yield writer

    def set_state(self, state: State) -> None:
        """Record how far the run is in `run.json`."""
        if self.run.manifest.state != state:
            with storage_errors(self.path):
                write_manifest(self.path, dataclasses.replace(self.run.manifest, state=state))

    def relocate(self, source: Source, weights: str | None) -> None:
        """Record where the images and the weights are now."""
        manifest = self.run.manifest
        model = dataclasses.replace(manifest.model, weights=weights or manifest.model.weights)
        if (source, model) != (manifest.source, manifest.model):
            with storage_errors(self.path):
                write_manifest(self.path, dataclasses.replace(manifest, source=source, model=model))

    def pending(self) -> list[Unit]:
        """Units still to be computed, in order: those without a commit, and those whose bytes disagree with theirs.

        Metadata of arrays are repaired, and damaged documents of users set aside.
        """
        with storage_errors(self.path):
            set_aside(self.run)
            self._repair_arrays()
        units = sorted(self.run.all_units(), key=lambda unit: (GROUPS.index(unit.group), unit.shard))
        specs = planned_arrays(self.run.manifest)
        sound = {unit for unit in self.run.committed_units() if is_sound(self.path, unit, specs)}
        if Unit("featured", 0) not in sound and not self._sum_is_sound():
            # The chain of sums is broken, and only adding up from the first shard gives the same bits again.
            sound = {unit for unit in sound if unit.group not in ("head", "featured")}
            for unit in units:
                if unit.group in ("head", "featured"):
                    commit_file(self.path, unit).unlink(missing_ok=True)
        return [unit for unit in units if unit not in sound]

    def is_finished(self) -> bool:
        """Whether the run is marked complete and its merged image table can be read."""
        try:
            return self.run.manifest.state == "complete" and len(self.run.images) > 0
        except RunError:
            return False

    def write_head(self, shard: int, results: HeadUnit) -> None:
        """Write and commit the head unit of a shard. The first pass over the shards must be in order (running sum)."""
        rows, unit = self.run.manifest.shard_rows(shard), Unit("head", shard)
        parts: dict[str, np.ndarray] = {
            f"importance/{name}": v[:, None] for name, v in self._kept("metric", results.effects)
        }
        parts |= {f"strength/{name}": values for name, values in self._kept("strength", results.strength)}
        parts |= {f"spread/{name}": values for name, values in self._kept("spread", results.spread)}
        if results.cls_rows is not None:
            parts["attention/cls_rows"] = results.cls_rows
        if self.run.manifest.model.n_features is not None:  # a run of format 1 goes on without
            parts[POOLED] = results.pooled
        kept = self.run.manifest.outputs is not None  # older formats go on without
        if kept:
            parts[DIVERSITY] = results.diversity
        with storage_errors(self.path):
            regions = [self._write(name, rows, slice(0, 1), values) for name, values in parts.items()]
            if kept:
                regions.append(self._write_block(OUTPUTS, (slice(shard, shard + 1),), results.outputs[None]))
                regions += self._write_depth(shard, slice(0, 1), results.depth, results.counted)
            files = self._write_previews(results.previews)
            table = shard_table(self.path, shard)
            write_table(table, results.columns, COMPUTED)
            files[table.relative_to(self.path).as_posix()] = file_sha256(table)
            counted, checksum = self._add_to_sum(shard, results)
            write_commit(self.path, Commit(unit.name, tuple(regions), files, counted=counted, sum_sha256=checksum))
            self._sum_file(shard - 1).unlink(missing_ok=True)

    def write_partial(self, shard: int, results: PartialUnit) -> None:
        """Write and commit the partial modes of a shard."""
        manifest = self.run.manifest
        rows, modes = manifest.shard_rows(shard), slice(1, len(manifest.options.modes))
        with storage_errors(self.path):
            effects = self._kept("metric", results.effects)
            regions = [self._write(f"importance/{name}", rows, modes, v) for name, v in effects]
            if manifest.outputs is not None:
                regions += self._write_depth(shard, modes, results.depth, results.counted)
            write_commit(self.path, Commit(Unit("partial", shard).name, tuple(regions), {}))

    def write_featured(self, rows: Sequence[int], matrices: Iterable[np.ndarray]) -> None:
        """Write and commit the mean attention and the whole attention [layer, head, query, key] of featured images.

        `matrices` is read one image at a time: a stack of them would be gigabytes for a large model.
        """
        specs = matrix_arrays(self.run.manifest, len(rows))
        regions: list[RegionSum] = []
        with storage_errors(self.path):
            for name, spec in specs.items():
                create_array(self.path, name, spec)
            if "attention/mean" in specs:
                regions.append(self._write_block("attention/mean", (), self._mean_attention()))
            for place, values in enumerate(matrices):
                regions.append(self._write_block("attention/featured", (slice(place, place + 1),), values[None]))
            files = self._checksums(metadata_file(name) for name in specs)
            write_commit(self.path, Commit("featured", tuple(regions), files, rows=tuple(rows)))
            self._sum_file(self.run.manifest.n_shards - 1).unlink(missing_ok=True)

    def write_matrices(self, shard: int, results: MatricesUnit) -> None:
        """Write and commit how a shard's matrices differ from the mean, and what is kept of its sampled images."""
        rows, per_image = self.run.manifest.shard_rows(shard), sum(self.run.manifest.model.n_heads)
        places = slice(results.first * per_image, (results.first + len(results.rows)) * per_image)
        sampled = {MATRICES: results.matrices, OFFSETS: results.offsets, MATRIX_FEATURES: results.features}
        with storage_errors(self.path):
            regions = [
                self._write(name, rows, slice(0, 1), values)
                for name, values in ((DEVIATION, results.deviation), (ENERGY, results.energy))
            ]
            if results.rows:
                regions += [self._write_block(name, (places,), values) for name, values in sampled.items()]
            commit = Commit(Unit("matrices", shard).name, tuple(regions), {}, rows=tuple(map(int, results.rows)))
            write_commit(self.path, commit)

    def write_patterns(self, results: PatternsUnit) -> None:
        """Write and commit the fit of the patterns."""
        arrays = {CODES: results.codes, MEDOIDS: results.medoids, PROTOTYPES: results.prototypes}
        with storage_errors(self.path):
            for name, spec in fit_arrays(arrays).items():
                create_array(self.path, name, spec)
            regions = [self._write_block(name, (), values) for name, values in arrays.items()]
            write_table(self.path / POINTS_TABLE, results.columns, POINTS)
            write_json(self.path / CLUSTERS, results.document, indent=1)
            files = self._checksums((POINTS_TABLE, CLUSTERS, *map(metadata_file, arrays)))
            write_commit(self.path, Commit("patterns", tuple(regions), files))

    def finish(self) -> None:
        """Merge the image rows of the shards into one table and mark the run complete."""
        shards = range(self.run.manifest.n_shards)
        with storage_errors(self.path):
            plan = self.run.planned_images
            results = read_tables([shard_table(self.path, shard) for shard in shards], COMPUTED, len(plan))
            columns = {name: plan[name].tolist() for name in PLANNED}
            columns |= {name: results[name].tolist() for name in COMPUTED}
            write_table(self.path / IMAGE_TABLE, columns, {**PLANNED, **COMPUTED})
            if self.run.manifest.schema_version >= SEALED_FROM:
                write_checksums(self.path, [IMAGE_TABLE], kept=self._known_checksums())
            self.set_state("complete")

    def _kept(self, kind: Kind, found: Mapping[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Of the quantities of a unit those that the run lists: an older run that is resumed gets no new ones."""
        return [(name, found[name]) for name in self.run.manifest.quantities[kind]]

    def _write(self, path: str, rows: range, modes: slice, values: np.ndarray) -> RegionSum:
        """Write the rows of a shard; `modes` applies to arrays that have that axis."""
        leading: Region = (slice(rows.start, rows.stop),)
        return self._write_block(path, (*leading, modes) if path.startswith("importance/") else leading, values)

    def _write_depth(self, shard: int, modes: slice, sums: Mapping[str, np.ndarray], counted: int) -> list[RegionSum]:
        """Sums over a shard's images; each shard has its own, so that no unit depends on another."""
        place: Region = (slice(shard, shard + 1), modes)
        count = np.full((1, modes.stop - modes.start), float(counted))
        regions = [self._write_block(f"{DEPTH}/{name}", place, values[None]) for name, values in sums.items()]
        return [*regions, self._write_block(DEPTH_COUNT, place, count)]

    def _write_block(self, path: str, leading: Region, values: np.ndarray) -> RegionSum:
        region = (*leading, *(slice(0, size) for size in values.shape[len(leading) :]))
        checksum = write_region(self.path, path, region, values)
        return RegionSum(path, tuple((part.start, part.stop) for part in region), checksum)

    def _write_previews(self, previews: Mapping[int, tuple[str, bytes]]) -> dict[str, str]:
        folder = self.path / PREVIEWS
        folder.mkdir(exist_ok=True)
        files = {folder / f"{row}.{ending}": content for row, (ending, content) in previews.items()}
        for file, content in files.items():
            file.write_bytes(content)
        flush([*files, folder])
        return {
            file.relative_to(self.path).as_posix(): hashlib.sha256(content).hexdigest()
            for file, content in files.items()
        }

    def _checksums(self, names: Iterable[str]) -> dict[str, str]:
        return {name: file_sha256(self.path / name) for name in names}

    def restore_plan(self, plan: Mapping[str, Sequence[object]]) -> None:
        """Write the plan anew where it, or what is known of it, is damaged; the caller knows that it is the same."""
        with storage_errors(self.path):
            write_table(self.path / PLAN_TABLE, plan, PLANNED)
            if self.run.manifest.schema_version >= SEALED_FROM:
                write_checksums(self.path, [PLAN_TABLE], kept=self._known_checksums())

    def _known_checksums(self) -> dict[str, str]:
        """Those that are noted; none where the note itself is damaged: what they are of is then written anew."""
        try:
            return read_checksums(self.path)
        except (OSError, ValueError):
            return {}

    def _repair_arrays(self) -> None:
        """Make the metadata of arrays what they were; whether the chunks are sound is for the commits to say."""
        manifest = self.run.manifest
        if manifest.schema_version < SEALED_FROM:
            repair_arrays(self.path, manifest)
            return
        known, names = self._known_checksums(), _metadata_files(manifest)
        damaged = [path for path, name in names.items() if fault(self.path, name, known)]
        if damaged:
            repair_arrays(self.path, manifest, damaged)
            write_checksums(self.path, [names[path] for path in damaged], kept=known)

    def _sum_file(self, shard: int) -> Path:
        return self.path / SUMS / f"{shard:06d}.npy"

    def _last_head(self) -> int:
        """The last shard with a head commit, -1 before the first: the running sum is the one after it."""
        return max((unit.shard for unit in committed(self.path) if unit.group == "head"), default=-1)

    def _sum_is_sound(self) -> bool:
        last = self._last_head()
        if last < 0 or not self.run.manifest.options.mean_attention:
            return True
        commit = read_commit(self.path, Unit("head", last))
        try:
            return commit is not None and file_sha256(self._sum_file(last)) == commit.sum_sha256
        except OSError:
            return False

    def _add_to_sum(self, shard: int, results: HeadUnit) -> tuple[int, str | None]:
        """Write the sum of attention after this shard beside the one before it; (number of images, checksum)."""
        if not self.run.manifest.options.mean_attention:
            return 0, None
        last = self._last_head()
        # A damaged shard computed anew: the same bits are in the sum already, or in the mean that was made of it.
        if shard <= last or Unit("featured", 0) in committed(self.path):
            old = read_commit(self.path, Unit("head", shard))
            return (old.counted, old.sum_sha256) if old else (0, None)
        if shard > last + 1:
            raise RuntimeError(f"head unit {shard} comes before {last + 1}: the running sum needs them in order")
        total, counted = results.attention_sum.astype(np.float32), results.counted
        before = read_commit(self.path, Unit("head", last)) if last >= 0 else None
        if before is not None:
            total, counted = np.load(self._sum_file(last)) + total, before.counted + counted
        file = self._sum_file(shard)
        write_atomically(file, lambda beside: _save(beside, total))
        return counted, file_sha256(file)

    def _mean_attention(self) -> np.ndarray:
        last = self._last_head()
        commit = read_commit(self.path, Unit("head", last))
        return np.load(self._sum_file(last)) / np.float32(max(commit.counted if commit else 0, 1))

    def _remove_rubbish(self) -> None:
        """Files that a killed writer left half written, and sums that a later one has replaced."""
        for file in self.path.rglob("*.partial"):
            in_arrays = file.is_relative_to(self.path / ARRAYS) and _ZARR_PARTIAL.fullmatch(file.name)
            if (is_partial(file) or in_arrays) and not file.is_dir():
                file.unlink(missing_ok=True)
        last = self._sum_file(self._last_head())
        for file in (self.path / SUMS).glob("*.npy"):
            if file != last:
                file.unlink(missing_ok=True)


def _metadata_files(manifest: Manifest) -> dict[str, str]:
    """Where the metadata are of the groups and arrays that a run has from its start, by their path."""
    return {path: metadata_file(path) for path in (*groups(manifest), *planned_arrays(manifest))}


def _other_start(path: Path) -> StorageError:
    return StorageError(
        f"cannot start a run in {path}: another vitscope has just made one there",
        "Wait for it, or choose another folder.",
    )


def _rename(beside: Path, path: Path) -> None:
    """Put the new run in its place, which is free or an empty folder."""
    try:
        beside.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise _other_start(path) from error
        raise


def _remove_abandoned(folder: Path) -> None:
    """Remove what starts that were killed left in a folder: known by its name, and by nobody holding its lock."""
    for left in folder.glob(".vitscope-*"):
        if left.is_dir() and not left.is_symlink() and is_partial(left) and (left / _LOCK).is_file():
            with suppress(StorageError), exclusive(left / _LOCK, _other_start(left)):
                shutil.rmtree(left, ignore_errors=True)


def require_free(path: Path, doing: str = "start a run in") -> None:
    """Raise StorageError, `cannot <doing> <path>: ...`, unless `path` does not exist or is an empty folder."""
    if path.name in ("", ".."):  # a run is renamed into place, which would take the folder from under the shell
        raise StorageError(f"cannot {doing} {path}: it has no name of its own", "Name a new folder.")
    with storage_errors(path):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            return
        is_run = (path / FILE).is_file()
    if is_run:
        raise StorageError(
            f"cannot {doing} {path}: there is a run in it already",
            "Resume it with --resume (vitscope analyze), or choose another folder.",
        )
    if path.exists() or path.is_symlink():
        what = "it is not empty and not a run" if path.is_dir() else "it is a file"
        what = "it is a link" if path.is_symlink() else what
        raise StorageError(f"cannot {doing} {path}: {what}", "Choose a new or an empty folder.")


def _save(path: Path, values: np.ndarray) -> None:
    """As np.save, whose own error on a full disk has no number that tells it from others."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(values))
        file.write(np.ascontiguousarray(values).data)
