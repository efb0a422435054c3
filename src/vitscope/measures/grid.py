"""Lengths of a token grid, in patches and in pixels.

Knows nothing about: arrays, heads, models.
"""

import math

from vitscope.arguments import checked
from vitscope.tokens import TokenLayout


def n_hops(tokens: TokenLayout) -> int:
    """Length of the hop axis: hops 0 .. max(rows, cols) - 1."""
    return max(tokens.rows, tokens.cols)


@checked
def image_diagonal(tokens: TokenLayout) -> float:
    """Diagonal of the token grid's image in pixels: what `mean_distance` is divided by to give a share.

    Example
    -------
    >>> image_diagonal(TokenLayout(prefix=("cls",), rows=3, cols=4, patch=(16, 16)))
    80.0
    """
    return math.hypot(tokens.rows * tokens.patch[0], tokens.cols * tokens.patch[1])
