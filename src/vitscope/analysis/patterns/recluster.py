"""The sample of matrices in another number of clusters than the run chose.

Knows nothing about: how patterns are learned, torch.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

from vitscope.analysis.patterns.by_head import called
from vitscope.analysis.patterns.of_run import Grouping, Patterns
from vitscope.errors import InvalidArgument, NotAvailable

FEWEST: Final = 2
MOST: Final = 18
"""As many as are tried when the number is chosen."""
STARTS: Final = 4
_NO_SENTENCE: Final = "the rule of no cluster of the run: most matrices are called so one by one"


def most_clusters(patterns: Patterns) -> int:
    """The largest number of clusters that `recluster` makes; below 2 where the matrices are too few."""
    return min(MOST, len(patterns.codes))


def recluster(patterns: Patterns, k: int, *, seed: int = 0) -> Patterns:
    """The same sample in `k` clusters: k-means over the codes of the chosen space, numbered by size.

    A cluster has the name that the rules give to most of its members one by one, with their share as confidence; below
    half of them it is mixed. A name that the user gave stays where most members come from the cluster that has it, and
    the rules call both alike.

    Raises
    ------
    InvalidArgument: k is not from 2 to 18, or there are fewer matrices (or fewer different ones).
    NotAvailable: the patterns are seen by the space that was not chosen, whose codes the run does not keep.
    """
    if patterns.space != patterns.chosen:
        raise NotAvailable(f"cannot cluster again by {patterns.space}: the run keeps the codes of {patterns.chosen}")
    codes = patterns.codes
    most = most_clusters(patterns)
    if not FEWEST <= k <= most:
        raise InvalidArgument(f"cannot make {k} clusters of {len(codes)} matrices: {FEWEST} to {most} can be made")
    cluster, centres = _k_means(codes, k, seed)
    if len(centres) < k:
        raise InvalidArgument(f"cannot make {k} clusters: the matrices have {len(centres)} different codes")
    medoids = [_nearest(codes, cluster == number, centre) for number, centre in enumerate(centres)]
    own = patterns.clusters
    alone, before = (patterns.table[column].to_numpy() for column in ("pattern", "cluster"))
    described, kept = [], {}
    for number, medoid in enumerate(medoids):
        members = cluster == number
        name, confidence, shares = called(alone[members].astype(str), patterns.families)
        described.append(
            {
                "id": number,
                "name": name,
                "rule": patterns.rules.get(name, _NO_SENTENCE),
                "confidence": confidence,
                "size": int(members.sum()),
                "medoid": medoid,
                "evidence": {f"share: {each}": share for each, share in list(shares.items())[:2]},
            }
        )
        like = int(np.bincount(before[members & (before >= 0)], minlength=len(own)).argmax())
        if like in patterns.given_names and own.at[like, "auto_name"] == name:
            kept[number] = patterns.given_names[like]
    return patterns.grouped(Grouping(cluster, described, kept))


def _k_means(codes: np.ndarray, k: int, seed: int) -> tuple[Int[np.ndarray, " matrix"], Float[np.ndarray, "cluster c"]]:
    """Cluster of each matrix, 0 = the largest, and the middles."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # threads cost more than they save on data this small, and sums keep their order
        labels = KMeans(k, n_init=STARTS, random_state=seed).fit_predict(codes)  # pyright: ignore[reportArgumentType]
    sizes = np.bincount(labels, minlength=k)
    order = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    place = np.empty(k, np.int64)
    place[order] = np.arange(len(order))
    cluster = place[labels]
    return cluster, np.stack([codes[cluster == number].mean(0) for number in range(len(order))])


def _nearest(codes: np.ndarray, members: np.ndarray, centre: np.ndarray) -> int:
    """Number of the member nearest the middle."""
    rows = np.flatnonzero(members)
    return int(rows[np.square(codes[rows] - centre).sum(1).argmin()])
