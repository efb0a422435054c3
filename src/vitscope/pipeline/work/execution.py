"""Run the units of a planned run on this machine, one by one, and finish it. It can be killed and resumed any time.

Order: the head units, shard by shard; whole attention of featured images; the partial modes; how far each image is from
the mean matrices, with the patterns' sample; the fit of the patterns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.attention import sdpa_kernel

from vitscope.analysis import Run
from vitscope.arguments import checked
from vitscope.engine import References, attention, fixed_arithmetic
from vitscope.errors import BadInput
from vitscope.models import Model
from vitscope.pipeline.plan.at_hand import AtHand, at_hand
from vitscope.pipeline.plan.backends import backends
from vitscope.pipeline.plan.head_outputs import sampled_pairs
from vitscope.pipeline.plan.listing import Images
from vitscope.pipeline.plan.planning import plan
from vitscope.pipeline.plan.request import request_of
from vitscope.pipeline.work import patterns
from vitscope.pipeline.work.computing import head_unit, paired, partial_unit, slice_size
from vitscope.pipeline.work.intact_pass import finite_pairs, intact_pass
from vitscope.pipeline.work.loading import Batch, ImageSource, ahead
from vitscope.pipeline.work.reference_images import mean_of_run
from vitscope.store import Manifest, RunWriter
from vitscope.store.files.commits import Group, Unit

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Step:
    """How far a group of units is, in images (whole matrices: featured images).

    The fit of the patterns has stages, each with a name and a unit of its own (epochs, seeds, clusters).
    """

    group: Group
    done: int
    total: int
    stage: str | None = None


OnStep = Callable[[Step], object]
Pair = tuple[torch.Tensor, Iterator[torch.Tensor]]
"""The image that replaces another, and those that come after it."""


@checked
def analyze(
    model: Model,
    images: Images,
    out: str | Path,
    *,
    resume: bool = False,
    multi_label: bool = False,
    progress: OnStep | None = None,
    **options: Any,  # noqa: ANN401 - the fields of Request
) -> Run:
    """Analyse images and keep everything in the folder `out`.

    Parameters
    ----------
    images: a folder, a table or list file, a sequence of paths, a data frame with the columns path and label; or a data
        set: torch's (ImageFolder, a Subset, ...), a `datasets.Dataset`, any iterable of pairs (picture, label).
        Pictures are of Pillow, arrays [row, col, channel], or tensors of floats: pixels that are ready for the model.
    resume: go on with the run in `out` where it stopped; with the same options it ends with the same bits.
    multi_label: the model's logits are labels, each yes or no by itself (sigmoid), as for `load_model`.
    progress: called after every few images.
    options: the fields of `Request`: labels, classes, modes, fill, limit, partial_images, patterns,
        seed, threads, weights_file.

    Raises
    ------
    VitscopeError: images, labels, options or the folder do not fit (BadInput, InvalidArgument, StorageError, RunError).

    Example
    -------
    >>> run = analyze(model, "photos", "run", modes="all", partial_images=60)  # doctest: +SKIP
    """
    model = model.with_labels() if multi_label else model
    held = at_hand(images)
    run = plan(model, images if held is None else held, out, request_of(options), resume=resume)
    return execute(run, model, held, progress=progress)


def execute(run: Run, model: Model, held: AtHand | None = None, *, progress: OnStep | None = None) -> Run:
    """Compute what a planned run still lacks, and finish it. What `progress` raises stops it; the run stays resumable.

    Parameters
    ----------
    held: the pictures of a run that is not made of files.

    Raises
    ------
    StorageError: the disk is full or not writable; what was committed is kept.
    RunError: another process is at work on the run.
    BadInput: none of the images can be measured.
    """
    options = run.manifest.options
    with (
        RunWriter.opened(run.path) as writer,
        fixed_arithmetic(options.threads),
        sdpa_kernel(backends(options.attention_backend)),
    ):
        pending = writer.pending()
        if pending or not writer.is_finished():
            writer.set_state("running")
            _Execution(writer, model, held, pending, progress or (lambda step: None)).run()
            writer.finish()
    return run


class _Execution:
    """One pass over the pending units of a run."""

    def __init__(
        self, writer: RunWriter, model: Model, held: AtHand | None, pending: Sequence[Unit], progress: OnStep
    ) -> None:
        self.writer = writer
        self.model = model
        self.pending = pending
        self.manifest: Manifest = writer.run.manifest
        self.source = ImageSource(writer.run, model, held, stops=True)
        planned = writer.run.planned_images
        self.labels: list[int] = planned["label"].tolist()
        self.sample = np.flatnonzero(planned["partial"].to_numpy())
        self.counter = _Counter(self, progress)
        self.progress = progress

    def run(self) -> None:
        """Compute and commit unit after unit."""
        self._heads([unit.shard for unit in self.pending if unit.group == "head"])
        if Unit("featured", 0) in self.pending:
            self._featured()
        self._partials([unit.shard for unit in self.pending if unit.group == "partial"])
        self._matrices([unit.shard for unit in self.pending if unit.group == "matrices"])
        if Unit("patterns", 0) in self.pending:
            self._patterns()

    def _heads(self, shards: Sequence[int]) -> None:
        if not shards:
            return
        references = self._references()
        size = slice_size(self.model, self.manifest)
        for shard, (batch, pairs) in ahead(shards, self._load_head):
            rows, on_images = self.manifest.shard_rows(shard), self.counter.of("head")
            seen = intact_pass(self.model, rows, batch, sampled_pairs(self.manifest, shard), size)
            made = references if pairs is None else paired(self._pairs(seen.batch.rows, pairs))
            labels = self.labels[rows.start : rows.stop]
            unit = head_unit(self.model, self.manifest, rows, seen, labels, made, on_images)
            self.writer.write_head(shard, unit)

    def _load_head(self, shard: int) -> tuple[Batch, dict[int, Pair] | None]:
        batch = self.source.batch(self.manifest.shard_rows(shard))
        if self.manifest.options.fill != "resample":
            return batch, None
        others = {row: self.source.pairs_of(row) for row in batch.rows}
        return batch, {row: (next(found), found) for row, found in others.items()}

    def _pairs(self, rows: Sequence[int], loaded: dict[int, Pair]) -> torch.Tensor:
        """What replaces each of the measured images under the fill `resample`."""
        first = [loaded[row][0] for row in rows]
        stacked = torch.stack(first) if first else torch.empty(0, *self.model.input_size)
        return finite_pairs(self.model, stacked, [loaded[row][1] for row in rows])

    def _references(self) -> Callable[[slice], References | None]:
        """Of the fill `mean`: the average over a seeded sample of the images; of the others: none."""
        if self.manifest.options.fill != "mean":
            return lambda part: None
        made = mean_of_run(self.manifest, self.source, self.model)
        return lambda part: made

    def _featured(self) -> None:
        images = self.writer.run.images
        if all(problem is not None for problem in images["problem"]):
            _refuse_unmeasured(images)
        rows = choose_featured(images, self.manifest.options.featured, self.manifest.options.seed)
        on_images = self.counter.of("featured")

        def matrices() -> Iterator[np.ndarray]:
            for row in rows:
                pixels, _ = self.source.load(row)
                yield attention(self.model, pixels[None])[0].numpy()
                on_images(1)

        self.writer.write_featured(rows, matrices())

    def _partials(self, shards: Sequence[int]) -> None:
        images = self.writer.run.images
        targets: list[int] = images["target"].tolist()
        measured = images["problem"].isna().tolist()

        def load(shard: int) -> Batch:
            return self.source.batch(row for row in self._sampled(shard) if measured[row])

        for shard, batch in ahead(shards, load):
            rows = self.manifest.shard_rows(shard)
            target_of = {row: targets[row] for row in batch.rows}
            on_images = self.counter.of("partial")
            unit = partial_unit(self.model, self.manifest, rows, batch, target_of, on_images)
            on_images(len(self._sampled(shard)) - len(batch.facts))
            self.writer.write_partial(shard, unit)

    def _matrices(self, shards: Sequence[int]) -> None:
        if not shards:
            return
        run, rows_of = self.writer.run, self.manifest.shard_rows
        images = run.images
        sample, measured = patterns.sampled_rows(images, self.manifest), images["problem"].isna().tolist()
        mean = patterns.mean_of(run, self.model, self.source, sample)
        on_images = self.counter.of("matrices")

        def load(shard: int) -> Batch:
            return self.source.batch(row for row in rows_of(shard) if measured[row])

        for shard, batch in ahead(shards, load):
            rows = rows_of(shard)
            self.writer.write_matrices(shard, patterns.matrices_unit(self.model, rows, batch, mean, sample))
            on_images(len(rows))

    def _patterns(self) -> None:
        def on_stage(stage: str, done: int, total: int) -> None:
            self.progress(Step("patterns", done, total, stage))

        self.writer.write_patterns(patterns.fit(self.writer.run, device=str(self.model.device), progress=on_stage))

    def _sampled(self, shard: int) -> list[int]:
        rows = self.manifest.shard_rows(shard)
        return [int(row) for row in self.sample if row in rows]


class _Counter:
    """Counts images by group, starting from what was committed before, and tells the caller."""

    def __init__(self, execution: _Execution, progress: OnStep) -> None:
        manifest, sampled = execution.manifest, set(execution.sample.tolist())
        self.totals: dict[Group, int] = {
            "head": manifest.n_images,
            "featured": manifest.options.featured,
            "partial": len(sampled) if manifest.options.partial_modes else 0,
            "matrices": manifest.n_images,
        }
        left: dict[Group, int] = dict.fromkeys(self.totals, 0)
        for unit in execution.pending:
            rows = manifest.shard_rows(unit.shard)
            here: dict[Group, int] = {
                "head": len(rows),
                "featured": self.totals["featured"],
                "partial": len(sampled.intersection(rows)),
                "matrices": len(rows),
            }
            if unit.group in here:
                left[unit.group] += here[unit.group]
        self.done = {group: total - left[group] for group, total in self.totals.items()}
        self.progress = progress

    def of(self, group: Group) -> Callable[[int], None]:
        """Start to report one group."""
        self.progress(Step(group, self.done[group], self.totals[group]))

        def add(images: int) -> None:
            if images:
                self.done[group] += images
                self.progress(Step(group, self.done[group], self.totals[group]))

        return add


def choose_featured(images: "pd.DataFrame", number: int, seed: int) -> list[int]:
    """Rows of the images whose whole attention is kept: seeded, half of them wrong predictions where possible."""
    readable = np.flatnonzero(images["problem"].isna().to_numpy())
    order = np.random.default_rng([seed, 4]).permutation(readable)
    wrong = [int(row) for row in order if images.at[row, "correct"] is False]
    right = [int(row) for row in order if images.at[row, "correct"] is not False]
    n_wrong = min(len(wrong), max(number // 2, number - len(right)))
    return sorted(wrong[:n_wrong] + right[: number - n_wrong])


def _refuse_unmeasured(images: "pd.DataFrame") -> None:
    first = images.iloc[0]
    raise BadInput(
        f"cannot analyse these images: none of the {len(images)} can be measured; {first['path']}: {first['problem']}",
        "The reasons are in the run's image table (`vitscope show`).",
    )
