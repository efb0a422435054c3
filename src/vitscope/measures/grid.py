"""Lengths of a token grid, in patches and in pixels; `xp` is what makes the arrays, of array-api-compat.

Knows nothing about: heads, models.
"""

import math
from typing import Any

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


def offsets(tokens: TokenLayout, xp: Any) -> Any:  # noqa: ANN401 - an array of xp
    """Signed offsets in patches from query to key patch [axis, patch, patch]: down, and to the right."""
    patch = xp.arange(tokens.n_patches)
    row, col = patch // tokens.cols, patch % tokens.cols
    return xp.stack([row - row[:, None], col - col[:, None]])


def hops(tokens: TokenLayout, xp: Any) -> Any:  # noqa: ANN401
    """Chebyshev distance in patches [patch, patch]: ring k of a patch is where its row equals k."""
    return xp.max(xp.abs(offsets(tokens, xp)), axis=0)


def pixel_distances(tokens: TokenLayout, xp: Any) -> Any:  # noqa: ANN401
    """Euclidean distance between patch centres in pixels, float64 [patch, patch]."""
    down, right = xp.astype(offsets(tokens, xp), xp.float64)
    return xp.hypot(down * tokens.patch[0], right * tokens.patch[1])
