"""Where one head attends, in numbers: means over the measured images, from what a run keeps.

Knows nothing about: models, torch, how it is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import log
from typing import Final

import numpy as np

from vitscope.analysis.findings import flatten, kept
from vitscope.analysis.places import n_border_patches, n_corner_patches, token_name, uniform_reach
from vitscope.analysis.run import Run
from vitscope.analysis.statistics.descriptive import mean_over_images
from vitscope.measures import image_diagonal
from vitscope.measures.keys import patch_shares, stand_out
from vitscope.tokens import HeadRef, TokenLayout

_TOLD_APART: Final = "distance_no_sinks"
"""The quantity without which a run does not tell whether sinks make a head's distance long."""


@dataclass(frozen=True)
class SinkKey:
    """A key token that is a sink over the images: its token and its share of the patches' attention."""

    token: int
    name: str
    share: float


@dataclass(frozen=True)
class Gaze:
    """Where one head attends: means over `n` images, NaN where the layout or the run does not define them.

    Shares are of the patches' attention. `few_keys` is the median over images. `sinks` are read from the mean attention
    over all images, the largest first; empty until it is complete. `missing` says why the run does not tell what sinks
    do to the distance; empty where it does.
    """

    n: int
    to_self: float
    to_neighbours: float
    to_far: float
    to_cls: float
    to_others: float
    near_uniform: float
    """What uniform attention would give to within 1 hop, the patch itself included."""
    cls_to_cls: float
    cls_to_patches: float
    corners: float
    corners_uniform: float
    border: float
    border_uniform: float
    few_keys: float
    n_tokens: int
    sinks: tuple[SinkKey, ...]
    neighbour: float
    step_down: float
    """Patches; above 0 = to rows below."""
    step_right: float
    distance: float
    """Pixels, as are the others, and what uniform attention would give."""
    distance_uniform: float
    distance_rescaled: float
    distance_no_sinks: float
    missing: str
    diagonal: float
    entropy: float
    """Nats, mean over queries; `entropy_max` = ln T."""
    entropy_max: float
    nmi: float
    focus: float


def gaze(run: Run, head: HeadRef) -> Gaze:
    """Collect where a head attends from the run's reductions and, once complete, its mean attention."""
    return gazes(run, [head])[0]


def gazes(run: Run, heads: Sequence[HeadRef]) -> list[Gaze]:
    """`gaze` of several heads: each array of the run is read once."""
    tokens = run.tokens

    @cache
    def over_images(name: str) -> np.ndarray:
        return flatten(kept(run, "spread", name), heads)

    @cache
    def means(name: str) -> np.ndarray:
        return mean_over_images(over_images(name))

    masses = mean_over_images(flatten(kept(run, "strength", "mass"), heads))
    near, far = uniform_reach(tokens)
    n_corners, n_border = n_corner_patches(tokens), n_border_patches(tokens)

    def at(place: int, found: tuple[SinkKey, ...]) -> Gaze:
        mass, few = masses[place], over_images("few_keys")[:, place]
        few = few[np.isfinite(few)]

        def mean(name: str) -> float:
            return float(means(name)[place])

        return Gaze(
            n=int(np.isfinite(over_images("distance")[:, place]).sum()),
            to_self=float(mass[0]),
            to_neighbours=float(mass[1]) if len(mass) > 1 else 0.0,
            to_far=float(mass[2:].sum()),
            to_cls=mean("to_cls") if tokens.cls is not None else np.nan,
            to_others=mean("to_other") if tokens.others else np.nan,
            near_uniform=near,
            cls_to_cls=mean("cls_self"),
            cls_to_patches=mean("cls_to_patches"),
            corners=mean("corners"),
            corners_uniform=n_corners / tokens.n_tokens,
            border=mean("border"),
            border_uniform=n_border / tokens.n_tokens,
            few_keys=float(np.median(few)) if len(few) else np.nan,
            n_tokens=tokens.n_tokens,
            sinks=found,
            neighbour=mean("neighbour"),
            step_down=mean("step_down"),
            step_right=mean("step_right"),
            distance=mean("distance"),
            distance_uniform=far,
            distance_rescaled=mean("distance_rescaled"),
            distance_no_sinks=mean(_TOLD_APART),
            missing=run.manifest.lacks(_TOLD_APART),
            diagonal=image_diagonal(tokens),
            entropy=mean("entropy"),
            entropy_max=log(tokens.n_tokens),
            nmi=mean("nmi"),
            focus=mean("focus"),
        )

    return [at(place, found) for place, found in enumerate(sinks(run, heads))]


def sinks(run: Run, heads: Sequence[HeadRef]) -> list[tuple[SinkKey, ...]]:
    """Sinks of the mean attention, the largest first: it is linear, so its key shares are the means over images."""
    if not run.has_mean_attention:
        return [()] * len(heads)
    found: dict[HeadRef, tuple[SinkKey, ...]] = {}
    for layer in {head.layer for head in heads}:
        matrices = run.layer_mean_attention(layer)
        found |= {head: _sinks(matrices[head.head], run.tokens) for head in heads if head.layer == layer}
    return [found[head] for head in heads]


def _sinks(matrix: np.ndarray, tokens: TokenLayout) -> tuple[SinkKey, ...]:
    if not np.isfinite(matrix).all():
        return ()
    shares = patch_shares(matrix.astype(np.float64), tokens)
    found = [int(token) for token in np.argsort(-shares, kind="stable") if stand_out(shares)[token]]
    return tuple(SinkKey(token, token_name(tokens, token), float(shares[token])) for token in found)
