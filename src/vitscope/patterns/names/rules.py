"""The written rules of the names: over the features of a matrix, in the order in which they are tried.

What they look at are shares above chance, correlations or parts of a variance, so one threshold serves every grid.
Each condition counts 0.5 at its threshold, 1 at the far end of its range and 0 at the near end, linearly; a rule counts
as its weakest condition and holds from 0.5 up. Knows nothing about: tensors, how features are measured, clusters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from vitscope.patterns.names.thresholds import (
    ARM,
    BROAD,
    CHANGES,
    CLS_UNEVEN,
    CONSTANT,
    DECIDES,
    FEW,
    MOST,
    NEAR,
    ONE_STEP,
    REGION,
    RIVAL,
    SEVERAL,
    SHAPELESS,
    SMOOTH,
    STEP,
    UNEVEN,
    WIDE,
)

HOLDS: Final = 0.5
"""What a rule counts where it just holds."""

Values = Float[np.ndarray, "*matrix"]
Table = Mapping[str, Values]
"""Every feature, and `constancy`: correlation with the head's other images, NaN where there are too few."""


@dataclass(frozen=True)
class Rule:
    """A sentence with the thresholds, the features it looks at, and how clearly it holds, [0, 1]."""

    sentence: str
    looks_at: tuple[str, ...]
    holds: Callable[[Table], Values]


def _at_least(value: Values, bound: float | Values) -> Values:
    """0.5 at the bound, 1 at 1, 0 at 0."""
    return np.where(value >= bound, 0.5 + 0.5 * _part(value - bound, 1 - bound), 0.5 * _part(value, bound))


def _at_most(value: Values, bound: float | Values) -> Values:
    """0.5 at the bound, 1 at 0, 0 at 1."""
    return _at_least(1 - value, 1 - bound)


def _part(value: Values, whole: float | Values) -> Values:
    return np.clip(value / np.maximum(whole, 1e-9), 0, 1)


def _all(*conditions: Values) -> Values:
    return np.minimum.reduce(conditions)


def _beside(share: Values, *others: Values, rival: float = RIVAL) -> Values:
    """Each other place holds at most a part of what this one holds."""
    return _all(*(_at_most(other, np.clip(rival * share, 0, 1)) for other in others))


def _line_places(table: Table) -> list[Values]:
    return [table[name] for name in ("near", "row", "column")]


def _self(table: Table) -> Values:
    around = [table[name] - table["self"] for name in ("near", "row", "column")]
    alone = _beside(table["self"], table["to_cls"], table["largest_key"], *around)
    return _all(_at_least(table["self"], MOST), alone)


def _cls_sink(table: Table) -> Values:
    alone = _beside(table["to_cls"], table["largest_key"], *_line_places(table))
    return _all(_at_least(table["to_cls"], MOST), alone)


def _one_key(table: Table) -> Values:
    largest = table["largest_key"]
    alone = _beside(largest, table["second_key"], table["to_cls"], *_line_places(table))
    return _all(_at_least(largest, FEW), alone)


def _registers(table: Table) -> Values:
    others = table["to_other"]
    alone = _beside(others, table["to_cls"], *_line_places(table))
    return _all(_at_least(others, FEW), alone, _beside(others, table["largest_key"], rival=SEVERAL))


def _some_keys(name: str) -> Callable[[Table], Values]:
    """So much goes to keys of a kind, at least half of all that is shared out unevenly."""

    def holds(table: Table) -> Values:
        share = table[name]
        most_of_it = _at_least(share, RIVAL * table["place"])
        return _all(_at_least(share, FEW), most_of_it, _beside(share, table["to_cls"], *_line_places(table)))

    return holds


def _corners(table: Table) -> Values:
    """More than one corner, and the corners are what few keys hold."""
    corners = table["corners"]
    several = _beside(corners, table["largest_key"], rival=SEVERAL)
    return _all(_some_keys("corners")(table), several, _at_least(corners, np.clip(SEVERAL * table["eight_keys"], 0, 1)))


def _border(table: Table) -> Values:
    """Spread along the border."""
    return _all(_some_keys("border")(table), _beside(table["border"], table["eight_keys"], rival=SEVERAL))


def _few_keys(table: Table) -> Values:
    return _all(_some_keys("eight_keys")(table), _at_most(table["profile_region"], REGION))


def _step(down: int | None = None, right: int | None = None) -> Callable[[Table], Values]:
    """Patches look at the neighbour at one offset; at any, where none is given."""

    def holds(table: Table) -> Values:
        share = table["step"]
        alone = _beside(share, table["step_rival"], table["self"])
        others = _beside(share, table["to_cls"], table["largest_key"], rival=2.0)
        near = _at_least(share, np.clip(ONE_STEP * table["near"], 0, 1))
        found = _all(_at_least(share, STEP), near, alone, others)
        if down is None:
            return found
        return np.where((table["step_down"] == down) & (table["step_right"] == right), found, 0)

    return holds


def _local(table: Table) -> Values:
    near = table["near"]
    not_a_line = near >= np.maximum(table["row"], table["column"])
    alone = _beside(near, table["to_cls"], table["largest_key"], rival=1.0)
    return np.where(not_a_line, _all(_at_least(near, NEAR), _position(table), alone), 0)


