"""What a set of images says about each head: centre, spread, interval, rank, agreement. Pure numpy, seeded.

Values are laid out [image, head], the heads of all layers side by side; NaN means "not computed" or "no such head" and
is left out, never counted as 0. Knows nothing about: runs, models, text.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

RESAMPLES: Final = 2000
LEVEL: Final = 0.95
_BLOCK: Final = 4_000_000  # resampled rows drawn at once: 32 MB, whatever the number of images

Values = Float[np.ndarray, "image head"]
PerHead = Float64[np.ndarray, " head"]


@dataclass(frozen=True)
class Summary:
    """Centre and spread of each head's values over the images; NaN where a head has none. Units are the values'."""

    mean: PerHead
    median: PerHead
    lower_quartile: PerHead
    upper_quartile: PerHead
    n: Int[np.ndarray, " head"]


@dataclass(frozen=True)
class Interval:
    """Lower and upper end of a 95 % interval for each head; NaN where fewer than two images have a value."""

    low: PerHead
    high: PerHead


def summarise(values: Values) -> Summary:
    """Mean, median, quartiles (linear interpolation) and number of images, per head, missing values left out."""
    values = np.asarray(values, np.float64)
    n = np.isfinite(values).sum(axis=0)
    filled = np.where(np.isfinite(values), values, np.nan)
    quartiles = np.full((3, values.shape[1]), np.nan)
    some = n > 0
    if some.any():
        quartiles[:, some] = np.nanquantile(filled[:, some], [0.25, 0.5, 0.75], axis=0)
    return Summary(
        mean=_mean(values), median=quartiles[1], lower_quartile=quartiles[0], upper_quartile=quartiles[2], n=n
    )


def bootstrap_means(
    values: Values, *, resamples: int = RESAMPLES, seed: int = 0
) -> Float64[np.ndarray, "resample head"]:
    """Each head's mean over `resamples` seeded draws of the images, with replacement.

    All heads share a draw, so that differences and ranks keep the images' pairing. A head with no value in a draw is
    NaN there. Images without any value are not drawn: n is the number of images that were measured.
    """
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values).any(axis=1)]
    n, heads = values.shape
    means = np.full((resamples, heads), np.nan)
    if n == 0:
        return means
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    complete = bool(present.all())
    generator = np.random.default_rng(seed)
    step = max(1, _BLOCK // n)
    for start in range(0, resamples, step):
        draws = min(step, resamples - start)
        picked = generator.integers(n, size=(draws, n)) + n * np.arange(draws)[:, None]
        times = np.bincount(picked.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)
        weight = np.full((draws, heads), float(n)) if complete else times @ present
        with np.errstate(invalid="ignore"):
            means[start : start + draws] = np.where(
                weight > 0, times @ filled / np.where(weight > 0, weight, 1), np.nan
            )
    return means


def mean_interval(values: Values, *, resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL) -> Interval:
    """Percentile bootstrap interval of each head's mean over images (`bootstrap_means`)."""
    return interval_of(bootstrap_means(values, resamples=resamples, seed=seed), summarise(values).n, level=level)


