"""What a pattern is called: one written rule a name, over the features of a matrix, with its confidence.

The features that rules look at are shares above chance or correlations, so one threshold serves every grid.
Knows nothing about: tensors, how features are measured, clusters, models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from vitscope.errors import InvalidArgument
from vitscope.patterns.features import FEATURES

MOST: Final = 0.4
"""Share of a row that makes one place stand out. On 14 x 14 patches 80 times what one token gets by chance; for row and
column, which are 7 % of the tokens there, it counts above chance. Less than half, as heads leak weight everywhere: 0.4
in one place beside a diffuse rest is what one sees."""
NEAR: Final = 0.3
"""The same for the patches near by, above chance: on 14 x 14 the 5 x 5 patches around, 12 % of the tokens, then hold
38 % of the weight. Less than `MOST`, as a bell somewhat wider than they are is still local to the eye; `POSITION` keeps
out attention that is near only because objects are."""
RIVAL: Final = 0.5
"""A second place may hold this part of the first one's share; with more the matrix shows two patterns."""
BROAD: Final = 0.65
"""Share of the tokens that a query effectively looks at (e to its entropy). Weights that scatter log-normally by a
factor of 2.5 leave 0.65: with more scatter some keys visibly stand out."""
EVEN: Final = 0.85
"""From here up nothing visibly stands out (the same scatter, by a factor of 1.8 or less), whatever shape is left."""
SHAPE: Final = 0.6
"""Between `BROAD` and `EVEN` neighbouring keys must correlate by less than this either way: a broad matrix that favours
one half of the image, or every other patch, is not uniform."""
SAME_MAP: Final = 0.5
"""Correlation of the maps of neighbouring queries (one patch apart, not shifted): half of what varies is shared."""
SAME_REGION: Final = 0.4
"""Correlation of neighbouring keys. Keys picked one by one give 0 or less; in a region of 3 x 3 patches 2 of 3 steps
from a key stay inside, which gives 0.67, and noise takes from that."""
POSITION: Final = 0.5
"""Where relative offset explains more of the variance than this, position decides, else what the patches show."""

PATTERNS: Final = (
    "self", "local", "row", "column", "one-key stripe", "CLS sink", "uniform", "content blob", "mixed",
)  # fmt: skip
"""Every name; a code is a place in this tuple."""
MIXED: Final = PATTERNS[-1]
_HOLDS: Final = 0.5
"""What a rule counts where it just holds."""

Values = Float[np.ndarray, "*matrix"]


@dataclass(frozen=True)
class ClusterName:
    """What a cluster is called and why.

    Parameters
    ----------
    name: one of `PATTERNS`. rule: its sentence in `RULES`.
    confidence: share of the members that fulfil the rule, [0, 1]; of a mixed cluster what its largest name leaves.
    evidence: mean over the members of each feature that the rule looks at (that any rule looks at where it is mixed),
        and `share: <name>` of the members for the two commonest names.
    """

    name: str
    rule: str
    confidence: float
    evidence: dict[str, float]


def name_matrices(
    features: Float[np.ndarray, "matrix feature"],
) -> tuple[Int[np.ndarray, " matrix"], Float[np.ndarray, " matrix"]]:
    """Name each matrix by the rule that it fulfils best; `mixed` where it fulfils none.

    Each condition of a rule counts 0.5 at its threshold, 1 at the far end of its range and 0 at the near end, linearly;
    a rule counts as its weakest condition and holds from 0.5 up.

    Returns
    -------
    Codes into `PATTERNS`, and confidences: what the rule counts, [0.5, 1]; for `mixed` 1 - what the best rule counts,
    (0.5, 1].

    Raises
    ------
    InvalidArgument: not one column for each of `FEATURES`.
    """
    table = _table(features)
    held = np.stack([rule.holds(table) for rule in _RULES.values()], axis=-1)
    best, at = held.max(-1, initial=0.0), held.argmax(-1)
    named = best >= _HOLDS
    return np.where(named, at, PATTERNS.index(MIXED)), np.where(named, best, 1 - best)


