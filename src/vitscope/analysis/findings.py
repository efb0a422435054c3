"""What a run says about its heads: rankings by effect, effects that stop before the output, how far heads attend.

Works on what a run holds so far: every number comes with the number of images behind it.
Knows nothing about: models, torch, how the answer is printed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Bool, Float

from vitscope.analysis.places import uniform_distance
from vitscope.analysis.run import Run
from vitscope.analysis.statistics import descriptive, intervals
from vitscope.analysis.statistics.descriptive import Agreement, PerHead, Summary, mean_over_images
from vitscope.analysis.statistics.intervals import Interval
from vitscope.analysis.statistics.resampling import resample
from vitscope.measures import image_diagonal
from vitscope.quantities import AXES, Kind, quantity, ranking_metrics
from vitscope.tokens import HEAD, HeadRef

if TYPE_CHECKING:
    import pandas as pd

PATCH_SHARE: Final = 0.5
"""Heads whose patches attend less than this to patches are left out of "most local" and "most global"."""


@dataclass(frozen=True)
class Ranking:
    """The heads of a run by one metric over the images measured so far; arrays are [head], in the order of `heads`."""

    metric: str
    mode: str
    heads: tuple[HeadRef, ...]
    values: Float[np.ndarray, "image head"]
    summary: Summary
    interval: Interval
    rank: PerHead
    rank_interval: Interval
    consistency: PerHead
    top_share: PerHead
    agreement: Agreement
    """Of the images' rankings."""
    clear: bool
    """Whether the images leave no doubt that `top` is the first (`intervals.clearly_first`)."""

    @property
    def unit(self) -> str:
        """Unit of the metric."""
        return quantity(self.metric).unit

    @property
    def n(self) -> int:
        """Images with a value for at least one head."""
        return int(np.isfinite(self.values).any(axis=1).sum())

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Indices into `heads`, largest mean first, heads without a value left out."""
        known = np.isfinite(self.summary.mean)
        order = np.lexsort((np.arange(len(known)), -np.where(known, self.summary.mean, -np.inf)))
        return tuple(int(i) for i in order[: int(known.sum())])

    @property
    def flat(self) -> bool:
        """Whether all heads have the same mean, e.g. 0: then none comes first, whatever their order."""
        known = self.summary.mean[list(self.order)]
        return len(known) > 1 and bool((known == known[0]).all())

    @property
    def top(self) -> HeadRef:
        """The head with the largest mean; means nothing where the ranking is `flat`."""
        return self.heads[self.order[0]]

    def of(self, head: HeadRef) -> Float[np.ndarray, " image"]:
        """Values of one head over images."""
        return self.values[:, self.heads.index(head)]


@dataclass(frozen=True)
class HiddenHead:
    """A head low on output and high on layer: it moves its own layer, and later layers undo or ignore it."""

    head: HeadRef
    output_rank: int
    output_mean: float
    layer_metric: str
    layer_rank: int
    layer_mean: float


@dataclass(frozen=True)
class RegionEffect:
    """What pruning one region of a head's matrix does, beside pruning the whole head on the same images.

    The ends of the interval are NaN where it was not asked for.
    """

    mode: str
    mean: float
    low: float
    high: float
    whole: float
    n: int


@dataclass(frozen=True)
class Reach:
    """How far the patches of each head attend; arrays are [head], means over images, distances in pixels."""

    heads: tuple[HeadRef, ...]
    distance: PerHead
    """Attention to prefix tokens counts 0 (variant `drop`)."""
    rescaled: PerHead
    no_sinks: PerHead
    """NaN, as `rescaled`, where the run did not measure it: `missing` says why."""
    missing: str
    interval: Interval
    """Of what the heads are ordered by: `no_sinks`, or `distance` where that is missing."""
    near: PerHead
    """Share of the patches' attention that stays within 1 hop, the patch itself included."""
    to_cls: PerHead
    to_patches: PerHead
    diagonal: float
    """Of the image."""
    uniform: float
    """What attention uniform over the patches gives."""
    n: int

    def most_local(self, count: int) -> tuple[int, ...]:
        """Shortest distances first, of heads whose patches attend to patches at all (`PATCH_SHARE`)."""
        eligible = [i for i in self._sorted(self.distance if self.missing else self.no_sinks) if self._counts(i)]
        return tuple(eligible[:count])

    def most_global(self, count: int) -> tuple[int, ...]:
        """Longest distances without sinks first; none where the run cannot tell a long reach from a distant sink."""
        eligible = [i for i in self._sorted(self.no_sinks) if self._counts(i)]
        return tuple(eligible[::-1][:count])

    @property
    def left_out(self) -> int:
        """Number of heads that are left out of both."""
        return int((self.to_patches < PATCH_SHARE).sum())

    def _counts(self, index: int) -> bool:
        return bool(self.to_patches[index] >= PATCH_SHARE)

    def _sorted(self, values: PerHead) -> list[int]:
        known = np.isfinite(values)
        return [int(i) for i in np.argsort(np.where(known, values, np.inf), kind="stable")[: int(known.sum())]]


