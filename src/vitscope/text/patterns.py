"""The census of patterns as plain text, for `show`.

Knows nothing about: runs, how patterns are learned.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Final

from vitscope.analysis.findings import Ranking
from vitscope.analysis.patterns.census import Census, HeldPattern
from vitscope.quantities.form import DASH, name_list, number, paragraph, percent, plural, table

FEW: Final = 3
TOP: Final = 5
NAMED: Final = 12
SHOWN: Final = 5


def pattern_lines(found: Census, ranking: Ranking) -> list[str]:
    """Census, quality, content dependence, heads that repeat a pattern, patterns of the important heads."""
    return [
        *_names_of_heads(found),
        "",
        *_counts(found, ranking),
        "",
        *_quality(found),
        "",
        *_content(found),
        "",
        *_important(found, ranking),
        "",
        *_repeated(found),
    ]


def _names_of_heads(found: Census) -> list[str]:
    rows = [
        (name.name, percent(name.share), ", ".join(map(str, name.layers)), _first([str(head) for head in name.heads]))
        for name in found.names
    ]
    title = f"WHAT HEADS SHOW, matrix by matrix: {found.n_matrices} matrices of {plural(found.n_images, 'image')}"
    told = "layers: the fewest with half of them; heads: those with this name in more than half of their own matrices"
    return [title, *table(("name", "matrices", "layers", "heads"), rows, left=(0, 2, 3)), *paragraph(told)]


def _first(heads: Sequence[str]) -> str:
    return ", ".join(heads[:SHOWN]) + (f" and {len(heads) - SHOWN} more" if len(heads) > SHOWN else "") or DASH


def _counts(found: Census, ranking: Ranking) -> list[str]:
    rows = [
        (
            count.pattern,
            percent(count.share),
            ", ".join(map(str, count.layers)),
            ", ".join(f"{name} {percent(share)}" for name, share in count.by_rule),
            ", ".join(f"{head} {percent(share)}" for head, share in count.examples),
            str(count.heads),
            number(count.effect),
            percent(count.effect_share),
        )
        for count in found.patterns
    ]
    header = ("cluster", "share", "layers", "by rule", "most in", "heads", ranking.metric, "of all")
    title = (
        f"CLUSTERS OF MATRICES: {plural(len(found.patterns), 'cluster')} among {found.n_matrices} matrices of "
        f"{plural(found.n_images, 'image')}"
    )
    told = (
        "layers: the fewest with half of it; by rule: names of its matrices one by one; most in: heads with that name "
        "themselves; heads: those whose most frequent cluster it is; "
        f"{ranking.metric}: mean of pruning the head where its matrix is in the cluster "
        f"({ranking.unit}), and its share of the sum over all"
    )
    return [title, *table(header, rows, left=(0, 2, 3, 4)), *paragraph(told)]


_QUALITY: Final = {
    "silhouette": "own silhouette",
    "fair": "fair silhouette",
    "stability": "stability",
    "reconstruction": "explained",
}


def _quality(found: Census) -> list[str]:
    rows = [
        (
            space + (" (chosen)" if space == found.space else ""),
            str(quality["n_clusters"]),
            *(_hundredths(quality[name]) for name in _QUALITY),
        )
        for space, quality in found.quality.items()
    ]
    header = ("seen by", "patterns", *_QUALITY.values())
    told = (
        "own silhouette: in the space's own codes; fair: each in the other's space too; stability: adjusted Rand over "
        "seeds, 1 = the same clusters; explained: share of the variance of matrices not learned from"
    )
    return ["HOW GOOD ARE THE CLUSTERS?", *paragraph(found.verdict), *table(header, rows), *paragraph(told)]


def _hundredths(value: float | None) -> str:
    return DASH if value is None or not isfinite(value) else f"{value:.2f}"


def _content(found: Census) -> list[str]:
    heads = found.by_content()
    title = "DOES THE IMAGE DECIDE? content dependence: 0 = the same matrix for all images, 1 = only the image"
    if not heads:
        return [title, f"  {DASH} needs two images"]
    at = "" if found.resolution == "full" else f", at {found.resolution} size, mean {found.mean}"
    few = min(FEW, len(heads))
    return [
        title + at,
        "  lowest",
        *table(_HEADER, [_row(held) for held in heads[:few]], left=(0, 2, 4), indent=4),
        "  highest",
        *table(_HEADER, [_row(held) for held in heads[::-1][:few]], left=(0, 2, 4), indent=4),
    ]


_HEADER: Final = ("head", "content dependence", "pattern", "in", "cluster", "mix entropy, bits")


def _row(held: HeldPattern) -> tuple[str, ...]:
    return (
        str(held.head),
        number(held.content_dependence),
        held.pattern,
        f"{percent(held.share)} of {held.n}",
        f"{held.cluster_name} {percent(held.cluster_share)}",
        f"{held.entropy:.2f}",
    )


def _important(found: Census, ranking: Ranking) -> list[str]:
    rows = [
        (str(ranking.heads[index]), number(ranking.summary.mean[index]), *_row(found.of(ranking.heads[index]))[1:])
        for index in ranking.order[:TOP]
    ]
    header = ("head", ranking.metric, *_HEADER[1:])
    return [f"WHICH PATTERNS IMPORTANT HEADS HAVE (by {ranking.metric})", *table(header, rows, left=(0, 3, 5))]


def _repeated(found: Census) -> list[str]:
    title = "HEADS THAT REPEAT A PATTERN in 80 % of their images and are similar: candidates for redundancy"
    if not found.repeated:
        return [title, "  none"]
    lines = [title]
    for repetition in found.repeated:
        named = _names([str(head) for head in repetition.heads])
        lines += paragraph(
            f"{repetition.pattern}: {plural(len(repetition.heads), 'head')}, {named}; mean similarity "
            f"{number(repetition.similarity)} ({_COMPARED[repetition.by]}), mean content dependence "
            f"{number(repetition.content_dependence)}"
        )
    return lines


_COMPARED: Final = {
    "mean": "cosine of mean matrices",
    "output": "linear CKA of outputs",
    "cls": "cosine of CLS rows",
}


def _names(heads: Sequence[str]) -> str:
    if len(heads) <= NAMED:
        return name_list(heads)
    return f"{', '.join(heads[:NAMED])} and {len(heads) - NAMED} more"
