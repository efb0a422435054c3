"""How far each image's attention is from a head's mean, streamed; and what patterns are learned from, of some images.

No matrix is kept at full resolution: memory does not grow with the images, but for the sample's matrices of common
size. Knows nothing about: which images are sampled and why, files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float16, Float32
from torch import Tensor

from vitscope.engine.forward import attention_by_layer
from vitscope.errors import InvalidArgument
from vitscope.measures.matrices import widen
from vitscope.models import Evaluation, Model
from vitscope.patterns.common import OFFSETS, SIDE, common_matrix, offset_view
from vitscope.patterns.features import FEATURES, features
from vitscope.tokens import TokenLayout


@dataclass(frozen=True)
class MeanAttention:
    """The mean matrix of every head: of its own size, or (`common`) brought to the common one."""

    values: Float[np.ndarray, "layer head query key"]
    common: bool = False


@dataclass(frozen=True)
class Comparison:
    """What a pass over some images keeps; NaN where a layer has fewer heads.

    `deviation` = |A - mean A|^2 and `energy` = |A - U|^2, U = the uniform matrix, squared Frobenius norms.
    The other arrays are of the sampled images only, all heads of one image (layer by layer) after another.
    """

    deviation: Float32[np.ndarray, "image layer head"]
    energy: Float32[np.ndarray, "image layer head"]
    matrices: Float16[np.ndarray, "matrix side side"]
    offsets: Float16[np.ndarray, "matrix offset offset"]
    features: Float32[np.ndarray, "matrix feature"]


def compare_with_mean(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    mean: MeanAttention,
    sampled: Bool[np.ndarray, " image"],
    *,
    batch: int,
) -> Comparison:
    """Deviation and energy of every head on every image, and the sampled images' matrices, offsets and features.

    Parameters
    ----------
    mean: over all images that content dependence is about, these and others.
    sampled: which of the images belong to the sample.
    batch: images whose matrices of one layer are held at once.

    Raises
    ------
    InvalidArgument: the mean is not of this model's heads and size.
    """
    side = SIDE if mean.common else model.tokens.n_tokens
    heads = (model.n_layers, max(model.n_heads))
    if mean.values.shape != (*heads, side, side):
        raise InvalidArgument(
            f"cannot compare with a mean of shape {mean.values.shape}: expected {(*heads, side, side)}"
        )
    deviation, energy = (np.full((len(pixels), *heads), np.nan, np.float32) for _ in range(2))
    sample = _Sample(model, sampled)
    with Evaluation(model.module):
        for start in range(0, len(pixels), batch):
            images = slice(start, start + batch)
            for layer, attention in enumerate(attention_by_layer(model, pixels[images])):
                attention = widen(attention)
                here = (images, layer, slice(attention.shape[1]))
                centre = torch.from_numpy(mean.values[layer, : attention.shape[1]]).to(attention)
                own = common_matrix(attention, model.tokens) if mean.common else attention
                deviation[here] = _array(_squares(own - centre))
                energy[here] = _array(_squares(own - _uniform(model.tokens, own, mean.common)))
                sample.keep(layer, images, attention)
    return Comparison(deviation, energy, *sample.flat())


class _Sample:
    """Collects what is kept of the sampled images, layer by layer, [image, head of any layer, ...]."""

    def __init__(self, model: Model, sampled: Bool[np.ndarray, " image"]) -> None:
        self._tokens = model.tokens
        self._sampled = sampled
        self._places = np.cumsum(sampled) - 1
        self._firsts = np.cumsum([0, *model.n_heads])
        lead = (int(sampled.sum()), sum(model.n_heads))
        self._matrices = np.empty((*lead, SIDE, SIDE), np.float16)
        self._offsets = np.empty((*lead, OFFSETS, OFFSETS), np.float16)
        self._features = np.empty((*lead, len(FEATURES)), np.float32)

    def keep(self, layer: int, images: slice, attention: Float[Tensor, "image head query key"]) -> None:
        """Take the sampled ones among the images of a batch."""
        chosen = self._sampled[images]
        if not chosen.any():
            return
        here = (self._places[images][chosen], slice(self._firsts[layer], self._firsts[layer + 1]))
        kept = attention[torch.from_numpy(chosen).to(attention.device)]
        self._matrices[here] = _half(common_matrix(kept, self._tokens))
        self._offsets[here] = _half(offset_view(kept, self._tokens))
        self._features[here] = _array(features(kept, self._tokens))

    def flat(self) -> Iterator[np.ndarray]:
        """Matrices, offsets and features, one matrix after the other."""
        for values in (self._matrices, self._offsets, self._features):
            yield values.reshape(-1, *values.shape[2:])


def mean_common_attention(
    model: Model, batches: Iterable[Float[Tensor, "_ color row col"]]
) -> Float32[np.ndarray, "layer head side side"]:
    """Mean over images of the matrices at the common size, streamed; for models whose own are too large to keep.

    Raises
    ------
    InvalidArgument: no images.
    """
    total = np.zeros((model.n_layers, max(model.n_heads), SIDE, SIDE))
    for layer, n_heads in enumerate(model.n_heads):
        total[layer, n_heads:] = np.nan
    n = 0
    with Evaluation(model.module):
        for pixels in batches:
            n += len(pixels)
            for layer, attention in enumerate(attention_by_layer(model, pixels)):
                summed = common_matrix(attention, model.tokens).double().sum(0)
                total[layer, : attention.shape[1]] += summed.cpu().numpy()
    if n == 0:
        raise InvalidArgument("cannot average attention: no images given", "Give at least one.")
    return (total / n).astype(np.float32)


def _squares(difference: Float[Tensor, "image head query key"]) -> Float[Tensor, "image head"]:
    return difference.square().sum((-2, -1))


def _uniform(tokens: TokenLayout, like: Tensor, common: bool) -> Tensor:
    """The uniform matrix: a number at full resolution, a matrix at the common size (cells hold several tokens)."""
    n_tokens = tokens.n_tokens
    if not common:
        return like.new_tensor(1 / n_tokens)
    return common_matrix(like.new_full((n_tokens, n_tokens), 1 / n_tokens), tokens)


def _array(values: Tensor) -> np.ndarray:
    return values.float().cpu().numpy()


def _half(values: Tensor) -> np.ndarray:
    return values.half().cpu().numpy()
