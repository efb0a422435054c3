"""(f) Which map of the class is to be believed? Deletion, insertion and boxes, beside the centre and chance."""

import json
from pathlib import Path
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np

import vitscope
from reproductions.page import Claim, Page, three
from reproductions.sources import Sources
from vitscope.commands.terminal import progress_bar

BOXES: Final = "imagenet_val_300_boxes.json"
WORDS: Final = {
    "raw": "raw attention, last layer",
    "rollout": "rollout",
    "gradient_rollout": "gradient-weighted rollout",
    "relevance": "generic relevance",
    "legrad": "LeGrad",
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
    n = values[maps[0], "deletion"]["n"]
    page = Page(folder, "f-maps-judged", "Maps judged: which one points at what the model uses?")
    page.text(
        f"ViT-Tiny on {n} ImageNet validation photos with boxes, maps of the label's class. Deletion and insertion:"
        f" patches go, or come, in {found['steps']} steps in the order of the map; the area under the"
        " probability of the class. Pointing hit: the largest patch lies on a box; mass: the share of the map on boxes."
        " 95 % bootstrap intervals."
        " The centre of the photo and chance stand beside them: photographers put things in the middle."
    )
    rows = [[WORDS[name], *(_cell(values[name, measure]) for measure in MEASURES)] for name in maps]
    page.table(["map", *MEASURES.values()], rows)
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(8.4, 2.2), sharey=True)
    for axis, (measure, words) in zip(axes, MEASURES.items(), strict=True):
        for place, name in enumerate(reversed(maps)):
            one = values[name, measure]
            mean, low, high = (np.nan if one[key] is None else one[key] for key in ("mean", "low", "high"))
            colour = "#888" if name in ("centre", "random") else "#0072B2"
            axis.errorbar(mean, place, xerr=[[mean - low], [high - mean]], fmt="o", ms=3.5, color=colour, capsize=2)
        axis.set(title=words, yticks=range(len(maps)), yticklabels=[WORDS[name] for name in reversed(maps)])
    page.picture(figure, "table", f"Each map by each measure, mean and 95 % interval, n = {n} photos.")
    judged = [name for name in maps if name not in ("centre", "random")]
    beats = [name for name in judged if values[name, "pointing"]["low"] > values["centre", "pointing"]["high"]]
    page.claim(
        Claim(
            "Maps of attention point at the object better than the centre of the photo does",
            "what heat maps are shown for",
            "the interval of the pointing hit lies above that of the centre, for every map (in part: for some)",
            f"centre {three(values['centre', 'pointing']['mean'])}; "
            + ", ".join(f"{WORDS[name]} {three(values[name, 'pointing']['mean'])}" for name in judged)
            + f"; above it: {', '.join(WORDS[name] for name in beats) or 'none'}.",
            len(beats) == len(judged) or (None if beats else False),
        )
    )
    page.write()
    return page


def _cell(one: dict[str, Any]) -> str:
    if one["mean"] is None:
        return "–"
    interval = "" if one["low"] is None else f" ({three(one['low'])} to {three(one['high'])})"
    return f"{three(one['mean'])}{interval}"


def _judged(sources: Sources) -> dict[str, Any]:
    """Kept beside the runs: half an hour of one core."""
    kept = sources.work / ("judged.json" if sources.limit is None else f"judged-{sources.limit}.json")
    if not kept.is_file():
        images = sources.data / "images"
        with progress_bar("Judging maps", "images") as show:
            found = vitscope.judge(
                sources.vit_tiny, images / "labels.csv", images / BOXES, limit=sources.limit, progress=show
            )
        kept.write_text(json.dumps(found.as_dict()), encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))
