"""(f) Which map of the class is to be believed? Deletion, insertion and boxes, beside the centre and chance."""

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Final

import matplotlib.pyplot as plt
import numpy as np

import vitscope
from reproductions.page import Claim, Page, three
from reproductions.sources import BOXES, Sources
from vitscope.commands.terminal import progress_bar
from vitscope.engine import MAPS
from vitscope.pipeline.studies.judging import STEPS, Verdict, verdicts_of

if TYPE_CHECKING:
    import xarray

NAME: Final = "f-maps-judged"
EARLIER: Final = "legrad_all_layers"
BASELINES: Final = ("centre", "random")
AREAS: Final = 100
"""Photos that deletion and insertion are measured on; their cost is nearly all of the page's."""
WORDS: Final = {
    "raw": "raw attention, last layer",
    "rollout": "rollout",
    "gradient_rollout": "gradient-weighted rollout",
    "relevance": "generic relevance",
    "legrad": "LeGrad, last 2 layers",
    EARLIER: "LeGrad, all layers, CLS",
    "centre": "centre (baseline)",
    "random": "random (baseline)",
}
MEASURES: Final = {
    "deletion": "deletion area, less is better",
    "insertion": "insertion area",
    "pointing": "pointing hit",
    "mass": "mass in box",
}


def write(sources: Sources, folder: Path) -> Page:
    """The page on judged maps."""
    found = _judged(sources)
    maps = list(WORDS)
    values = {(one.map, one.measure): one for one in verdicts_of(maps, found)}
    n, areas = found["pointing"].shape[1], found["deletion"].shape[1]
    page = Page(folder, NAME, "Maps judged: which one points at what the model uses?")
    page.text(
        f"ViT-Tiny on {n} ImageNet validation photos with boxes, maps of the label's class. Pointing hit: the largest"
        " patch lies on a box; mass: the share of the map on boxes. Deletion and insertion, on"
        f" {areas} of the photos: patches go, or come, in {STEPS} steps in the order of the"
        " map; the area under the probability of the class. 95 % intervals. The centre of the photo and"
        " chance stand beside them:"
        " photographers put things in the middle."
    )
    page.text(
        "LeGrad is made as its authors make it: from the last two layers, each layer's score read from the mean of all"
        " its tokens. Beside it the way it was made here before: from all layers, read as the classifier reads, from"
        " CLS alone (its areas were 0.252 and 0.508 on all 300 photos). What a method is worth is not to be seen from a"
        " map that its authors would not make."
    )
    rows = [[WORDS[name], *(_cell(values[name, measure]) for measure in MEASURES)] for name in maps]
    page.table(["map", *MEASURES.values()], rows)
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(8.4, 2.4), sharey=True)
    for axis, (measure, words) in zip(axes, MEASURES.items(), strict=True):
        for place, name in enumerate(reversed(maps)):
            one = values[name, measure]
            mean, low, high = one.mean, one.low, one.high
            colour = "#888" if name in BASELINES else "#0072B2"
            axis.errorbar(mean, place, xerr=[[mean - low], [high - mean]], fmt="o", ms=3.5, color=colour, capsize=2)
        axis.set(title=words, yticks=range(len(maps)), yticklabels=[WORDS[name] for name in reversed(maps)])
    words = f"Each map by each measure, mean and 95 % interval, n = {n} photos ({areas} for the areas)."
    page.picture(figure, "table", words)
    pointing = {name: values[name, "pointing"] for name in maps if name not in ("random", EARLIER)}
    page.claim(better_than_the_centre(pointing))
    page.write()
    return page


def better_than_the_centre(pointing: Mapping[str, Verdict]) -> Claim:
    """Do maps point at the object better than the centre of the photo does?"""
    centre = pointing["centre"]
    judged = [name for name in pointing if name != "centre"]
    beats = [name for name in judged if pointing[name].low > centre.high]
    above = [name for name in judged if pointing[name].mean > centre.mean]
    measured = ", ".join(f"{WORDS[name]} {three(pointing[name].mean)}" for name in judged)
    return Claim(
        "Maps of attention point at the object better than the centre of the photo does",
        "what heat maps are shown for",
        "the interval of the pointing hit lies above that of the centre, for every map (in part: for some)",
        f"centre {three(centre.mean)} ({three(centre.low)} to {three(centre.high)}); {measured}. Above it"
        f" beyond both intervals: {_listed(beats)}; by the mean alone: {_listed(above)}.",
        len(beats) == len(judged) or (None if beats else False),
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(WORDS[name] for name in names) or "none"


def _cell(one: Verdict) -> str:
    if isnan(one.mean):
        return "–"
    interval = "" if isnan(one.low) else f" ({three(one.low)} to {three(one.high)})"
    return f"{three(one.mean)}{interval}"


def _judged(sources: Sources) -> dict[str, np.ndarray]:
    """Values [map, image] of each measure, kept beside the runs: about twelve minutes of one core.

    Pointing and mass need no step and are measured on all photos, areas on a seeded sample.
    """
    kept = sources.work / ("judged.npz" if sources.limit is None else f"judged-{sources.limit}.npz")
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        placed = _values(sources, MAPS, sources.limit, steps=1)
        earlier = _values(sources, ("legrad",), sources.limit, 1, legrad_layers=None, legrad_reading="classifier")
        areas = _values(sources, MAPS, min(AREAS, sources.limit or AREAS), STEPS)
        found = {name: _in_order(placed, earlier, name) for name in ("pointing", "mass")}
        found |= {name: _in_order(areas, None, name) for name in ("deletion", "insertion")}
        np.savez(kept, **found)
    with np.load(kept) as known:
        return dict(known)


def _values(
    sources: Sources, maps: Sequence[str], limit: int | None, steps: int, **options: object
) -> "xarray.Dataset":
    images = sources.data / "images"
    listed, boxes = images / "labels.csv", images / BOXES
    with progress_bar("Judging maps", "images") as show:
        found = vitscope.judge(
            sources.vit_tiny, listed, boxes, maps=maps, steps=steps, limit=limit, progress=show, **options
        )
    return found.values


def _in_order(found: "xarray.Dataset", earlier: "xarray.Dataset | None", measure: str) -> np.ndarray:
    """Values [map, image] in the order of `WORDS`; of LeGrad as it was made before NaN where it was not judged."""
    values = {one: found.sel(map=one)[measure].values for one in WORDS if one != EARLIER}
    unknown = np.full_like(values["centre"], np.nan)
    values[EARLIER] = unknown if earlier is None else earlier.sel(map="legrad")[measure].values
    return np.stack([values[one] for one in WORDS])
