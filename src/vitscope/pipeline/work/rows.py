"""Rows of a shard: cut into slices of fixed size, and results of some of them put into arrays over all of them.

Knows nothing about: what the results are.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Int

REDUCTION_BATCH: Final = 16
"""Images whose attention matrices of one layer are held at once."""


def slices(n: int, size: int) -> Iterator[slice]:
    """Consecutive slices of 0..n-1."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


class OverRows:
    """Puts results of the readable images into arrays over all rows of the shard, NaN for the others."""

    def __init__(self, rows: Sequence[int], readable: Sequence[int]) -> None:
        self.n_rows = len(rows)
        place = {row: i for i, row in enumerate(rows)}
        self.places = np.array([place[row] for row in readable], dtype=np.int64)
        self._readable = {row: i for i, row in enumerate(readable)}

    def __call__(self, parts: Sequence[np.ndarray], shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Join the parts; `shape` of one row is needed where there may be none."""
        joined = np.concatenate(parts) if parts else np.empty((0, *(shape or ())), np.float32)
        full = np.full((self.n_rows, *joined.shape[1:]), np.nan, joined.dtype)
        full[self.places] = joined
        return full

    def places_of(
        self, sampled: Int[np.ndarray, "sample 2"]
    ) -> tuple[Int[np.ndarray, "kept 2"], Bool[np.ndarray, " sample"]]:
        """Pairs (row, token) as (place among the readable images, token), and which of them are readable."""
        readable = np.array([row in self._readable for row, _ in sampled.tolist()], dtype=bool)
        pairs = [(self._readable[row], token) for row, token in sampled[readable].tolist()]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2), readable
