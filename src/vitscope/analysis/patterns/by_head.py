"""Heads told by their own matrices: what each is called over its images, and which repeat each other's pattern.

Knows nothing about: clusters, torch, how a name is found.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from vitscope.errors import NotAvailable
from vitscope.tokens import HeadRef

if TYPE_CHECKING:
    import pandas as pd

    from vitscope.analysis.patterns.of_run import Patterns
    from vitscope.analysis.run import Run

HOLDS: Final = 0.8
"""A head holds a pattern from this share of its images."""
ALIKE: Final = 0.9
"""Mean similarity from which heads that hold one pattern are candidates for redundancy."""
OWN: Final = 0.5
"""Content dependence above which a head's mean matrix says little of its matrices: it is compared with no other's."""
MOST: Final = 0.5
"""What at least this share of matrices are called, all of them are."""
MIXED: Final = "mixed"


class Called(NamedTuple):
    """What some matrices are called together, which share of them is, and each name's share, commonest first."""

    name: str
    share: float
    shares: dict[str, float]


def called(names: Iterable[str], families: Mapping[str, Sequence[str]]) -> Called:
    """The name that at least half of some matrices have, else the family of at least half, else `mixed`.

    The share of `mixed` is what the largest name leaves.
    """
    names = list(names)
    shares = {str(name): count / len(names) for name, count in Counter(names).most_common()}
    of_families = {family: sum(shares.get(name, 0.0) for name in members) for family, members in families.items()}
    for found in (shares, of_families):
        name = max((each for each in found if each != MIXED), key=found.__getitem__, default=None)
        if name is not None and found[name] >= MOST:
            return Called(name, found[name], shares)
    return Called(MIXED, 1 - max((share for name, share in shares.items() if name != MIXED), default=0.0), shares)


def by_head(patterns: "Patterns", images: Sequence[int] | None = None) -> dict[HeadRef, Called]:
    """What each head that has sampled matrices is called, over all sampled images or some."""
    table = patterns.table
    if images is not None:
        table = table[table["image"].isin(list(images))]
    own: dict[HeadRef, list[str]] = {}
    names = table["pattern"].astype(str).tolist()
    for layer, head, name in zip(table["layer"].tolist(), table["head"].tolist(), names, strict=True):
        own.setdefault(HeadRef(int(layer), int(head)), []).append(name)
    return {head: called(own[head], patterns.families) for head in sorted(own)}


def repeated(run: "Run", patterns: "Patterns") -> "pd.DataFrame":
    """Rows of `Patterns.repeated`."""
    import pandas as pd

    from vitscope.analysis.heads.seriation import mean_similarity, tree

    holders: dict[str, list[HeadRef]] = {}
    for head, found in by_head(patterns).items():
        name, share = next(iter(found.shares.items()))
        if share >= HOLDS and name != MIXED:
            holders.setdefault(name, []).append(head)
    rows, by = [], _way(run)
    if by is not None and any(len(heads) > 1 for heads in holders.values()):
        alike, place = run.heads.similarity(by).values, {head: at for at, head in enumerate(run.heads.refs)}
        dependence = patterns.content_dependence.values
        for name, holding in holders.items():
            heads = [head for head in holding if by != "mean" or dependence[head] <= OWN]
            at = [place[head] for head in heads]
            among = alike[np.ix_(at, at)]
            for group in tree(among).cut(ALIKE) if len(heads) > 1 else ():
                members = sorted(heads[each] for each in group)
                rows.append(
                    {
                        "name": name,
                        "heads": [tuple(head) for head in members],
                        "similarity": float(mean_similarity(among, group)),
                        "by": by,
                        "content_dependence": float(np.mean([dependence[head] for head in members])),
                    }
                )
    rows.sort(key=lambda row: (-len(row["heads"]), -row["similarity"]))
    return pd.DataFrame(rows, columns=["name", "heads", "similarity", "by", "content_dependence"])


def _way(run: "Run") -> str | None:
    """How heads of this run can be compared: by mean matrices, outputs or CLS rows."""
    for by in ("mean", "output", "cls"):
        try:
            run.heads.require_way(by)
        except NotAvailable:
            continue
        return by
    return None
