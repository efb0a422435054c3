"""How good two ways of clustering the same matrices are, by numbers that both can be held to; and which one is taken.

Knows nothing about: networks, models, files.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from vitscope.patterns.baseline import standardised
from vitscope.patterns.centring import move, shifts
from vitscope.patterns.clusters import JUDGE_AT_MOST, silhouettes
from vitscope.patterns.features import CLUSTERED
from vitscope.patterns.sample import Sample

MARGIN = 0.02
"""How much better separated the autoencoder's clusters must be, by `fair_silhouettes`, to be preferred."""

STABLE = 0.8
"""Mean adjusted Rand over seeds that the autoencoder must reach, unless the baseline does not reach it either."""

BLOCK = 256


def fair_silhouettes(sample: Sample, labellings: list[Int[np.ndarray, " matrix"]], *, seed: int = 0) -> list[float]:
    """Silhouette [-1, 1] of each clustering where neither is at home: the mean of two silhouettes.

    One in the inputs of the autoencoder (roots of the common matrices with their place taken out, and of the offset
    views), one in the inputs of the baseline (standardised features): each clustering plays once away. On one seeded
    subsample of at most 2,500 matrices.
    """
    rows = np.sort(np.random.default_rng([seed, 2]).permutation(len(sample))[:JUDGE_AT_MOST])
    seen = np.concatenate([_inputs(sample, rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK)])
    part = [labels[rows] for labels in labellings]
    away, home = silhouettes(seen, part), silhouettes(standardised(sample.features[:, :CLUSTERED])[rows], part)
    return [(a + b) / 2 for a, b in zip(away, home, strict=True)]


def _inputs(sample: Sample, rows: np.ndarray) -> np.ndarray:
    """Flat inputs of the autoencoder; distances between them are those of its loss."""
    matrix = torch.from_numpy(sample.matrices[rows]).float()
    centred = move(matrix.sqrt(), shifts(matrix)).flatten(1).numpy() / np.sqrt(matrix.shape[-1])
    return np.concatenate([centred, np.sqrt(sample.offsets[rows].astype(np.float32)).reshape(len(rows), -1)], 1)


def explained(
    matrices: np.ndarray,
    again: Callable[[np.ndarray], np.ndarray],
    rows: Int[np.ndarray, " row"],
    fit: Int[np.ndarray, " fitted"],
) -> float:
    """Share of the variance of the roots of common matrices that a reconstruction explains, on rows not fitted.

    1 - sum |R - again|^2 / sum |R - mean of the rows `fit`|^2, R = roots; 1 is perfect, 0 no better than the mean,
    below 0 worse. `again` gives roots [row, 66, 66] of row numbers. 1 where nothing varies.
    """
    middle = _mean_root(matrices, fit)
    lost = total = 0.0
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        true = np.sqrt(matrices[part].astype(np.float32))
        lost += float(np.square(true - np.maximum(again(part), 0), dtype=np.float64).sum())
        total += float(np.square(true - middle, dtype=np.float64).sum())
    return 1 - lost / total if total > 1e-9 * len(rows) else 1.0


def _mean_root(matrices: np.ndarray, rows: np.ndarray) -> np.ndarray:
    total = np.zeros(matrices.shape[1:])
    for start in range(0, len(rows), BLOCK):
        total += np.sqrt(matrices[rows[start : start + BLOCK]].astype(np.float32)).sum(0, dtype=np.float64)
    return (total / len(rows)).astype(np.float32)


@dataclass(frozen=True)
class Standing:
    """What the choice between the two looks at; `fair` is the silhouette of `fair_silhouettes`."""

    fair: float
    stability: float
    reconstruction: float


def choose(autoencoder: Standing, baseline: Standing) -> tuple[str, str]:
    """The space to show first, `autoencoder` or `features`, and one sentence that says why.

    The autoencoder must earn its place: clusters separated better by `MARGIN`, and stable (`STABLE`, or at least as
    stable as the baseline's). Reconstruction is told but does not decide: a code may keep much of a matrix and still
    not tell patterns apart.
    """
    separated = autoencoder.fair >= baseline.fair + MARGIN
    stable = autoencoder.stability >= min(STABLE, baseline.stability)
    numbers = (
        f"silhouette judged alike for both {autoencoder.fair:.2f} against {baseline.fair:.2f}, adjusted Rand over "
        f"seeds {autoencoder.stability:.2f} against {baseline.stability:.2f}, variance of unseen matrices explained "
        f"{autoencoder.reconstruction:.0%} against {baseline.reconstruction:.0%}"
    )
    if separated and stable:
        return (
            "autoencoder",
            f"The autoencoder earns its place: its clusters are separated better and stable ({numbers}).",
        )
    if separated:
        why = "its clusters are separated better, but change from seed to seed"
    elif autoencoder.fair > baseline.fair:
        why = f"its clusters are separated better by less than {MARGIN}"
    else:
        why = "its clusters are not separated better"
    return "features", f"The autoencoder does not earn its place, the plain features are used: {why} ({numbers})."
