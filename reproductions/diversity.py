"""Diversity of the heads of each layer on a seeded sample of a run's images, by three variants.

Knows nothing about: pages.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes

import vitscope
from vitscope.measures import head_diversity
from vitscope.pipeline.loading import ImageSource

VARIANTS: Final = {
    "cls": "1 - cosine of CLS->patch rows",
    "full": "1 - cosine of whole matrices",
    "jensen-shannon": "Jensen-Shannon distance of these",
}
SAMPLE: Final = 100
_BATCH: Final = 8


def diversity_by_layer(run: vitscope.Run, model: vitscope.Model) -> dict[str, Float[np.ndarray, "image layer"]]:
    """Each variant on at most `SAMPLE` readable images, drawn with seed 0."""
    readable = np.flatnonzero(run.images["done"].to_numpy(dtype=bool) & run.images["problem"].isna().to_numpy())
    chosen = np.random.default_rng(0).permutation(readable)[:SAMPLE]
    source = ImageSource(run, model)
    found: dict[str, list[np.ndarray]] = {variant: [] for variant in VARIANTS}
    for start in range(0, len(chosen), _BATCH):
        pixels = torch.stack([source.load(int(row))[0] for row in chosen[start : start + _BATCH]])
        attention = vitscope.attention(model, pixels)
        for variant in VARIANTS:
            found[variant].append(head_diversity(attention, run.tokens, variant).numpy())
    return {variant: np.concatenate(values) for variant, values in found.items()}


def draw_diversity(axis: Axes, values: Float[np.ndarray, "image layer"], title: str) -> None:
    """Median over images and the band between the quartiles, by layer."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    layers = np.arange(len(middle))
    axis.fill_between(layers, low, high, color="#0072B2", alpha=0.25, lw=0)
    axis.plot(layers, middle, "o-", ms=3, color="#0072B2")
    axis.set(title=title, xlabel="layer", xticks=layers, ylim=(0, None))
