"""The whole answer of a run, gathered once: `show` prints it, `summary` hands it to scripts, `headline` to the app.

Knows nothing about: models, torch, how the answer is printed.
"""

from dataclasses import dataclass

from vitscope.quantities import names
from vitscope.report import why
from vitscope.report.against import Against, against
from vitscope.report.census import Census, HeldPattern, census, held_pattern
from vitscope.report.classes import ClassReport, class_exceptions
from vitscope.report.findings import (
    HiddenHead,
    Ranking,
    Reach,
    RegionEffect,
    hidden_heads,
    output_ranking,
    rank_heads,
    reach,
    region_effects,
)
from vitscope.report.repair import Repair, repairs
from vitscope.store import Run
from vitscope.tokens import HeadRef

TOP = 5
"""Heads whose effect is followed over depth."""


@dataclass(frozen=True)
class Why:
    """Why one head matters: the sentence, and the numbers it is made of."""

    head: HeadRef
    sentence: str
    gaze: why.Gaze | None
    loss: why.Loss
    pattern: HeldPattern | None


@dataclass(frozen=True)
class Answer:
    """What a run says so far; all empty while no image is measured."""

    output: Ranking | None
    layers: tuple[Ranking, ...]
    regions: tuple[RegionEffect, ...]
    """Of the top head."""
    hidden: tuple[HiddenHead, ...]
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
        return Answer(None, (), (), (), None, None, None, None, None, None)
    regions = region_effects(run, output, output.top)
    layers = tuple(
        ranking for metric in names("metric", family="layer") if (ranking := rank_heads(run, metric)) is not None
    )
    return Answer(
        output=output,
        layers=layers,
        regions=regions,
        hidden=hidden_heads(output, layers),
        reach=reach(run),
        classes=class_exceptions(run, output),
        patterns=census(run, output),
        why=reason(run, output, output.top, regions),
        against=against(run, output),
        repair=repairs(run, [output.heads[index] for index in output.order[:TOP]]),
    )


def reason(run: Run, output: Ranking, head: HeadRef, regions: tuple[RegionEffect, ...]) -> Why:
    """Why a head matters (or does not), in one sentence and in numbers."""
    seen, lost = why.gaze(run, head), why.loss(run, head, output.mode)
    measured, held = seen if seen.n else None, held_pattern(run, head)
    return Why(head, why.sentence(output, head, measured, regions, lost, held), measured, lost, held)


def headline(run: Run) -> str | None:
    """One sentence for the first glance, None while no image is measured."""
    output = output_ranking(run)
    if output is None:
        return None
    seen = why.gaze(run, output.top)
    return why.short(output, output.top, seen if seen.n else None, why.loss(run, output.top, output.mode))
