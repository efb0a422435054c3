"""Over which images of a run the fill `mean` averages: a seeded sample, the same for the analysis and the Lab.

Knows nothing about: what the average replaces.
"""

from typing import Final

import numpy as np

from vitscope.engine import MeanReferences, mean_references
from vitscope.errors import BadInput, InvalidArgument
from vitscope.models import Model
from vitscope.pipeline.work.intact_pass import finite_only
from vitscope.pipeline.work.loading import ImageSource
from vitscope.pipeline.work.rows import slices
from vitscope.store import Manifest

MEAN_REFERENCES: Final = 64
"""Images that the fill `mean` averages over, at most."""
_BATCH: Final = 16


def mean_of_run(manifest: Manifest, source: ImageSource, model: Model) -> MeanReferences:
    """Z of every layer averaged over those of a seeded sample of the run's images whose activations are finite.

    Raises
    ------
    BadInput: none of them is.
    """
    rows = reference_rows(manifest)
    parts = (finite_only(model, source.batch(rows[part])) for part in slices(len(rows), _BATCH))
    try:
        return mean_references(model, (batch.pixels for batch in parts if batch.rows))
    except InvalidArgument as error:
        raise BadInput(
            f"cannot fill with the mean: none of the {len(rows)} images it is taken over can be used",
            "Use fill zero, or give more images.",
        ) from error


def reference_rows(manifest: Manifest) -> list[int]:
    """The sampled images, in the order in which they are averaged."""
    order = np.random.default_rng([manifest.options.seed, 3]).permutation(manifest.n_images)
    return [int(row) for row in order[:MEAN_REFERENCES]]
