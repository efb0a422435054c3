"""95 % intervals of means over images, of ranks, and which head is clearly the first. The only place for all of them.

The page computes the same from the same draws (web/src/stats/intervals.ts); tests/shared/statistics.json holds both to
it. How often the intervals cover: docs/statistics.md. Exceptions: shares of images (`proportion`), paired accuracy
(`paired`).
Knows nothing about: runs, models, text.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from jaxtyping import Float64, Int

from vitscope.analysis.statistics.descriptive import PerHead, Summary, descending_rank, summarise
from vitscope.analysis.statistics.proportion import wilson
from vitscope.analysis.statistics.resampling import DRAWS, SEED, Resampled, Values, resample
from vitscope.quantities import quantity

BEYOND: Final = (DRAWS + 1) // 40
"""Draws that lie at or beyond an end of a 95 % interval: one in forty at each."""
FEW: Final = 100
"""Below so many images intervals of skewed effects still miss more often than they say: "few images"."""


@dataclass(frozen=True)
class Interval:
    """Lower and upper end of a 95 % interval for each head; NaN where fewer than two images have a value."""

    low: PerHead
    high: PerHead


@dataclass(frozen=True)
class Range:
    """What a quantity can be, where its intervals end; `share`: each image counts 0 or 1."""

    low: float = -inf
    high: float = inf
    share: bool = False


ANY: Final = Range()
UNIT: Final = Range(0.0, 1.0)
SHARE: Final = Range(0.0, 1.0, share=True)
LENGTH: Final = Range(0.0)


def range_of(metric: str) -> Range:
    """What a measure of head importance can be."""
    row = quantity(metric)
    return Range(row.low, row.high, share=row.unit == "0 or 1")


def mean_interval(values: Values, within: Range, *, seed: int = SEED) -> Interval:
    """95 % interval of each head's mean over images.

    At each end the wider of bootstrap-t and Student's t. Bootstrap-t is mean - t se, t from the draws, each studentised
    by its own standard error: it leans to the side of the long tail, where percentiles of resampled means fall short.
    Where draws without spread decide an end it is Student's. Shares of images take Wilson's interval. Ends lie within
    the quantity's range. Images that are all alike give a point; one image gives none.

    Source: Efron & Tibshirani 1993, section 12.5.
    """
    summary = summarise(values)
    drawn = None if within.share else resample(values, seed=seed)
    return interval_of(summary, drawn, standard_errors(values), within)


def standard_errors(values: Values) -> PerHead:
    """Standard error of each head's mean (n - 1); 0 where all its values are equal, NaN below two images."""
    values = np.asarray(values, np.float64)
    present = np.isfinite(values)
    n = present.sum(axis=0)
    mean = np.where(present, values, 0.0).sum(axis=0) / np.maximum(n, 1)
    squares = (np.where(present, values - mean, 0.0) ** 2).sum(axis=0)
    alike = np.where(present, values, -inf).max(axis=0, initial=-inf) == np.where(present, values, inf).min(
        axis=0, initial=inf
    )
    error = np.sqrt(squares / np.maximum(n - 1, 1) / np.maximum(n, 1))
    return np.where(n > 1, np.where(alike, 0.0, error), np.nan)


def interval_of(summary: Summary, drawn: Resampled | None, error: PerHead, within: Range) -> Interval:
    """`mean_interval` from what is made once: the draws (not needed for shares) and the standard errors."""
    if within.share or drawn is None:
        return _shares(summary)
    mean, n = summary.mean, summary.n
    farthest = _student_times(n) * error
    smallest, largest = _studentised(drawn, mean, error, n)
    low = mean - np.fmax(farthest, np.where(np.isfinite(largest), largest, 0) * error)
    high = mean + np.fmax(farthest, np.where(np.isfinite(smallest), -smallest, 0) * error)
    low, high = (np.where(error == 0, mean, end) for end in (low, high))
    return Interval(np.maximum(low, within.low), np.minimum(high, within.high))


def rank_interval(summary: Summary, drawn: Resampled) -> Interval:
    """Interval of each head's rank over the draws, whole ranks; NaN where n < 2."""
    ranks = np.sort(descending_rank(drawn.mean), axis=0)  # NaN last
    some = (summary.n > 1) & np.isfinite(ranks).all(axis=0)
    return Interval(*(np.where(some, ranks[place], np.nan) for place in (BEYOND - 1, len(ranks) - BEYOND)))


def clearly_first(summary: Summary, drawn: Resampled, head: int) -> bool:
    """Whether a head's mean is larger than every other head's in at least 97.5 % of the draws.

    False for one image. The only rule for "the most important head" against "first, though not clearly".
    """
    if summary.n[head] < 2:
        return False
    own = drawn.mean[:, head]
    others = np.where(np.isnan(drawn.mean), -inf, drawn.mean)
    others[:, head] = -inf
    beaten = int((own > others.max(axis=1)).sum())
    return len(own) - beaten < BEYOND


def _studentised(
    drawn: Resampled, mean: PerHead, error: PerHead, n: Int[np.ndarray, " head"]
) -> tuple[PerHead, PerHead]:
    """The t of the draws at both ends; infinite where draws without spread lie there."""
    shift, own = np.nan_to_num(drawn.mean - mean), drawn.error
    off = np.abs(shift) > 1e-9 * error * np.sqrt(np.maximum(n, 1))
    beyond = np.where(off, np.copysign(inf, shift), 0.0)
    t: Float64[np.ndarray, "draw head"] = np.sort(np.where(own > 0, shift / np.where(own > 0, own, 1), beyond), axis=0)
    return t[BEYOND - 1], t[len(t) - BEYOND]


def _student_times(n: Int[np.ndarray, " head"]) -> PerHead:
    """How many standard errors Student's t reaches for n images; NaN below two."""
    from scipy.special import stdtrit  # a C function: costs no more than numpy to load, and only where it is asked for

    return np.where(n > 1, stdtrit(np.maximum(n - 1, 1), 0.975), np.nan)


def _shares(summary: Summary) -> Interval:
    known = summary.n > 1
    hits = np.rint(np.where(known, summary.mean, 0) * summary.n).astype(int)
    ends = np.array([wilson(int(k), int(n)) for k, n in zip(hits, summary.n, strict=True)]).reshape(-1, 2)
    return Interval(*(np.where(known, end, np.nan) for end in ends.T))
