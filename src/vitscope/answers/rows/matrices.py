"""Whole attention matrices cut to what a page asks for: one token's rows, averages over blocks.

Knows nothing about: where matrices come from, HTTP.
"""

import numpy as np
from jaxtyping import Float, Float32

from vitscope.measures.maps.rollout import Direction

Matrices = Float[np.ndarray, "layer head query key"]


def of_token(matrices: Matrices, token: int, direction: Direction) -> Float[np.ndarray, "layer head key"]:
    """Attention of every head from one token (its row) or to it (its column)."""
    return matrices[:, :, token] if direction == "from" else matrices[:, :, :, token]


def pooled(matrices: Float[np.ndarray, "*batch query key"], blocks: int) -> Float32[np.ndarray, "*batch block block"]:
    """Mean over `blocks` x `blocks` nearly equal blocks of consecutive tokens; fewer tokens stay as they are."""
    n_tokens = matrices.shape[-1]
    if n_tokens <= blocks:
        return matrices.astype(np.float32, copy=False)
    bounds = np.arange(blocks + 1) * n_tokens // blocks
    sizes = np.diff(bounds).astype(np.float32)
    sums = np.add.reduceat(np.add.reduceat(matrices, bounds[:-1], axis=-1), bounds[:-1], axis=-2)
    return (sums / (sizes[:, None] * sizes)).astype(np.float32)
