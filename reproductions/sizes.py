"""The same images at several input sizes: a section for the pages, and the claim about small inputs.

Knows nothing about: pages' names.
"""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

import vitscope
from reproductions.page import Claim, Page, percent, three

if TYPE_CHECKING:
    from pathlib import Path


def section(page: Page, model: vitscope.Model, images: "Path", sizes: list[int], limit: int, what: str) -> None:
    """Accuracy, distance and the claim, at several sizes of a seeded sample of the images."""
    found = vitscope.resolution(model, images, sizes, limit=limit)
    share = (found["distance_no_sinks"] / found["diagonal"]).mean(("image", "layer", "head")).values
    correct = found["correct"].mean("image").values
    height, n = found["height"].values, found.sizes["image"]
    page.heading(f"Input size: {what}")
    page.text(
        f"The same {n} images at {len(height)} sizes; position embeddings are interpolated by the model's own rule at"
        " every size but its own. Distance as a share of the image's diagonal, which is what compares across sizes."
    )
    pixels = found["distance_no_sinks"].mean(("image", "layer", "head")).values
    page.table(
        [
            "input, px",
            "tokens",
            "interpolated",
            "top-1 accuracy",
            "distance without sinks, px",
            "share of the diagonal",
        ],
        [
            [int(height[i]), int(found["tokens"][i]), "yes" if bool(found["interpolated"][i]) else "no"]
            + [percent(float(correct[i])), three(float(pixels[i])), percent(float(share[i]))]
            for i in range(len(height))
        ],
    )
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.4))
    axes[0].plot(height, correct, "o-", ms=3, color="#0072B2")
    axes[0].set(xlabel="input size, px", ylabel=f"accuracy, n = {n}", ylim=(0, 1))
    by_layer = (found["distance_no_sinks"] / found["diagonal"]).mean(("image", "head")).values
    for i, size in enumerate(height):
        axes[1].plot(by_layer[i], color=plt.get_cmap("cividis")(i / max(1, len(height) - 1) * 0.9), label=f"{size} px")
    axes[1].set(xlabel="layer", ylabel="distance without sinks, share of diagonal")
    axes[1].legend(fontsize=6)
    name = f"sizes-{model.id.split(':')[-1]}"
    page.picture(figure, name, f"Accuracy and attention distance without sinks by input size, {what}, n = {n}.")
    rising = np.diff(share)
    page.claim(
        Claim(
            "The smaller the input, the more global the attention",
            f"blog studies of small ViTs; tested on {what}",
            "the mean distance, as a share of the diagonal, falls from each size to the next larger one (in part: the"
            " smallest size has a larger share than the largest)",
            "; ".join(f"{int(size)} px {percent(float(value))}" for size, value in zip(height, share, strict=True))
            + ".",
            bool((rising < 0).all()) or (None if share[0] > share[-1] else False),
        )
    )