def _line(line: str, across: str) -> Callable[[Table], Values]:
    def holds(table: Table) -> Values:
        rest = table[across] - table["self"]
        alone = _beside(table[line], table["to_cls"], table["largest_key"], table["self"], rest)
        found = _all(_at_least(table[line], MOST), alone)
        return np.where(table[line] > table["near"], found, 0)

    return holds


def _cross(table: Table) -> Values:
    cross = table["cross"]
    lines = (_at_least(table[name], np.clip(ARM * cross, 0, 1)) for name in ("row", "column"))
    alone = _beside(cross, table["to_cls"], table["largest_key"], table["self"])
    return np.where(cross > table["near"], _all(_at_least(cross, MOST), *lines, alone), 0)


def _ring(table: Table) -> Values:
    ring = table["ring"]
    alone = _beside(ring, *(table[name] for name in ("ring_inside", "step", "to_cls", "largest_key", "self")))
    return _all(_at_least(ring, MOST), _position(table), alone)


def _wide_local(table: Table) -> Values:
    wide = table["wide"]
    smooth = _at_least(table["same_map"], SMOOTH)
    return _all(_at_least(wide, WIDE), smooth, _position(table), _at_most(table["to_cls"], MOST))


def _position(table: Table) -> Values:
    return _at_least(table["by_offset"], DECIDES)


def _even(table: Table) -> Values:
    differs = table["structure"] * (table["by_offset"] + table["by_query"])
    return _all(_at_least(table["breadth"], BROAD), _at_most(differs, SHAPELESS), _at_most(table["place"], UNEVEN))


def _cls_on_a_blob(table: Table) -> Values:
    return _all(_even(table), _at_least(table["cls_place"], CLS_UNEVEN), _at_least(table["cls_region"], REGION))


def _blob(table: Table) -> Values:
    """Regions that position does not explain."""
    region = np.where(table["by_key"] >= table["by_query"], table["profile_region"], table["same_region"])
    not_by_position = _at_most(table["by_offset"], DECIDES)
    places = [_at_most(table[name], MOST) for name in ("self", "to_cls", "largest_key")]
    return _all(_at_least(region, REGION), not_by_position, *places)


def _fixed(table: Table) -> Values:
    return _all(_blob(table), _known(_at_least, table["constancy"], CONSTANT))


def _content(table: Table) -> Values:
    return _all(_blob(table), _known(_at_most, table["constancy"], CHANGES))


def _known(condition: Callable[[Values, float], Values], value: Values, bound: float) -> Values:
    return np.where(np.isnan(value), 0, condition(np.clip(np.nan_to_num(value), 0, 1), bound))


def _toward(words: str, down: int, right: int) -> Rule:
    return Rule(
        f"Patches give at least {STEP:.0%} of their weight to the patch {words} (of those that have one), at least "
        f"{ONE_STEP:.0%} of all that goes near by; another step and the patch itself get at most {RIVAL:.0%} of that "
        "each, CLS and any one key at most twice as much.",
        ("step", "step_rival", "near", "self", "to_cls"),
        _step(down, right),
    )


_AWAY: Final = f"CLS, the patches near by, the own row and column (above chance) get at most {RIVAL:.0%} of that each."
_ALL_UNEVEN: Final = f"at least {RIVAL:.0%} of all that they share out unevenly"

