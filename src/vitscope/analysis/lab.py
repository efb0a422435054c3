"""Counting what pruning did: step after step over a scope of images, and along orders of heads.

Knows nothing about: models; who prunes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Final

import numpy as np
from jaxtyping import Float, Shaped

from vitscope.analysis.run import Run
from vitscope.analysis.statistics.paired import Paired, paired
from vitscope.quantities import ranking_metric

Heads = Mapping[tuple[int, int], str]
LOW, HIGH = 5, 95
"""Percentiles of the random orders that bound the band."""
METRICS: Final = (ranking_metric("classes"), ranking_metric("features"), "prob_drop")
"""Of values there is no model to ask: the function that makes them cannot be loaded."""


@dataclass(frozen=True)
class Alone:
    """The effects of the same heads pruned one by one, from the run, beside the effect of the set.

    Parameters
    ----------
    together: mean prob_drop of the set.
    total: sum over the heads of their mean prob_drops, each pruned alone.
    n: images that both are means over: those on which the run has all of them.
    reason: why there is no sum; empty where there is.
    """

    together: float
    total: float
    n: int
    reason: str


@dataclass(frozen=True)
class Counted:
    """What pruning a set of heads did to the images so far.

    Parameters
    ----------
    n: images answered. skipped: those that cannot be read or give no finite numbers.
    accuracy: of the labelled ones; None where there are none, or no classifier. Before is the run's own prediction.
    lost, won: rows that are right only before, only after. moved: other rows whose top class changed.
    means: of jsd (bits), out_cos, prob_drop; NaN where undefined.
    """

    n: int
    skipped: int
    accuracy: Paired | None
    lost: tuple[int, ...]
    won: tuple[int, ...]
    moved: tuple[int, ...]
    means: Mapping[str, float]
    alone: Alone


class ScopeCount:
    """Adds up answers with a set of heads pruned."""

    def __init__(self, run: Run, heads: Heads, fill: str) -> None:
        images = run.images
        self._label = images["label"].to_numpy()
        self._before = images["prediction"].to_numpy()
        self._classes = run.manifest.model.n_classes is not None
        self._rows: list[int] = []
        self._skipped = 0
        self._after: list[int] = []
        self._values: dict[str, list[float]] = {name: [] for name in METRICS}
        self._singles, self._reason = _singles(run, heads, fill)

    def add(
        self, rows: Sequence[int], prediction: Iterable[int], values: Mapping[str, Iterable[float]], *, skipped: int
    ) -> None:
        """Some images: their top classes with the heads pruned, and `METRICS`."""
        self._rows += [int(row) for row in rows]
        self._after += [int(top) for top in prediction]
        for name in METRICS:
            self._values[name] += [float(value) for value in values[name]]
        self._skipped += skipped

    @property
    def seen(self) -> int:
        """Images answered or skipped."""
        return len(self._rows) + self._skipped

    def counted(self) -> Counted:
        """So far."""
        rows = np.array(self._rows, dtype=np.int64)
        after, before, label = np.array(self._after, dtype=np.int64), self._before[rows], self._label[rows]
        known = (label >= 0) & self._classes
        was, now = before == label, after == label
        moved = (before != after) & self._classes
        return Counted(
            n=len(rows),
            skipped=self._skipped,
            accuracy=paired(was[known], now[known]) if known.any() else None,
            lost=tuple(rows[known & was & ~now].tolist()),
            won=tuple(rows[known & ~was & now].tolist()),
            moved=tuple(rows[moved & ~(known & (was != now))].tolist()),
            means={name: _mean(values) for name, values in self._values.items()},
            alone=self._alone(rows),
        )

    def _alone(self, rows: np.ndarray) -> Alone:
        together = np.array(self._values["prob_drop"])
        if self._singles is None:
            return Alone(_mean(together), nan, 0, self._reason)
        singles = self._singles[rows]
        both = np.isfinite(singles).all(1) & np.isfinite(together)
        if not both.any():
            return Alone(_mean(together), nan, 0, "the run has the single effects on none of these images yet")
        return Alone(float(together[both].mean()), float(singles[both].sum(1).mean()), int(both.sum()), "")


def _singles(run: Run, heads: Heads, fill: str) -> tuple[Float[np.ndarray, "image head"] | None, str]:
    """prob_drop of each head alone from the run, or why it has none."""
    manifest = run.manifest
    if manifest.model.n_classes is None:
        return None, "this model has no classifier"
    if fill != manifest.options.fill:
        return None, f"the run pruned single heads with fill {manifest.options.fill}"
    lacking = sorted({mode for mode in heads.values() if mode not in manifest.options.modes})
    if lacking:
        return None, f"the run did not prune single heads in mode {lacking[0]}"
    effect = {mode: run.effect("prob_drop", mode) for mode in set(heads.values())}
    return np.stack([effect[mode][:, layer, head] for (layer, head), mode in heads.items()], -1).astype(float), ""


def _mean(values: Sequence[float] | np.ndarray) -> float:
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    return float(finite.mean()) if len(finite) else nan


@dataclass(frozen=True)
class Line:
    """One order of a curve, a value for each size; NaN where the order is too short or nothing is known yet.

    `accuracy` of the labelled images; `low`, `high`: 95 % interval of accuracy minus that of the intact model, paired;
    `moved`: mean jsd in bits, or out_cos without a classifier. `n`: images so far.
    """

    name: str
    heads: tuple[tuple[int, int], ...]
    accuracy: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    moved: tuple[float, ...]
    n: tuple[int, ...]


@dataclass(frozen=True)
class Band:
    """Random orders together, a value for each size: percentiles `low`, `median`, `high` over `draws` orders.

    Each draw counts with the same `n` images, those that all of them have so far; NaN where there are none.
    """

    draws: int
    n: tuple[int, ...]
    accuracy: Mapping[str, tuple[float, ...]]
    moved: Mapping[str, tuple[float, ...]]


class CurveCount:
    """Adds up answers along orders of heads."""

    def __init__(
        self,
        labels: Sequence[int],
        lines: Sequence[tuple[str, tuple[tuple[int, int], ...]]],
        sizes: Sequence[int],
        given: int,
    ) -> None:
        """`labels` of the images, -1 = none; the first `given` lines are shown, the others are the random ones."""
        self._label = np.asarray(labels)
        self._lines = lines
        self._given = given
        self._intact = np.full(len(labels), -1)
        self._after = np.full((len(lines), len(sizes), len(labels)), -2)
        self._moved = np.full(self._after.shape, np.nan)

    def add(
        self,
        places: Iterable[tuple[int, int]],
        images: slice,
        prediction: np.ndarray,
        moved: np.ndarray,
        *,
        intact: bool,
    ) -> None:
        """Answers of some images, for every (line, size) whose set of heads was pruned; `intact`: none was."""
        if intact:
            self._intact[images] = prediction
        for place in places:
            self._after[*place, images] = prediction
            self._moved[*place, images] = moved

    def lines(self) -> list[Line]:
        """Those that are shown."""
        return [self._line(at) for at in range(self._given)]

    def band(self) -> Band:
        """The random ones."""
        after, moved = self._after[self._given :], self._moved[self._given :]
        common = np.asarray((after > -2).all(0))  # [size, image]
        known = common & np.asarray((self._label >= 0) & (self._intact >= 0))
        right = [(after[:, size] == self._label)[:, known[size]] for size in self._sizes]
        there = [moved[:, size][:, common[size]] for size in self._sizes]
        return Band(
            draws=len(after),
            n=tuple(common.sum(1).tolist()) if len(after) else (0,) * len(self._sizes),
            accuracy=_percentiles(right),
            moved=_percentiles(there),
        )

    @property
    def _sizes(self) -> range:
        return range(self._after.shape[1])

    def _line(self, at: int) -> Line:
        name, heads = self._lines[at]
        found = [self._paired(at, size) for size in self._sizes]
        return Line(
            name=name,
            heads=heads,
            accuracy=tuple(one.after for one in found),
            low=tuple(one.low for one in found),
            high=tuple(one.high for one in found),
            moved=tuple(self._mean_moved(at, size) for size in self._sizes),
            n=tuple(int((self._after[at, size] > -2).sum()) for size in self._sizes),
        )

    def _paired(self, line: int, size: int) -> Paired:
        after = self._after[line, size]
        known = (after > -2) & (self._label >= 0) & (self._intact >= 0)
        return paired((self._intact == self._label)[known], (after == self._label)[known])

    def _mean_moved(self, line: int, size: int) -> float:
        return _mean(self._moved[line, size])


def _percentiles(values: Sequence[Shaped[np.ndarray, "draw image"]]) -> dict[str, tuple[float, ...]]:
    """Of the draws' means over images, for each size."""
    found = [np.percentile(each.mean(1), [LOW, 50, HIGH]) if each.size else np.full(3, nan) for each in values]
    return {name: tuple(float(one[at]) for one in found) for at, name in enumerate(("low", "median", "high"))}
