"""What patterns heads have learned: a census of the clusters, what each head holds, and how far the image decides.

Knows nothing about: models, torch, how patterns are learned, how the answer is printed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from vitscope.report.findings import Ranking, real_heads
from vitscope.store import Patterns, Run
from vitscope.store.patterns import main_patterns
from vitscope.tokens import HeadRef

EXAMPLES: Final = 2
"""Heads, and names by rule, that are told of each pattern."""


@dataclass(frozen=True)
class HeldPattern:
    """What one head shows over the sampled images."""

    head: HeadRef
    cluster: int | None
    pattern: str
    """The commonest cluster's name; `none` where no matrix belongs to one."""
    share: float
    """Of the `n` sampled images."""
    n: int
    entropy: float
    """Of the mix of patterns, bits; 0 = always the same."""
    rule: str
    """What its matrices are called most, one by one by the rules, whatever their cluster; and in which share."""
    rule_share: float
    content_dependence: float
    """Over all images: 0 = the same matrix whatever the image, 1 = nothing but the image decides."""


@dataclass(frozen=True)
class PatternCount:
    """One cluster: how common it is, where, and what its heads do."""

    cluster: int
    pattern: str
    rule: str
    confidence: float
    size: int
    share: float
    layers: tuple[int, ...]
    """The fewest layers that hold half of its matrices."""
    by_rule: tuple[tuple[str, float], ...]
    """What its matrices are called one by one, commonest first, with the share of the cluster."""
    examples: tuple[tuple[HeadRef, float], ...]
    """Heads that show it most, with the share of their images."""
    heads: int
    """Whose commonest pattern it is."""
    effect: float
    """Mean effect where a head shows it, in the unit of the output ranking."""
    effect_share: float
    """Of the effect of all sampled matrices."""


@dataclass(frozen=True)
class Repetition:
    """Heads that hold the same pattern in at least 80 % of their images: candidates for redundancy."""

    cluster: int
    pattern: str
    heads: tuple[HeadRef, ...]
    content_dependence: float


@dataclass(frozen=True)
class Census:
    """The patterns of a run; `heads` in the order of the run, `patterns` largest first."""

    n_matrices: int
    n_images: int
    space: str
    verdict: str
    quality: dict[str, dict[str, Any]]
    resolution: str
    mean: str
    """At which resolution, and over which images, content dependence was taken."""
    metric: str
    patterns: tuple[PatternCount, ...]
    heads: tuple[HeldPattern, ...]
    repeated: tuple[Repetition, ...]

    def of(self, head: HeadRef) -> HeldPattern:
        """What one head holds."""
        return next(held for held in self.heads if held.head == head)

    def by_content(self) -> list[HeldPattern]:
        """Heads whose content dependence is known, lowest first."""
        known = [held for held in self.heads if np.isfinite(held.content_dependence)]
        return sorted(known, key=lambda held: (held.content_dependence, held.head))


def census(run: Run, ranking: Ranking) -> Census | None:
    """Count the patterns of a run, beside what pruning does by a metric; None where the run has no patterns (yet)."""
    if not run.has_patterns:
        return None
    patterns = run.patterns
    table, dependence = patterns.table, patterns.content_dependence
    labels = pattern_labels(patterns)
    held = [held_pattern(run, head, labels) for head in real_heads(run.manifest.model.n_heads)]
    return Census(
        n_matrices=len(table),
        n_images=len(patterns.images),
        space=patterns.space,
        verdict=patterns.verdict,
        quality={str(space): row for space, row in patterns.quality.to_dict(orient="index").items()},
        resolution=dependence.attrs["resolution"],
        mean=dependence.attrs["mean"],
        metric=ranking.metric,
        patterns=_counts(run, patterns, ranking, labels),
        heads=tuple(one for one in held if one is not None),
        repeated=tuple(
            Repetition(
                int(row["cluster"]),
                labels[int(row["cluster"])],
                tuple(HeadRef(*head) for head in row["heads"]),
                float(row["content_dependence"]),
            )
            for row in patterns.repeated.to_dict(orient="records")
        ),
    )


def held_pattern(run: Run, head: HeadRef, labels: dict[int, str] | None = None) -> HeldPattern | None:
    """What one head holds; None where the run has no patterns (yet)."""
    if not run.has_patterns:
        return None
    patterns = run.patterns
    main, share = main_patterns(patterns.mix.values)
    cluster = int(main[head])
    table = patterns.table
    own = table.loc[(table["layer"] == head.layer) & (table["head"] == head.head), "pattern"].tolist()
    rule = max(patterns.pattern_names, key=own.count)
    return HeldPattern(
        head=head,
        cluster=cluster if cluster >= 0 else None,
        pattern=(labels or pattern_labels(patterns)).get(cluster, "none"),
        share=float(share[head]),
        n=len(patterns.images),
        entropy=float(patterns.mix_entropy.values[head]),
        rule=rule,
        rule_share=own.count(rule) / len(own),
        content_dependence=float(patterns.content_dependence.values[head]),
    )


def pattern_labels(patterns: Patterns) -> dict[int, str]:
    """A name for each cluster that no other has: names that repeat get the cluster's number."""
    names = dict(enumerate(patterns.clusters["name"].tolist()))
    times = Counter(names.values())
    return {cluster: name if times[name] == 1 else f"{name} #{cluster}" for cluster, name in names.items()}


def _counts(run: Run, patterns: Patterns, ranking: Ranking, labels: dict[int, str]) -> tuple[PatternCount, ...]:
    table, mix = patterns.table, patterns.mix.values
    clusters = patterns.clusters.reset_index().to_dict(orient="records")
    effects = patterns.importance(ranking.metric, ranking.mode).to_dict(orient="records")
    counts = []
    for row, effect in zip(clusters, effects, strict=True):
        number = int(row["cluster"])
        members = table[table["cluster"] == number]
        counts.append(
            PatternCount(
                cluster=number,
                pattern=labels[number],
                rule=str(row["rule"]),
                confidence=float(row["confidence"]),
                size=int(row["size"]),
                share=float(row["share"]),
                layers=_half_of(np.bincount(members["layer"], minlength=run.manifest.model.n_layers)),
                by_rule=_commonest(members["pattern"].tolist()),
                examples=_examples(mix[..., number]),
                heads=int(effect["heads"]),
                effect=float(effect["mean"]),
                effect_share=float(effect["share"]),
            )
        )
    return tuple(counts)


def _half_of(counts: np.ndarray) -> tuple[int, ...]:
    """The fewest layers that hold half of a cluster's matrices, ascending."""
    order = np.argsort(-counts, kind="stable")
    enough = int(np.searchsorted(np.cumsum(counts[order]), counts.sum() / 2)) + 1
    return tuple(sorted(int(layer) for layer in order[:enough]))


def _commonest(names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    return tuple((name, count / len(names)) for name, count in Counter(names).most_common(EXAMPLES))


def _examples(shares: Float[np.ndarray, "layer head"]) -> tuple[tuple[HeadRef, float], ...]:
    """The heads with the largest shares, those that have none left out."""
    order = np.argsort(-np.nan_to_num(shares).ravel(), kind="stable")[:EXAMPLES]
    heads = [HeadRef(*divmod(int(place), shares.shape[1])) for place in order]
    return tuple((head, float(shares[head])) for head in heads if shares[head] > 0)
