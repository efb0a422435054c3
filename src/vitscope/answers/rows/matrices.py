"""Whole attention matrices cut to what a page asks for: one token's rows, averages over blocks, rollout of one token.

NumPy only; the definitions are those of `vitscope.measures` (docs/definitions.md), which the tests compare with.
Knows nothing about: where matrices come from, HTTP.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float32

from vitscope.errors import InvalidArgument

Direction = Literal["from", "to"]
"""`from`: the query's row, what this token attends to. `to`: the key's column, which tokens attend to it."""
Fusion = Literal["mean", "max", "min"]
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


def rollout_of_token(
    matrices: Matrices,
    token: int,
    direction: Direction,
    *,
    n_heads: Sequence[int],
    cls: int | None,
    residual: float = 0.5,
    fusion: Fusion = "mean",
    discard: float = 0.0,
    start: int = 0,
) -> Float32[np.ndarray, "layer key"]:
    """One token of the rollout after each layer: its row (`from`) or its column (`to`) of `measures.rollout`.

    Row l is of the product from layer `start` up to l; NaN below `start`. The T x T product is never formed. Stored
    matrices are in half precision and taken as they are: rows of A~ are rescaled anyway.

    Parameters
    ----------
    n_heads: heads of each layer; those beyond are not looked at.
    cls: the token whose column `discard` spares.
    The others are those of `measures.rollout`.

    Raises
    ------
    InvalidArgument: an option outside its range.
    """
    n_layers, n_tokens = matrices.shape[0], matrices.shape[-1]
    if not 0 <= residual <= 1 or not 0 <= discard <= 1:
        raise InvalidArgument(
            f"cannot roll out with residual {residual} and discard {discard}: expected shares in [0, 1]"
        )
    if not 0 <= start < n_layers:
        raise InvalidArgument(f"cannot start the rollout at layer {start}: there are layers 0..{n_layers - 1}")

    def steps(layers: range) -> Iterator[tuple[int, Float32[np.ndarray, "query key"]]]:
        for layer in layers:
            fused = _fuse(matrices[layer, : n_heads[layer]], fusion)
            yield layer, _step(_discard_smallest(fused, discard, cls) if discard else fused, residual)

    rolled = np.full((n_layers, n_tokens), np.nan, np.float32)
    with np.errstate(invalid="ignore"):  # a row of A~ without weight is NaN, and so is what it reaches
        if direction == "from":  # row of A~_l ... A~_start: each product is finished from its left end
            for layer, step in steps(range(n_layers - 1, start - 1, -1)):
                rolled[layer + 1 :] = rolled[layer + 1 :] @ step
                rolled[layer] = step[token]
        else:
            column: Any = None
            for layer, step in steps(range(start, n_layers)):
                column = step[:, token] if column is None else step @ column
                rolled[layer] = column
    return rolled


def _fuse(heads: Float[np.ndarray, "head query key"], fusion: Fusion) -> Float32[np.ndarray, "query key"]:
    if fusion == "mean":
        return heads.mean(axis=0, dtype=np.float32)
    fused = heads.max(axis=0) if fusion == "max" else heads.min(axis=0)
    return fused.astype(np.float32)


def _step(fused: Float32[np.ndarray, "query key"], residual: float) -> Float32[np.ndarray, "query key"]:
    """A~ = (1 - residual) A_fused + residual I, rows rescaled."""
    mixed = np.float32(1 - residual) * fused
    mixed[np.diag_indices_from(mixed)] += np.float32(residual)
    return mixed / mixed.sum(axis=-1, keepdims=True)


def _discard_smallest(
    fused: Float32[np.ndarray, "query key"], share: float, cls: int | None
) -> Float32[np.ndarray, "query key"]:
    """The floor(share m) smallest of the m entries outside column `cls` become 0; of equal ones the first go first."""
    ranked = fused.copy()
    if cls is not None:
        ranked[:, cls] = np.inf  # never among the smallest
    n_tokens = len(fused)
    candidates = n_tokens * (n_tokens - (cls is not None))
    smallest = np.argsort(ranked, axis=None, kind="stable")[: math.floor(share * candidates)]
    thinned = fused.copy()
    thinned.reshape(-1)[smallest] = 0
    return thinned
