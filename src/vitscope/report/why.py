"""Why a head matters, in one sentence whose every clause is computed from the run.

Where its patches and its CLS look, whether one key token draws them all, how far and how concentrated, on how many
images, and what pruning it does. A clause whose numbers a run does not have is left out.
Knows nothing about: models, torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from vitscope.quantities import quantity
from vitscope.report.census import HeldPattern
from vitscope.report.findings import Ranking, RegionEffect, kept, mean_over_images, measured
from vitscope.report.form import name_list, number, percent
from vitscope.store import Run
from vitscope.tokens import HeadRef, TokenLayout

SINK_SHARE: Final = 0.25
SINK_TIMES: Final = 4.0
"""A key token is called a sink from this share of all attention, and from this many times uniform, on average."""
SHARED_MAP, OWN_MAP = 0.1, 0.4
"""Normalised mutual information below which all queries share one map, and above which each has its own."""
CARRIES: Final = 0.5
"""A head acts through a region from this share of its whole effect, when the region alone is pruned."""
REGION_NAMES: Final = {
    "cc": "CLS looking at itself",
    "cp+pc": "CLS and patches looking at each other",
    "pp": "patches looking at patches",
}
SHARP, FLAT = 0.5, 0.9
"""Entropy as a share of ln T: below = sharp, above = almost even."""
NO_EFFECT: Final = "No head has any effect"


@dataclass(frozen=True)
class Gaze:
    """Where one head looks: means over the measured images, NaN where the layout or the run does not define them."""

    n: int
    to_self: float
    """Shares of the patches' attention: to the patch itself, its 8 neighbours, patches further away, CLS, others."""
    to_neighbours: float
    to_far: float
    to_cls: float
    to_others: float
    near_uniform: float
    """What uniform attention would give to within 1 hop, the patch itself included."""
    cls_to_cls: float
    cls_to_patches: float
    distance: float
    """Pixels, and what uniform attention would give."""
    distance_uniform: float
    diagonal: float
    entropy: float
    """Nats, mean over queries; `entropy_max` = ln T."""
    entropy_max: float
    nmi: float
    focus: float
    key_token: str | None
    """The key token that gets most attention, mean over queries and images; None until the mean matrix is complete."""
    key_share: float
    key_uniform: float
    concentration: float
    """Within one image: the largest column sum over the median one, median over images (it can be infinite)."""

    @property
    def sink(self) -> bool:
        """Whether one key token draws attention from everywhere."""
        return self.key_share >= SINK_SHARE and self.key_share >= SINK_TIMES * self.key_uniform


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


def gaze(run: Run, head: HeadRef) -> Gaze:
    """Collect where a head looks from the run's reductions and, once complete, its mean attention."""
    tokens = run.tokens

    def over_images(name: str) -> np.ndarray:
        return kept(run, "spread", name)[:, head.layer, head.head]

    def mean(name: str) -> float:
        return float(mean_over_images(over_images(name)))

    mass = mean_over_images(kept(run, "strength", "mass")[:, head.layer, head.head])
    distances, sinks = over_images("distance"), over_images("sink")
    sinks = sinks[~np.isnan(sinks)]
    near, far = _uniform(tokens)
    token, share = _key_token(run, head)
    return Gaze(
        n=int(np.isfinite(distances).sum()),
        to_self=float(mass[0]),
        to_neighbours=float(mass[1]) if len(mass) > 1 else 0.0,
        to_far=float(mass[2:].sum()),
        to_cls=mean("to_cls") if tokens.cls is not None else np.nan,
        to_others=mean("to_other") if tokens.others else np.nan,
        near_uniform=near,
        cls_to_cls=mean("cls_self"),
        cls_to_patches=mean("cls_to_patches"),
        distance=float(mean_over_images(distances)),
        distance_uniform=far,
        diagonal=float(np.hypot(tokens.rows * tokens.patch[0], tokens.cols * tokens.patch[1])),
        entropy=mean("entropy"),
        entropy_max=log(tokens.n_tokens),
        nmi=mean("nmi"),
        focus=mean("focus"),
        key_token=token,
        key_share=share,
        key_uniform=1 / tokens.n_tokens,
        concentration=float(np.median(sinks)) if len(sinks) else np.nan,
    )