def real_heads(n_heads: Sequence[int]) -> tuple[HeadRef, ...]:
    """Every head that exists, layer by layer; layers may differ in their number of heads."""
    return tuple(HeadRef(layer, head) for layer, count in enumerate(n_heads) for head in range(count))


def flatten(
    values: Float[np.ndarray, "image layer head *rest"], heads: Sequence[HeadRef]
) -> Float[np.ndarray, "image head *rest"]:
    """The columns of the heads that exist, side by side."""
    return np.asarray(values)[:, [h.layer for h in heads], [h.head for h in heads]]


def rank_heads(run: Run, metric: str, mode: str = HEAD) -> Ranking | None:
    """The heads by a metric, with intervals; None where the run has no value of it (yet, or at all)."""
    if metric not in run.manifest.metrics:
        return None
    heads = real_heads(run.manifest.model.n_heads)
    return rank(flatten(run.effect(metric, mode), heads), heads, metric, mode)


def rank(
    values: Float[np.ndarray, "image head"], heads: tuple[HeadRef, ...], metric: str, mode: str = HEAD
) -> Ranking | None:
    """`rank_heads` on plain values."""
    if not np.isfinite(values).any():
        return None
    summary, drawn = descriptive.summarise(values), resample(values)
    error = intervals.standard_errors(values)
    return Ranking(
        metric=metric,
        mode=mode,
        heads=heads,
        values=values,
        summary=summary,
        interval=intervals.interval_of(summary, drawn, error, intervals.range_of(metric)),
        rank=descriptive.descending_rank(summary.mean),
        rank_interval=intervals.rank_interval(summary, drawn),
        consistency=descriptive.consistency(summary),
        top_share=descriptive.top_share(values),
        agreement=descriptive.agreement(values),
        clear=intervals.clearly_first(summary, drawn, int(np.nanargmax(summary.mean))),
    )


def output_ranking(run: Run) -> Ranking | None:
    """The ranking that "which heads matter" is answered with: jsd, or out_cos without a classifier."""
    kept = [metric for metric in ranking_metrics() if metric in run.manifest.metrics]
    return next((found for metric in kept if (found := rank_heads(run, metric)) is not None), None)


def hidden_heads(output: Ranking, layers: Sequence[Ranking]) -> tuple[HiddenHead, ...]:
    """Heads in the bottom half by output and in the top quarter by a layer metric, the highest on layer first."""
    total = len(output.order)
    found: dict[HeadRef, HiddenHead] = {}
    for ranking in layers:
        for place, index in enumerate(ranking.order[: ceil(len(ranking.order) / 4)], start=1):
            head = ranking.heads[index]
            output_rank = output.rank[output.heads.index(head)]
            if output_rank > total / 2 and (head not in found or found[head].layer_rank > place):
                found[head] = HiddenHead(
                    head=head,
                    output_rank=int(output_rank),
                    output_mean=float(output.summary.mean[output.heads.index(head)]),
                    layer_metric=ranking.metric,
                    layer_rank=place,
                    layer_mean=float(ranking.summary.mean[index]),
                )
    return tuple(sorted(found.values(), key=lambda hidden: (hidden.layer_rank, hidden.head)))


