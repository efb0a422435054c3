"""(a) How far do heads look, what does rollout show, and where does each head of a layer look?"""

from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
import numpy as np

from reproductions import heat_maps
from reproductions.distance_claims import distance_table, distances_of, global_already_early, local_then_global
from reproductions.look import attention_of, featured, heads_by_layer, map_grid, pictures_of, rows_as_maps
from reproductions.page import Page, three
from reproductions.sources import Sources
from vitscope.measures import image_diagonal, rollout

NAME: Final = "a-distance-rollout-heads"


def write(sources: Sources, folder: Path) -> Page:
    """The page on mean attention distance, rollout and attention heat maps per head."""
    run = sources.photos
    page = Page(folder, NAME, "Attention distance, rollout, and the heads of a layer")
    n = len(run.spread["distance"])
    page.text(
        f"ViT-Tiny (12 layers, 3 heads each, 224 px, patches of 16 px) on {n} ImageNet photos. Sources: Dosovitskiy"
        " et al. 2021 (figure 7: mean attention distance; appendix D.7 and D.8: size of attended area, attention maps"
        " by rollout), Abnar and Zuidema 2020 (rollout)."
    )
    page.heading("How far do heads look?")
    found = distances_of(run)
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.7), sharey=True)
    heads_by_layer(axes[0], found.raw, "mean attention distance, px")
    heads_by_layer(axes[1], found.no_sinks, "without sinks, px")
    for axis in axes:
        axis.axhline(found.uniform, color="#999", lw=0.8, ls=":", label=f"even attention, {three(found.uniform)} px")
    axes[0].legend(loc="lower right")
    page.picture(
        figure,
        "distance",
        f"Mean attention distance of each head over its layer, mean over n = {n} photos: as it is, and"
        " over patches that"
        " are no sinks.",
    )
    distance_table(page, found, image_diagonal(run.tokens))
    page.claim(local_then_global(found))
    page.claim(global_already_early(found))
    _rollout(sources, page)
    _heads(sources, page)
    heat_maps.section(page, sources)
    page.write()
    return page


def _rollout(sources: Sources, page: Page) -> None:
    run = sources.photos
    images = featured(run, 4)
    columns = ["last layer,\nmean", "rollout,\nmean", "rollout,\nmax", "rollout, max,\ndiscard 0.9"]
    maps = []
    for image in images:
        whole = attention_of(run, image)
        rolled = [
            rollout(whole),
            rollout(whole, fusion="max"),
            rollout(whole, run.tokens, fusion="max", discard=0.9),
        ]
        rows = [whole[0, -1].mean(0)[0], *(found[0, 0] for found in rolled)]
        maps.append([rows_as_maps(row[run.tokens.patches].numpy(), run) for row in rows])
    page.heading("Rollout")
    page.text(
        "Attention multiplied through the layers with half a share for the residual path, row of the CLS token."
        " Fusion by max and discarding the smallest 90 % of the entries of each layer (both options of"
        " `rollout`) sharpen"
        " it; whether a sharper map is a truer one is judged on the page about maps."
    )
    page.picture(
        map_grid(pictures_of(run, images), columns, np.array(maps), size=1.15),
        "rollout",
        "CLS maps of four featured photos: last layer averaged over heads, and three rollouts.",
    )


def _heads(sources: Sources, page: Page) -> None:
    run = sources.photos
    image = featured(run, 1)
    rows = run.cls_rows(image[0])
    assert rows is not None
    n_layers, n_heads = rows.shape[:2]
    maps = rows_as_maps(rows.astype(np.float32), run)
    page.heading("The heads of each layer on one photo")
    figure = map_grid(
        pictures_of(run, image * n_heads),
        [f"L{layer}" for layer in range(n_layers)],
        maps.transpose(1, 0, 2, 3),
        size=0.72,
    )
    page.picture(figure, "heads", f"CLS->patch attention of every head (rows H0 to H{n_heads - 1}, columns layers).")