def loss(run: Run, head: HeadRef, mode: str) -> Loss:
    """Collect what pruning a head does to probabilities, answers and accuracy."""
    drop = run.effect("prob_drop", mode)[:, head.layer, head.head]
    flip = run.effect("flip", mode)[:, head.layer, head.head]
    images, model = run.images, run.manifest.model
    labelled = (images["label"].to_numpy() >= 0) & measured(images) & np.isfinite(flip)
    right = (images["prediction"].to_numpy() == images["label"].to_numpy())[labelled]
    changed = flip[labelled] > 0
    if model.readout == "labels" and model.n_logits != 1:
        labelled[:] = False  # of several labels the top one may change though none is said differently
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


def sentence(
    ranking: Ranking,
    head: HeadRef,
    seen: Gaze | None,
    regions: Sequence[RegionEffect],
    lost: Loss,
    held: HeldPattern | None = None,
) -> str:
    """The whole answer for one head; what the run does not have (None, NaN, no partial modes) is left out."""
    index = ranking.heads.index(head)
    place = f"number {int(ranking.rank[index])}"
    if head == ranking.top:
        place = "first, though not clearly," if rivalled(ranking, index) else "the most important head"
    if without_effect(ranking):
        place = "without effect, as all others are,"
    looks = [_patches(seen), _cls(seen), _key(seen), _distance(seen), _shape(seen)] if seen is not None else []
    does = (_holds(held), _acts_through(regions), _pruning(ranking, index, lost))
    told = "; ".join(clause for clause in (*looks, *does) if clause)
    return f"{head} is {place} by {ranking.metric} ({standing(ranking, index)}): {told}."


def rivalled(ranking: Ranking, index: int) -> bool:
    """Whether a head may not be the first: the interval of its rank reaches lower, is unknown, or is another's too."""
    first = ranking.rank_interval.high <= 1  # False where it is NaN: one image says nothing about the others
    return not (first[index] and first.sum() == 1)


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


def short(ranking: Ranking, head: HeadRef, seen: Gaze | None, lost: Loss) -> str:
    """The first glance: which head, by how much, what breaks, where it looks."""
    if without_effect(ranking):
        return f"{NO_EFFECT}: {quantity(ranking.metric).short} is 0 for each of them, n = {ranking.n}."
    index = ranking.heads.index(head)
    low, high, n = ranking.interval.low[index], ranking.interval.high[index], ranking.summary.n[index]
    interval = f", 95 % interval {number(low)} to {number(high)}" if np.isfinite(low) else ""
    effect = f"{quantity(ranking.metric).short} {number(ranking.summary.mean[index])} {ranking.unit}{interval}, n = {n}"
    if np.isfinite(lost.flip):
        breaks = f"pruning it changes {percent(lost.flip)} of the predictions ({effect})"
    else:
        breaks = f"pruning it moves the pooled output most ({effect})"
    looks = f"; {_patches(seen)}" if seen is not None and _patches(seen) else ""
    first = "comes out first, though not clearly" if rivalled(ranking, index) else "matters most"
    return f"{head} {first}: {breaks}{looks}."


def without_effect(ranking: Ranking) -> bool:
    """Whether no head has any effect at all: then none of them comes first."""
    return not bool((ranking.summary.mean > 0).any())


def _patches(seen: Gaze) -> str:
    shares = {
        "CLS": seen.to_cls,
        "the other prefix tokens": seen.to_others,
        "themselves": seen.to_self,
        "their neighbours (1 hop)": seen.to_neighbours,
        "patches further away": seen.to_far,
    }
    known = sorted(((share, where) for where, share in shares.items() if np.isfinite(share)), reverse=True)
    told = [
        f"{percent(share)} to {where}" for share, where in known if share >= 0.05
    ]  # less does not say where a head looks
    return f"its patches give {name_list(told)}" if told else ""


def _cls(seen: Gaze) -> str:
    if not np.isfinite(seen.cls_to_patches):
        return ""
    return f"its CLS gives {percent(seen.cls_to_patches)} to patches and {percent(seen.cls_to_cls)} to itself"


