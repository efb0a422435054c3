"""Which heads are backups of each other: little is lost without either, much without both.

Knows nothing about: models; how the effects were measured (`vitscope.interactions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Float

from vitscope.analysis.statistics.intervals import FEW
from vitscope.quantities import quantity
from vitscope.quantities.form import number, plural, span

if TYPE_CHECKING:
    import xarray

TIMES: Final = 2.0
"""Together a pair must do at least so many times what the two do alone, added up."""


@dataclass(frozen=True)
class Backup:
    """Two heads by name, the mean effects of pruning one, the other and both, and the interval of the interaction."""

    head: str
    other: str
    alone: float
    other_alone: float
    together: float
    low: float
    high: float
    n: int


def backups(found: "xarray.Dataset") -> list[Backup]:
    """Pairs whose joint effect is at least twice the sum of the single ones, beyond chance; the strongest first.

    Parameters
    ----------
    found: what `vitscope.interactions` gives, for images of one kind.

    Returns
    -------
    Pairs whose interval of the mean interaction lies below 0, simultaneous over all pairs: of many sets of images no
    more than 1 in 20 would give even one wrong pair, however many pairs there are (630 of 36 heads). None for one
    image, which says nothing about the others.

    Method
    ------
    Bootstrap over images of the largest |t| of all pairs (max-t): the interval is mean +- q s / sqrt n
    with q its 95 % quantile.
    """
    names = [str(name) for name in found["head"].values]
    i, j = np.triu_indices(len(names), 1)
    interaction = found["interaction"].values[:, i, j]
    if not np.isfinite(interaction).any():
        return []
    low, high = simultaneous(interaction)
    alone, together = found["alone"].values.mean(0), found["together"].values.mean(0)[i, j]
    pairs = [
        Backup(
            head=names[i[pair]],
            other=names[j[pair]],
            alone=float(alone[i[pair]]),
            other_alone=float(alone[j[pair]]),
            together=float(together[pair]),
            low=float(low[pair]),
            high=float(high[pair]),
            n=len(interaction),
        )
        for pair in range(len(i))
        if high[pair] < 0 and together[pair] >= TIMES * max(alone[i[pair]] + alone[j[pair]], 0.0)
    ]
    return sorted(pairs, key=lambda pair: pair.alone + pair.other_alone - pair.together)


def backups_text(found: Sequence[Backup], metric: str, n_heads: int, n: int) -> str:
    """One sentence for a screen: which of the pairs of `n_heads` heads are backups on `n` images, or that none is."""
    pairs = plural(n_heads * (n_heads - 1) // 2, "pair")
    if n < 2:
        return f"not known: the interval over images needs at least 2, {n} could be used"
    what = f"{quantity(metric).label}, n = {n}, 95 % intervals simultaneous over the pairs"
    if n < FEW:
        what += f", too narrow where images are few (below {FEW})"
    if not found:
        return f"of {pairs} none is found that does at least {TIMES:g} times what its heads do alone ({what})"
    named = "; ".join(
        f"{pair.head} and {pair.other} {number(pair.together)} together, {number(pair.alone)} and "
        f"{number(pair.other_alone)} alone, interaction {span(pair.low, pair.high)}"
        for pair in found[:SHOWN]
    )
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"of {pairs} {len(found)}: {named}{more} ({what})"


SHOWN: Final = 5
"""Pairs that are named in a sentence."""
RESAMPLES: Final = 1000
LEVEL: Final = 0.95


def simultaneous(
    values: Float[np.ndarray, "image pair"], *, level: float = LEVEL, seed: int = 0
) -> tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
    """Both ends of intervals of the means that hold for all columns at once; NaN for fewer than two images."""
    n = len(values)
    if n < 2:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    mean, error = values.mean(0), values.std(0, ddof=1) / np.sqrt(n)
    varies = error > 1e-12 * np.abs(values).max(initial=0.0)
    centred = (values - mean)[:, varies]
    generator = np.random.default_rng(seed)
    largest = np.zeros(RESAMPLES)
    for draw in range(RESAMPLES):
        times = np.bincount(generator.integers(n, size=n), minlength=n).astype(np.float64)
        moved = times @ centred / n
        spread = np.sqrt(np.maximum(times @ centred**2 / n - moved**2, 0) / (n - 1))
        usable = spread > 1e-6 * error[varies]
        largest[draw] = np.max(np.abs(moved[usable]) / spread[usable], initial=0.0)
    reach = np.quantile(largest, level) * error
    return mean - reach, mean + reach
