"""The answer of a run as plain dicts and lists, for `vitscope show --json` and scripts; what is not known is None.

Knows nothing about: models, torch, files.
"""

from dataclasses import asdict
from math import isfinite
from typing import Any

import numpy as np

from vitscope.analysis import Run
from vitscope.analysis.findings import Ranking, Reach, measured, occurrences
from vitscope.analysis.heads.repair import Repair
from vitscope.analysis.quadrant import Quadrant
from vitscope.analysis.statistics.intervals import FEW
from vitscope.text.answer import answer
from vitscope.tokens import HEAD, HeadRef


def summary(run: Run) -> dict[str, Any]:
    """Every number of `show` and more: all heads, not only the top ones. Keys are snake_case, heads {layer, head}."""
    found = answer(run)
    progress, images = run.progress(), run.images
    told = {
        "run": {
            "path": str(run.path),
            "state": progress.state,
            "units": progress.units,
            "model": run.manifest.model.id,
            "parity": run.manifest.model.parity,
            "fill": run.manifest.options.fill,
            "mode": HEAD,
        },
        "images": {
            "planned": len(images),
            "measured": int(measured(images).sum()),
            "few": int(measured(images).sum()) < FEW,
            "skipped": occurrences(images, "problem"),
            "handled": occurrences(images, "note"),
            "note": run.manifest.source.note,
            "labelled": int((images["label"].to_numpy() >= 0).sum()),
        },
        "why": asdict(found.why) if found.why else None,
        "output": _ranking(found.output) if found.output else None,
        "layer": [_ranking(ranking) for ranking in found.layers],
        "regions_of_the_top_head": [asdict(effect) for effect in found.regions],
        "low_on_output_high_on_layer": _quadrant(found.quadrant) if found.quadrant else None,
        "reach": _reach(found.reach) if found.reach else None,
        "classes": asdict(found.classes) if found.classes else None,
        "patterns": asdict(found.patterns) if found.patterns else None,
        "against_each_other": asdict(found.against) if found.against else None,
        "over_depth": None if found.repair is None else [_repair(repair) for repair in found.repair],
    }
    return _plain(told)


def _ranking(ranking: Ranking) -> dict[str, Any]:
    rows = [
        {
            "head": ranking.heads[index],
            "mean": ranking.summary.mean[index],
            "low": ranking.interval.low[index],
            "high": ranking.interval.high[index],
            "median": ranking.summary.median[index],
            "lower_quartile": ranking.summary.lower_quartile[index],
            "upper_quartile": ranking.summary.upper_quartile[index],
            "n": ranking.summary.n[index],
            "rank": int(ranking.rank[index]),
            "rank_low": ranking.rank_interval.low[index],
            "rank_high": ranking.rank_interval.high[index],
            "first_in": ranking.top_share[index],
            "consistency": ranking.consistency[index],
        }
        for index in ranking.order
    ]
    return {
        "metric": ranking.metric,
        "unit": ranking.unit,
        "n": ranking.n,
        "first": None if ranking.flat else ranking.top,
        "clearly_first": ranking.clear,
        "agreement": {
            "n": ranking.agreement.n,
            "kendalls_w": ranking.agreement.w,
            "kendalls_w_by_chance": ranking.agreement.chance,
            "mean_spearman": ranking.agreement.spearman,
        },
        "heads": rows,
    }


def _reach(seen: Reach) -> dict[str, Any]:
    rows = [
        {
            "head": head,
            "distance": seen.distance[index],
            "distance_rescaled": seen.rescaled[index],
            "distance_no_sinks": seen.no_sinks[index],
            "low": seen.interval.low[index],
            "high": seen.interval.high[index],
            "of_diagonal": seen.distance[index] / seen.diagonal,
            "within_1_hop": seen.near[index],
            "to_cls": seen.to_cls[index],
            "to_patches": seen.to_patches[index],
        }
        for index, head in enumerate(seen.heads)
    ]
    facts = {"unit": "pixels", "diagonal": seen.diagonal, "uniform": seen.uniform, "missing": seen.missing or None}
    return {**facts, "interval_of": "distance" if seen.missing else "distance_no_sinks", "n": seen.n, "heads": rows}


def _quadrant(found: Quadrant) -> dict[str, Any]:
    return {
        "found": len(found.heads),
        "expected_by_chance": found.expected,
        "p": found.p,
        "beyond_chance": found.beyond_chance,
        "heads": [asdict(hidden) for hidden in found.heads],
    }


def _repair(repair: Repair) -> dict[str, Any]:
    return asdict(repair) | {"ratio": repair.ratio, "clause": repair.clause}


def _plain(value: Any) -> Any:  # noqa: ANN401 - it is about any value that JSON may have to hold
    """The same value with heads as {layer, head}, numpy numbers as Python's, and None for what is not finite."""
    if isinstance(value, HeadRef):
        return {"layer": value.layer, "head": value.head}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
