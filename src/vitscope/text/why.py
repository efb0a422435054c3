"""Why a head matters, in one sentence whose every clause is computed from the run; the page shows the same clauses.

Where its patches and its CLS attend, whether a few keys draw them all, how far and how concentrated, on how many
images, and what pruning it does. A clause whose numbers a run does not have is left out.
Knows nothing about: models, torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vitscope.analysis import Run
from vitscope.analysis.findings import Ranking, RegionEffect, flatten, measured
from vitscope.analysis.gaze import Gaze
from vitscope.analysis.patterns.census import HeldPattern
from vitscope.analysis.statistics.descriptive import mean_over_images
from vitscope.quantities import quantity
from vitscope.quantities.form import name_list, number, percent
from vitscope.text import looks
from vitscope.tokens import HeadRef, TokenLayout

CARRIES: Final = 0.5
"""A head acts through a region from this share of its whole effect, when the region alone is pruned."""
NAMES: Final = 3
"""Names that are told of a head whose matrices are mixed."""
REGION_NAMES: Final = {
    "cc": "CLS attending to itself",
    "cp+pc": "CLS and patches attending to each other",
    "pp": "patches attending to patches",
}


@dataclass(frozen=True)
class Loss:
    """What pruning one head does to the answers; NaN without a classifier, and accuracies NaN without labels."""

    n: int
    prob_drop: float
    flip: float
    labelled: int
    accuracy: float
    accuracy_low: float
    """Bounds after pruning: a run stores that an answer changed, not what to, so a wrong one may have become right."""
    accuracy_high: float


def losses(run: Run, heads: Sequence[HeadRef], mode: str) -> list[Loss]:
    """Collect what pruning each head does to probabilities, answers and accuracy."""
    images, model = run.images, run.manifest.model
    labels = images["label"].to_numpy()
    known = (labels >= 0) & measured(images)
    if model.readout == "labels" and model.n_logits != 1:
        known[:] = False  # of several labels the top one may change though none is said differently
    right = images["prediction"].to_numpy() == labels
    drops, flips = flatten(run.effect("prob_drop", mode), heads), flatten(run.effect("flip", mode), heads)
    return [_loss(drop, flip, known, right) for drop, flip in zip(drops.T, flips.T, strict=True)]


def _loss(drop: np.ndarray, flip: np.ndarray, known: np.ndarray, right: np.ndarray) -> Loss:
    """Of one head; arrays are [image], `known` says where there is a label."""
    labelled = known & np.isfinite(flip)
    right, changed = right[labelled], flip[labelled] > 0
    count = int(labelled.sum())
    kept = float((right & ~changed).mean()) if count else np.nan
    return Loss(
        n=int(np.isfinite(flip).sum()),
        prob_drop=float(mean_over_images(drop)),
        flip=float(mean_over_images(flip)),
        labelled=count,
        accuracy=float(right.mean()) if count else np.nan,
        accuracy_low=kept,
        accuracy_high=kept + float((~right & changed).mean()) if count else np.nan,
    )


def clauses(
    ranking: Ranking,
    head: HeadRef,
    seen: Gaze | None,
    tokens: TokenLayout,
    regions: Sequence[RegionEffect],
    lost: Loss,
    held: HeldPattern | None = None,
) -> dict[str, str]:
    """What is said of one head, by name, in the order of the sentence; what the run does not have is left out."""
    attends = seen and {
        "patches": looks.patches(seen),
        "direction": looks.direction(seen),
        "cls": looks.cls(seen),
        "keys": looks.keys(seen, tokens),
        "distance": looks.distance(seen),
        "shape": looks.shape(seen),
    }
    does = {
        "pattern": _holds(held),
        "through": _acts_through(regions),
        "pruning": _pruning(ranking, ranking.heads.index(head), lost),
    }
    return {name: text for name, text in {**(attends or {}), **does}.items() if text}


def sentence(ranking: Ranking, head: HeadRef, told: Mapping[str, str]) -> str:
    """The whole answer for one head, from its clauses."""
    index = ranking.heads.index(head)
    place = f"number {int(ranking.rank[index])}"
    if head == ranking.top:
        place = "the most important head" if ranking.clear else "first, though not clearly,"
    return f"{head} is {place} by {ranking.metric} ({standing(ranking, index)}): {'; '.join(told.values())}."


def standing(ranking: Ranking, index: int) -> str:
    """A head's mean with interval and n, the share of images it leads, its consistency."""
    low, high = ranking.interval.low[index], ranking.interval.high[index]
    parts = [f"{number(ranking.summary.mean[index])} {ranking.unit}"]
    if np.isfinite(low):
        parts.append(f"95 % interval {number(low)} to {number(high)}")
    if ranking.rank_interval.high[index] > 1:
        parts.append(f"rank {ranking.rank_interval.low[index]:.0f} to {ranking.rank_interval.high[index]:.0f}")
    parts.append(f"n = {ranking.summary.n[index]}")
    leads = f"first in {percent(ranking.top_share[index])} of the images"
    steady = ranking.consistency[index]
    return ", ".join(parts) + f"; {leads}" + (f", consistency {steady:.2f}" if np.isfinite(steady) else "")


