"""Whether a head's matrix is at the same place in its other images: position and image told apart.

One matrix cannot say why it looks where it looks. What relative offset explains is taken out first: that moves along
with the query, whatever the image. Knows nothing about: names, models, files.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

from vitscope.patterns.common import GRID, SIDE

FEWEST: Final = 4
"""Images of a head from which something is said: the mean of fewer than three others is little but their noise."""

_CELLS: Final = GRID * GRID


def constancy(
    matrices: Float[np.ndarray, "matrix 66 66"], layer: Int[np.ndarray, " matrix"], head: Int[np.ndarray, " matrix"]
) -> Float[np.ndarray, " matrix"]:
    """How like a head's other images its matrices are: the mean over its images, for each of its matrices.

    Correlation of each matrix with the mean of the same head's matrices on the other images: of the roots of the cells'
    weights, minus the query's mean and minus the mean by relative offset; fine detail is averaged first over 2 x 2
    cells, as single weights are noisy.

    Returns
    -------
    [-1, 1]; NaN for a head with fewer than 4 images, and where nothing varies.
    """
    found = np.full(len(matrices), np.nan)
    heads = layer.astype(np.int64) * (int(head.max(initial=0)) + 1) + head
    for each in np.unique(heads):
        rows = np.flatnonzero(heads == each)
        if len(rows) < FEWEST:
            continue
        shapes = _shape(matrices[rows])
        total = shapes.sum(0)
        others = (total - shapes) / (len(rows) - 1)
        norms = np.linalg.norm(shapes, axis=1) * np.linalg.norm(others, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            alike = np.where(norms > _NOTHING, (shapes * others).sum(1) / norms, np.nan)
        if np.isfinite(alike).any():
            found[rows] = np.nanmean(alike)
    return found


_NOTHING: Final = 1e-6
_COARSE: Final = GRID // 2


def _shape(matrices: np.ndarray) -> np.ndarray:
    """What relative offset does not explain of the coarse matrices, flat [matrix, 256]."""
    cells = matrices[:, SIDE - _CELLS :, SIDE - _CELLS :].astype(np.float64)
    blocks = cells.reshape(-1, _COARSE, 2, _COARSE, 2, _COARSE, 2, _COARSE, 2)
    roots = np.sqrt(blocks.mean((2, 4)).sum((4, 6))).reshape(-1, _COARSE**2, _COARSE**2)
    varying = (roots - roots.mean(-1, keepdims=True)).reshape(len(roots), -1)
    return varying - varying @ _BY_OFFSET


def _by_offset() -> np.ndarray:
    """What replaces each pair of coarse cells by the mean over the pairs of the same offset [pair, pair]."""
    row, col = np.divmod(np.arange(_COARSE**2), _COARSE)
    down, right = row - row[:, None], col - col[:, None]
    offset = ((down + _COARSE) * 2 * _COARSE + right + _COARSE).ravel()
    same = offset[:, None] == offset
    return same / same.sum(0)


_BY_OFFSET: Final = _by_offset()
