"""Order heads so that like ones stand together, and cut them into groups: a tree of average similarities.

Knows nothing about: runs, what the similarity is of. scipy is loaded when a tree is built.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Tree:
    """Heads merged two by two, the most alike first.

    `merges` are (one, other, similarity, size): nodes 0..n-1 are the heads, n + i is the i-th merge; `similarity` is
    the mean over all pairs of heads between the two nodes, never larger than that of an earlier merge. `order` puts
    the heads in a row so that neighbours are as alike as the tree allows (optimal leaf order).
    """

    merges: tuple[tuple[int, int, float, int], ...]
    order: tuple[int, ...]

    def cut(self, threshold: float) -> tuple[tuple[int, ...], ...]:
        """Heads merged at a mean similarity of at least `threshold`, groups of two and more, each in the tree's order.

        In the order in which they stand in the row.
        """
        n = len(self.merges) + 1
        root = list(range(n))
        members: dict[int, list[int]] = {head: [head] for head in range(n)}
        for number, (one, other, similarity, _) in enumerate(self.merges):
            if similarity >= threshold and one in members and other in members:
                members[n + number] = members.pop(one) + members.pop(other)
        for node, heads in members.items():
            for head in heads:
                root[head] = node
        groups: dict[int, list[int]] = {}
        for head in self.order:
            groups.setdefault(root[head], []).append(head)
        return tuple(tuple(heads) for heads in groups.values() if len(heads) > 1)

    @cached_property
    def place(self) -> tuple[int, ...]:
        """Where each head stands in the row."""
        place = [0] * len(self.order)
        for i, head in enumerate(self.order):
            place[head] = i
        return tuple(place)


def tree(similarity: Float[np.ndarray, "head other"]) -> Tree:
    """Merge heads by average linkage; pairs whose similarity is not known count as not alike at all.

    Source: average linkage, sokal1958; leaf order, barjoseph2001 (both as scipy has them).
    """
    n = len(similarity)
    if n < 2:
        return Tree((), tuple(range(n)))
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    known = np.nan_to_num(np.asarray(similarity, np.float64), nan=0.0)
    distance = np.clip(1 - (known + known.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    condensed = squareform(distance, checks=False)
    merges = hierarchy.linkage(condensed, method="average", optimal_ordering=True)
    rows = tuple((int(one), int(other), float(1 - height), int(size)) for one, other, height, size in merges)
    return Tree(rows, tuple(int(head) for head in hierarchy.leaves_list(merges)))


def mean_similarity(similarity: Float[np.ndarray, "head other"], heads: Sequence[int]) -> float:
    """Mean over the pairs of some heads; NaN for fewer than two."""
    places = np.asarray(heads, dtype=np.int64)
    if len(places) < 2:
        return float("nan")
    among = np.asarray(similarity, np.float64)[np.ix_(places, places)]
    return float(among[np.triu_indices(len(places), 1)].mean())