def name_cluster(features: Float[np.ndarray, "member feature"]) -> ClusterName:
    """Name a cluster by the rule that most of its members fulfil; `mixed` where that is less than half of them.

    Raises
    ------
    InvalidArgument: no member, or not one column for each of `FEATURES`.
    """
    if not len(features):
        raise InvalidArgument("cannot name a cluster without members")
    codes, _ = name_matrices(features)
    shares = np.bincount(codes, minlength=len(PATTERNS)) / len(codes)
    leading = int(shares[:-1].argmax())
    fulfilled = float(shares[leading])
    name = PATTERNS[leading] if fulfilled >= 0.5 else MIXED
    table = _table(features)
    looks_at = _RULES[name].looks_at if name != MIXED else _OF_ANY_RULE
    evidence = {feature: float(table[feature].mean()) for feature in looks_at}
    commonest = np.argsort(-shares, kind="stable")[:2]
    evidence |= {f"share: {PATTERNS[code]}": float(shares[code]) for code in commonest if shares[code] > 0}
    return ClusterName(name, RULES[name], fulfilled if name != MIXED else 1 - fulfilled, evidence)


# The rules ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rule:
    sentence: str
    looks_at: tuple[str, ...]
    holds: Callable[[Mapping[str, Values]], Values]


def _at_least(value: Values, bound: float | Values) -> Values:
    """0.5 at the bound, 1 at 1, 0 at 0."""
    return np.where(value >= bound, 0.5 + 0.5 * _part(value - bound, 1 - bound), 0.5 * _part(value, bound))


def _at_most(value: Values, bound: float | Values) -> Values:
    """0.5 at the bound, 1 at 0, 0 at 1."""
    return _at_least(1 - value, 1 - bound)


def _part(value: Values, whole: float | Values) -> Values:
    return np.clip(value / np.maximum(whole, 1e-9), 0, 1)


def _stands_out(share: Values, *others: Values) -> Values:
    """A place holds at least `MOST`, and each other place at most `RIVAL` of what it holds."""
    alone = [_at_most(other, RIVAL * share) for other in others]
    return np.minimum.reduce([_at_least(share, MOST), *alone])


def _beside_self(table: Mapping[str, Values], name: str) -> Values:
    return table[name] - table["self"]


def _self(table: Mapping[str, Values]) -> Values:
    around = [_beside_self(table, name) for name in ("near", "row", "column")]
    return _stands_out(table["self"], table["to_cls"], table["largest_key"], *around)


def _cls_sink(table: Mapping[str, Values]) -> Values:
    return _stands_out(table["to_cls"], table["largest_key"], *(table[name] for name in ("near", "row", "column")))


def _one_key(table: Mapping[str, Values]) -> Values:
    others = (table[name] for name in ("second_key", "to_cls", "near", "row", "column"))
    return _stands_out(table["largest_key"], *others)


def _local(table: Mapping[str, Values]) -> Values:
    alone = [_at_most(table[name], RIVAL * table["near"]) for name in ("to_cls", "largest_key")]
    by_position = _at_least(table["equivariance"], POSITION)
    holds = np.minimum.reduce([_at_least(table["near"], NEAR), by_position, *alone])
    not_a_line = table["near"] >= np.maximum(table["row"], table["column"])
    not_self = _beside_self(table, "near") >= RIVAL * table["self"]
    return np.where(not_a_line & not_self & (_self(table) < _HOLDS), holds, 0)


def _line(table: Mapping[str, Values], line: str, across: str) -> Values:
    rest = _beside_self(table, across)
    holds = _stands_out(table[line], table["to_cls"], table["largest_key"], table["self"], rest)
    return np.where(table[line] > table["near"], holds, 0)


def _uniform(table: Mapping[str, Values]) -> Values:
    shapeless = (_at_most(np.abs(table["same_region"]), SHAPE), _at_most(table["equivariance"], POSITION))
    broad = np.minimum.reduce([_at_least(table["breadth"], BROAD), *shapeless])
    return np.maximum(broad, _at_least(table["breadth"], EVEN))


def _content_blob(table: Mapping[str, Values]) -> Values:
    places = [_at_most(table[name], MOST) for name in ("self", "to_cls", "largest_key")]
    conditions = [
        _at_least(table["same_map"], SAME_MAP),
        _at_least(table["same_region"], SAME_REGION),
        _at_most(table["equivariance"], POSITION),
        *places,
    ]
    return np.where(_uniform(table) < _HOLDS, np.minimum.reduce(conditions), 0)


