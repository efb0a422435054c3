"""How alike heads are, from what a run keeps of them: numpy versions of `vitscope.measures`' similarities.

Knows nothing about: runs, files, torch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

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


def row_diversity(rows: Float[np.ndarray, "image head patch"]) -> Float32[np.ndarray, " image"]:
    """As `measures.head_diversity`, variant cls: 1 - mean over pairs of heads of the cosine of their rows.

    Over pairs that is sum_head |u - mean u|^2 / (heads - 1), u = unit rows. NaN for one head, and where a row is NaN
    or 0.
    """
    directions, known = _directions(rows)
    centred = directions - directions.mean(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.square(centred).sum((1, 2)) / np.float32(rows.shape[1] - 1)
    return np.where(known.all(1) & (rows.shape[1] > 1), values, np.nan).astype(np.float32)


def row_distance(rows: Float[np.ndarray, "image head patch"]) -> Float32[np.ndarray, " image"]:
    """As `measures.head_diversity`, variant jensen-shannon: mean over pairs of the distance of rows that sum to 1.

    From entropies in float64, H((p + q) / 2) - (H(p) + H(q)) / 2: distances below 1e-7 drown in rounding.
    """
    n_heads = rows.shape[1]
    wide = rows.astype(np.float64)
    mass = wide.sum(-1, keepdims=True)
    known = np.isfinite(mass) & (mass > 0)
    shares = np.where(known, wide, 0) / np.where(known, mass, 1)
    own = _bits(shares)
    total = np.zeros(len(rows))
    for head in range(n_heads - 1):
        between = _bits((shares[:, head, None] + shares[:, head + 1 :]) / 2)
        total += np.sqrt(np.clip(between - (own[:, head, None] + own[:, head + 1 :]) / 2, 0, 1)).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = total / (n_heads * (n_heads - 1) / 2)
    return np.where(known.all((1, 2)) & (n_heads > 1), values, np.nan).astype(np.float32)


def map_similarity(maps: Float[np.ndarray, "head entry"]) -> Pairs:
    """Cosine of whole matrices, pair by pair."""
    directions, known = _directions(maps[None])
    cosines = np.minimum((directions[0] @ directions[0].T).astype(np.float64), 1)
    return np.where(known[0, :, None] & known[0], cosines, np.nan)


def output_similarity(layers: Sequence[Float[np.ndarray, "sample head channel"]]) -> Pairs:
    """As `measures.linear_cka`, over the heads of all layers, a pair of layers at a time; NaN for a constant head."""
    centred = [_scaled(outputs) for outputs in layers]
    n_heads = [outputs.shape[1] for outputs in centred]
    ends = np.cumsum([0, *n_heads])
    products = np.zeros((ends[-1], ends[-1]))
    with one_thread():
        for i, one in enumerate(centred):
            for j, other in enumerate(centred[: i + 1]):
                flat = one.reshape(len(one), -1).T @ other.reshape(len(other), -1)
                shape = (n_heads[i], one.shape[2], n_heads[j], other.shape[2])
                block = np.square(flat.reshape(shape)).sum((1, 3), dtype=np.float64)
                products[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] = block
                products[ends[j] : ends[j + 1], ends[i] : ends[i + 1]] = block.T
    own = np.sqrt(np.diag(products))
    size = own[:, None] * own
    return np.where(size > 0, np.minimum(products / np.where(size > 0, size, 1), 1), np.nan)


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
    wide = rows.astype(np.float32)
    size = np.linalg.norm(wide, axis=-1)
    known = np.isfinite(size) & (size > 0)
    return np.where(known[..., None], wide, 0) / np.where(known, size, 1)[..., None], known


def _bits(shares: Float64[np.ndarray, "*batch patch"]) -> Float64[np.ndarray, "*batch"]:
    logs = np.maximum(shares, np.finfo(np.float64).tiny)  # 0 log 0 = 0 without a mask, which costs thrice as much
    np.log(logs, out=logs)
    return -np.einsum("...p,...p->...", shares, logs) / np.log(2)


def _scaled(outputs: Float[np.ndarray, "sample head channel"]) -> Float32[np.ndarray, "sample head channel"]:
    """Centred, and of size 1 head by head: squares of large outputs would leave float32's range."""
    wide = outputs.astype(np.float32)
    wide = wide - wide.mean(0, dtype=np.float64).astype(np.float32)
    size = np.sqrt(np.square(wide, dtype=np.float64).sum((0, 2)))
    return wide / np.where(size > 0, size, 1).astype(np.float32)[:, None]