def interval_of(
    means: Float64[np.ndarray, "resample head"], n: Int[np.ndarray, " head"], *, level: float = LEVEL
) -> Interval:
    """The central `level` share of resampled values; NaN where n < 2: one image says nothing about the others."""
    ends = np.full((2, means.shape[1]), np.nan)
    known = n > 1
    if known.any():
        ends[:, known] = np.nanquantile(means[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(low=ends[0], high=ends[1])


def descending_rank(means: Float[np.ndarray, "*batch head"]) -> Float64[np.ndarray, "*batch head"]:
    """Rank by size along the last axis: 1 = the largest, equals share the better rank, NaN stays NaN."""
    means = np.asarray(means, np.float64)
    ordered = np.sort(np.where(np.isnan(means), np.inf, -means), axis=-1)
    rows = means.reshape(-1, means.shape[-1])
    ranks = np.empty_like(rows)
    for row, (sorted_row, given) in enumerate(zip(ordered.reshape(rows.shape), rows, strict=True)):
        ranks[row] = np.searchsorted(sorted_row, -given, side="left") + 1
    return np.where(np.isnan(means), np.nan, ranks.reshape(means.shape))


def rank_interval(
    means: Float64[np.ndarray, "resample head"], n: Int[np.ndarray, " head"], *, level: float = LEVEL
) -> Interval:
    """Interval of each head's rank over the resamples, rounded outwards to whole ranks; NaN where n < 2."""
    ends = np.full((2, means.shape[1]), np.nan)
    known = n > 1
    if known.any():
        ranks = descending_rank(means)[:, known]
        ends[0, known] = np.floor(np.nanquantile(ranks, (1 - level) / 2, axis=0))
        ends[1, known] = np.ceil(np.nanquantile(ranks, (1 + level) / 2, axis=0))
    return Interval(low=ends[0], high=ends[1])


def consistency(summary: Summary) -> PerHead:
    """1 - IQR / (IQR + |median|) of each head over images: 1 = the same in all, 0 = median 0 while images differ.

    NaN where IQR and median are both 0, and where fewer than two images have a value.
    """
    spread = summary.upper_quartile - summary.lower_quartile
    size = spread + np.abs(summary.median)
    defined = (summary.n > 1) & (size > 0)
    return np.where(defined, 1 - spread / np.where(defined, size, 1), np.nan)


def top_share(values: Values) -> PerHead:
    """Share of the images in which no other head has a larger value; ties count for each, images all 0 for none."""
    values = np.asarray(values, np.float64)
    filled = np.where(np.isfinite(values), values, -np.inf)
    measured = np.isfinite(values).any(axis=1)
    if not measured.any():
        return np.full(values.shape[1], np.nan)
    filled = filled[measured]
    largest = filled.max(axis=1, keepdims=True)
    winners = (filled == largest) & ~np.all((filled == 0) | np.isneginf(filled), axis=1, keepdims=True)
    return np.where(np.isfinite(values).any(axis=0), winners.mean(axis=0), np.nan)


def average_ranks(values: Float[np.ndarray, "row column"]) -> Float64[np.ndarray, "row column"]:
    """Rank within each row, 1 = the smallest; equal values share the mean of their ranks. No NaN allowed."""
    return _ranks_and_ties(values)[0]


def kendalls_w(values: Values) -> float:
    """Kendall's coefficient of concordance of the images' head rankings, corrected for ties.

    W = 12 S / (m^2 (h^3 - h) - m sum_images sum_ties (t^3 - t)), S = the sum of squared deviations of the heads' rank
    sums from their mean; m images, h heads. 1 = every image ranks the heads alike, about 1/m for unrelated rankings.
    Heads without a value in any image are left out, then images that miss one of the others. NaN for fewer than two
    images or heads, and where every image ties all its heads.

    Source: Kendall & Babington Smith 1939; tie correction as in the Friedman test, chi^2 = m (h - 1) W.
    """
    values = np.asarray(values, np.float64)
    present = np.isfinite(values)
    values = values[:, present.any(axis=0)]
    values = values[np.isfinite(values).all(axis=1)]
    images, heads = values.shape
    if images < 2 or heads < 2:
        return float("nan")
    ranks, ties = _ranks_and_ties(values)
    sums = ranks.sum(axis=0)
    largest = images**2 * (heads**3 - heads) - images * float(ties.sum())
    deviation = float(((sums - sums.mean()) ** 2).sum())
    return 12 * deviation / largest if largest > 0 else float("nan")


def spearman(a: Float[np.ndarray, " head"], b: Float[np.ndarray, " head"]) -> float:
    """Spearman's rank correlation over the entries where both are known; NaN below two, or where one is constant."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 2:
        return float("nan")
    ranks = average_ranks(np.stack([a[both], b[both]]))
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    size = float(np.sqrt((centred**2).sum(axis=1).prod()))
    return float((centred[0] * centred[1]).sum() / size) if size > 0 else float("nan")


@dataclass(frozen=True)
class Moments:
    """Number of images, mean, and sum of squared deviations from it, per head."""

    n: Int[np.ndarray, " head"]
    mean: PerHead
    squares: PerHead

    def without(self, part: "Moments") -> "Moments":
        """The moments of the images that are not in `part`, without going through them again (Chan et al. 1979)."""
        n = self.n - part.n
        total, inside = (np.where(m.n > 0, m.n * m.mean, 0.0) for m in (self, part))
        mean = np.where(n > 0, (total - inside) / np.maximum(n, 1), np.nan)
        between = (part.mean - mean) ** 2 * part.n * n / np.maximum(self.n, 1)
        squares = self.squares - part.squares - np.where((n > 0) & (part.n > 0), between, 0.0)
        return Moments(n, mean, np.maximum(squares, 0.0))


def moments(values: Values) -> Moments:
    """What t-tests need to know of each head's values, missing ones left out."""
    values = np.asarray(values, np.float64)
    present, mean = np.isfinite(values), _mean(values)
    return Moments(present.sum(axis=0), mean, (np.where(present, values - mean, 0.0) ** 2).sum(axis=0))


def welch_p(inside: Moments, outside: Moments) -> PerHead:
    """Two-sided p of Welch's t-test per head: do images `inside` a class differ in mean from those `outside` it?

    NaN where a side has fewer than two images; p is 1 where neither side varies and the means agree, 0 where they
    differ.
    """
    first, second = (part.squares / np.maximum(part.n - 1, 1) / np.maximum(part.n, 1) for part in (inside, outside))
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (first + second) ** 2 / (
            first**2 / np.maximum(inside.n - 1, 1) + second**2 / np.maximum(outside.n - 1, 1)
        )
    known = (inside.n > 1) & (outside.n > 1)
    return _two_sided(inside.mean - outside.mean, first + second, freedom, known)


def paired_p(differences: Float[np.ndarray, " image"]) -> float:
    """Two-sided p of the paired t-test that the differences have mean 0; NaN below two images."""
    of = moments(np.asarray(differences, np.float64)[:, None])
    freedom = np.maximum(of.n - 1.0, 1)
    return float(_two_sided(of.mean, of.squares / freedom / np.maximum(of.n, 1), freedom, of.n > 1)[0])


def holm(p: Float[np.ndarray, "*test"]) -> Float64[np.ndarray, "*test"]:
    """Holm's step-down correction for testing many times: adjusted p, to be held against the usual threshold.

    NaN entries were not tested and stay NaN. Source: Holm 1979.
    """
    p = np.asarray(p, np.float64)
    adjusted = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    given = p[tested]
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    result = np.empty_like(given)
    result[order] = np.minimum(stepped, 1.0)
    adjusted[tested] = result
    return adjusted


def _mean(values: Float64[np.ndarray, "image head"]) -> PerHead:
    present = np.isfinite(values)
    n = present.sum(axis=0)
    return np.where(n > 0, np.where(present, values, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)


def _two_sided(difference: PerHead, size: PerHead, freedom: PerHead, known: Bool[np.ndarray, " head"]) -> PerHead:
    """P of Student's t with a squared standard error `size`; a zero error decides at once."""
    from scipy.special import (
        stdtr,
    )  # a C function: costs no more than numpy to load, and only where classes are compared

    varies = size > 0
    t = np.abs(difference) / np.sqrt(np.where(varies, size, 1.0))
    p = 2 * stdtr(np.where(varies, freedom, 1.0), -t)
    return np.where(known, np.where(varies, p, np.where(difference == 0, 1.0, 0.0)), np.nan)


def _ranks_and_ties(
    values: Float[np.ndarray, "row column"],
) -> tuple[Float64[np.ndarray, "row column"], Float64[np.ndarray, " row"]]:
    """Average ranks within rows and, per row, sum over groups of t equal values of t^3 - t."""
    values = np.asarray(values, np.float64)
    rows, columns = values.shape
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    first = np.ones((rows, columns), bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    group = np.cumsum(first.ravel()) - 1  # rows never share a group: each begins with a first
    sizes = np.bincount(group, minlength=1)
    middle = np.cumsum(sizes) - (sizes - 1) / 2  # mean place, counted through all rows
    places = middle[group].reshape(rows, columns) - columns * np.arange(rows)[:, None]
    ranks = np.empty((rows, columns))
    np.put_along_axis(ranks, order, places, axis=1)
    ties = (sizes[group].astype(np.float64) ** 2 - 1).reshape(rows, columns).sum(axis=1)
    return ranks, ties
