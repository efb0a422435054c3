"""(f) Which map of the class is to be believed? Deletion, insertion and boxes, beside the centre and chance."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np

import vitscope
from reproductions.page import Claim, Page, three
from reproductions.sources import BOXES, Sources
from vitscope.commands.terminal import progress_bar
from vitscope.engine import MAPS
from vitscope.pipeline.judging import STEPS

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
    values: dict[tuple[str, str], dict[str, Any]] = {(one["map"], one["measure"]): one for one in found["verdicts"]}
    maps = [name for name in WORDS if (name, "deletion") in values]
    n, areas = values[maps[0], "pointing"]["n"], values[maps[0], "deletion"]["n"]
    page = Page(folder, NAME, "Maps judged: which one points at what the model uses?")
    page.text(
        f"ViT-Tiny on {n} ImageNet validation photos with boxes, maps of the label's class. Pointing hit: the largest"
        " patch lies on a box; mass: the share of the map on boxes. Deletion and insertion, on"
        f" {areas} of the photos: patches go, or come, in {found['steps']} steps in the order of the"
        " map; the area under"
        " the probability of the class. 95 % intervals. The centre of the photo and chance stand beside them:"
        " photographers put things in the middle."
    )
    page.text(
        "LeGrad is made as its authors make it: from the last two layers, each layer's score read from the mean of all"
        " its tokens. Beside it the way it was made here before: from all layers, read as the classifier reads, from"
        " CLS alone. What a method is worth is not to be seen from a map that its authors would not make."
    )
    rows = [[WORDS[name], *(_cell(values[name, measure]) for measure in MEASURES)] for name in maps]
    page.table(["map", *MEASURES.values()], rows)
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(8.4, 2.4), sharey=True)
    for axis, (measure, words) in zip(axes, MEASURES.items(), strict=True):
        for place, name in enumerate(reversed(maps)):
            one = values[name, measure]
            mean, low, high = (np.nan if one[key] is None else one[key] for key in ("mean", "low", "high"))
            colour = "#888" if name in BASELINES else "#0072B2"
            axis.errorbar(mean, place, xerr=[[mean - low], [high - mean]], fmt="o", ms=3.5, color=colour, capsize=2)
        axis.set(title=words, yticks=range(len(maps)), yticklabels=[WORDS[name] for name in reversed(maps)])
    words = f"Each map by each measure, mean and 95 % interval, n = {n} photos ({areas} for the areas)."
    page.picture(figure, "table", words)
    pointing = {name: values[name, "pointing"] for name in maps if name not in ("random", EARLIER)}
    page.claim(better_than_the_centre(pointing))
    page.write()
    return page


def better_than_the_centre(pointing: Mapping[str, Mapping[str, float]]) -> Claim:
    """Do maps point at the object better than the centre of the photo? `pointing`: mean, low and high of each map."""
    centre = pointing["centre"]
    judged = [name for name in pointing if name != "centre"]
    beats = [name for name in judged if pointing[name]["low"] > centre["high"]]
    above = [name for name in judged if pointing[name]["mean"] > centre["mean"]]
    measured = ", ".join(f"{WORDS[name]} {three(pointing[name]['mean'])}" for name in judged)
    return Claim(
        "Maps of attention point at the object better than the centre of the photo does",
        "what heat maps are shown for",
        "the interval of the pointing hit lies above that of the centre, for every map (in part: for some)",
        f"centre {three(centre['mean'])} ({three(centre['low'])} to {three(centre['high'])});"
        f" {measured}. Above it beyond"
        f" both intervals: {_listed(beats)}; by the mean alone: {_listed(above)}.",
        len(beats) == len(judged) or (None if beats else False),
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(WORDS[name] for name in names) or "none"


def _cell(one: dict[str, Any]) -> str:
    if one["mean"] is None:
        return "–"
    interval = "" if one["low"] is None else f" ({three(one['low'])} to {three(one['high'])})"
    return f"{three(one['mean'])}{interval}"


def _judged(sources: Sources) -> dict[str, Any]:
    """Verdicts of both rounds, kept beside the runs: about twelve minutes of one core.

    Pointing and mass need no step and are measured on all photos, areas on a seeded sample.
    """
    kept = sources.work / ("judged.json" if sources.limit is None else f"judged-{sources.limit}.json")
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        placed = _round(sources, ("pointing", "mass"), sources.limit, steps=1)
        areas = _round(sources, ("deletion", "insertion"), min(AREAS, sources.limit or AREAS), steps=STEPS)
        found = {"steps": STEPS, "verdicts": placed + areas}
        kept.write_text(json.dumps(found), encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def _round(sources: Sources, wanted: Sequence[str], limit: int | None, steps: int) -> list[dict[str, Any]]:
    """Verdicts by some measures, of all maps and of LeGrad as it was made before."""
    images = sources.data / "images"
    rows: list[dict[str, Any]] = []
    for maps, options in ((MAPS, {}), (("legrad",), {"legrad_layers": None, "legrad_reading": "classifier"})):
        with progress_bar("Judging maps", "images") as show:
            found = vitscope.judge(
                sources.vit_tiny,
                images / "labels.csv",
                images / BOXES,
                maps=maps,
                steps=steps,
                limit=limit,
                progress=show,
                **options,
            )
        verdicts = [one for one in found.as_dict()["verdicts"] if one["measure"] in wanted]
        if options:  # the baselines are in the first part already
            verdicts = [one | {"map": EARLIER} for one in verdicts if one["map"] == "legrad"]
        rows += verdicts
    return rows