def region_effects(
    run: Run, output: Ranking, heads: Sequence[HeadRef], *, with_intervals: bool
) -> list[tuple[RegionEffect, ...]]:
    """The partial modes of each head, in the order of the run; only those that have images by now."""
    found: list[list[RegionEffect]] = [[] for _ in heads]
    for mode in run.manifest.options.partial_modes:
        for effects, head, values in zip(found, heads, flatten(run.effect(output.metric, mode), heads).T, strict=True):
            present = np.isfinite(values)
            if present.any():
                whole = float(output.of(head)[present].mean(dtype=np.float64))
                mean, low, high = float(values[present].mean(dtype=np.float64)), np.nan, np.nan
                if with_intervals:
                    interval = intervals.mean_interval(values[present, None], intervals.range_of(output.metric))
                    low, high = float(interval.low[0]), float(interval.high[0])
                effects.append(RegionEffect(mode, mean, low, high, whole, int(present.sum())))
    return [tuple(effects) for effects in found]


def reach(run: Run) -> Reach | None:
    """How far heads attend; None while no image has been measured."""
    heads, tokens = real_heads(run.manifest.model.n_heads), run.tokens
    distance = flatten(kept(run, "spread", "distance"), heads)
    rescaled = flatten(kept(run, "spread", "distance_rescaled"), heads)
    no_sinks = flatten(kept(run, "spread", "distance_no_sinks"), heads)
    if not np.isfinite(distance).any():
        return None
    missing = run.manifest.lacks("distance_no_sinks")
    mass, to_cls = mean_over_images(kept(run, "strength", "mass")), mean_over_images(kept(run, "spread", "to_cls"))
    layers, columns = [h.layer for h in heads], [h.head for h in heads]
    return Reach(
        heads=heads,
        distance=descriptive.summarise(distance).mean,
        rescaled=mean_over_images(rescaled),
        no_sinks=mean_over_images(no_sinks),
        missing=missing,
        interval=intervals.mean_interval(distance if missing else no_sinks, intervals.LENGTH),
        near=mass[..., :2].sum(axis=-1)[layers, columns],
        to_cls=to_cls[layers, columns],
        to_patches=mass.sum(axis=-1)[layers, columns],
        diagonal=image_diagonal(tokens),
        uniform=uniform_distance(tokens),
        n=int(np.isfinite(distance).any(axis=1).sum()),
    )


def kept(run: Run, kind: Kind, name: str) -> Float[np.ndarray, "image *rest"]:
    """A quantity of a run over its images; NaN throughout where the run has none (`Manifest.lacks` says why)."""
    manifest = run.manifest
    if manifest.lacks(name):
        sizes = {"layer": manifest.model.n_layers, "head": max(manifest.model.n_heads)}
        sizes |= {"image": manifest.n_images, "hop": max(manifest.tokens.rows, manifest.tokens.cols)}
        return np.full([sizes[axis] for axis in AXES[kind]], np.nan, np.float32)
    return run.measure(f"{kind}/{name}")


def measured(images: "pd.DataFrame") -> Bool[np.ndarray, " image"]:
    """Which images of the table have numbers: their shard is done and nothing was wrong with them."""
    return images["done"].to_numpy(bool) & images["problem"].isna().to_numpy()


def occurrences(images: "pd.DataFrame", column: str) -> dict[str, int]:
    """How often each text of a column occurs, most frequent first; images without one are left out."""
    return dict(Counter(text for text in images[column].to_numpy() if isinstance(text, str)).most_common())
