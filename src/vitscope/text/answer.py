"""The whole answer of a run, gathered once: `show` prints it, `summary` hands it to scripts, `headline` to the app.

Knows nothing about: models, torch, how the answer is printed.
"""

from dataclasses import dataclass

from vitscope.analysis import Run
from vitscope.analysis.against import Against, against
from vitscope.analysis.classes import ClassReport, class_exceptions
from vitscope.analysis.findings import (
    Ranking,
    Reach,
    RegionEffect,
    output_ranking,
    rank_heads,
    reach,
    region_effects,
)
from vitscope.analysis.gaze import Gaze, gaze
from vitscope.analysis.heads.repair import Repair, repairs
from vitscope.analysis.patterns.census import Census, HeldPattern, census, held_pattern
from vitscope.analysis.quadrant import Quadrant, quadrant
from vitscope.quantities import names
from vitscope.quantities.form import number
from vitscope.text import why
from vitscope.tokens import HeadRef

TOP = 5
"""Heads whose effect is followed over depth."""


@dataclass(frozen=True)
class Why:
    """Why one head matters: the sentence, and the numbers it is made of."""

    head: HeadRef
    sentence: str
    gaze: Gaze | None
    loss: why.Loss
    pattern: HeldPattern | None


@dataclass(frozen=True)
class Answer:
    """What a run says so far; all empty while no image is measured."""

    output: Ranking | None
    layers: tuple[Ranking, ...]
    regions: tuple[RegionEffect, ...]
    """Of the top head; none where no head is."""
    quadrant: Quadrant | None
    """Low on output, high on layer; None without a layer metric."""
    reach: Reach | None
    classes: ClassReport | None
    patterns: Census | None
    why: Why | None
    against: Against | None
    repair: tuple[Repair, ...] | None
    """Of the top heads; None where the run keeps no effects over depth."""


def answer(run: Run) -> Answer:
    """Everything `show` tells, computed from what the run holds now."""
    output = output_ranking(run)
    if output is None:
        return Answer(None, (), (), None, None, None, None, None, None, None)
    regions = () if output.flat else region_effects(run, output, output.top)
    layers = tuple(
        ranking for metric in names("metric", family="layer") if (ranking := rank_heads(run, metric)) is not None
    )
    return Answer(
        output=output,
        layers=layers,
        regions=regions,
        quadrant=quadrant(output, layers) if layers else None,
        reach=reach(run),
        classes=class_exceptions(run, output),
        patterns=census(run, output),
        why=None if output.flat else reason(run, output, output.top, regions),
        against=against(run, output),
        repair=repairs(run, [output.heads[index] for index in output.order[:TOP]]),
    )


def reason(run: Run, output: Ranking, head: HeadRef, regions: tuple[RegionEffect, ...]) -> Why:
    """Why a head matters (or does not), in one sentence and in numbers."""
    seen, lost = gaze(run, head), why.loss(run, head, output.mode)
    measured, held = seen if seen.n else None, held_pattern(run, head)
    return Why(head, why.sentence(output, head, measured, run.tokens, regions, lost, held), measured, lost, held)


def headline(run: Run) -> str | None:
    """One sentence for the first glance, None while no image is measured."""
    output = output_ranking(run)
    if output is None:
        return None
    if output.flat:
        return f"No head comes first: {same_for_all(output)}."
    seen = gaze(run, output.top)
    lost = why.loss(run, output.top, output.mode)
    return why.short(output, output.top, seen if seen.n else None, run.tokens, lost)


def same_for_all(ranking: Ranking) -> str:
    """What is to be said where all heads have the same mean."""
    mean, n = float(ranking.summary.mean[ranking.order[0]]), ranking.n
    return (
        f"{ranking.metric} is the same whichever of the {len(ranking.order)} heads is pruned ({number(mean)} "
        f"{ranking.unit}, n = {n})"
    )
