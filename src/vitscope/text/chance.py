"""Findings that chance alone could give, as plain text: each beside what unrelated rankings or shuffled labels give.

Knows nothing about: runs, how the findings are made.
"""

from typing import Final

import numpy as np

from vitscope.analysis import classes as by_class
from vitscope.analysis.classes import ClassReport
from vitscope.analysis.statistics.descriptive import spearman
from vitscope.quantities.form import DASH, name_list, number, paragraph, percent, plural, table
from vitscope.text.answer import Answer

TOP: Final = 5


def quadrant_lines(found: Answer) -> list[str]:
    """Heads low on output and high on layer, their number beside that of unrelated rankings."""
    title = "LOW ON OUTPUT, HIGH ON LAYER: bottom half by output, top quarter by a layer metric"
    if found.quadrant is None or found.output is None:
        return [title, f"  {DASH} this run has no layer metric"]
    corner, total = found.quadrant, found.quadrant.total
    correlations = name_list(
        [
            f"{ranking.metric} {number(spearman(found.output.summary.mean, ranking.summary.mean))}"
            for ranking in found.layers
        ]
    )
    chance = (
        f"{plural(len(corner.heads), 'head')} found, {number(corner.expected)} expected if the rankings were unrelated "
        f"({corner.high} heads are high on layer, {corner.low} of {total} low on output; p = {number(corner.p)}): "
        f"{corner.verdict}"
    )
    lines = [
        title,
        f"  Spearman's rho of the heads' means, {found.output.metric} against {correlations}",
        *paragraph(chance),
    ]
    if not corner.heads:
        return lines
    rows = [
        (
            str(hidden.head),
            f"{hidden.output_rank} of {total}",
            number(hidden.output_mean),
            hidden.layer_metric,
            f"{hidden.layer_rank} of {total}",
            number(hidden.layer_mean),
        )
        for hidden in corner.heads[:TOP]
    ]
    header = ("head", f"rank by {found.output.metric}", found.output.metric, "layer metric", "rank", "mean")
    more = [f"  and {len(corner.heads) - TOP} more"] if len(corner.heads) > TOP else []
    return [*lines, *table(header, rows, left=(0, 3)), *more]


def class_lines(found: ClassReport) -> list[str]:
    """Classes that are an exception, and how many comparisons were made to find them."""
    title = f"CLASSES THAT ARE EXCEPTIONS (class = {found.source})"
    if found.reason:
        return [title, f"  {DASH} not judged: {found.reason}"]
    rule = (
        f"{found.judged} of {found.present} classes judged (from {by_class.MIN_IMAGES} images), {found.comparisons} "
        f"comparisons of a class with the other images by rank sums; p is that of the largest of them all among "
        f"{found.permutations} shuffles of the labels, listed below {by_class.THRESHOLD}"
    )
    lines = [title, *paragraph(rule)]
    for top in found.other_tops[:TOP]:
        against = f"{number(top.mean)} against {number(top.usual_mean)} of {top.usual}"
        lines += paragraph(f"{top.name}: {top.head} matters most, {against} (n = {top.n}, p = {number(top.p)})")
    if not found.other_tops:
        lines.append("  no class has another top head beyond chance")
    if found.unclear_tops:
        lines.append(f"  in {found.unclear_tops} more the top head differs, but not beyond chance")
    for shift in found.shifts[:TOP]:
        times = f"{shift.mean / shift.rest:.1f} times" if shift.rest > 0 and shift.mean > 0 else "against"
        what = f"{shift.head} {number(shift.mean)}, {times} the {number(shift.rest)} of other images"
        lines += paragraph(f"{shift.name}: {what} (n = {shift.n}, p = {number(shift.p)})")
    if len(found.shifts) > TOP:
        lines.append(f"  and {len(found.shifts) - TOP} more heads that differ for a class")
    if not found.shifts:
        lines += paragraph(
            f"no head differs for a class beyond chance, by a factor of {by_class.FACTOR:.0f} and by at least "
            f"{percent(by_class.SIZE)} of the top head's mean"
        )
    return lines


def agreement_lines(found: Answer) -> list[str]:
    """Agreement of the images' rankings: mean Spearman, whose chance level is 0, and W, whose chance level is 1/n."""
    header = ("metric", "mean Spearman's rho (unrelated: 0)", "Kendall's W", "W if unrelated", "n")
    rankings = [ranking for ranking in (found.output, *found.layers) if ranking is not None]
    rows = [
        (ranking.metric, _three(agreed.spearman), _three(agreed.w), _three(agreed.chance), str(agreed.n))
        for ranking in rankings
        if np.isfinite((agreed := ranking.agreement).w)
    ]
    lines = ["IS IT SO FOR EVERY IMAGE? Agreement of two images' rankings of the heads; 1 = the same ranking"]
    if rows:
        lines += table(header, rows)
    unknown = [ranking.metric for ranking in rankings if not np.isfinite(ranking.agreement.w)]
    if unknown:
        lines.append(f"  {DASH} {name_list(unknown)}: needs two images, and heads that differ")
    return lines


def _three(value: float) -> str:
    return f"{value:.3f}"
