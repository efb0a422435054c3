"""What a loaded model answers, in numpy: made by the engine and the pipeline, read where torch is not imported.

Knows nothing about: how they are computed, and how they are told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Float16, Float64, Int

from vitscope.tokens import TokenLayout


@dataclass(frozen=True)
class MaskCheck:
    """Measured on images: what was to be pruned was pruned, and nothing else.

    Parameters
    ----------
    masked: the largest |weight| left where the attention matrices are pruned; 0 (`renormalise`:
        to rounding) says that the mask is on. The matrices go through the very arithmetic that prunes the heads'
        outputs, with one-hot values, so that the weights themselves come out. NaN with the fills `mean` and
        `resample`: they replace a head's output, and its matrix plays no part any more.
    rest: the largest |difference| between the other weights of those heads and what the fill makes of them: themselves
        (`zero`), or their share of what their row keeps (`renormalise`). NaN as above.
    output: the largest |difference| between the heads' outputs that went on through the model and pruned matrix times
        values (`mean`, `resample`: and those of the references), as a share of the largest output.
    first: first layer with a pruned head.
    unchanged: leading layers after which all tokens are bitwise those of the intact model, in two passes compared.
    """

    masked: float
    rest: float
    output: float
    first: int
    unchanged: int


@dataclass(frozen=True)
class OneImage:
    """An image answered twice. `before`, `after`: probability of each class, None without a classifier."""

    before: Float64[np.ndarray, " class"] | None
    after: Float64[np.ndarray, " class"] | None
    jsd: float
    out_cos: float
    mask_check: MaskCheck


@dataclass(frozen=True)
class SomeImages:
    """A step over the images of a scope, with heads pruned.

    Parameters
    ----------
    rows: those that were answered; the values are theirs. `prediction` is -1 without a classifier.
    prob_drop: of the run's target; NaN, as jsd, without a classifier.
    problems: why others were not: they cannot be read, or their activations are not finite.
    """

    rows: tuple[int, ...]
    prediction: Int[np.ndarray, " image"]
    prob_drop: Float64[np.ndarray, " image"]
    jsd: Float64[np.ndarray, " image"]
    out_cos: Float64[np.ndarray, " image"]
    problems: Mapping[int, str]


@dataclass(frozen=True)
class CurveStep:
    """A step towards pruning curves.

    Parameters
    ----------
    stage: `reading` the images, `searching` the greedy order, `pruning` the sets of all orders.
    share: of this stage that is done, 0 to 1.
    rows: images of the curve that can be read and are finite, once they are known.
    lines: the orders by name, once they are known: given ones, `greedy`, then `random 0`, ...
    places: (line, place in the sizes) of the set that was pruned in this step, for the stretch `images` of `rows`, with
        top classes `prediction` (-1 without a classifier), how far the answers `moved` (jsd in bits, or out_cos), and
        whether it was the empty set, `intact`.
    """

    stage: Literal["reading", "searching", "pruning"]
    share: float
    rows: tuple[int, ...] = ()
    lines: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = ()
    places: tuple[tuple[int, int], ...] = ()
    images: slice = field(default_factory=lambda: slice(0, 0))
    prediction: Int[np.ndarray, " image"] = field(default_factory=lambda: np.empty(0, np.int64))
    moved: Float64[np.ndarray, " image"] = field(default_factory=lambda: np.empty(0))
    intact: bool = False


@dataclass(frozen=True)
class SizeLook:
    """What one image does at one size; NaN for heads that a layer lacks.

    Parameters
    ----------
    probabilities: of each class; None without a classifier.
    distance: `measures.mean_distance` without sinks, in pixels of this input.
    entropy: `measures.entropy`, mean over queries, in nats.
    matrices: attention, half precision.
    """

    tokens: TokenLayout
    diagonal: float
    interpolated: bool
    probabilities: Float[np.ndarray, " class"] | None
    distance: Float[np.ndarray, "layer head"]
    entropy: Float[np.ndarray, "layer head"]
    matrices: Float16[np.ndarray, "layer head query key"]


@dataclass(frozen=True)
class Dropped:
    """An image that is in no run. `top` is (class, probability), best first; `preview` (`png` or `webp`, its bytes)."""

    image: int
    name: str
    digest: str
    top: tuple[tuple[int, float], ...]
    note: str | None
    preview: tuple[str, bytes]
