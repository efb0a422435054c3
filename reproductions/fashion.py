"""(c) The demo model on Fashion-MNIST: CLS maps by layer, rollout, diversity of heads, focus, coverage, resolution."""

from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
import numpy as np

import vitscope
from reproductions.distance_claims import distance_table, distances_of
from reproductions.diversity import VARIANTS, draw_diversity, most_diverse_in_the_middle, sampled
from reproductions.look import attention_of, featured, heads_by_layer, map_grid, pictures_of, rows_as_maps, thirds
from reproductions.page import Page, percent, three
from reproductions.sizes import section
from reproductions.sources import IMAGES, Sources
from vitscope.measures import image_diagonal, rollout

NAME: Final = "c-fashion-mnist"
SIZED = 50
"""Images that are run at several sizes."""


def write(sources: Sources, folder: Path) -> Page:
    """The page on Fashion-MNIST."""
    run, model = sources.fashion, sources.demo
    table = run.images
    page = Page(folder, NAME, "Fashion-MNIST: where a small Vision Transformer looks")
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
        map_grid(
            pictures_of(run, images),
            [*(f"L{layer}" for layer in range(n_layers)), "rollout"],
            np.array(maps),
            size=0.85,
        ),
        "maps",
        "CLS maps averaged over heads, layer by layer, and rollout, of four featured images.",
    )
    page.heading("How far do heads look?")
    distance_table(page, distances_of(run), image_diagonal(run.tokens))
    page.heading("Diversity of heads")
    found, above = sampled(run, model)
    figure, axes = plt.subplots(1, 3, figsize=(7, 2.3))
    for axis, (variant, words) in zip(axes, VARIANTS.items(), strict=True):
        draw_diversity(axis, found[variant], words)
    n = len(above)
    page.picture(figure, "diversity", f"Diversity of a layer's heads by three variants; median and quartiles, n = {n}.")
    page.claim(most_diverse_in_the_middle(found, "the demo model"))
    _focus_and_coverage(run, above, page)
    size = sources.demo.input_size[1]
    section(
        page, sources.demo, IMAGES, [size // 2, size * 5 // 7, size, size * 9 // 7, size * 2], SIZED, "the demo model"
    )
    if sources.has_data:
        photos = sources.data / "images" / "labels.csv"
        section(page, sources.vit_tiny, photos, [96, 128, 160, 192, 224, 288, 384], SIZED, "ViT-Tiny on photos")
    page.write()
    return page


def _focus_and_coverage(run: vitscope.Run, above: np.ndarray, page: Page) -> None:
    page.heading("Focus and coverage of the CLS token")
    values = {name: np.nanmean(run.spread[name].values, axis=0) for name in ("focus", "coverage")}
    values["above"] = np.nanmean(above, axis=0)
    words = ("focus, 1 = one patch", "share of patches for 60 %", "share of patches above uniform")
    figure, axes = plt.subplots(1, 3, figsize=(8.2, 2.5))
    for axis, found, label in zip(axes, values.values(), words, strict=True):
        heads_by_layer(axis, found, label)
    page.picture(
        figure,
        "focus",
        "Focus, and coverage by two definitions, of each head's CLS->patch row; mean over n ="
        f" {len(run.images)} images,"
        f" the last over {len(above)}.",
    )
    parts = {name: thirds(found) for name, found in values.items()}
    page.table(
        ["layers", "focus", "smallest share of patches for 60 % of the mass", "share of patches above uniform"],
        [
            [name, three(parts["focus"][i]), percent(parts["coverage"][i]), percent(parts["above"][i])]
            for i, name in enumerate(("first third", "middle third", "last third"))
        ],
    )
    page.text(
        "Two numbers go by the name of coverage: the smallest share of the patches that holds 60 % of"
        " the CLS->patch row"
        " (what vitscope calls coverage), and the share of the patches above 1/n. The studies that use"
        " focus and coverage"
        " are write-ups on the web, without formulas: which of the two they mean cannot be checked. Compare numbers of"
        " one definition only."
    )
