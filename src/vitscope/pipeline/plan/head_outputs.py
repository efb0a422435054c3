"""At which (image, token) pairs the outputs of all heads are kept, so that heads can be compared by what they put out.

Knows nothing about: how outputs are computed or compared.
"""

from typing import Final

import numpy as np
from jaxtyping import Int

from vitscope.engine import output_channels
from vitscope.models import Model
from vitscope.store import Manifest, OutputSample

OUTPUT_TOKENS: Final = 2048
"""Pairs of a whole run; a run of more shards than that keeps one a shard."""


def plan_outputs(model: Model, n_images: int, shard_size: int) -> OutputSample:
    """How much is kept of each shard: the same number of pairs, at most all of a full one."""
    n_shards = -(-n_images // shard_size)
    most = min(shard_size, n_images) * model.tokens.n_tokens
    return OutputSample(tokens=min(-(-OUTPUT_TOKENS // n_shards), most), channels=output_channels(model))


def sampled_pairs(manifest: Manifest, shard: int) -> Int[np.ndarray, "sample 2"]:
    """Seeded (row, token) pairs of a shard, all tokens alike, none twice, in order; none in runs before format 4."""
    if manifest.outputs is None:
        return np.empty((0, 2), np.int64)
    rows, n_tokens = manifest.shard_rows(shard), manifest.tokens.n_tokens
    total = len(rows) * n_tokens
    random = np.random.default_rng([manifest.options.seed, 6, shard])
    chosen = np.sort(random.choice(total, min(manifest.outputs.tokens, total), replace=False))
    return np.stack([rows.start + chosen // n_tokens, chosen % n_tokens], axis=-1).astype(np.int64)
