"""Learn the patterns of a sample of matrices: an autoencoder and the plain baseline side by side, and the better one.

Knows nothing about: models, images, files.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float16, Float32, Int8, Int16, Int64

from vitscope.errors import BadInput, InvalidArgument
from vitscope.patterns import autoencoder as network
from vitscope.patterns.baseline import LinearDecoder, baseline_codes
from vitscope.patterns.centring import move, shifts
from vitscope.patterns.clusters import Clustering, cluster, mean_agreement, medoids, silhouettes
from vitscope.patterns.constancy import constancy
from vitscope.patterns.features import CLUSTERED
from vitscope.patterns.names.naming import ClusterName, name_cluster, name_matrices, with_steps
from vitscope.patterns.plane import best_method, to_plane
from vitscope.patterns.quality import Standing, choose, explained, fair_silhouettes
from vitscope.patterns.sample import Sample

AUTOENCODER, FEATURES = "autoencoder", "features"

RUNS = 3
"""Seeds with which everything is fitted anew to see how stable the clusters are."""

TRAIN_AT_MOST = 4000
HELD_OUT = 0.15
"""Share of the images (matrices, of one image only) that the autoencoder is not trained on."""

JUDGE_AT_MOST = 2000
"""Held-out matrices that early stopping and the reconstruction error look at."""

BLOCK = 512

Rows = np.ndarray
"""Row numbers of matrices in the sample."""

Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Space:
    """One way of seeing the sample: codes, clusters numbered by size, a plane, and how good they are.

    Parameters
    ----------
    medoids: number of the matrix in the middle of each cluster.
    prototypes: what each cluster has in common; decoded from its centre and put at the place of the medoid
        (autoencoder), or the mean matrix of its members (features).
    silhouette: in the codes of this space, [-1, 1]; 0 for one cluster. Not comparable between spaces: see `fair`.
    fair: silhouette where neither space is at home (`quality.fair_silhouettes`).
    stability: mean adjusted Rand over all pairs of seeds; the choice of k and the training are repeated with each.
    reconstruction: share of the variance of matrices not trained on that the codes explain (`quality.explained`).
    criterion: how k was chosen. plane: method of the plane.
    """

    cluster: Int16[np.ndarray, " matrix"]
    xy: Float32[np.ndarray, "matrix 2"]
    codes: Float16[np.ndarray, "matrix code"]
    medoids: Int64[np.ndarray, " cluster"]
    prototypes: Float16[np.ndarray, "cluster 66 66"]
    silhouette: float
    fair: float
    stability: float
    reconstruction: float
    criterion: str
    plane: str

    @property
    def k(self) -> int:
        """Number of clusters."""
        return len(self.medoids)


@dataclass(frozen=True)
class Learned:
    """Both spaces, the one to show first and why, and names.

    Parameters
    ----------
    spaces, names: by `autoencoder` and `features`; a name for each cluster.
    chosen: which space is better, by the rule of `quality.choose`; verdict: one sentence that says why.
    pattern, confidence: each matrix's own name by rule (code into `patterns`), and how clearly it holds.
    patterns: `PATTERNS`, then the offsets of the shifts that were found.
    """

    spaces: dict[str, Space]
    chosen: str
    verdict: str
    names: dict[str, list[ClusterName]]
    pattern: Int8[np.ndarray, " matrix"]
    confidence: Float16[np.ndarray, " matrix"]
    patterns: tuple[str, ...]

    @property
    def prototypes(self) -> Float16[np.ndarray, "cluster 66 66"]:
        """Prototypes of the chosen space."""
        return self.spaces[self.chosen].prototypes


def learn(
    sample: Sample,
    *,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    runs: int = RUNS,
) -> Learned:
    """Cluster the matrices of a sample in both spaces, judge both, and name what was found.

    Parameters
    ----------
    seed: of everything drawn; the same seed, device and number of threads give the same result.
    device: where the autoencoder is trained.
    progress: called with (stage, done, total); stages are train, encode, cluster, judge, map
        and name.
    runs: seeds over which stability is taken, at least 2; the result is that of the first.

    Raises
    ------
    BadInput: a sample without matrices, or with numbers that are not finite. InvalidArgument: fewer than 2 runs.
    """
    _check(sample, runs)
    tell = progress or (lambda stage, done, total: None)
    seeds = [int(np.random.SeedSequence([seed, run]).generate_state(1)[0]) for run in range(runs)]
    splits = [_split(sample, each) for each in seeds]
    candidates = {
        AUTOENCODER: _by_autoencoder(sample, seeds, splits, device, tell),
        FEATURES: _by_features(sample, seeds, splits[0], tell),
    }
    tell("judge", 0, 1)
    fair = fair_silhouettes(sample, [each.found[0].cluster for each in candidates.values()], seed=seed)
    spaces = {
        name: _judged(sample, each, splits[0], among, seeds[0])
        for (name, each), among in zip(candidates.items(), fair, strict=True)
    }
    tell("judge", 1, 1)
    spaces = _mapped(spaces, seeds[0], tell)
    chosen, verdict = choose(*(_standing(spaces[name]) for name in (AUTOENCODER, FEATURES)))
    tell("name", 0, 1)
    alike = constancy(sample.matrices, sample.layer, sample.head)
    codes, confidence = name_matrices(sample.features, alike)
    pattern, patterns = with_steps(codes, sample.features)
    names = {name: _names(sample, space, alike) for name, space in spaces.items()}
    tell("name", 1, 1)
    return Learned(spaces, chosen, verdict, names, pattern.astype(np.int8), confidence.astype(np.float16), patterns)


def _names(sample: Sample, space: Space, alike: np.ndarray) -> list[ClusterName]:
    members = [space.cluster == number for number in range(space.k)]
    return [name_cluster(sample.features[own], alike[own]) for own in members]


def _check(sample: Sample, runs: int) -> None:
    if runs < 2:
        raise InvalidArgument(f"cannot see how stable clusters are over {runs} seeds: expected at least 2")
    if not len(sample):
        raise BadInput("cannot learn patterns: the sample has no matrices", "Sample at least one image.")
    for name in ("matrices", "offsets", "features"):
        if not all(np.isfinite(getattr(sample, name)[start : start + BLOCK]).all() for start in _starts(sample)):
            raise BadInput(f"cannot learn patterns: some {name} of the sample are not finite numbers")


# The two candidates ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Split:
    """Row numbers: what is fitted on, and what is held out for early stopping and for the reconstruction error."""

    fit: Rows
    watched: Rows
    judged: Rows


@dataclass(frozen=True)
class _Candidate:
    """Codes, a clustering for each seed, and two ways back to matrices: roots of rows, prototypes of clusters."""

    codes: Float32[np.ndarray, "matrix code"]
    found: list[Clustering]
    again: Callable[[Rows], np.ndarray]
    prototypes: Callable[[Clustering, Rows], np.ndarray]


def _split(sample: Sample, seed: int) -> _Split:
    """Hold out whole images (matrices, where there is one image only); of few matrices nothing can be held out."""
    rng = np.random.default_rng([seed, 3])
    images = np.unique(sample.image)
    unit = sample.image if len(images) > 1 else np.arange(len(sample))
    units = rng.permutation(np.unique(unit))
    held = np.isin(unit, units[: round(HELD_OUT * len(units))])
    fit, held_out = (rng.permutation(np.flatnonzero(rows)) for rows in (~held, held))
    middle = min(len(held_out) // 2, JUDGE_AT_MOST)
    judged = held_out[middle : middle + JUDGE_AT_MOST]
    return _Split(fit[:TRAIN_AT_MOST], held_out[:middle], judged if len(judged) else fit[:JUDGE_AT_MOST])


def _by_autoencoder(sample: Sample, seeds: list[int], splits: list[_Split], device: str, tell: Progress) -> _Candidate:
    """A network for each seed; the codes and the way back are those of the first."""
    found, first = [], None
    for run, (seed, split) in enumerate(zip(seeds, splits, strict=True)):
        trained = network.train(
            sample.matrices, sample.offsets, split.fit, split.watched, seed=seed, device=device,
            progress=lambda done, total, before=run: tell("train", before * total + done, len(seeds) * total),
        )  # fmt: skip
        codes = network.encode(trained, sample.matrices, sample.offsets, partial(tell, "encode"))
        found.append(cluster(codes, seed=seed))
        tell("cluster", run + 1, 2 * len(seeds))
        first = first or (trained, codes)
    assert first is not None
    trained, codes = first

    def again(rows: Rows) -> np.ndarray:
        by = shifts(torch.from_numpy(sample.matrices[rows]).float())
        return move(network.decode(trained, codes[rows]).cpu(), -by).numpy()

    def prototypes(clustering: Clustering, middles: Rows) -> np.ndarray:
        by = shifts(torch.from_numpy(sample.matrices[middles]).float())
        weights = move(network.decode(trained, clustering.centres).cpu(), -by).square().numpy()
        exists = sample.matrices[middles].sum(-1, keepdims=True, dtype=np.float32) > 0.5
        return np.where(exists, weights / np.maximum(weights.sum(-1, keepdims=True), 1e-9), 0)

    return _Candidate(codes, found, again, prototypes)


def _by_features(sample: Sample, seeds: list[int], split: _Split, tell: Progress) -> _Candidate:
    codes = baseline_codes(sample.features[:, :CLUSTERED])
    found = []
    for run, seed in enumerate(seeds):
        found.append(cluster(codes, seed=seed))
        tell("cluster", len(seeds) + run + 1, 2 * len(seeds))
    decoder = LinearDecoder.fitted(codes, sample.matrices, split.fit)

    def prototypes(clustering: Clustering, middles: Rows) -> np.ndarray:
        return np.stack([_mean(sample, clustering.cluster == number) for number in range(len(middles))])

    return _Candidate(codes, found, lambda rows: decoder(codes[rows]), prototypes)


def _mean(sample: Sample, members: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(members)
    total = np.zeros(sample.matrices.shape[1:])
    for start in range(0, len(rows), BLOCK):
        total += sample.matrices[rows[start : start + BLOCK]].sum(0, dtype=np.float64)
    return total / len(rows)


# What is made of them -------------------------------------------------------------------------------------------------


def _judged(sample: Sample, given: _Candidate, split: _Split, fair: float, seed: int) -> Space:
    """The space without its plane."""
    first = given.found[0]
    middles = medoids(given.codes, first)
    return Space(
        cluster=first.cluster,
        xy=np.zeros((len(sample), 2), np.float32),
        codes=given.codes.astype(np.float16),
        medoids=middles,
        prototypes=given.prototypes(first, middles).astype(np.float16),
        silhouette=silhouettes(given.codes, [first.cluster], seed=seed)[0],
        fair=fair,
        stability=mean_agreement([each.cluster for each in given.found]),
        reconstruction=explained(sample.matrices, given.again, split.judged, split.fit),
        criterion=first.criterion,
        plane="",
    )


def _mapped(spaces: dict[str, Space], seed: int, tell: Progress) -> dict[str, Space]:
    found = {}
    for number, (name, space) in enumerate(spaces.items()):
        tell("map", number, len(spaces))
        method = best_method(len(space.codes))
        xy = to_plane(space.codes.astype(np.float32), method=method, seed=seed)
        found[name] = replace(space, xy=xy, plane=method)
    tell("map", len(spaces), len(spaces))
    return found


def _standing(space: Space) -> Standing:
    return Standing(space.fair, space.stability, space.reconstruction)


def _starts(sample: Sample) -> range:
    return range(0, len(sample), BLOCK)
