"""Numbers that describe one attention matrix, of any layout: what names and the plain baseline are made from.

All are finite and comparable between grids: shares, or shares above what attention spread evenly over the patches
would give. Knows nothing about: names, clusters, models.
"""

import math
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.measures import image_diagonal
from vitscope.measures.matrices import in_blocks, widen
from vitscope.measures.summary import Summary, summarise
from vitscope.patterns.common import check_layout, offset_sums, patch_offset_sums
from vitscope.patterns.places import by_key, by_place
from vitscope.patterns.places.variance import Variance
from vitscope.tokens import TokenLayout

FEATURES: Final = (
    "self", "ring_1", "ring_2", "ring_3", "ring_4_7", "ring_8_on", "to_cls", "to_other", "cls_self", "cls_to_patches",
    "distance", "entropy", "breadth", "cls_entropy", "nmi", "sink", "largest_key", "second_key",
    "near", "row", "column", "equivariance", "same_map", "same_region",
    "eight_keys", "corners", "border", "place", "profile_region",
    "wide", "cross", "ring", "ring_inside", "step", "step_rival", "step_down", "step_right",
    "by_offset", "by_key", "by_query", "structure",
    "cls_place", "cls_region",
)  # fmt: skip
"""Names of the features, in the order of the last axis of `features`, which defines them."""

CLUSTERED: Final = 24
"""The first features, which clusters are found by: what only tells names apart would make them coarser."""

_RINGS: Final = ((1, 2), (2, 3), (3, 4), (4, 8), (8, None))
_MOST_SINK: Final = 16.0


def features(
    attention: Float[Tensor, "*batch query key"], tokens: TokenLayout, summary: Summary | None = None
) -> Float[Tensor, "*batch feature"]:
    """Every feature of each matrix; the last axis goes with `FEATURES`.

    The rows are not checked to be attention. `summary` is `measures.summarise` of the same matrices, where it is at
    hand (a third of the work).

    Mean over the patches, as shares of a row
        self, ring_1 .. ring_8_on: mass by hop (`ring_mass`). to_cls, to_other: mass on CLS, on the other prefix tokens.
        largest_key, second_key: mean weight of the two keys, CLS left out, that get most. step: at the one relative
        offset that gets most, over the patches that have such a neighbour (at least a quarter must); step_rival: at
        the next one; step_down, step_right: which offset, in patches, 0 where it gets less than 0.1. place: weight that
        would have to move for all patches to get the same.
    The same above chance: (share - u) / (1 - u), u = what uniform attention gives; 0 = by chance, 1 = all
        near, wide: within `near_reach` hops, and twice as far. row, column, cross: on the own row, column, either.
        ring: at one hop k >= 2, or within a patch of a circle, the one that holds most; ring_inside: nearer than that.
        eight_keys: the eight keys, CLS left out, that get most. corners, border: the corner, the outermost patches.
    Of CLS
        cls_self, cls_to_patches: its mass on itself and on patches. cls_entropy: of its row, share of log n_token.
        cls_place: `place` of its row, as a share of what it gives to patches. cls_region: `profile_region` of its row.
    Spread
        distance: `mean_distance` as a share of the image diagonal. entropy: mean over queries, share of log n_token.
        breadth: e to that mean entropy, share of the tokens. nmi: `nmi`. sink: log2 of `sink`'s ratio, at most 16.
    Shape of the patch->patch part, on square roots r of the weights (a few large ones would decide alone otherwise),
    minus the query's mean
        equivariance: share of their variance that the relative offset explains. same_map: correlation of r_ij and
        r_i'j over neighbouring queries i, i'. same_region: of r_ij and r_ij' over neighbouring keys j, j'. Both are the
        smaller one of neighbours in a row and in a column; an axis of one patch does not count. profile_region: the
        same of the mean row of patches. by_offset, by_key, by_query: parts of the structure (what neighbouring queries
        have in common, so noise of single weights is left out) that the offset, the key, neither explains; they sum to
        1. structure: of all r's energy. See `variance.Variance`.

    Returns
    -------
    Finite numbers, the shares in [0, 1], the correlations in [-1, 1], the offsets in patches. What a
    layout lacks (CLS) and what has nothing to vary counts 0.

    Raises
    ------
    NotAttention: the matrix does not fit the token layout.

    Invariants
    ----------
    Uniform attention gives near = row = column = equivariance = same_map = same_region = 0, entropy = breadth = 1;
    identity gives self = near = row = column = equivariance = nmi = 1.

    Source
    ------
    The measures of strength and spread: there. The others: ours.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=2, cols=2, patch=(16, 16))
    >>> found = features(torch.full((5, 5), 0.2), tokens)
    >>> found[FEATURES.index("to_cls")], found[FEATURES.index("row")].abs() < 1e-6
    (tensor(0.2000), tensor(True))
    """
    check_layout(attention, tokens)
    attention = widen(attention)
    summary = summarise(attention, tokens) if summary is None else summary
    own = in_blocks(lambda block: torch.stack(_of_block(block, tokens), -1), attention, core=2)
    return torch.cat([torch.stack(_of_summary(summary, tokens), -1), own], -1)


def _of_summary(summary: Summary, tokens: TokenLayout) -> list[Tensor]:
    """The first 16 features: what the measures of strength and spread say."""
    mass, spread = summary.mass, summary.spread
    rings = [mass[..., first:stop].sum(-1) for first, stop in _RINGS]
    most = math.log(tokens.n_tokens) if tokens.n_tokens > 1 else 1.0
    shares = [spread[name] for name in ("to_cls", "to_other", "cls_self", "cls_to_patches")]
    found = [
        spread["distance"] / image_diagonal(tokens),
        spread["entropy"] / most,
        spread["entropy"].exp() / tokens.n_tokens,
        spread["cls_entropy"] / most,
        spread["nmi"],
        spread["sink"].log2().clamp(0, _MOST_SINK),
    ]
    return [value.nan_to_num(0.0) for value in (mass[..., 0], *rings, *shares, *found)]


def _of_block(attention: Tensor, tokens: TokenLayout) -> list[Tensor]:
    """The other features, from the matrices themselves [block, query, key]."""
    farthest = (tokens.rows - 1, tokens.cols - 1)
    offsets = offset_sums(attention, tokens, farthest)
    roots = attention[..., tokens.patches, tokens.patches].sqrt()
    varying = roots - roots.mean(-1, keepdim=True)
    by_offset = patch_offset_sums(varying, tokens, farthest)
    variance = Variance.of(roots, varying, by_offset, tokens)
    profile = attention[..., tokens.patches, :].mean(-2)
    return [
        *by_key.largest_keys(profile, tokens),
        *by_place.in_place(offsets, tokens),
        variance.equivariance,
        *variance.coherence,
        *by_key.keys(profile, tokens),
        *by_place.around(offsets, tokens),
        *by_place.step(offsets, tokens),
        *variance.parts,
        *by_key.of_cls(attention, tokens),
    ]
