"""From a run's images to its patterns: which images are sampled, what a shard keeps, and the fit as the store keeps it.

Knows nothing about: the order of the units, how patterns are learned.
"""

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from vitscope.engine import MeanAttention, compare_with_mean, mean_common_attention
from vitscope.errors import RunError
from vitscope.models import Model
from vitscope.patterns import (
    FAMILIES,
    FEATURES,
    RULES,
    ClusterName,
    Learned,
    Sample,
    Space,
    choose_images,
    learn,
)
from vitscope.pipeline.work.loading import Batch, ImageSource
from vitscope.pipeline.work.rows import REDUCTION_BATCH, OverRows, slices
from vitscope.store import Manifest, MatricesUnit, PatternsUnit, RunFolder
from vitscope.store.arrays import MATRICES, MATRIX_FEATURES, OFFSETS

if TYPE_CHECKING:
    import pandas as pd


def sampled_rows(images: "pd.DataFrame", manifest: Manifest) -> list[int]:
    """Rows of the images that patterns are learned from, ascending: seeded, each class with its share.

    The class is the label, else the prediction; images that could not be read are not drawn.
    """
    assert manifest.patterns is not None, "asked for the sample of a run without patterns"
    readable = np.flatnonzero(images["problem"].isna().to_numpy())
    labels, predictions = (images[name].to_numpy()[readable] for name in ("label", "prediction"))
    strata = np.where(labels >= 0, labels, predictions).tolist()
    return readable[choose_images(strata, manifest.patterns.images, manifest.options.seed)].tolist()


def mean_of(run: RunFolder, model: Model, source: ImageSource, sample: Sequence[int]) -> MeanAttention:
    """The mean matrices that deviations are taken from: those of the run, or where it keeps none, of the sample."""
    _require_features(run)
    kept = run.mean_attention
    if kept is not None:
        return MeanAttention(kept)

    def batches() -> Iterator[Float[Tensor, "image color row col"]]:
        for part in slices(len(sample), REDUCTION_BATCH):
            yield source.batch(sample[part]).pixels

    return MeanAttention(mean_common_attention(model, batches()), common=True)


def matrices_unit(
    model: Model, rows: Sequence[int], batch: Batch, mean: MeanAttention, sample: Sequence[int]
) -> MatricesUnit:
    """How the matrices of one shard differ from the mean ones, and what is kept of those in the sample."""
    chosen = set(sample)
    sampled = np.array([row in chosen for row in batch.rows], dtype=bool)
    found = compare_with_mean(model, batch.pixels, mean, sampled, batch=REDUCTION_BATCH)
    over_rows = OverRows(rows, batch.rows)
    return MatricesUnit(
        deviation=over_rows([found.deviation]),
        energy=over_rows([found.energy]),
        rows=[row for row in batch.rows if row in chosen],
        first=sum(row < rows[0] for row in sample),
        matrices=found.matrices,
        offsets=found.offsets,
        features=found.features,
    )


def fit(run: RunFolder, *, device: str, progress: Callable[[str, int, int], object]) -> PatternsUnit:
    """Learn the patterns of the sample that a run keeps."""
    _require_features(run)
    sample = read_sample(run)
    learned = learn(sample, seed=run.manifest.options.seed, device=device, progress=progress)
    return patterns_unit(sample, learned)


def read_sample(run: RunFolder) -> Sample:
    """The sampled matrices of a run whose matrices are done."""
    rows, n_heads = run.sampled, run.manifest.model.n_heads
    heads = np.array([(layer, head) for layer, count in enumerate(n_heads) for head in range(count)])
    kept = (slice(0, len(rows) * len(heads)),)
    matrices, offsets, features = (run.read(name, kept) for name in (MATRICES, OFFSETS, MATRIX_FEATURES))
    return Sample(
        matrices=matrices,
        offsets=offsets,
        features=features,
        image=np.repeat(np.asarray(rows, dtype=np.int64), len(heads)),
        layer=np.tile(heads[:, 0], len(rows)),
        head=np.tile(heads[:, 1], len(rows)),
    )


def patterns_unit(sample: Sample, learned: Learned) -> PatternsUnit:
    """The fit in the form that the store keeps."""
    seen, plain = learned.spaces["autoencoder"], learned.spaces["features"]
    chosen = learned.spaces[learned.chosen]
    return PatternsUnit(
        columns={
            "image": sample.image,
            "layer": sample.layer,
            "head": sample.head,
            "cluster": seen.cluster,
            "x": seen.xy[:, 0],
            "y": seen.xy[:, 1],
            "pattern": learned.pattern,
            "cluster_features": plain.cluster,
            "x_features": plain.xy[:, 0],
            "y_features": plain.xy[:, 1],
        },
        codes=chosen.codes,
        medoids=sample.matrices[chosen.medoids],
        prototypes=learned.prototypes,
        document={
            "chosen": learned.chosen,
            "verdict": learned.verdict,
            "patterns": list(learned.patterns),
            "rules": RULES,
            "families": {family: list(names) for family, names in FAMILIES.items()},
            "spaces": {name: _space(space, learned.names[name]) for name, space in learned.spaces.items()},
        },
    )


def _space(space: Space, names: Sequence[ClusterName]) -> dict[str, Any]:
    sizes = np.bincount(space.cluster[space.cluster >= 0], minlength=len(names))
    return {
        "silhouette": _number(space.silhouette),
        "fair": _number(space.fair),
        "stability": _number(space.stability),
        "reconstruction": _number(space.reconstruction),
        "criterion": space.criterion,
        "plane": space.plane,
        "clusters": [
            {
                "id": cluster,
                "name": named.name,
                "rule": named.rule,
                "confidence": _number(named.confidence),
                "evidence": {feature: _number(value) for feature, value in named.evidence.items()},
                "size": int(sizes[cluster]),
                "medoid": int(space.medoids[cluster]),
            }
            for cluster, named in enumerate(names)
        ],
    }


def _number(value: float) -> float | None:
    """As JSON can say it."""
    return float(value) if isfinite(value) else None


def _require_features(run: RunFolder) -> None:
    """Refuse to finish a run whose matrices another vitscope began to describe."""
    sample = run.manifest.patterns
    if sample is not None and sample.features != FEATURES:
        raise RunError(
            f"cannot learn the patterns of {run.path}: its matrices are described by {len(sample.features)} features "
            f"of vitscope {run.manifest.vitscope}, this one has {len(FEATURES)}",
            "Analyse into another folder, or resume with the vitscope that began the run.",
        )
