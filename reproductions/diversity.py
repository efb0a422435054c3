"""Diversity of a layer's heads by three variants, and patches above uniform, on a seeded sample of a run's images.

Knows nothing about: pages.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes

import vitscope
from reproductions.look import thirds
from reproductions.page import Claim
from vitscope.measures import head_diversity, share_above_uniform
from vitscope.pipeline.work.loading import ImageSource

VARIANTS: Final = {
    "cls": "1 - cosine of CLS->patch rows",
    "full": "1 - cosine of whole matrices",
    "jensen-shannon": "Jensen-Shannon distance of these",
}
SAMPLE: Final = 100
_BATCH: Final = 8


def sampled(
    run: vitscope.Run, model: vitscope.Model
) -> tuple[dict[str, np.ndarray], Float[np.ndarray, "image layer head"]]:
    """Each variant [image, layer], and the share of patches above uniform, of at most `SAMPLE` images, seed 0."""
    readable = np.flatnonzero(run.images["done"].to_numpy(dtype=bool) & run.images["problem"].isna().to_numpy())
    chosen = np.random.default_rng(0).permutation(readable)[:SAMPLE]
    source = ImageSource(run, model)
    found: dict[str, list[np.ndarray]] = {variant: [] for variant in VARIANTS}
    above: list[np.ndarray] = []
    for start in range(0, len(chosen), _BATCH):
        pixels = torch.stack([source.load(int(row))[0] for row in chosen[start : start + _BATCH]])
        attention = vitscope.attention(model, pixels)
        for variant in VARIANTS:
            found[variant].append(head_diversity(attention, run.tokens, variant).numpy())
        above.append(share_above_uniform(attention, run.tokens).numpy())
    return {variant: np.concatenate(values) for variant, values in found.items()}, np.concatenate(above)


def draw_diversity(axis: Axes, values: Float[np.ndarray, "image layer"], title: str) -> None:
    """Median over images and the band between the quartiles, by layer."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    layers = np.arange(len(middle))
    axis.fill_between(layers, low, high, color="#0072B2", alpha=0.25, lw=0)
    axis.plot(layers, middle, "o-", ms=3, color="#0072B2")
    axis.set(title=title, xlabel="layer", xticks=layers, ylim=(0, None))


def most_diverse_in_the_middle(found: dict[str, np.ndarray], model: str) -> Claim:
    """Put the statement to the test with every variant: it holds where all agree."""
    held = {}
    words = []
    for variant, values in found.items():
        early, middle, late = thirds(torch.from_numpy(values).nanmean(0).numpy())
        held[variant] = middle > early and middle > late
        words.append(f"{variant} {early:.3f}, {middle:.3f}, {late:.3f}")
    verdict = all(held.values()) or (None if any(held.values()) else False)
    return Claim(
        "Heads are most diverse in the middle layers",
        f"blog studies of small ViTs; tested on {model}",
        "mean diversity is larger in the middle third of the layers than in the first and the last, by all three"
        " variants (in part: by some)",
        f"first, middle, last third: {'; '.join(words)} (n = {len(next(iter(found.values())))} images).",
        verdict,
    )
