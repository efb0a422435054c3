"""Heads against each other and over depth as plain text, for `show`.

Knows nothing about: runs, how the findings are made.
"""

from collections.abc import Sequence
from typing import Final

from vitscope.analysis.against import VARIANT_NAMES, WAY_NAMES, Against, Redundancy
from vitscope.analysis.heads.repair import Repair
from vitscope.quantities.form import DASH, name_list, number, paragraph, plural

NAMED: Final = 12


def against_lines(found: Against) -> list[str]:
    """One line a finding: the most diverse layer by each variant, the largest redundant group by each way."""
    lines = ["HEADS COMPARED WITH EACH OTHER"]
    for diversity in found.diversity:
        values, most, least = diversity.values, diversity.most, diversity.least
        lines += paragraph(
            f"most diverse layer {most}, {number(values[most])}, least {least}, {number(values[least])} "
            f"({VARIANT_NAMES[diversity.variant]}, n = {diversity.n})"
        )
    if not found.diversity:
        lines += paragraph(f"{DASH} no diversity: {found.no_diversity}")
    for redundancy in found.redundancy:
        lines += paragraph(_redundancy(redundancy))
    if all(redundancy.way != "output" for redundancy in found.redundancy):
        lines += paragraph(f"{DASH} no redundancy by output: {found.no_output}")
    return lines


def _redundancy(found: Redundancy) -> str:
    how = f"{WAY_NAMES[found.way]}, at least {found.threshold}, n = {found.n} {found.of}"
    if not found.groups:
        pair = found.closest
        named = name_list([str(head) for head in pair.heads])
        return f"no redundant heads ({how}); the most similar are {named}, {number(pair.similarity)}"
    group, keep = found.groups[0], found.keep[0]
    names = [str(head) for head in group.heads]
    named = name_list(names) if len(names) <= NAMED else f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    many = f"largest of {len(found.groups)} redundant groups" if len(found.groups) > 1 else "one redundant group"
    return (
        f"{many}: {plural(len(names), 'head')}, {named}, mean similarity {number(group.similarity)}; the most "
        f"important is {keep} ({how})"
    )


def repair_lines(found: Sequence[Repair] | None, metric: str) -> list[str]:
    """What later layers undo or amplify, a clause for each of the top heads."""
    title = f"OVER DEPTH: what later layers undo or amplify of the top heads by {metric}"
    if found is None:
        return [title, f"  {DASH} not kept by runs before format 4: analyse again into another folder"]
    if not found:
        return [title, f"  {DASH} no layer follows these heads"]
    lines = [f"{title}, n = {found[0].n}"]
    for repair in found:
        lines += paragraph(f"{repair.head}: {repair.clause}")
    told = "a distance also shrinks where later layers only add to the stream: it need not be active repair"
    return [*lines, *paragraph(told)]
