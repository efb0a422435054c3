"""Attention of many images reduced while it streams: no matrix is kept, memory does not grow with the images."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from vitscope.engine.forward import attention_by_layer
from vitscope.measures.geometry import n_hops
from vitscope.measures.summary import SPREAD, summarise
from vitscope.models import Evaluation, Model


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


def reduce_attention(model: Model, pixels: Float[Tensor, "image color row col"], batch: int) -> Reduction:
    """Strength and spread of every head on every image, CLS rows, and the sum of the matrices."""
    tokens, n_images = model.tokens, len(pixels)
    heads = (model.n_layers, max(model.n_heads))
    reduction = Reduction(
        mass=np.full((n_images, *heads, n_hops(tokens)), np.nan, np.float32),
        density=np.full((n_images, *heads, n_hops(tokens)), np.nan, np.float32),
        spread={name: np.full((n_images, *heads), np.nan, np.float32) for name in SPREAD},
        cls_rows=None if tokens.cls is None else np.full((n_images, *heads, tokens.n_patches), np.nan, np.float16),
        attention_sum=np.zeros((*heads, tokens.n_tokens, tokens.n_tokens), np.float32),
    )
    with Evaluation(model.module):
        for start in range(0, n_images, batch):
            images = slice(start, start + batch)
            for layer, attention in enumerate(attention_by_layer(model, pixels[images])):
                here = (images, layer, slice(attention.shape[1]))
                summary = summarise(attention, tokens)
                reduction.mass[here] = _array(summary.mass)
                reduction.density[here] = _array(summary.density)
                for name, values in summary.spread.items():
                    reduction.spread[name][here] = _array(values)
                if reduction.cls_rows is not None:
                    reduction.cls_rows[here] = _array(attention[:, :, tokens.cls, tokens.patches])
                reduction.attention_sum[layer, : attention.shape[1]] += _array(attention.sum(0))
    for layer, n_heads in enumerate(model.n_heads):
        reduction.attention_sum[layer, n_heads:] = np.nan
    return reduction


def _array(values: Tensor) -> np.ndarray:
    return values.float().cpu().numpy()
