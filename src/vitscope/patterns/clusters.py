"""Clusters of codes: k-means, k by a stated criterion, numbered by size, each with a medoid.

Knows nothing about: attention, where the codes come from, files.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

FEWEST, MOST = 2, 18
"""Numbers of clusters that are tried: room for the names that a model has, some of them twice."""

STABLE = 0.9
"""Mean adjusted Rand over the subsamples from which a number of clusters counts as stable."""

NEARLY = 0.02
"""A finer partition is preferred where its silhouette is at most this much below the best."""

SUBSAMPLES = 4
STARTS = 10
FIT_AT_MOST = 4000
JUDGE_AT_MOST = 2500

CRITERION = (
    f"k-means; of k = {FEWEST} to {MOST} the largest at which the silhouette peaks within {NEARLY} of the best, among "
    f"those that {SUBSAMPLES} subsamples agree on (adjusted Rand at least {STABLE})"
)


@dataclass(frozen=True)
class Clustering:
    """Clusters numbered by size, 0 = the largest."""

    cluster: Int[np.ndarray, " matrix"]
    centres: Float[np.ndarray, "cluster code"]
    criterion: str
    """How k was chosen, and what came of it."""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return len(self.centres)


def cluster(codes: Float[np.ndarray, "matrix code"], *, seed: int = 0) -> Clustering:
    """Cluster codes by k-means (Euclidean distance, every code axis as it is scaled), k chosen by `CRITERION`.

    Every number of clusters is tried on seeded subsamples of 70 % (at most 4,000) of the matrices; the clusters of the
    chosen k are then fitted on all. Fewer than three different codes, or no peak: see the criterion that comes back.
    """
    with threadpool_limits(1):  # threads cost more than they save on data this small, and sums keep their order
        return _cluster(codes, seed)


def _cluster(codes: np.ndarray, seed: int) -> Clustering:
    distinct = _distinct(codes)
    if distinct < FEWEST + 1:
        why = f"{len(codes)} matrices with {distinct} different codes: one cluster for each"
        return _numbered(codes, _k_means(codes, distinct, 1, seed), why)
    tried = _try(codes, range(FEWEST, min(MOST, distinct - 1) + 1), seed)
    k = _choose(tried)
    silhouette, agreement = tried[k]
    found = f"{CRITERION}: k = {k}, silhouette {silhouette:.2f}, adjusted Rand {agreement:.2f}"
    return _numbered(codes, _k_means(codes, k, STARTS, seed), found)


def medoids(codes: Float[np.ndarray, "matrix code"], clustering: Clustering) -> Int[np.ndarray, " cluster"]:
    """Number of the matrix nearest the middle of each cluster.

    That member has the smallest sum of squared distances to all members.
    """
    found = np.empty(clustering.k, np.int64)
    for number, centre in enumerate(clustering.centres):
        members = np.flatnonzero(clustering.cluster == number)
        found[number] = members[np.square(codes[members] - centre).sum(1).argmin()]
    return found


def silhouettes(
    codes: Float[np.ndarray, "matrix code"], labellings: list[Int[np.ndarray, " matrix"]], *, seed: int = 0
) -> list[float]:
    """Mean silhouette [-1, 1] of each labelling on one seeded subsample; 0 where there is one cluster."""
    rows = np.random.default_rng([seed, 1]).permutation(len(codes))[:JUDGE_AT_MOST]
    squares = np.square(codes[rows]).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * codes[rows] @ codes[rows].T, 0))
    np.fill_diagonal(distance, 0)
    found = []
    for labels in labellings:
        n = len(np.unique(labels[rows]))
        fits = 2 <= n < len(rows)  # by convention 0 for one cluster and for clusters of one
        found.append(float(silhouette_score(distance, labels[rows], metric="precomputed")) if fits else 0.0)
    return found


def mean_agreement(labellings: list[Int[np.ndarray, " matrix"]]) -> float:
    """Mean adjusted Rand index over all pairs of labellings: 1 = the same partition, about 0 = chance; NaN for one."""
    pairs = [adjusted_rand_score(a, b) for a, b in combinations(labellings, 2)]
    return float(np.mean(pairs)) if pairs else float("nan")


def _try(codes: np.ndarray, numbers: range, seed: int) -> dict[int, tuple[float, float]]:
    """By k: (mean silhouette, mean adjusted Rand) of k-means on the subsamples, each applied to all codes."""
    rng = np.random.default_rng([seed, 0])
    size = max(min(FIT_AT_MOST, round(0.7 * len(codes))), numbers[-1])
    drawn = [codes[rng.permutation(len(codes))[:size]] for _ in range(SUBSAMPLES)]
    everything = [
        [np.asarray(_k_means(part, k, STARTS, seed + i).predict(codes)) for i, part in enumerate(drawn)]
        for k in numbers
    ]
    judged = silhouettes(codes, [labels for same in everything for labels in same], seed=seed)
    parts = np.reshape(judged, (len(numbers), SUBSAMPLES))
    return {
        k: (float(part.mean()), mean_agreement(same)) for k, part, same in zip(numbers, parts, everything, strict=True)
    }


def _choose(tried: dict[int, tuple[float, float]]) -> int:
    """Apply the criterion; where nothing is stable, the most stable number."""
    stable = [k for k, (_, agreement) in tried.items() if agreement >= STABLE]
    if not stable:
        return max(tried, key=lambda k: tried[k][1])
    best = max(tried[k][0] for k in stable)
    peaks = [k for k in stable if tried[k][0] >= max(tried.get(n, (-2.0,))[0] for n in (k - 1, k + 1))]
    near = [k for k in peaks if tried[k][0] >= best - NEARLY]
    return max(near) if near else max(stable, key=lambda k: tried[k][0])


def _k_means(codes: np.ndarray, k: int, starts: int, seed: int) -> KMeans:
    """The best of some seeded k-means++ starts."""
    return KMeans(k, n_init=starts, random_state=seed % 2**32).fit(codes)  # pyright: ignore[reportArgumentType]


def _distinct(codes: np.ndarray) -> int:
    """Number of different codes (rounded to six digits of the largest), counted up to what matters."""
    scale = np.abs(codes).max(initial=0.0) or 1.0
    return len(np.unique(np.round(codes / scale, 6), axis=0))


def _numbered(codes: np.ndarray, fitted: KMeans, criterion: str) -> Clustering:
    labels = np.asarray(fitted.labels_)
    sizes = np.bincount(labels, minlength=fitted.n_clusters)
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    place = np.empty(fitted.n_clusters, np.int64)
    place[order] = np.arange(len(order))
    numbers = place[labels]
    centres = np.stack([codes[numbers == number].mean(0) for number in range(len(order))])
    return Clustering(numbers.astype(np.int16), centres, criterion)
