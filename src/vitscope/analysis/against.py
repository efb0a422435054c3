"""The heads of a run against each other, in a few findings: the most diverse layer, redundant groups.

Knows nothing about: models, torch, how the findings are printed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from vitscope.analysis.findings import Ranking
from vitscope.analysis.heads.compared import THRESHOLD, VARIANTS, Group
from vitscope.analysis.run import Run
from vitscope.analysis.statistics.descriptive import mean_over_images
from vitscope.errors import NotAvailable
from vitscope.tokens import HeadRef

VARIANT_NAMES: Final = {
    "cls": "1 - mean cosine of CLS rows",
    "jensen-shannon": "mean Jensen-Shannon distance of CLS rows",
    "full": "1 - mean cosine of whole matrices",
}
NOT_DONE: Final = "no image has the numbers for it"
WAY_NAMES: Final = {
    "cls": "by attention, cosine of CLS rows",
    "mean": "by attention, cosine of mean matrices",
    "output": "by output, linear CKA of z",
}


@dataclass(frozen=True)
class LayerDiversity:
    """How different the heads of each layer look, mean over `n` images; NaN for layers of one head."""

    variant: str
    values: tuple[float, ...]
    n: int

    @property
    def most(self) -> int:
        """The most diverse layer."""
        return int(np.nanargmax(self.values))

    @property
    def least(self) -> int:
        """The least diverse layer."""
        return int(np.nanargmin(self.values))


@dataclass(frozen=True)
class Redundancy:
    """Redundant groups of heads by one similarity, and the most similar pair whatever the threshold.

    `keep` has, for each group, the head that pruning all others would keep: the most important one.
    """

    way: str
    threshold: float
    n: int
    of: str
    groups: tuple[Group, ...]
    keep: tuple[HeadRef, ...]
    closest: Group


@dataclass(frozen=True)
class Against:
    """Heads against each other: what can be said of a run, and why not the rest (empty where it is said)."""

    diversity: tuple[LayerDiversity, ...]
    redundancy: tuple[Redundancy, ...]
    no_diversity: str = ""
    no_output: str = ""


def against(run: Run, output: Ranking) -> Against:
    """Diversity by every variant and redundancy by attention and by output, as far as the run has them."""
    attention = "mean" if run.tokens.cls is None else "cls"
    diversity = tuple(found for variant in VARIANTS if (found := _diversity(run, variant)) is not None)
    redundancy = tuple(pair for way in (attention, "output") if (pair := _redundancy(run, way, output)) is not None)
    return Against(
        diversity,
        redundancy,
        no_diversity="" if diversity else _no_diversity(run),
        no_output="" if any(pair.way == "output" for pair in redundancy) else _no_output(run),
    )


def _no_diversity(run: Run) -> str:
    """Why nothing is said of how different heads look."""
    if max(run.manifest.model.n_heads) < 2:
        return "every layer has one head"
    if run.tokens.cls is None and run.manifest.outputs is None:
        return "this model has no CLS token, and whole matrices are compared in runs from format 4: analyse again"
    return NOT_DONE


def _no_output(run: Run) -> str:
    """Why nothing is said of heads that put out the same."""
    if run.manifest.outputs is None:
        return f"runs of format {run.manifest.schema_version} do not keep it: analyse again into another folder"
    if sum(run.manifest.model.n_heads) < 2:
        return "there is one head"
    return NOT_DONE


def _diversity(run: Run, variant: str) -> LayerDiversity | None:
    try:
        values = run.heads.diversity(variant).values
    except NotAvailable:
        return None
    if not np.isfinite(values).any():
        return None
    means = mean_over_images(values)
    return LayerDiversity(variant, tuple(float(mean) for mean in means), int(np.isfinite(values).any(1).sum()))


def _redundancy(run: Run, way: str, output: Ranking) -> Redundancy | None:
    heads = run.heads
    try:
        similarity = heads.similarity(way)
    except NotAvailable:
        return None
    above = np.triu(similarity.values, 1)
    if len(heads.refs) < 2 or not np.nan_to_num(above).any():
        return None
    one, other = np.unravel_index(int(np.nan_to_num(above).argmax()), above.shape)
    groups = heads.groups(way)
    rank = dict(zip(output.heads, output.rank, strict=True))
    return Redundancy(
        way=way,
        threshold=THRESHOLD,
        n=int(similarity.attrs["n"]),
        of=str(similarity.attrs["of"]),
        groups=groups,
        keep=tuple(min(group.heads, key=lambda head: (_last_if_unknown(rank[head]), head)) for group in groups),
        closest=Group((heads.refs[one], heads.refs[other]), float(above[one, other])),
    )


def _last_if_unknown(rank: float) -> float:
    return rank if np.isfinite(rank) else np.inf
