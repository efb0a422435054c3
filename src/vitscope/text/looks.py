"""Where one head attends, in words: a clause each for patches, direction, CLS, keys, distance and shape.

A clause says what was found; what was not found, or is not known, is left out. web/src/words/looks.ts says the same.
Knows nothing about: runs.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from vitscope.analysis.gaze import Gaze, SinkKey
from vitscope.analysis.places import is_corner, n_border_patches, n_corner_patches
from vitscope.quantities import bounds
from vitscope.quantities.form import name_list, number, percent
from vitscope.tokens import TokenLayout

SHARED_MAP, OWN_MAP = 0.1, 0.4
"""Normalised mutual information below which all queries share one map, and above which each has its own."""
SHARP, FLAT = 0.5, 0.9
"""Entropy as a share of ln T: below = sharp, above = almost even."""
_NAMED: Final = 3
"""Sinks that are named one by one."""


def patches(seen: Gaze) -> str:
    """Where the patches attend, shares from 5 % up."""
    shares = {
        "CLS": seen.to_cls,
        "the other prefix tokens": seen.to_others,
        "themselves": seen.to_self,
        "their neighbours (1 hop)": seen.to_neighbours,
        "patches further away": seen.to_far,
    }
    known = sorted(((share, where) for where, share in shares.items() if np.isfinite(share)), reverse=True)
    told = [f"{percent(share)} to {where}" for share, where in known if share >= bounds.WORTH_TELLING]
    return f"its patches attend with {name_list(told)}" if told else ""


def direction(seen: Gaze) -> str:
    """The one neighbour that each patch attends to; nothing where there is none, or two opposite ones."""
    where = side(seen.step_down, seen.step_right)
    if not seen.neighbour >= bounds.NEIGHBOUR_SHARE or not where:  # NaN: not known
        return ""
    return f"each patch attends to the patch {where}: {percent(seen.neighbour)} of the patches' attention"


def side(down: float, right: float) -> str:
    """Which side a mean step leads to, `on its left`, `above it and on its right`; empty where it leads nowhere."""
    larger = max(abs(down), abs(right))
    if not larger >= bounds.STEP_CLEAR:
        return ""
    told = [
        word
        for step, less, more in ((down, "above it", "below it"), (right, "on its left", "on its right"))
        if abs(step) >= bounds.STEP_PART * larger
        for word in (less if step < 0 else more,)
    ]
    return " and ".join(told)


def cls(seen: Gaze) -> str:
    """Where CLS attends."""
    if not np.isfinite(seen.cls_to_patches):
        return ""
    return f"its CLS attends with {percent(seen.cls_to_patches)} to patches and {percent(seen.cls_to_cls)} to itself"


def keys(seen: Gaze, tokens: TokenLayout) -> str:
    """The few keys that draw the patches: corners, border, single tokens, and how many hold half of their attention."""
    told = []
    at_corners = seen.corners >= max(bounds.CORNER_SHARE, bounds.SINK_TIMES * seen.corners_uniform)
    if at_corners:
        told.append(_takes("corner", n_corner_patches(tokens), seen.corners, seen.corners_uniform))
    inside, uniform = seen.border - seen.corners, seen.border_uniform - seen.corners_uniform
    if uniform > 0 and inside >= max(bounds.BORDER_SHARE, bounds.BORDER_TIMES * uniform):
        told.append(_takes("border", n_border_patches(tokens), seen.border, seen.border_uniform))
    told.append(_sinks([key for key in seen.sinks if not (at_corners and is_corner(key.token, tokens))], seen.n_tokens))
    if seen.few_keys <= min(bounds.FEW_KEYS, seen.n_tokens / bounds.FEW_KEYS_PART):
        held = "1 key" if seen.few_keys == 1 else f"{seen.few_keys:g} keys"
        told.append(f"half of the patches' attention is on {held} of {seen.n_tokens} in the median image")
    return ", ".join(part for part in told if part)


def _takes(which: str, count: int, share: float, uniform: float) -> str:
    taken = f"the {count} {which} patches take" if count > 1 else f"the {which} patch takes"
    return f"{taken} {percent(share)} of the patches' attention (uniform would be {percent(uniform)})"


def _sinks(sinks: Sequence[SinkKey], n_tokens: int) -> str:
    if not sinks:
        return ""
    if len(sinks) == 1:
        share, times = percent(sinks[0].share), number(sinks[0].share * n_tokens)
        return f"{sinks[0].name} is a sink: {share} of the patches' attention, {times} times uniform"
    named = [f"{key.name} ({percent(key.share)})" for key in sinks[:_NAMED]]
    if len(sinks) > _NAMED:
        named.append(f"{len(sinks) - _NAMED} more")
    together = percent(sum(key.share for key in sinks))
    return f"{name_list(named)} are sinks: together {together} of the patches' attention"


def distance(seen: Gaze) -> str:
    """How far, in three ways, beside what uniform attention gives; what a run did not measure is said."""
    if not np.isfinite(seen.distance):
        return ""
    near = seen.to_self + seen.to_neighbours
    times = f", {near / seen.near_uniform:.1f} times uniform" if seen.near_uniform > 0 else ""
    ways = [f"{number(seen.distance)} px ({percent(seen.distance / seen.diagonal)} of the diagonal)"]
    if np.isfinite(seen.distance_rescaled):
        ways.append(f"{number(seen.distance_rescaled)} px over patches alone")
    if np.isfinite(seen.distance_no_sinks):
        ways.append(f"{number(seen.distance_no_sinks)} px without sinks")
    unknown = f"; whether sinks make it long is not known: {seen.missing}" if seen.missing else ""
    return (
        f"mean distance {', '.join(ways)} (uniform attention {number(seen.distance_uniform)} px{unknown}), with "
        f"{percent(near)} within 1 hop{times}"
    )


def shape(seen: Gaze) -> str:
    """Sharp or even, one map or many, how focused CLS is."""
    told: list[str] = []
    if np.isfinite(seen.entropy) and seen.entropy_max > 0:  # one token alone attends to itself
        share = seen.entropy / seen.entropy_max
        word = "sharp" if share < SHARP else "almost even" if share > FLAT else "broad"
        told.append(f"{word} (entropy {seen.entropy:.2f} of at most {seen.entropy_max:.2f} nats)")
    if np.isfinite(seen.nmi):
        many = "all queries share one map" if seen.nmi < SHARED_MAP else "queries share a map in part"
        told.append(f"{'each query has its own map' if seen.nmi > OWN_MAP else many} (nmi {seen.nmi:.2f})")
    if np.isfinite(seen.focus):
        told.append(f"CLS focus {seen.focus:.2f}")
    return name_list(told)
