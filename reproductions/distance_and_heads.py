"""(a) How far do heads look, what does rollout show, and where does each head of a layer look?"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats

from reproductions.look import attention_of, featured, heads_by_layer, map_grid, rows_as_maps, thirds
from reproductions.page import Claim, Page, percent, three
from reproductions.sources import Sources
from vitscope.measures import mean_distance, rollout
from vitscope.measures.geometry import image_diagonal

DINO = """
model = vitscope.load_model("timm:vit_small_patch16_224.dino", weights="dino_vits16.safetensors")
attention = vitscope.attention(model, pixels, layers=[11])[:, 0]  # [image, head, query, key]
maps = vitscope.measures.cls_map(attention, model.tokens)  # [image, head, row, col]
share = vitscope.measures.coverage(attention, model.tokens, mass=0.6)  # share of patches that hold 60 %
"""


def write(sources: Sources, folder: Path) -> Page:
    """The page on mean attention distance, rollout and attention heat maps per head."""
    run = sources.photos
    page = Page(folder, "a-distance-rollout-heads", "Attention distance, rollout, and the heads of a layer")
    tokens = run.tokens
    distance = run.spread["distance"].values
    mean = np.nanmean(distance, axis=0)
    n, diagonal = len(distance), image_diagonal(tokens)
    page.text(
        f"ViT-Tiny (12 layers, 3 heads each, 224 px, patches of 16 px) on {n} ImageNet photos. Sources: Dosovitskiy"
        " et al."
        " 2021 (figure 7: mean attention distance; appendix D.7 and D.8: size of attended area, attention maps by"
        " rollout),"
        " Abnar and Zuidema 2020 (rollout)."
    )
    page.heading("How far do heads look?")
    figure, axis = plt.subplots(figsize=(5.4, 2.7))
    heads_by_layer(axis, mean, "mean attention distance, px")
    uniform = float(mean_distance(torch.full((tokens.n_tokens, tokens.n_tokens), 1 / tokens.n_tokens), tokens))
    axis.axhline(uniform, color="#999", lw=0.8, ls=":", label=f"uniform attention, {three(uniform)} px")
    axis.legend(loc="lower right")
    page.picture(
        figure, "distance", f"Mean attention distance of each head over its layer, pixels, mean over n = {n} photos."
    )
    layer = np.repeat(np.arange(len(mean)), mean.shape[1])
    rho = stats.spearmanr(layer, mean.ravel())
    early, middle, late = thirds(mean)
    page.table(
        ["layers", "mean distance, px", "share of the diagonal", "nearest head, px", "farthest head, px"],
        [
            [name, three(value), percent(value / diagonal), three(part.min()), three(part.max())]
            for name, value, part in zip(
                ("first third", "middle third", "last third"),
                (early, middle, late),
                np.array_split(mean, 3),
                strict=True,
            )
        ],
    )
    page.claim(
        Claim(
            "Early layers look locally, late layers globally",
            "Dosovitskiy et al. 2021; Li et al. 2023",
            "the heads' mean distance rises with the layer (Spearman's rho above 0.5) and the last third looks at least"
            " 1.5 times as far as the first",
            f"rho {rho.statistic:.2f} over {mean.size} heads; {three(early)} px in the first third, {three(late)} px in"
            f" the last ({late / early:.2f} times).",
            bool(rho.statistic > 0.5 and late / early >= 1.5),
        )
    )
    first = mean[: max(1, len(mean) // 4)]
    page.claim(
        Claim(
            "Some heads attend to most of the image already in the lowest layers",
            "Dosovitskiy et al. 2021, section 4.5",
            "a head of the first quarter of the layers looks at least as far as the median head of the last quarter",
            f"the farthest head of the first quarter {three(first.max())} px, the median head of the last quarter"
            f" {three(np.median(mean[-max(1, len(mean) // 4) :]))} px.",
            bool(first.max() >= np.median(mean[-max(1, len(mean) // 4) :])),
        )
    )
    _rollout(sources, page)
    _heads(sources, page)
    _dino(page)
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
        " Fusion by"
        " max and discarding the smallest 90 % of the entries of each layer (both options of `rollout`) sharpen it;"
        " whether"
        " a sharper map is a truer one is judged on the page about maps."
    )
    page.picture(
        map_grid(run, images, columns, np.array(maps), size=1.15),
        "rollout",
        "CLS maps of four featured photos: last layer averaged over heads, and three rollouts.",
    )


def _dino(page: Page) -> None:
    page.heading("DINO heat maps: a recipe, not run here")
    page.text(
        "Caron et al. 2021 show the CLS token's maps of the last layer's heads, thresholded to the patches that hold"
        " 60 % of the mass. With DINO weights of your own (none are at hand here, so this was not run):"
    )
    page.code(DINO)


def _heads(sources: Sources, page: Page) -> None:
    run = sources.photos
    image = featured(run, 1)
    rows = run.cls_rows(image[0])
    assert rows is not None
    n_layers, n_heads = rows.shape[:2]
    maps = rows_as_maps(rows.astype(np.float32), run)
    page.heading("The heads of each layer on one photo")
    figure = map_grid(
        run,
        image * n_heads,
        [f"L{layer}" for layer in range(n_layers)],
        maps.transpose(1, 0, 2, 3),
        size=0.72,
    )
    page.picture(figure, "heads", f"CLS->patch attention of every head (rows H0 to H{n_heads - 1}, columns layers).")
