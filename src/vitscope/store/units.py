"""What the units of work hand to the store, one class for each group that has more than a few arrays.

Knows nothing about: files, how the numbers are computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class HeadUnit:
    """Results of the head unit of a shard; every array has one row an image of the shard, NaN where it was skipped.

    `effects` [image, layer, head] by metric; `strength` [image, layer, head, hop]; `spread` [image, layer, head];
    `cls_rows` [image, layer, head, patch] or None without CLS; `pooled` [image, channel]; `attention_sum` [layer, head,
    query, key] over the `counted` images that were not skipped; `previews` maps a row of the image table to (file
    ending, bytes). `depth` [1, layer, head, observed] by name are sums over the counted images; `diversity` [image,
    layer]; `outputs` [sample, layer, head, channel], NaN for samples that could not be read.
    """

    columns: Mapping[str, Sequence[object]]
    effects: Mapping[str, np.ndarray]
    strength: Mapping[str, np.ndarray]
    spread: Mapping[str, np.ndarray]
    cls_rows: np.ndarray | None
    pooled: np.ndarray
    attention_sum: np.ndarray
    counted: int
    previews: Mapping[int, tuple[str, bytes]]
    depth: Mapping[str, np.ndarray]
    diversity: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True)
class PartialUnit:
    """Results of the partial modes of a shard: `effects` [image, mode, layer, head] by metric, NaN outside the sample.

    `depth` [mode, layer, head, observed] by name are sums over the `counted` images.
    """

    effects: Mapping[str, np.ndarray]
    depth: Mapping[str, np.ndarray]
    counted: int


@dataclass(frozen=True)
class MatricesUnit:
    """Results of the matrices unit of a shard.

    `deviation` and `energy` [image, layer, head] have one row an image of the shard, NaN where it was skipped. `rows`
    are the shard's images that belong to the patterns' sample, `first` is the place of the first of them in the whole
    sample; `matrices` [matrix, query, key], `offsets` and `features` are theirs, all heads of one image after another.
    """

    deviation: np.ndarray
    energy: np.ndarray
    rows: Sequence[int]
    first: int
    matrices: np.ndarray
    offsets: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class PatternsUnit:
    """Results of the fit: the columns of `tables.POINTS`, arrays of the chosen space, and `clusters.json`.

    `codes` [matrix, channel]; `medoids` and `prototypes` [cluster, query, key]. `document` is what `Patterns` reads:
    `chosen`, `verdict`, `patterns` (names by rule), `spaces`.
    """

    columns: Mapping[str, Sequence[object] | np.ndarray]
    codes: np.ndarray
    medoids: np.ndarray
    prototypes: np.ndarray
    document: Mapping[str, object]