BY_NAME: Final = {
    "self": Rule(
        f"Patches give at least {MOST:.0%} of their weight to themselves; CLS, any one key, the patches around, the "
        f"rest of the row and of the column get at most {RIVAL:.0%} of that each.",
        ("self", "near", "to_cls", "largest_key"),
        _self,
    ),
    "one patch left": _toward("on the left", 0, -1),
    "one patch right": _toward("on the right", 0, 1),
    "one patch up": _toward("above", -1, 0),
    "one patch down": _toward("below", 1, 0),
    "shift": Rule(
        f"Patches give at least {STEP:.0%} of their weight to the patch at one offset (of those that have one), at "
        f"least {ONE_STEP:.0%} of all that goes near by; another offset and the patch itself get at most {RIVAL:.0%} "
        "of that each, CLS and any one key at most twice as much.",
        ("step", "step_rival", "near", "self", "to_cls"),
        _step(),
    ),
    "CLS sink": Rule(
        f"Patches give at least {MOST:.0%} of their weight to CLS; any other key, the patches near by, the own row and "
        f"column (above chance) get at most {RIVAL:.0%} of that each.",
        ("to_cls", "largest_key", "near", "cls_self"),
        _cls_sink,
    ),
    "one-key stripe": Rule(
        f"Patches give at least {FEW:.0%} of their weight to one and the same key other than CLS; a second key, "
        f"{_AWAY}",
        ("largest_key", "second_key", "to_cls", "near"),
        _one_key,
    ),
    "registers": Rule(
        f"Patches give at least {FEW:.0%} of their weight to prefix tokens other than CLS, at most {SEVERAL:.0%} of it "
        f"to one of them; {_AWAY}",
        ("to_other", "largest_key", "to_cls", "near"),
        _registers,
    ),
    "corners": Rule(
        f"Patches give at least {FEW:.0%} of their weight, above chance, to the corner patches, {_ALL_UNEVEN}, at "
        f"least {SEVERAL:.0%} of what the eight largest keys hold, at most {SEVERAL:.0%} of it to one; {_AWAY}",
        ("corners", "place", "to_cls", "near"),
        _corners,
    ),
    "border": Rule(
        f"Patches give at least {FEW:.0%} of their weight, above chance, to the outermost patches, {_ALL_UNEVEN}; the "
        f"eight largest keys hold at most {SEVERAL:.0%} of that; {_AWAY}",
        ("border", "corners", "place", "to_cls", "near"),
        _border,
    ),
    "few keys": Rule(
        f"Patches give at least {FEW:.0%} of their weight, above chance, to the eight keys they look at most, CLS left "
        f"out, {_ALL_UNEVEN}; they are apart (neighbouring patches correlate by at most {REGION}); {_AWAY}",
        ("eight_keys", "place", "profile_region", "to_cls", "near"),
        _few_keys,
    ),
    "local": Rule(
        f"Patches give at least {NEAR:.0%} of their weight above chance to patches near by (within a seventh of the "
        f"grid's side), more than to their row or column, to CLS or to any one key; relative offset decides at least "
        f"{DECIDES:.0%} of the structure.",
        ("near", "row", "column", "to_cls", "largest_key", "by_offset"),
        _local,
    ),
    "row": Rule(
        f"Patches give at least {MOST:.0%} of their weight above chance to their own row, more than to patches near "
        f"by; CLS, any one key, the patch itself and the rest of its column get at most {RIVAL:.0%} of that each.",
        ("row", "near", "column", "to_cls", "largest_key"),
        _line("row", "column"),
    ),
    "column": Rule(
        f"Patches give at least {MOST:.0%} of their weight above chance to their own column, more than to patches near "
        f"by; CLS, any one key, the patch itself and the rest of its row get at most {RIVAL:.0%} of that each.",
        ("column", "near", "row", "to_cls", "largest_key"),
        _line("column", "row"),
    ),
    "cross": Rule(
        f"Patches give at least {MOST:.0%} of their weight above chance to their own row and column together, at least "
        f"{ARM:.0%} of that to each and more than to patches near by; CLS, any one key and the patch itself get at "
        f"most {RIVAL:.0%} of that each.",
        ("cross", "row", "column", "near", "to_cls", "largest_key"),
        _cross,
    ),
    "ring": Rule(
        f"Patches give at least {MOST:.0%} of their weight above chance to patches at one distance of 2 or more; what "
        f"lies inside, any one offset, CLS, any one key and the patch itself get at most {RIVAL:.0%} of that each; "
        f"relative offset decides at least {DECIDES:.0%} of the structure.",
        ("ring", "ring_inside", "step", "to_cls", "largest_key", "by_offset"),
        _ring,
    ),
    "wide local": Rule(
        f"Patches give at least {WIDE:.0%} of their weight above chance to patches within twice as far as near by, at "
        f"most {MOST:.0%} to CLS; neighbouring queries see the same map (correlation at least {SMOOTH}), relative "
        f"offset decides at least {DECIDES:.0%} of the structure, and no narrower rule holds.",
        ("wide", "near", "same_map", "by_offset", "to_cls"),
        _wide_local,
    ),
    "CLS on a blob": Rule(
        f"The rule of uniform holds for the patches, but CLS looks at regions: {CLS_UNEVEN:.0%} of what it gives to "
        f"patches would have to move for all to get the same, and neighbours correlate by at least {REGION}.",
        ("cls_place", "cls_region", "breadth", "structure", "place"),
        _cls_on_a_blob,
    ),
    "uniform": Rule(
        f"Queries look at {BROAD:.0%} of the tokens or more (e to the entropy of their weights), structure "
        f"that differs between queries is at most {SHAPELESS:.0%} of the energy of the roots, and at most {UNEVEN:.0%} "
        "of the weight would have to move for all keys to get the same.",
        ("breadth", "structure", "place", "largest_key"),
        _even,
    ),
    "fixed place": Rule(
        "The rule of blob holds, and it is at the same place in the head's other images: the mean of those correlates "
        f"with it by at least {CONSTANT}.",
        ("constancy", "by_key", "by_query", "by_offset", "place"),
        _fixed,
    ),
    "content blob": Rule(
        "The rule of blob holds, and the image decides where it is: the mean of the head's other images correlates "
        f"with it by at most {CHANGES}.",
        ("constancy", "by_key", "by_query", "by_offset", "place"),
        _content,
    ),
    "blob": Rule(
        f"Queries look at regions of several patches (neighbouring keys correlate by at least {REGION}) that relative "
        f"offset explains at most {DECIDES:.0%} of; no more than {MOST:.0%} goes to the patch itself, to CLS or to one "
        "key. Whether the image decides cannot be said: too few images, or in between.",
        ("by_key", "by_query", "by_offset", "profile_region", "same_region"),
        _blob,
    ),
}
