"""Attention of many images reduced while it streams: no matrix is kept, memory does not grow with the images.

Knows nothing about: which tokens' outputs are sampled and why, files.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float16, Int
from torch import Tensor

from vitscope.engine.finite import Watch
from vitscope.engine.forward import heads_by_layer, output_channels
from vitscope.measures.grid import n_hops
from vitscope.measures.similarity import diversity_of_maps
from vitscope.measures.summary import summarise
from vitscope.models import Evaluation, Model
from vitscope.quantities import names


@dataclass(frozen=True)
class Reduction:
    """What is kept of the attention of some images; NaN where a layer has fewer heads or a measure is undefined."""

    mass: Float[np.ndarray, "image layer head hop"]
    density: Float[np.ndarray, "image layer head hop"]
    spread: dict[str, Float[np.ndarray, "image layer head"]]
    cls_rows: Float[np.ndarray, "image layer head patch"] | None
    """CLS -> patches in half precision; None without a CLS token."""
    attention_sum: Float[np.ndarray, "layer head query key"]
    """Sum over the images, for their mean."""
    diversity: Float[np.ndarray, "image layer"]
    """`head_diversity` of whole matrices; NaN for a layer of one head."""
    outputs: Float16[np.ndarray, "sample layer head channel"]
    """The heads' outputs z at the sampled tokens, cut off where half precision ends; 0 beyond a layer's channels."""
    problems: dict[int, str]
    """Images whose attention is not finite, by their place, with the reason; they spoil the sums."""


def reduce_attention(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    batch: int,
    sampled: Int[np.ndarray, "sample 2"] | None = None,
) -> Reduction:
    """Strength, spread and diversity of every image, CLS rows, the sum of the matrices, and sampled outputs z.

    Parameters
    ----------
    sampled: (image, token) pairs whose outputs are kept, image = place among `pixels`; None for no outputs.
    """
    tokens, n_images = model.tokens, len(pixels)
    sampled = np.empty((0, 2), np.int64) if sampled is None else sampled
    heads = (model.n_layers, max(model.n_heads))
    reduction = Reduction(
        mass=np.full((n_images, *heads, n_hops(tokens)), np.nan, np.float32),
        density=np.full((n_images, *heads, n_hops(tokens)), np.nan, np.float32),
        spread={name: np.full((n_images, *heads), np.nan, np.float32) for name in names("spread")},
        cls_rows=None if tokens.cls is None else np.full((n_images, *heads, tokens.n_patches), np.nan, np.float16),
        attention_sum=np.zeros((*heads, tokens.n_tokens, tokens.n_tokens), np.float32),
        diversity=np.full((n_images, heads[0]), np.nan, np.float32),
        problems={},
        outputs=np.zeros((len(sampled), *heads, output_channels(model) if len(sampled) else 0), np.float16),
    )
    with Evaluation(model.module):
        for start in range(0, n_images, batch):
            images = slice(start, start + batch)
            watch = Watch()
            chosen = np.flatnonzero((sampled[:, 0] >= start) & (sampled[:, 0] < start + batch))
            for layer, (attention, z) in enumerate(heads_by_layer(model, pixels[images])):
                here = (images, layer, slice(attention.shape[1]))
                watch.see_attention(layer, attention)
                summary = summarise(attention, tokens)
                reduction.mass[here] = _array(summary.mass)
                reduction.density[here] = _array(summary.density)
                for name, values in summary.spread.items():
                    reduction.spread[name][here] = _array(values)
                if reduction.cls_rows is not None:
                    reduction.cls_rows[here] = _array(attention[:, :, tokens.cls, tokens.patches])
                reduction.attention_sum[layer, : attention.shape[1]] += _array(attention.sum(0))
                reduction.diversity[images, layer] = _array(diversity_of_maps(attention))
                if len(chosen):
                    places = torch.from_numpy(sampled[chosen] - [start, 0]).to(z.device).unbind(-1)
                    kept = z[places[0], :, places[1]]
                    reduction.outputs[chosen, layer, : z.shape[1], : z.shape[-1]] = _half(kept)
            reduction.problems.update({start + place: reason for place, reason in watch.problems().items()})
    for layer, n_heads in enumerate(model.n_heads):
        reduction.attention_sum[layer, n_heads:] = np.nan
        reduction.outputs[:, layer, n_heads:] = np.nan
    return reduction


def _array(values: Tensor) -> np.ndarray:
    return values.float().cpu().numpy()


def _half(values: Tensor) -> np.ndarray:
    largest = torch.finfo(torch.float16).max
    return values.float().clamp(-largest, largest).half().cpu().numpy()
