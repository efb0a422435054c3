"""The images drawn again with replacement, seeded: the same draws in Python and on the page.

Which image a draw takes at a place is a function of seed, draw and place in 32-bit arithmetic, so that
web/src/stats/resampling.ts makes the same draws, in any order and any part of them.
Knows nothing about: runs, models, what the values are.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float64, Int, UInt32

DRAWS: Final = 999
"""25 of them lie beyond each end of a 95 % interval: (999 + 1) * 0.025."""
SEED: Final = 0
NO_SPREAD: Final = 1e-4
"""A draw has no spread of its own where its variance is less than this share of that of all images."""
_BLOCK: Final = 4_000_000  # resampled rows drawn at once: 32 MB, whatever the number of images
_GOLDEN: Final = np.uint32(0x9E3779B9)

Values = Float[np.ndarray, "image head"]


@dataclass(frozen=True)
class Resampled:
    """Each head in each draw; heads share a draw, so that differences and ranks keep the images' pairing.

    Parameters
    ----------
    mean: of the draw; NaN for a head without a value in it. Made of plain sums, so that heads that tie do so in draws.
    error: standard error of the draw's mean (n - 1); 0 where the draw has no spread.
    """

    mean: Float64[np.ndarray, "draw head"]
    error: Float64[np.ndarray, "draw head"]


def drawn(n: int, draws: range, *, seed: int = SEED) -> Int[np.ndarray, "draw place"]:
    """Which of `n` images (below 2^21) each draw takes at each place: mix(mix(draw) ^ mix(place)) * n / 2^32."""
    keys = _mixed(np.arange(draws.start, draws.stop, dtype=np.uint32) * _GOLDEN + np.uint32(seed))
    places = _mixed(np.arange(n, dtype=np.uint32) + np.uint32(1))
    mixed = _mixed(keys[:, None] ^ places)
    return (mixed.astype(np.uint64) * np.uint64(n) >> np.uint64(32)).astype(np.int64)


def resample(values: Values, *, draws: int = DRAWS, seed: int = SEED) -> Resampled:
    """Mean and standard error of each head in each draw of the images that have a value for any head."""
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values).any(axis=1)]
    n, heads = values.shape
    found = Resampled(np.full((draws, heads), np.nan), np.zeros((draws, heads)))
    if n == 0:
        return found
    present = np.isfinite(values)
    known = present.sum(axis=0)
    mean = np.where(present, values, 0.0).sum(axis=0) / np.maximum(known, 1)
    filled = np.where(present, values, 0.0)
    squared = np.where(present, values - mean, 0.0) ** 2
    least = NO_SPREAD * squared.sum(axis=0) / np.maximum(known - 1, 1)
    step = max(1, _BLOCK // n)
    for start in range(0, draws, step):
        part = range(start, min(start + step, draws))
        picked = drawn(n, part, seed=seed) + n * np.arange(len(part))[:, None]
        times = np.bincount(picked.ravel(), minlength=len(part) * n).reshape(len(part), n).astype(np.float64)
        weight = np.broadcast_to(float(n), (len(part), heads)) if present.all() else times @ present
        drawn_mean = times @ filled / np.maximum(weight, 1)
        variance = (times @ squared - weight * (drawn_mean - mean) ** 2) / np.maximum(weight - 1, 1)
        spread = (weight > 1) & (variance > least)
        found.mean[start : part.stop] = np.where(weight > 0, drawn_mean, np.nan)
        found.error[start : part.stop] = np.where(spread, np.sqrt(np.maximum(variance, 0) / np.maximum(weight, 1)), 0)
    return found


def _mixed(x: UInt32[np.ndarray, "*any"]) -> UInt32[np.ndarray, "*any"]:
    """The bits of a number mixed, one to one. Source: Wellons' lowbias32."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))
