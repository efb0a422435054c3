"""What a set of images says about each head: centre, spread, rank, agreement. Pure numpy.

Values are laid out [image, head], the heads of all layers side by side; NaN means "not computed" or "no such head" and
is left out, never counted as 0. Knows nothing about: runs, models, text.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

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
        mean=mean_over_images(values),
        median=quartiles[1],
        lower_quartile=quartiles[0],
        upper_quartile=quartiles[2],
        n=n,
    )


def mean_over_images(values: Float[np.ndarray, "image *rest"]) -> Float64[np.ndarray, "*rest"]:
    """Mean over the images that have a value; NaN where none has."""
    values = np.asarray(values)
    present = np.isfinite(values)
    n = present.sum(axis=0)
    total = np.where(present, values, 0).sum(axis=0, dtype=np.float64)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def descending_rank(means: Float[np.ndarray, "*batch head"]) -> Float64[np.ndarray, "*batch head"]:
    """Rank by size along the last axis: 1 = the largest, equals share the better rank, NaN stays NaN."""
    means = np.asarray(means, np.float64)
    ordered = np.sort(np.where(np.isnan(means), np.inf, -means), axis=-1)
    rows = means.reshape(-1, means.shape[-1])
    ranks = np.empty_like(rows)
    for row, (sorted_row, given) in enumerate(zip(ordered.reshape(rows.shape), rows, strict=True)):
        ranks[row] = np.searchsorted(sorted_row, -given, side="left") + 1
    return np.where(np.isnan(means), np.nan, ranks.reshape(means.shape))


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


@dataclass(frozen=True)
class Agreement:
    """How far images rank the heads alike; `n` images were compared."""

    w: float
    """Kendall's coefficient of concordance: 1 = every image ranks them alike. Unrelated rankings give 1/n, not 0."""
    n: int

    @property
    def chance(self) -> float:
        """What W is for unrelated rankings, on average."""
        return 1 / self.n if self.n > 1 else float("nan")

    @property
    def spearman(self) -> float:
        """Mean of Spearman's rho over all pairs of images, (n W - 1) / (n - 1): 0 = unrelated, 1 = all alike."""
        return (self.n * self.w - 1) / (self.n - 1) if self.n > 1 else float("nan")


def agreement(values: Values) -> Agreement:
    """Kendall's coefficient of concordance of the images' head rankings, corrected for ties.

    W = 12 S / (m^2 (h^3 - h) - m sum_images sum_ties (t^3 - t)), S = the sum of squared deviations of the heads' rank
    sums from their mean; m images, h heads. Heads without a value in any image are left out, then images that miss
    one of the others. NaN for fewer than two images or heads, and where every image ties all its heads.

    Source: Kendall & Babington Smith 1939; tie correction as in the Friedman test, chi^2 = m (h - 1) W.
    """
    values = np.asarray(values, np.float64)
    present = np.isfinite(values)
    values = values[:, present.any(axis=0)]
    values = values[np.isfinite(values).all(axis=1)]
    images, heads = values.shape
    if images < 2 or heads < 2:
        return Agreement(float("nan"), images)
    ranks, ties = _ranks_and_ties(values)
    sums = ranks.sum(axis=0)
    largest = images**2 * (heads**3 - heads) - images * float(ties.sum())
    deviation = float(((sums - sums.mean()) ** 2).sum())
    return Agreement(12 * deviation / largest if largest > 0 else float("nan"), images)


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
