"""(b) CLS maps layer by layer, fused by mean, max and min, rollout, and the four spread levels by entropy."""

from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
import numpy as np
import torch

from reproductions.look import attention_of, featured, map_grid, picture, pictures_of, rows_as_maps
from reproductions.page import Page, percent, three
from reproductions.sources import Sources
from vitscope.analysis.images.levels import map_entropies
from vitscope.measures import rollout, spread_level

NAME: Final = "b-layer-maps-spread"


def write(sources: Sources, folder: Path) -> Page:
    """The page on layer-wise maps and spread levels."""
    run = sources.photos
    page = Page(folder, NAME, "Layer maps, their fusion, and four levels of spread")
    page.text(
        "How the CLS token's map changes from layer to layer, what fusing heads by mean, max or min does to it, what"
        " rollout"
        " adds, and how spread out the map of a photo is: quartiles, within the analysed photos, of the entropy of the"
        " head-mean CLS map (level 1 = most focused, 4 = most spread). The levels are an idea of"
        " studies of small Vision"
        " Transformers on the web; the papers that the other pages test do not have them."
    )
    image = featured(run, 2)[-1]
    whole = attention_of(run, image)
    fused = {"mean": whole.mean(2), "max": whole.amax(2), "min": whole.amin(2)}
    rolled = torch.stack([rollout(whole[:, : layer + 1])[0] for layer in range(whole.shape[1])])[None]
    names = [*fused, "rollout"]
    rows = [found[0, :, 0, run.tokens.patches].numpy() for found in (*fused.values(), rolled)]
    page.heading("One photo, layer by layer")
    page.picture(
        map_grid(
            pictures_of(run, [image] * len(names)),
            [f"L{layer}" for layer in range(whole.shape[1])],
            np.stack([rows_as_maps(row, run) for row in rows]),
            size=0.72,
        ),
        "layers",
        "Rows: heads fused by mean, max, min; rollout up to that layer. Columns: layers.",
    )
    entropies = map_entropies(run)
    entropies = entropies[np.isfinite(entropies).all(1)]
    top = np.log(run.tokens.n_patches)
    page.heading("Spread by layer")
    figure, axis = plt.subplots(figsize=(5.4, 2.5))
    low, middle, high = np.quantile(entropies[:, :-1], [0.25, 0.5, 0.75], axis=0)
    layers = np.arange(len(middle))
    axis.fill_between(layers, low, high, color="#0072B2", alpha=0.25, lw=0, label="quartiles over photos")
    axis.plot(layers, middle, color="#0072B2", label="median")
    axis.axhline(top, color="#999", lw=0.8, ls=":", label=f"uniform, {top:.2f} nats")
    axis.set(xlabel="layer", ylabel="entropy of the CLS map, nats", xticks=layers)
    axis.legend(loc="lower left")
    page.picture(
        figure,
        "entropy",
        f"Entropy of the head-mean CLS map by layer, n = {len(entropies)} photos; lower = more focused.",
    )
    most, least = int(middle.argmin()), int(middle.argmax())
    page.text(
        f"The map is most focused in layer {most} (median {three(middle[most])} nats, {percent(middle[most] / top)} of"
        f" uniform) and most spread in layer {least} ({three(middle[least])} nats, {percent(middle[least] / top)})."
    )
    _levels(sources, page)
    page.write()
    return page


def _levels(sources: Sources, page: Page) -> None:
    run = sources.photos
    entropies = map_entropies(run)
    done = np.flatnonzero(np.isfinite(entropies).all(1))
    level = spread_level(torch.from_numpy(entropies[done, -1])).numpy()
    table = run.images.loc[done]
    page.heading("The four levels")
    rows = []
    for one in (1, 2, 3, 4):
        members = table[level == one]
        span = entropies[done, -1][level == one]
        rows.append(
            [one, len(members), f"{span.min():.2f} to {span.max():.2f}", percent(float(members["correct"].mean()))]
        )
    page.table(["level", "photos", "entropy (mean over layers), nats", "top-1 accuracy"], rows)
    figure, axes = plt.subplots(4, 8, figsize=(6.4, 3.5))
    for one, line in zip((1, 2, 3, 4), axes, strict=True):
        members = done[level == one]
        centre = members[np.argsort(np.abs(entropies[members, -1] - np.median(entropies[members, -1])))][: len(line)]
        for axis in line:
            axis.axis("off")
        for axis, image in zip(line, centre, strict=False):
            axis.imshow(picture(run, int(image)))
        line[0].set_title(f"level {one}", loc="left", pad=2)
    page.picture(figure, "levels", "Eight photos from the middle of each level.")
