"""CLS heat maps of the last layer's heads, thresholded, and whether they lie on the object: a self-supervised model.

Knows nothing about: runs.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import vitscope
from reproductions.look import map_grid
from reproductions.page import Claim, Page, percent, three
from reproductions.sources import BOXES, Sources
from vitscope.measures import cls_map, coverage, mass_inside
from vitscope.pipeline.plan.labels import ClassNames
from vitscope.pipeline.plan.listing import list_images
from vitscope.pipeline.studies.boxes import boxed, on_patches, read_boxes
from vitscope.pipeline.studies.pictures import in_batches, pictures

MASS: Final = 0.6
PHOTOS: Final = 100
SHOWN: Final = 4
_BATCH: Final = 4


def section(page: Page, sources: Sources) -> None:
    """Pictures, a table by head, and the claim."""
    model = sources.dinov2
    found = heat_maps(model, sources)
    n, n_heads = found["mass"].shape
    page.heading("Heat maps of a self-supervised model's heads")
    page.text(
        "Caron et al. 2021 show, for DINO, the CLS token's maps of the last layer's heads, cut to the patches that hold"
        f" {percent(MASS)} of the mass. No weights of DINO itself are at hand. The maps here are of a"
        " DINOv2 ViT-S/14 that"
        " somebody fine-tuned for saliency (finding the main object), run at 224 px: its training is"
        " not DINO's, and for"
        f" objects it had a teacher. Last layer, {n_heads} heads."
    )
    kept = cut(found["maps"][:SHOWN])
    columns = [f"H{head}" for head in range(n_heads)]
    bar = f"patches that hold {percent(MASS)} of the CLS->patch row, each map as a share of its largest value"
    page.picture(
        map_grid(list(found["pictures"][:SHOWN]), columns, kept, size=0.9, bar=bar),
        "heat",
        f"CLS maps of the last layer's heads of DINOv2 ViT-S/14 (saliency), cut at {percent(MASS)} of the mass.",
    )
    low, high = interval(found["mass"] - found["box"][:, None])
    mean = found["mass"].mean(0)
    page.table(
        ["head", f"share of patches for {percent(MASS)}", "mass on boxes", "more than the boxes' area, 95 % interval"],
        [
            [columns[head], percent(float(np.nanmean(found["coverage"][:, head]))), percent(float(mean[head]))]
            + [f"{percent(float(low[head]))} to {percent(float(high[head]))}"]
            for head in range(n_heads)
        ],
    )
    page.claim(on_the_object(mean, low, float(found["box"].mean()), n))


def on_the_object(mean: Float[np.ndarray, " head"], low: Float[np.ndarray, " head"], area: float, n: int) -> Claim:
    """Do the heads' maps lie on the object more than their area alone would?"""
    above = low > 0
    return Claim(
        "The CLS token's maps of the last layer lie on the object",
        "Caron et al. 2021, of DINO; tested on DINOv2 ViT-S/14 fine-tuned for saliency",
        "for every head the share of the map's mass on the boxes of the object is larger than the boxes' share of the"
        " photo, the 95 % interval of the mean difference above 0 (in part: for some heads)",
        f"{int(above.sum())} of {len(above)} heads; {percent(float(mean.min()))} to {percent(float(mean.max()))} of the"
        f" mass on boxes that cover {three(100 * area)} % of the photo, n = {n} photos.",
        bool(above.all()) or (None if above.any() else False),
    )


def interval(values: Float[np.ndarray, "image head"]) -> tuple[Float[np.ndarray, " head"], Float[np.ndarray, " head"]]:
    """95 % interval of each head's mean over images, by Student's t."""
    from scipy import stats

    mean, error = values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf(0.975, len(values) - 1) * error
    return mean - half, mean + half


def cut(maps: Float[np.ndarray, "image head row col"], mass: float = MASS) -> Float[np.ndarray, "image head row col"]:
    """Maps with 0 outside the fewest patches that hold `mass` of each."""
    flat = maps.reshape(*maps.shape[:2], -1)
    order = np.argsort(-flat, axis=-1, kind="stable")
    ranked = np.take_along_axis(flat, order, -1)
    before = ranked.cumsum(-1) - ranked
    kept = np.zeros_like(flat)
    np.put_along_axis(kept, order, np.where(before < mass * ranked.sum(-1, keepdims=True), ranked, 0), -1)
    return kept.reshape(maps.shape)


def heat_maps(model: vitscope.Model, sources: Sources) -> dict[str, np.ndarray]:
    """Of boxed photos, a seeded sample: CLS maps, coverage, mass on boxes by head; the boxes' share; first pictures."""
    images = sources.data / "images"
    listing, places = boxed(
        list_images(images / "labels.csv", None, ClassNames(None, None)), read_boxes(images / BOXES)
    )
    by_path = dict(zip(listing.paths, places, strict=True))
    listing = listing.sample(sources.limit or PHOTOS, 0)
    found: dict[str, list[Tensor]] = {"maps": [], "coverage": [], "mass": [], "box": []}
    shown: list[np.ndarray] = []
    for batch in in_batches(pictures(listing, model.input_size[0]), _BATCH):
        pixels = torch.stack([model.preprocess(item.image) for item in batch])
        covered = torch.stack(
            [on_patches(model, item.image.size, by_path[listing.paths[item.row]])[1] for item in batch]
        )
        attention = vitscope.attention(model, pixels, layers=[model.n_layers - 1])[:, 0]
        maps = cls_map(attention, model.tokens)
        found["maps"].append(maps)
        found["coverage"].append(coverage(attention, model.tokens, mass=MASS))
        heads = [mass_inside(maps[:, head], covered) for head in range(maps.shape[1])]
        found["mass"].append(torch.stack(heads, -1))
        found["box"].append(covered.mean((1, 2)))
        if len(shown) < SHOWN:
            shown += [np.asarray(model.to_picture(one)) for one in pixels]
    return {name: torch.cat(parts).double().numpy() for name, parts in found.items()} | {"pictures": np.stack(shown)}
