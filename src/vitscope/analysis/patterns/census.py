"""What patterns heads have learned: what each head is called, a census of the clusters, how far the image decides.

A head is told by its own matrices, a cluster by its members: a head is never called what its cluster is.

Knows nothing about: models, torch, how patterns are learned, how the answer is printed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from vitscope.analysis.findings import Ranking
from vitscope.analysis.patterns.by_head import Called, by_head
from vitscope.analysis.patterns.of_run import main_patterns
from vitscope.analysis.run import Patterns, Run
from vitscope.tokens import HeadRef

EXAMPLES: Final = 2
"""Heads, and names by rule, that are told of each pattern."""


@dataclass(frozen=True)
class HeldPattern:
    """What one head shows over the sampled images."""

    head: HeadRef
    pattern: str
    """What its matrices are called, one by one by the rules: at least half of them, else their family, else mixed."""
    share: float
    """Of its matrices, one for each of the `n` sampled images; of mixed ones what the commonest name leaves."""
    n: int
    names: dict[str, float]
    """The share of each name, commonest first."""
    cluster: int | None
    cluster_name: str
    """The commonest cluster of its matrices; `none` where none belongs to one. And in which share of the images."""
    cluster_share: float
    entropy: float
    """Of the mix of clusters, bits; 0 = always the same."""
    content_dependence: float
    """Over all images: 0 = the same matrix whatever the image, 1 = nothing but the image decides."""


@dataclass(frozen=True)
class NameCount:
    """One name by rule: the share of all sampled matrices that have it, the layers that hold half of them, heads."""

    name: str
    share: float
    layers: tuple[int, ...]
    heads: tuple[HeadRef, ...]
    """Called so by their own matrices; those that have it most often first."""


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
    """Heads that are most in it, of those whose own matrices are called as it is, with the share of their images."""
    heads: int
    """Whose commonest cluster it is."""
    effect: float
    """Mean effect where a head shows it, in the unit of the output ranking."""
    effect_share: float
    """Of the effect of all sampled matrices."""


@dataclass(frozen=True)
class Repetition:
    """Heads that show one pattern in at least 80 % of their images and are alike: candidates for redundancy."""

    pattern: str
    heads: tuple[HeadRef, ...]
    similarity: float
    """Mean over their pairs; `by` says of what: mean matrices, outputs or CLS rows."""
    by: str
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
    names: tuple[NameCount, ...]
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
    own = by_head(patterns)
    held = list(held_patterns(run).values())
    return Census(
        n_matrices=len(table),
        n_images=len(patterns.images),
        space=patterns.space,
        verdict=patterns.verdict,
        quality={str(space): row for space, row in patterns.quality.to_dict(orient="index").items()},
        resolution=dependence.attrs["resolution"],
        mean=dependence.attrs["mean"],
        metric=ranking.metric,
        names=_names(run, patterns, held),
        patterns=_counts(run, patterns, ranking, labels, own),
        heads=tuple(held),
        repeated=tuple(
            Repetition(
                str(row["name"]),
                tuple(HeadRef(*head) for head in row["heads"]),
                float(row["similarity"]),
                str(row["by"]),
                float(row["content_dependence"]),
            )
            for row in patterns.repeated.to_dict(orient="records")
        ),
    )


def held_patterns(run: Run) -> dict[HeadRef, HeldPattern]:
    """What each head shows that has sampled matrices, in the order of the run; none without patterns (yet)."""
    if not run.has_patterns:
        return {}
    patterns = run.patterns
    labels = pattern_labels(patterns)
    main, share = main_patterns(patterns.mix.values)
    entropy, dependence = patterns.mix_entropy.values, patterns.content_dependence.values
    return {
        head: HeldPattern(
            head=head,
            pattern=own.name,
            share=own.share,
            n=len(patterns.images),
            names=own.shares,
            cluster=int(main[head]) if main[head] >= 0 else None,
            cluster_name=labels.get(int(main[head]), "none"),
            cluster_share=float(share[head]),
            entropy=float(entropy[head]),
            content_dependence=float(dependence[head]),
        )
        for head, own in by_head(patterns).items()
    }


def _names(run: Run, patterns: Patterns, held: Sequence[HeldPattern]) -> tuple[NameCount, ...]:
    table = patterns.table
    names = table["pattern"].astype(str)
    found = []
    for name, count in names.value_counts().items():
        heads = sorted((one for one in held if one.pattern == name), key=lambda one: (-one.share, one.head))
        layers = np.bincount(table.loc[names == name, "layer"], minlength=run.manifest.model.n_layers)
        found.append(NameCount(str(name), int(count) / len(table), _half_of(layers), tuple(one.head for one in heads)))
    return tuple(found)


def pattern_labels(patterns: Patterns) -> dict[int, str]:
    """A name for each cluster that no other has: names that repeat get the cluster's number."""
    names = dict(enumerate(patterns.clusters["name"].tolist()))
    times = Counter(names.values())
    return {cluster: name if times[name] == 1 else f"{name} #{cluster}" for cluster, name in names.items()}


def _counts(
    run: Run, patterns: Patterns, ranking: Ranking, labels: dict[int, str], own: dict[HeadRef, Called]
) -> tuple[PatternCount, ...]:
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
                examples=_examples(mix[..., number], str(row["auto_name"]), own, patterns.families),
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


def _examples(
    shares: Float[np.ndarray, "layer head"],
    name: str,
    own: Mapping[HeadRef, Called],
    families: Mapping[str, Sequence[str]],
) -> tuple[tuple[HeadRef, float], ...]:
    """The heads with the largest shares, of those that are called as the cluster is; those that have none left out."""
    alike = {name, *families.get(name, ())}
    order = np.argsort(-np.nan_to_num(shares).ravel(), kind="stable")
    heads = [HeadRef(*divmod(int(place), shares.shape[1])) for place in order]
    fitting = [head for head in heads if head in own and own[head].name in alike and shares[head] > 0]
    return tuple((head, float(shares[head])) for head in fitting[:EXAMPLES])
