"""How focused the model's CLS map of an image is: the entropies that spread levels are quartiles of.

NumPy only. Knows nothing about: models, torch, the server.
"""

import numpy as np
from jaxtyping import Float32

from vitscope.analysis.run import Run
from vitscope.measures import map_entropy


def map_entropies(run: Run) -> Float32[np.ndarray, "image column"]:
    """Entropy of each image's CLS map in each layer, nats, and in the last column its mean over the layers.

    NaN where an image is not done or was skipped, and throughout for a model without CLS.
    """
    manifest = run.manifest
    values = np.full((manifest.n_images, manifest.model.n_layers + 1), np.nan, np.float32)
    for rows, block in run.cls_row_blocks():
        values[rows, :-1] = map_entropy(block)
    values[:, -1] = values[:, :-1].mean(axis=1)
    return values
