"""How focused the model's CLS map of an image is: the entropies that spread levels are quartiles of.

NumPy only. Knows nothing about: models, torch, the server.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from vitscope.analysis.run import Run


def map_entropies(run: Run) -> Float32[np.ndarray, "image column"]:
    """Entropy of each image's CLS map in each layer, nats, and in the last column its mean over the layers.

    NaN where an image is not done or was skipped, and throughout for a model without CLS. As `measures.map_entropy`.
    """
    manifest = run.manifest
    values = np.full((manifest.n_images, manifest.model.n_layers + 1), np.nan, np.float32)
    for rows, block in run.cls_row_blocks():
        values[rows, :-1] = row_entropies(block, manifest.model.n_heads)
    values[:, -1] = values[:, :-1].mean(axis=1)
    return values


def row_entropies(
    cls_rows: Float[np.ndarray, "image layer head patch"], n_heads: Sequence[int]
) -> Float32[np.ndarray, "image layer"]:
    """Entropy of the mean over a layer's heads of the CLS->patch row, rescaled to sum to 1; NaN without patch mass."""
    entropies = np.empty(cls_rows.shape[:2], np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        for layer, heads in enumerate(n_heads):
            row = cls_rows[:, layer, :heads].mean(axis=1, dtype=np.float32)
            logs = np.where(row > 0, np.log(row), 0)
            mass = row.sum(axis=1)
            entropies[:, layer] = np.where(mass > 0, (np.log(mass) - (row * logs).sum(axis=1) / mass).clip(0), np.nan)
    return entropies
