"""Which heads stand in for each other: little is lost without either, much without both.

Knows nothing about: models; how the effects were measured (`vitscope.interactions`).
"""

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from vitscope.report.intervals import ANY, mean_interval

if TYPE_CHECKING:
    import xarray

TIMES: Final = 2.0
"""Together a pair must do at least so many times what the two do alone, added up."""


class Backup(NamedTuple):
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
    Pairs where the 95 % interval over images of the mean interaction lies below 0; none for one image, which
    says nothing about the others. Pairs are not corrected for their number.
    """
    names = [str(name) for name in found["head"].values]
    i, j = np.triu_indices(len(names), 1)
    interaction = found["interaction"].values[:, i, j]
    if not np.isfinite(interaction).any():
        return []
    interval = mean_interval(interaction, ANY)
    alone, together = found["alone"].values.mean(0), found["together"].values.mean(0)[i, j]
    pairs = [
        Backup(
            head=names[i[pair]],
            other=names[j[pair]],
            alone=float(alone[i[pair]]),
            other_alone=float(alone[j[pair]]),
            together=float(together[pair]),
            low=float(interval.low[pair]),
            high=float(interval.high[pair]),
            n=len(interaction),
        )
        for pair in range(len(i))
        if interval.high[pair] < 0 and together[pair] >= TIMES * max(alone[i[pair]] + alone[j[pair]], 0.0)
    ]
    return sorted(pairs, key=lambda pair: pair.alone + pair.other_alone - pair.together)
