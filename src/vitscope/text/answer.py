"""The whole answer of a run, gathered once: `show` prints it, `summary` hands it to scripts, `headline` to the app.

Knows nothing about: models, torch, how the answer is printed.
"""

from collections.abc import Sequence
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
from vitscope.analysis.gaze import Gaze, gaze, gazes
from vitscope.analysis.heads.repair import Repair, repairs
from vitscope.analysis.patterns.census import Census, HeldPattern, census, held_patterns
from vitscope.analysis.quadrant import Quadrant, quadrant
from vitscope.quantities import names
from vitscope.quantities.form import number
from vitscope.text import why
from vitscope.tokens import HeadRef

TOP = 5
"""Heads whose effect is followed over depth."""


@dataclass(frozen=True)
class Why:
    """Why one head matters: the sentence, its clauses by name, and the numbers they are made of."""

    head: HeadRef
    sentence: str
    clauses: dict[str, str]
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
    regions = () if output.flat else region_effects(run, output, [output.top], with_intervals=True)[0]
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
        why=None if output.flat else reasons(run, output, [output.top])[0],
        against=against(run, output),
        repair=repairs(run, [output.heads[index] for index in output.order[:TOP]]),
    )


def reasons(run: Run, output: Ranking, heads: Sequence[HeadRef]) -> list[Why]:
    """Why each head matters (or does not), in one sentence and in numbers."""
    seen, lost, held = gazes(run, heads), why.losses(run, heads, output.mode), held_patterns(run)
    regions = region_effects(run, output, heads, with_intervals=False)
    found: list[Why] = []
    for head, looks, loss, effects in zip(heads, seen, lost, regions, strict=True):
        measured, pattern = looks if looks.n else None, held.get(head)
        clauses = why.clauses(output, head, measured, run.tokens, effects, loss, pattern)
        found.append(Why(head, why.sentence(output, head, clauses), clauses, measured, loss, pattern))
    return found


def headline(run: Run, output: Ranking | None = None) -> str | None:
    """One sentence for the first glance, None while no image is measured; `output`: the ranking, if it is made."""
    output = output or output_ranking(run)
    if output is None:
        return None
    if output.flat:
        return f"No head comes first: {same_for_all(output)}."
    seen, (lost,) = gaze(run, output.top), why.losses(run, [output.top], output.mode)
    return why.short(output, output.top, seen if seen.n else None, run.tokens, lost)


def same_for_all(ranking: Ranking) -> str:
    """What is to be said where all heads have the same mean."""
    mean, n = float(ranking.summary.mean[ranking.order[0]]), ranking.n
    return (
        f"{ranking.metric} is the same whichever of the {len(ranking.order)} heads is pruned ({number(mean)} "
        f"{ranking.unit}, n = {n})"
    )
