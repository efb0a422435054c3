"""The same labelled images answered twice: did accuracy change, or did only the answers?

Knows nothing about: models, what was done in between.
"""

from dataclasses import dataclass
from math import comb, nan, sqrt
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool

_LEVEL = 0.95


@dataclass(frozen=True)
class Paired:
    """Accuracy before and after, and the images that decide: lost = right before only, won = right after only.

    Parameters
    ----------
    low, high: 95 % interval of after - before, a share of the images (Agresti and Min 2005: half an image is added to
        each cell, which keeps its coverage with few discordant images). NaN without images.
    p: exact McNemar test, two-sided: were lost and won equally likely? 1 where no answer changed sides.
    """

    n: int
    before: float
    after: float
    lost: int
    won: int
    low: float
    high: float
    p: float


def paired(before: Bool[np.ndarray, " image"], after: Bool[np.ndarray, " image"]) -> Paired:
    """Compare which images are right before and after.

    Example
    -------
    >>> found = paired(np.array([True, True, False, True]), np.array([True, False, True, False]))
    >>> found.before, found.after, found.lost, found.won, found.p
    (0.75, 0.5, 2, 1, 1.0)
    """
    n = len(before)
    if n == 0:
        return Paired(0, nan, nan, 0, 0, nan, nan, nan)
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    total, minus, plus = n + 2, lost + 0.5, won + 0.5
    middle = (plus - minus) / total
    half = NormalDist().inv_cdf((1 + _LEVEL) / 2) * sqrt(plus + minus - (plus - minus) ** 2 / total) / total
    tail = sum(comb(lost + won, k) for k in range(min(lost, won) + 1))
    return Paired(
        n=n,
        before=float(before.mean()),
        after=float(after.mean()),
        lost=lost,
        won=won,
        low=float(max(-1.0, middle - half)),
        high=float(min(1.0, middle + half)),
        p=min(1.0, 2 * tail / 2 ** (lost + won)),
    )