_RULES: Final = {
    "self": _Rule(
        f"Patches give at least {MOST:.0%} of their weight to themselves; CLS, any one key, the patches around, the "
        f"rest of the row and of the column get at most {RIVAL:.0%} of that each.",
        ("self", "near", "to_cls", "largest_key"),
        _self,
    ),
    "local": _Rule(
        f"Patches give at least {NEAR:.0%} of their weight above chance to patches near by (within a seventh of the "
        f"grid's side), more than to their row or column, and relative offset explains at least {POSITION:.0%} of what "
        f"varies; CLS and any one key get at most {RIVAL:.0%} of that weight, the patches around at least "
        f"{RIVAL:.0%} of what the patch itself gets, and the rule of self does not hold.",
        ("near", "row", "column", "to_cls", "largest_key", "equivariance"),
        _local,
    ),
    "row": _Rule(
        f"Patches give at least {MOST:.0%} of their weight above chance to their own row, more than to patches near "
        f"by; CLS, any one key, the patch itself and the rest of its column get at most {RIVAL:.0%} of that each.",
        ("row", "near", "column", "to_cls", "largest_key"),
        lambda table: _line(table, "row", "column"),
    ),
    "column": _Rule(
        f"Patches give at least {MOST:.0%} of their weight above chance to their own column, more than to patches near "
        f"by; CLS, any one key, the patch itself and the rest of its row get at most {RIVAL:.0%} of that each.",
        ("column", "near", "row", "to_cls", "largest_key"),
        lambda table: _line(table, "column", "row"),
    ),
    "one-key stripe": _Rule(
        f"Patches give at least {MOST:.0%} of their weight to one and the same key other than CLS; a second key, CLS, "
        f"the patches near by, the own row and column (above chance) get at most {RIVAL:.0%} of that each.",
        ("largest_key", "second_key", "to_cls", "near"),
        _one_key,
    ),
    "CLS sink": _Rule(
        f"Patches give at least {MOST:.0%} of their weight to CLS; any other key, the patches near by, the own row and "
        f"column (above chance) get at most {RIVAL:.0%} of that each.",
        ("to_cls", "largest_key", "near", "cls_self"),
        _cls_sink,
    ),
    "uniform": _Rule(
        f"Queries look at {BROAD:.0%} of the tokens or more (e to the entropy of their weights), and below {EVEN:.0%} "
        f"what varies has no shape: neighbouring keys correlate by at most {SHAPE} either way, relative offset "
        f"explains at most {POSITION:.0%}.",
        ("breadth", "same_region", "equivariance", "largest_key"),
        _uniform,
    ),
    "content blob": _Rule(
        f"Queries look at regions of several patches that do not move along with the query: neighbouring queries see "
        f"the same map (correlation at least {SAME_MAP}), neighbouring keys are looked at together (at least "
        f"{SAME_REGION}), relative offset explains at most {POSITION:.0%}; no more than {MOST:.0%} goes to the patch "
        "itself, to CLS or to one key, and the rule of uniform does not hold.",
        ("same_map", "same_region", "equivariance", "breadth", "largest_key"),
        _content_blob,
    ),
}

_OF_ANY_RULE: Final = (
    "self", "near", "row", "column", "to_cls", "largest_key", "second_key", "breadth", "same_map", "same_region",
    "equivariance",
)  # fmt: skip

RULES: Final[dict[str, str]] = {name: rule.sentence for name, rule in _RULES.items()} | {
    MIXED: "None of the rules holds: several patterns at once, or one that has no name here."
}
"""What each name means, in one or two sentences with the thresholds."""


def _table(features: Float[np.ndarray, "matrix feature"]) -> dict[str, Values]:
    if features.ndim != 2 or features.shape[1] != len(FEATURES):
        raise InvalidArgument(
            f"cannot name matrices by features of shape {features.shape}: expected [matrix, {len(FEATURES)}], one "
            "column for each of FEATURES"
        )
    return dict(zip(FEATURES, np.asarray(features, np.float64).T, strict=True))
