"""The same images at several input sizes: a section for the pages, and the claim about small inputs.

Knows nothing about: pages' names.
"""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

import vitscope
from reproductions.distance_claims import falls_with_size
from reproductions.page import Page, percent

if TYPE_CHECKING:
    from pathlib import Path


def section(page: Page, model: vitscope.Model, images: "Path", sizes: list[int], limit: int, what: str) -> None:
    """Accuracy, distance and the claim, at several sizes of a seeded sample of the images."""
    found = vitscope.resolution(model, images, sizes, limit=limit)
    raw = (found["distance"] / found["diagonal"]).mean(("image", "layer", "head")).values
    without_sinks = (found["distance_no_sinks"] / found["diagonal"]).mean(("image", "head")).values
    share = without_sinks.mean(-1)
    correct = found["correct"].mean("image").values
    height, n = found["height"].values, found.sizes["image"]
    page.heading(f"Input size: {what}")
    page.text(
        f"The same {n} images at {len(height)} sizes; position embeddings are interpolated by the model's own rule at"
        " every size but its own. Distances are shares of the image's diagonal. They compare across sizes only over"
        " patches that are no sinks, rows rescaled: what CLS takes counts as no distance, and it changes with the size."
    )
    header = ["input, px", "tokens", "interpolated", "top-1 accuracy", "distance", "without sinks"]
    page.table(
        header,
        [
            [int(height[i]), int(found["tokens"][i]), "yes" if bool(found["interpolated"][i]) else "no"]
            + [percent(float(values[i])) for values in (correct, raw, share)]
            for i in range(len(height))
        ],
    )
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.4))
    axes[0].plot(height, correct, "o-", ms=3, color="#0072B2")
    axes[0].set(xlabel="input size, px", ylabel=f"accuracy, n = {n}", ylim=(0, 1))
    for i, size in enumerate(height):
        axes[1].plot(
            without_sinks[i], color=plt.get_cmap("cividis")(i / max(1, len(height) - 1) * 0.9), label=f"{size} px"
        )
    axes[1].set(xlabel="layer", ylabel="distance without sinks,\nshare of diagonal")
    axes[1].legend(fontsize=6)
    name = f"sizes-{model.id.split(':')[-1]}"
    page.picture(figure, name, f"Accuracy and attention distance without sinks by input size, {what}, n = {n}.")
    page.claim(falls_with_size(np.asarray(height, float), share, raw, what))
