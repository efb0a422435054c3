"""A share of images with its interval.

Knows nothing about: what is counted.
"""

from math import nan, sqrt
from typing import Final

_Z: Final = 1.959963984540054


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share of n images (Wilson 1927): never outside 0 to 1, sound near both; NaN for n = 0.

    Example
    -------
    >>> [round(end, 3) for end in wilson(9, 10)]
    [0.596, 0.982]
    """
    if n == 0:
        return nan, nan
    share, squared = hits / n, _Z * _Z
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    half = _Z * sqrt(share * (1 - share) / n + squared / (4 * n * n)) / (1 + squared / n)
    return (max(0.0, middle - half) if hits else 0.0), (min(1.0, middle + half) if hits < n else 1.0)
