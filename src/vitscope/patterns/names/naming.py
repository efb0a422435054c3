"""What a matrix, and what a cluster, is called: by the first written rule that holds, with its confidence.

Knows nothing about: tensors, how features are measured, clusters, models.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from vitscope.errors import InvalidArgument
from vitscope.patterns.features import FEATURES
from vitscope.patterns.names.rules import BY_NAME, HOLDS, Values

MIXED: Final = "mixed"
PATTERNS: Final = (*BY_NAME, MIXED)
"""Every name by rule, in the order in which the rules are tried; a code is a place in this tuple."""

FAMILIES: Final = {
    "shift": ("one patch left", "one patch right", "one patch up", "one patch down", "shift"),
    "few keys": ("one-key stripe", "registers", "corners", "border", "few keys"),
    "blob": ("fixed place", "content blob", "blob"),
}
"""Names that have one above them: what a cluster is called whose members agree on no more."""

_FAMILY_OF: Final = {name: family for family, names in FAMILIES.items() for name in names}

RULES: Final[dict[str, str]] = {name: rule.sentence for name, rule in BY_NAME.items()} | {
    MIXED: "None of the rules holds: several patterns at once, or one that has no name here."
}
"""What each name means, in one or two sentences with the thresholds."""

_OF_ANY_RULE: Final = (
    "self", "near", "row", "column", "to_cls", "largest_key", "eight_keys", "step", "breadth", "place", "structure",
    "by_offset", "by_key", "by_query",
)  # fmt: skip


@dataclass(frozen=True)
class ClusterName:
    """What a cluster is called and why.

    Parameters
    ----------
    name: one of `PATTERNS`. rule: its sentence in `RULES`.
    confidence: share of the members that have the name (or one of its family), [0, 1]; of a mixed cluster what its
        largest name leaves.
    evidence: mean over the members of each feature that the rule looks at (that any rule looks at where it is mixed),
        and `share: <name>` of the members for the two commonest names.
    """

    name: str
    rule: str
    confidence: float
    evidence: dict[str, float]


def name_matrices(
    features: Float[np.ndarray, "matrix feature"], constancy: Float[np.ndarray, " matrix"] | None = None
) -> tuple[Int[np.ndarray, " matrix"], Float[np.ndarray, " matrix"]]:
    """Name each matrix by the first rule that holds; `mixed` where none does.

    Parameters
    ----------
    constancy: how like the head's other images each matrix is (`constancy.constancy`); NaN, or None, where that is not
        known. Then a blob is neither fixed nor of the content.

    Returns
    -------
    Codes into `PATTERNS`, and confidences: what the rule counts, [0.5, 1]; for `mixed` 1 - what the best rule counts,
    (0.5, 1].

    Raises
    ------
    InvalidArgument: not one column for each of `FEATURES`.
    """
    table = _table(features, constancy)
    held = np.stack([rule.holds(table) for rule in BY_NAME.values()], axis=-1)
    fulfilled = held >= HOLDS
    named, first = fulfilled.any(-1), fulfilled.argmax(-1)
    how = np.take_along_axis(held, first[:, None], -1)[:, 0]
    return np.where(named, first, PATTERNS.index(MIXED)), np.where(named, how, 1 - held.max(-1, initial=0.0))


def name_cluster(
    features: Float[np.ndarray, "member feature"], constancy: Float[np.ndarray, " member"] | None = None
) -> ClusterName:
    """Name a cluster by the name that at least half of its members have, else by their family, else `mixed`.

    Raises
    ------
    InvalidArgument: no member, or not one column for each of `FEATURES`.
    """
    if not len(features):
        raise InvalidArgument("cannot name a cluster without members")
    codes, _ = name_matrices(features, constancy)
    name, share, shares = called([PATTERNS[code] for code in codes])
    table = _table(features, constancy)
    looks_at = BY_NAME[name].looks_at if name != MIXED else _OF_ANY_RULE
    means = {feature: _mean(table[feature]) for feature in looks_at}
    evidence = means | {f"share: {each}": part for each, part in list(shares.items())[:2]}
    return ClusterName(name, RULES[name], share, evidence)


def called(names: list[str]) -> tuple[str, float, dict[str, float]]:
    """What many matrices are called together, how sure, and the share of each of their names, commonest first."""
    shares = {name: count / len(names) for name, count in Counter(names).most_common()}
    for of in (shares, _families(shares)):
        found = max((name for name in of if name != MIXED), key=of.__getitem__, default=None)
        if found is not None and of[found] >= HOLDS:
            return found, of[found], shares
    largest = max((share for name, share in shares.items() if name != MIXED), default=0.0)
    return MIXED, 1 - largest, shares


MOST_STEPS: Final = 64
"""Offsets that get a name of their own, the commonest; the others stay `shift`."""


def with_steps(
    codes: Int[np.ndarray, " matrix"], features: Float[np.ndarray, "matrix feature"]
) -> tuple[Int[np.ndarray, " matrix"], tuple[str, ...]]:
    """Say of each shift by how much: codes into the names that come back, `PATTERNS` and then the offsets found."""
    shift = PATTERNS.index("shift")
    at = np.flatnonzero(codes == shift)
    steps = [tuple(round(float(features[row, _STEP[axis]])) for axis in (0, 1)) for row in at]
    found = [step for step, _ in Counter(steps).most_common(MOST_STEPS)]
    codes = codes.copy()
    for row, step in zip(at, steps, strict=True):
        codes[row] = len(PATTERNS) + found.index(step) if step in found else shift
    return codes, (*PATTERNS, *(step_name(*step) for step in found))


_STEP: Final = (FEATURES.index("step_down"), FEATURES.index("step_right"))


def step_name(down: int, right: int) -> str:
    """An offset in words: `one patch left`, `2 patches up and 3 left`."""
    parts = [
        (abs(size), words[size > 0]) for size, words in ((down, ("up", "down")), (right, ("left", "right"))) if size
    ]
    told = []
    for place, (size, word) in enumerate(parts):
        number = "one" if size == 1 else str(size)
        patches = "" if place else (" patch" if size == 1 else " patches")
        told.append(f"{number}{patches} {word}")
    return " and ".join(told)


def _families(shares: dict[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, share in shares.items():
        if name in _FAMILY_OF:
            found[_FAMILY_OF[name]] = found.get(_FAMILY_OF[name], 0.0) + share
    return found


def _mean(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _table(features: Float[np.ndarray, "matrix feature"], constancy: np.ndarray | None) -> dict[str, Values]:
    if features.ndim != 2 or features.shape[1] != len(FEATURES):
        raise InvalidArgument(
            f"cannot name matrices by features of shape {features.shape}: expected [matrix, {len(FEATURES)}], one "
            "column for each of FEATURES"
        )
    table = dict(zip(FEATURES, np.asarray(features, np.float64).T, strict=True))
    return table | {"constancy": np.full(len(features), np.nan) if constancy is None else constancy}
