"""A run as it is read: table, arrays, previews, progress. It may still be growing: only committed units are shown.

Knows nothing about: models, torch; who writes the run.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vitscope.errors import InvalidArgument, NotAvailable, RunError
from vitscope.quantities import ROWS
from vitscope.store.arrays import DEVIATION, DIVERSITY, ENERGY, POOLED, ArraySpec, Region, matrix_arrays, planned_arrays
from vitscope.store.files.checksums import fault, read_checksums
from vitscope.store.files.commits import GROUPS, WHOLE, Unit, committed
from vitscope.store.files.tables import PLANNED, read_tables
from vitscope.store.image_table import IMAGE_TABLE, PLAN_TABLE, merge_image_table, read_image_table, shard_table
from vitscope.store.manifest import FILE, SEALED_FROM, Manifest, State, read_manifest
from vitscope.store.soundness import REPAIR, Soundness
from vitscope.tokens import HEAD, TokenLayout

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

PREVIEWS: Final = "previews"
SUMS: Final = "sums"


@dataclass(frozen=True)
class Progress:
    """How far a run is. `units` maps a group to (done, total); `generation` rises with every commit."""

    state: State
    done_units: int
    total_units: int
    units: dict[str, tuple[int, int]]
    generation: int


class RunFolder:
    """A run folder as it is on disk, opened for reading. Properties are read afresh when the run has grown."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest = (self._manifest_stamp(), read_manifest(path))
        self._images: tuple[int, pd.DataFrame] | None = None
        self._soundness = Soundness(path)
        self._all_units: set[Unit] | None = None
        self._known_specs: tuple[tuple[int, int], dict[str, ArraySpec]] = ((0, 0), {})

    @property
    def manifest(self) -> Manifest:
        """`run.json`; its `state` changes during a run, and where its files are.

        Raises
        ------
        RunError: another run is in its place now, whose numbers must not be mixed with what was read before.
        """
        stamp = self._manifest_stamp()
        if stamp != self._manifest[0]:
            manifest = read_manifest(self.path)
            if manifest.run_id != self._manifest[1].run_id:
                raise RunError(
                    f"cannot read on in {self.path}: another run is in its place since it was opened",
                    "Open it again; a server: stop it and start it again.",
                )
            self._manifest = (stamp, manifest)
        return self._manifest[1]

    @property
    def tokens(self) -> TokenLayout:
        """What each token is."""
        return self.manifest.tokens

    @property
    def images(self) -> "pd.DataFrame":
        """One row an image, skipped ones too; the index is the row number that keys every array.

        Columns: id, path, label, class_name, partial, prediction, probability, correct, target, target_source, width,
        height, note, problem, done.
        """
        generation = self.progress().generation
        if self._images is None or self._images[0] != generation:
            self._images = (generation, self._read_images())
        return self._images[1].copy()

    @property
    def importance(self) -> "xr.Dataset":
        """Effect of pruning each head, one variable a metric, over (image, mode, layer, head); NaN = not computed."""
        return self._dataset("importance", {"mode": list(self.manifest.options.modes)})

    @property
    def strength(self) -> "xr.Dataset":
        """Attention by hop: `mass` and `density` over (image, layer, head, hop)."""
        return self._dataset("strength", {})

    @property
    def spread(self) -> "xr.Dataset":
        """Distance, entropy, focus and the like, one variable a measure, over (image, layer, head)."""
        return self._dataset("spread", {})

    @property
    def has_patterns(self) -> bool:
        """Whether `patterns` is there."""
        return Unit("patterns", 0) in self.done_units()

    @property
    def sampled(self) -> tuple[int, ...]:
        """Rows of the images whose matrices patterns are learned from; all of them once the matrices are done."""
        shards = sorted(unit.shard for unit in self.done_units() if unit.group == "matrices")
        return tuple(row for shard in shards for row in self._soundness.commit(Unit("matrices", shard)).rows)

    def read(self, path: str, region: Region | tuple[()] = ()) -> np.ndarray:
        """Part of an array under `arrays/` (all of it by default), held against the checksums of what wrote it.

        Raises
        ------
        RunError: it is damaged, or not what vitscope writes.
        """
        return self._soundness.read(path, self.done_units(), region, self._spec(path))

    def file(self, name: str, unit: Unit) -> Path:
        """A file that a unit wrote, held against its checksum; RunError where it is missing or damaged."""
        return self._soundness.require_file(name, unit)

    def all_units(self) -> set[Unit]:
        """The units that the run has when it is complete."""
        return self._whole_units() | {Unit("partial", shard) for shard in self.partial_shards}

    def _whole_units(self) -> set[Unit]:
        """All units but the partial ones."""
        manifest = self.manifest
        shards = range(manifest.n_shards)
        units = {Unit("head", shard) for shard in shards} | {Unit("featured", 0)}
        if manifest.patterns is not None:
            units |= {Unit("matrices", shard) for shard in shards} | {Unit("patterns", 0)}
        return units

    def done_units(self) -> set[Unit]:
        """The units that are committed, of those that the run has.

        Raises
        ------
        RunError: some are missing of a run that is complete, so that its numbers would be of fewer images.
        """
        complete = self.manifest.state == "complete"  # read before the commits, which are all there then
        done = self.committed_units()
        missing = self._known_units() - done if complete else set()
        if missing:
            raise RunError(
                f"cannot use {self.path}: it is complete, but the commits of {len(missing)} of its units are missing, "
                f"such as {min(missing).name}",
                REPAIR,
            )
        return done

    def committed_units(self) -> set[Unit]:
        """As `done_units`, also where some are missing of a complete run."""
        shards = self.manifest.n_shards
        return {unit for unit in committed(self.path) if unit.group in WHOLE or unit.shard < shards}

    def _known_units(self) -> set[Unit]:
        """All units; without the partial ones where the plan, which says which there are, is damaged."""
        if self._all_units is None:
            with suppress(RunError):
                self._all_units = self.all_units()
        return self._whole_units() if self._all_units is None else self._all_units

    def effect(self, metric: str, mode: str) -> np.ndarray:
        """One metric of one mode: float32 [image, layer, head]; NaN = not computed (yet).

        Raises
        ------
        InvalidArgument: there is no such metric or mode; the message lists those there are.
        NotAvailable: the run does not keep the metric, which an older or a later run has.
        """
        manifest = self.manifest
        self._require(metric)
        for kind, name, known in (("metric", metric, manifest.metrics), ("mode", mode, manifest.options.modes)):
            if name not in known:
                raise InvalidArgument(f"cannot read {kind} {name!r}: this run has {', '.join(known)}")
        path, index = f"importance/{metric}", manifest.options.modes.index(mode)
        group = "head" if mode == HEAD else "partial"
        return self._rows(path, planned_arrays(manifest)[path], group, slice(index, index + 1))[:, 0]

    def measure(self, path: str) -> np.ndarray:
        """One array of strength or spread, e.g. `strength/mass` or `spread/focus`: float32 [image, layer, head, ...].

        Or `patterns/deviation`, `patterns/energy`, or `heads/diversity` [image, layer]. NaN = not computed (yet).

        Raises
        ------
        InvalidArgument: there is no such array; the message lists those there are.
        NotAvailable: the run does not keep the quantity, which a later run has.
        """
        specs = planned_arrays(self.manifest)
        streamed = (DEVIATION, ENERGY)
        plain = ("strength/", "spread/", DIVERSITY)
        known = [name for name in specs if name.startswith(plain) or name in streamed]
        if path not in known:
            self._require(path.rpartition("/")[2])
            raise InvalidArgument(f"cannot read {path!r}: this run has {', '.join(known)}")
        return self._rows(path, specs[path], "matrices" if path in streamed else "head")

    @property
    def embedding(self) -> np.ndarray | None:
        """The model's pooled output, what its classifier reads: float16 [image, channel]; NaN = not computed (yet).

        None in runs of format 1, which do not keep it.
        """
        spec = planned_arrays(self.manifest).get(POOLED)
        return None if spec is None else self._rows(POOLED, spec, "head")

    def cls_row_blocks(self, bound: int = 64 * 2**20) -> Iterator[tuple[slice, np.ndarray]]:
        """The CLS->patch rows of all images that are done, as (rows, float16 [image, layer, head, patch]).

        Skipped images are NaN. A block is at most `bound` bytes, or one image. Nothing for a model without CLS.
        """
        spec = planned_arrays(self.manifest).get("attention/cls_rows")
        if spec is None:
            return
        images = max(1, bound // (2 * int(np.prod(spec.shape[1:]))))
        images = max(images // spec.chunks[0] * spec.chunks[0], 1)  # whole chunks: none is read twice
        for rows in self._committed_rows("head"):
            for start in range(rows.start, rows.stop, images):
                block = slice(start, min(start + images, rows.stop))
                yield block, self.read("attention/cls_rows", (block,))

    def cls_rows(self, image: int) -> np.ndarray | None:
        """The CLS->patch rows of one image, float16 [layer, head, patch]; None without CLS or when not done."""
        row = self._row(image)
        unit = Unit("head", row // self.manifest.options.shard_size)
        if self.tokens.cls is None or unit not in self.done_units():
            return None
        values = self.read("attention/cls_rows", (slice(row, row + 1),))[0]
        return None if np.isnan(values).all() else values

    @property
    def has_mean_attention(self) -> bool:
        """Whether the mean attention is there: it is kept, and all heads are done."""
        return self.manifest.options.mean_attention and Unit("featured", 0) in self.done_units()

    @property
    def no_mean_reason(self) -> str:
        """Why there is no mean attention; empty where there is."""
        if self.has_mean_attention:
            return ""
        if self.manifest.options.mean_attention:
            return "The mean comes once whole heads are done on all images."
        manifest = self.manifest
        size = 4 * manifest.model.n_layers * max(manifest.model.n_heads) * manifest.tokens.n_tokens**2
        return (
            f"This run keeps no mean attention: its matrices, {size / 2**20:.0f} MiB, are too large to be written "
            "anew after every shard."
        )

    def layer_mean_attention(self, layer: int) -> np.ndarray:
        """Mean over the images of one layer, float32 [head, query, key]; only where `has_mean_attention`."""
        return self.read("attention/mean", (slice(layer, layer + 1),))[0]

    @property
    def mean_attention(self) -> np.ndarray | None:
        """Mean over the images, float32 [layer, head, query, key]; None until all heads are done, or not kept."""
        return self.read("attention/mean") if self.has_mean_attention else None

    @property
    def featured(self) -> tuple[int, ...]:
        """Rows of the images whose whole attention is kept; empty until all heads are done."""
        unit = Unit("featured", 0)
        return self._soundness.commit(unit).rows if unit in self.done_units() else ()

    def featured_attention(self, image: int, layer: int | None = None) -> np.ndarray:
        """Whole attention of a featured image, float16 [layer, head, query, key]; of one layer [head, query, key].

        Raises
        ------
        InvalidArgument: the image is not one of `featured`.
        """
        featured = self.featured
        if image not in featured:
            raise InvalidArgument(
                f"cannot read the whole attention of image {image}: only {len(featured)} featured images have it",
                "`run.featured` lists them; others need the model (`vitscope serve --live`).",
            )
        place = featured.index(image)
        layers = slice(0, self.manifest.model.n_layers) if layer is None else slice(layer, layer + 1)
        matrices = self.read("attention/featured", (slice(place, place + 1), layers))[0]
        return matrices if layer is None else matrices[0]

    def preview(self, image: int) -> Path | None:
        """The picture the model saw, as a PNG or WebP file; None when the image is not done or was skipped.

        Raises
        ------
        RunError: the file is missing or damaged.
        """
        row = self._row(image)
        unit = Unit("head", row // self.manifest.options.shard_size)
        if unit not in self.done_units():
            return None
        names = self._soundness.commit(unit).files
        written = (name for ending in ("png", "webp") if (name := f"{PREVIEWS}/{row}.{ending}") in names)
        return next((self.file(name, unit) for name in written), None)

    def previews(self, rows: range) -> dict[int, Path]:
        """The pictures of those of some rows that are done, have one, and whose file is sound, by row."""
        found = {}
        for row in rows:
            with suppress(RunError):
                file = self.preview(row)
                if file is not None:
                    found[row] = file
        return found

    def original(self, image: int) -> Path:
        """Where the image's file was when the run was planned; it may have moved since."""
        return Path(self.manifest.source.root) / str(self.images.at[self._row(image), "path"])

    def progress(self) -> Progress:
        """How far the run is, from the commit files alone."""
        manifest, done = self.manifest, self.done_units()
        patterns = manifest.patterns is not None
        totals = {
            "head": manifest.n_shards,
            "featured": 1,
            "partial": len(self.partial_shards),
            "matrices": manifest.n_shards if patterns else 0,
            "patterns": int(patterns),
        }
        units = {group: (sum(unit.group == group for unit in done), totals[group]) for group in GROUPS}
        complete = manifest.state == "complete"
        return Progress(
            manifest.state,
            sum(count for count, _ in units.values()),
            sum(totals.values()),
            units,
            len(done) + (1 if complete else 0),
        )

    @cached_property
    def partial_shards(self) -> tuple[int, ...]:
        """Shards that hold an image of the sample on which the partial modes run."""
        if not self.manifest.options.partial_modes:
            return ()
        rows = np.flatnonzero(self.planned_images["partial"].to_numpy())
        return tuple(int(shard) for shard in np.unique(rows // self.manifest.options.shard_size))

    @cached_property
    def planned_images(self) -> "pd.DataFrame":
        """The columns of `images` that are known before anything is computed: id, path, label, class_name, partial."""
        self._require_sealed(PLAN_TABLE)
        return read_tables([self.path / PLAN_TABLE], PLANNED, self.manifest.n_images)

    def _manifest_stamp(self) -> tuple[int, int]:
        try:
            status = (self.path / FILE).stat()
        except OSError:
            return (0, 0)  # read_manifest says what is wrong
        return status.st_mtime_ns, status.st_ino

    def _require(self, name: str) -> None:
        """NotAvailable where the table has a quantity that this run does not keep."""
        if any(row.name == name for row in ROWS) and (reason := self.manifest.lacks(name)):
            raise NotAvailable(f"there is no {name} here: {reason}", f"The run has {self._listed()}.")

    def _listed(self) -> str:
        return ", ".join(name for names in self.manifest.quantities.values() for name in names)

    def _row(self, image: int) -> int:
        if not 0 <= image < self.manifest.n_images:
            raise InvalidArgument(
                f"cannot read image {image}: the run has {self.manifest.n_images} images, counted from 0"
            )
        return int(image)

    def _read_images(self) -> "pd.DataFrame":
        manifest = self.manifest
        if manifest.state == "complete" and manifest.schema_version >= SEALED_FROM:
            self._require_sealed(IMAGE_TABLE)
            return read_image_table(self.path, manifest)
        shards = sorted(unit.shard for unit in self.done_units() if unit.group == "head")
        for shard in shards:
            self.file(shard_table(self.path, shard).relative_to(self.path).as_posix(), Unit("head", shard))
        return merge_image_table(self.path, manifest, self.planned_images.copy(), shards)

    def _spec(self, path: str) -> ArraySpec | None:
        """What an array of this run is like; None where only its commit says it."""
        stamp, manifest = self._manifest_stamp(), self.manifest
        if self._known_specs[0] != stamp:
            self._known_specs = (stamp, planned_arrays(manifest))
        if path in ("attention/mean", "attention/featured"):
            return matrix_arrays(manifest, len(self.featured)).get(path)
        return self._known_specs[1].get(path)

    def _require_sealed(self, name: str) -> None:
        """Raise RunError unless a table is as it was written; before format 5 nothing says how it was."""
        if self.manifest.schema_version < SEALED_FROM:
            return
        try:
            reason = fault(self.path, name, read_checksums(self.path))
        except (OSError, ValueError) as error:
            reason = f"the checksums cannot be read: {error}"
        if reason:
            raise RunError(f"cannot use {name} of {self.path}: {reason}", REPAIR)

    def _dataset(self, folder: str, coordinates: dict[str, list[str]]) -> "xr.Dataset":
        import xarray as xr

        manifest = self.manifest
        specs = {path: spec for path, spec in planned_arrays(manifest).items() if path.startswith(f"{folder}/")}
        variables = {
            path.removeprefix(f"{folder}/"): (spec.dims, self._array(path, spec), dict(spec.attributes))
            for path, spec in specs.items()
        }
        return xr.Dataset(variables, {"image": np.arange(manifest.n_images), **coordinates})

    def _array(self, path: str, spec: ArraySpec) -> np.ndarray:
        if "mode" not in spec.dims:
            return self._rows(path, spec, "head")
        n_modes = len(self.manifest.options.modes)
        parts = [self._rows(path, spec, "head", slice(0, 1)), self._rows(path, spec, "partial", slice(1, n_modes))]
        return np.concatenate(parts, axis=1)

    def _rows(self, path: str, spec: ArraySpec, group: str, modes: slice | None = None) -> np.ndarray:
        """All rows of an array, NaN where the unit of their shard is not committed; only committed chunks are read."""
        shape, inner = spec.shape, ()
        if modes is not None:
            shape, inner = (shape[0], modes.stop - modes.start, *shape[2:]), (modes,)
        values = np.full(shape, np.nan, dtype=spec.dtype)
        for rows in self._committed_rows(group) if values.size else ():
            values[rows] = self.read(path, (rows, *inner))
        return values

    def _committed_rows(self, group: str) -> list[slice]:
        """Rows of the shards whose unit of a group is committed, consecutive ones together."""
        shards = sorted(unit.shard for unit in self.done_units() if unit.group == group)
        rows = self.manifest.shard_rows
        return [slice(rows(first).start, rows(last).stop) for first, last in _stretches(shards)]


def _stretches(shards: list[int]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers as (first, last): one read each."""
    stretches: list[tuple[int, int]] = []
    for shard in shards:
        if stretches and stretches[-1][1] == shard - 1:
            stretches[-1] = (stretches[-1][0], shard)
        else:
            stretches.append((shard, shard))
    return stretches
