"""(c) The demo model on Fashion-MNIST: CLS maps by layer, rollout, diversity of heads, focus, coverage, resolution."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from reproductions.diversity import VARIANTS, diversity_by_layer, draw_diversity
from reproductions.look import attention_of, featured, heads_by_layer, map_grid, rows_as_maps, thirds
from reproductions.page import Claim, Page, percent, three
from reproductions.sizes import section
from reproductions.sources import IMAGES, Sources
from vitscope.measures import rollout

SIZED = 100
"""Images that are run at several sizes."""


def write(sources: Sources, folder: Path) -> Page:
    """The page on Fashion-MNIST."""
    run, model = sources.fashion, sources.demo
    table = run.images
    page = Page(folder, "c-fashion-mnist", "Fashion-MNIST: where a small Vision Transformer looks")
    page.text(
        f"The bundled demo model ({run.manifest.model.n_layers} layers, {max(run.manifest.model.n_heads)} heads each,"
        f" {run.tokens.rows} × {run.tokens.cols} patches of {run.tokens.patch[0]} px) on the {len(table)} bundled"
        " test images"
        f" of Fashion-MNIST, top-1 accuracy {percent(float(table['correct'].mean()))}."
    )
    images = featured(run, 4)
    n_layers = run.manifest.model.n_layers
    maps = []
    for image in images:
        whole = attention_of(run, image)
        rows = [*whole[0].mean(1)[:, 0], rollout(whole)[0, 0]]
        maps.append([rows_as_maps(row[run.tokens.patches].numpy(), run) for row in rows])
    page.heading("CLS maps by layer, and rollout")
    page.picture(
        map_grid(run, images, [*(f"L{layer}" for layer in range(n_layers)), "rollout"], np.array(maps), size=0.85),
        "maps",
        "CLS maps averaged over heads, layer by layer, and rollout, of four featured images.",
    )
    page.heading("Diversity of heads")
    found = diversity_by_layer(run, model)
    figure, axes = plt.subplots(1, 3, figsize=(7, 2.3))
    for axis, (variant, words) in zip(axes, VARIANTS.items(), strict=True):
        draw_diversity(axis, found[variant], words)
    n = len(found["cls"])
    page.picture(figure, "diversity", f"Diversity of a layer's heads by three variants; median and quartiles, n = {n}.")
    page.claim(most_diverse_in_the_middle(found, "the demo model"))
    page.heading("Focus and coverage of the CLS token")
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.5))
    for axis, measure, words in zip(
        axes, ("focus", "coverage"), ("focus, 1 = one patch", "coverage, share of patches for 60 %"), strict=True
    ):
        heads_by_layer(axis, np.nanmean(run.spread[measure].values, axis=0), words)
    page.picture(
        figure, "focus", f"Focus and coverage of each head's CLS->patch row, mean over n = {len(table)} images."
    )
    focus = thirds(np.nanmean(run.spread["focus"].values, axis=0))
    page.text(
        f"Focus goes from {three(focus[0])} in the first third of the layers over {three(focus[1])} to"
        f" {three(focus[2])} in"
        " the last."
    )
    size = sources.demo.input_size[1]
    section(
        page, sources.demo, IMAGES, [size // 2, size * 5 // 7, size, size * 9 // 7, size * 2], SIZED, "the demo model"
    )
    if sources.has_data:
        photos = sources.data / "images" / "labels.csv"
        section(page, sources.vit_tiny, photos, [96, 128, 160, 192, 224, 288, 384], SIZED, "ViT-Tiny on photos")
    page.write()
    return page


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
        " variants"
        " (in part: by some)",
        f"first, middle, last third: {'; '.join(words)} (n = {len(next(iter(found.values())))} images).",
        verdict,
    )