def short(ranking: Ranking, head: HeadRef, seen: Gaze | None, tokens: TokenLayout, lost: Loss) -> str:
    """The first glance: which head, by how much, what breaks, where it attends."""
    index = ranking.heads.index(head)
    low, high, n = ranking.interval.low[index], ranking.interval.high[index], ranking.summary.n[index]
    interval = f", 95 % interval {number(low)} to {number(high)}" if np.isfinite(low) else ""
    effect = f"{quantity(ranking.metric).short} {number(ranking.summary.mean[index])} {ranking.unit}{interval}, n = {n}"
    if np.isfinite(lost.flip):
        breaks = f"pruning it changes {percent(lost.flip)} of the predictions ({effect})"
    else:
        values = quantity(ranking.metric).readouts == ("values",)
        breaks = f"pruning it moves the {'values' if values else 'pooled output'} most ({effect})"
    attends = [] if seen is None else [looks.direction(seen), looks.keys(seen, tokens), looks.patches(seen)]
    told = next((f"; {clause}" for clause in attends if clause), "")
    first = "matters most" if head == ranking.top and ranking.clear else "comes out first, though not clearly"
    return f"{head} {first}: {breaks}{told}."


def _holds(held: HeldPattern | None) -> str:
    """The pattern it shows most, how steadily, and how far the image decides; nothing where the run has no patterns."""
    if held is None:
        return ""
    told = f"its pattern is {held.pattern} in {percent(held.share)} of {held.n} images"
    if held.pattern not in held.names or held.pattern == "mixed":
        told = f"its pattern is {held.pattern}: {_mix(held)} of {held.n} images"
    depends = held.content_dependence
    return f"{told}, content dependence {depends:.2f}" if np.isfinite(depends) else told


def _mix(held: HeldPattern) -> str:
    """Its commonest names and their shares."""
    return name_list([f"{name} in {percent(share)}" for name, share in list(held.names.items())[:NAMES]])


def _acts_through(regions: Sequence[RegionEffect]) -> str:
    """The region that carries most of the effect, by pruning it alone; nothing where the run has no partial modes."""
    parts = [effect for effect in regions if effect.mode in REGION_NAMES and effect.whole > 0]
    if not parts:
        return ""
    main = max(parts, key=lambda effect: effect.mean / effect.whole)
    share = main.mean / main.whole
    told = (
        f"{REGION_NAMES[main.mode]} ({main.mode}): pruning that alone has {percent(share)} of the effect, n = {main.n}"
    )
    return f"it acts through {told}" if share >= CARRIES else f"no region carries it alone, most does {told}"


def _pruning(ranking: Ranking, index: int, lost: Loss) -> str:
    if not np.isfinite(lost.flip):
        turned = f"{number(ranking.summary.mean[index])} {ranking.unit}"
        return f"pruning it moves {ranking.metric} by {turned} (there are no classes, so no answers to count)"
    moves = f"{'lowers' if lost.prob_drop >= 0 else 'raises'} the target's probability by {number(abs(lost.prob_drop))}"
    told = f"pruning it {moves}, changes {percent(lost.flip)} of {lost.n} predictions"
    if not lost.labelled:
        return told
    low, high = f"{lost.accuracy_low:.3f}", f"{lost.accuracy_high:.3f}"
    after = low if low == high else f"between {low} and {high}"
    return f"{told} and takes accuracy from {lost.accuracy:.3f} to {after} ({lost.labelled} labelled images)"