def _key(seen: Gaze) -> str:
    within = f"in the median image the most attended token gets {number(seen.concentration)} times the median one"
    if seen.key_token is None:
        return within if np.isfinite(seen.concentration) else ""
    share = f"{percent(seen.key_share)} of all attention, {number(seen.key_share / seen.key_uniform)} times uniform"
    if seen.sink:
        return f"one key token, {seen.key_token}, is a sink ({share})"
    told = f"no key token is a sink over the images (most: {seen.key_token}, {share}"
    return f"{told}; {within})" if np.isfinite(seen.concentration) else f"{told})"


def _distance(seen: Gaze) -> str:
    if not np.isfinite(seen.distance):
        return ""
    near = seen.to_self + seen.to_neighbours
    times = f", {near / seen.near_uniform:.1f} times uniform" if seen.near_uniform > 0 else ""
    return (
        f"mean distance {number(seen.distance)} px ({percent(seen.distance / seen.diagonal)} of the diagonal; uniform "
        f"attention {number(seen.distance_uniform)} px) with {percent(near)} within 1 hop{times}"
    )


def _shape(seen: Gaze) -> str:
    told: list[str] = []
    if np.isfinite(seen.entropy):
        share = seen.entropy / seen.entropy_max
        word = "sharp" if share < SHARP else "almost even" if share > FLAT else "broad"
        told.append(f"{word} (entropy {seen.entropy:.2f} of at most {seen.entropy_max:.2f} nats)")
    if np.isfinite(seen.nmi):
        many = "all queries share one map" if seen.nmi < SHARED_MAP else "queries share a map in part"
        told.append(f"{'each query has its own map' if seen.nmi > OWN_MAP else many} (nmi {seen.nmi:.2f})")
    if np.isfinite(seen.focus):
        told.append(f"CLS focus {seen.focus:.2f}")
    return name_list(told)


def _holds(held: HeldPattern | None) -> str:
    """The pattern it shows most, how steadily, and how far the image decides; nothing where the run has no patterns."""
    if held is None or held.cluster is None:
        return ""
    mix = f"mix entropy {held.entropy:.1f} bits; by rule {held.rule} in {percent(held.rule_share)}"
    told = f"its pattern is {held.pattern} in {percent(held.share)} of {held.n} images ({mix})"
    depends = held.content_dependence
    return f"{told}, content dependence {depends:.2f}" if np.isfinite(depends) else told


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
        return f"pruning it moves {ranking.metric} by {turned} (the model has no classifier, so no answers to count)"
    moves = f"{'lowers' if lost.prob_drop >= 0 else 'raises'} the target's probability by {number(abs(lost.prob_drop))}"
    told = f"pruning it {moves}, changes {percent(lost.flip)} of {lost.n} predictions"
    if not lost.labelled:
        return told
    low, high = f"{lost.accuracy_low:.3f}", f"{lost.accuracy_high:.3f}"
    after = low if low == high else f"between {low} and {high}"
    return f"{told} and takes accuracy from {lost.accuracy:.3f} to {after} ({lost.labelled} labelled images)"


def _key_token(run: Run, head: HeadRef) -> tuple[str | None, float]:
    """The key token with the largest mean over queries, and that mean; none where the run has no mean attention."""
    mean_attention = run.layer_mean_attention(head.layer)[head.head] if run.has_mean_attention else np.array(np.nan)
    if not np.isfinite(mean_attention).all():
        return None, float("nan")
    received = mean_attention.astype(np.float64).mean(axis=0)
    token = int(received.argmax())
    tokens = run.tokens
    name = tokens.name(token)
    return (name.upper() if name == "cls" else name if token < tokens.n_prefix else f"patch {name}"), float(
        received[token]
    )


def _uniform(tokens: TokenLayout) -> tuple[float, float]:
    """What attention uniform over all tokens gives: share within 1 hop, and mean distance in pixels."""
    row, col = np.divmod(np.arange(tokens.n_patches), tokens.cols)
    rows, cols = np.abs(row[:, None] - row), np.abs(col[:, None] - col)
    within = np.maximum(rows, cols) <= 1
    distance = np.hypot(rows * tokens.patch[0], cols * tokens.patch[1])
    return float(within.sum(axis=1).mean() / tokens.n_tokens), float(distance.sum(axis=1).mean() / tokens.n_tokens)
