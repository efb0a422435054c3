"""How alike heads are, from what a run keeps of them: `vitscope.measures`' similarities over many images and layers.

Knows nothing about: runs, files, torch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from vitscope.measures.directions import unit
from vitscope.measures.matrices import widen
from vitscope.measures.similarity import cka

_IMAGES: Final = 64
"""Images whose heads are compared at once."""

Pairs = Float64[np.ndarray, "head other"]


class SimilaritySum:
    """Mean over images of the cosines of all pairs of rows, added up block by block."""

    def __init__(self, n_heads: int) -> None:
        self._total = np.zeros((n_heads, n_heads))
        self._counted = np.zeros((n_heads, n_heads))
        self.n_images = 0

    def add(self, rows: Float[np.ndarray, "image head patch"]) -> None:
        """Take some images; rows that are NaN or 0 have no direction and are left out, pair by pair."""
        with one_thread():
            for start in range(0, len(rows), _IMAGES):
                directions, known = _directions(rows[start : start + _IMAGES])
                side_by_side = np.ascontiguousarray(directions.swapaxes(0, 1)).reshape(directions.shape[1], -1)
                self._total += side_by_side @ side_by_side.T  # the sum over images is part of the product
                counted = known.astype(np.float32)
                self._counted += counted.T @ counted
                self.n_images += int(known.any(1).sum())

    def mean(self) -> Pairs:
        """[0, 1]; NaN where no image has both heads."""
        with np.errstate(invalid="ignore"):
            return np.minimum(self._total / self._counted, 1)


def output_similarity(layers: Sequence[Float[np.ndarray, "sample head channel"]]) -> Pairs:
    """As `measures.linear_cka`, over the heads of all layers, in float32."""
    with one_thread():
        return cka([outputs.astype(np.float32) for outputs in layers])


@contextmanager
def one_thread() -> Iterator[None]:
    """Small products on one thread: two of them waiting for each other on a busy machine take 70 times as long.

    A second one spins for a tenth of a second after the last product, on the core that a user's browser needs.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def _directions(
    rows: Float[np.ndarray, "image head entry"],
) -> tuple[Float32[np.ndarray, "image head entry"], Bool[np.ndarray, "image head"]]:
    """Unit rows, 0 for those without a direction, and which have one."""
    directions = unit(widen(rows))
    known = ~np.isnan(directions[..., 0])
    directions[~known] = 0
    return directions, known
