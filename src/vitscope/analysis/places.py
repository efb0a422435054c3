"""Places on the patch grid: corners, border, the names of tokens, and what uniform attention gives.

Knows nothing about: runs, heads.
"""

from array_api_compat import numpy as xp

from vitscope.measures.grid import hops, pixel_distances
from vitscope.tokens import TokenLayout


def n_corner_patches(tokens: TokenLayout) -> int:
    """Number of corner patches: 4 of a grid, 2 of a single row or column."""
    return min(tokens.rows, 2) * min(tokens.cols, 2)


def n_border_patches(tokens: TokenLayout) -> int:
    """Number of patches at the border, corners included."""
    return tokens.n_patches - max(tokens.rows - 2, 0) * max(tokens.cols - 2, 0)


def is_corner(token: int, tokens: TokenLayout) -> bool:
    """Whether a token is a corner patch."""
    row, col = divmod(token - tokens.n_prefix, tokens.cols)
    return token >= tokens.n_prefix and row in (0, tokens.rows - 1) and col in (0, tokens.cols - 1)


def uniform_distance(tokens: TokenLayout) -> float:
    """Mean distance in pixels of attention that is uniform over the patches, as `distance_no_sinks` measures it."""
    return uniform_reach(tokens)[1] * tokens.n_tokens / tokens.n_patches


def token_name(tokens: TokenLayout, token: int) -> str:
    """`CLS`, `reg1`, `patch 3,4`."""
    name = tokens.name(token)
    return f"patch {name}" if token >= tokens.n_prefix else name.upper() if name == "cls" else name


def uniform_reach(tokens: TokenLayout) -> tuple[float, float]:
    """What attention uniform over all tokens gives: share within 1 hop, and mean distance in pixels."""
    within, distance = hops(tokens, xp) <= 1, pixel_distances(tokens, xp)
    return float(within.sum(axis=1).mean() / tokens.n_tokens), float(distance.sum(axis=1).mean() / tokens.n_tokens)
