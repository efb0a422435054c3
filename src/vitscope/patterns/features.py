"""Numbers that describe one attention matrix, of any layout: what names and the plain baseline are made from.

All are finite and comparable between grids: shares, or shares above what attention spread evenly over the patches
would give. Knows nothing about: names, clusters, models.
"""

import math
from functools import lru_cache
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.measures.geometry import image_diagonal
from vitscope.measures.matrices import in_blocks, widen
from vitscope.measures.summary import Summary, summarise
from vitscope.patterns.common import check_layout, offset_sums
from vitscope.tokens import TokenLayout

FEATURES: Final = (
    "self", "ring_1", "ring_2", "ring_3", "ring_4_7", "ring_8_on", "to_cls", "to_other", "cls_self", "cls_to_patches",
    "distance", "entropy", "breadth", "cls_entropy", "nmi", "sink", "largest_key", "second_key",
    "near", "row", "column", "equivariance", "same_map", "same_region",
)  # fmt: skip
"""Names of the features, in the order of the last axis of `features`, which defines them."""

_RINGS: Final = ((1, 2), (2, 3), (3, 4), (4, 8), (8, None))
_NEAR: Final = 7
_MOST_SINK: Final = 16.0
_NOTHING: Final = 1e-5
"""Variance below this part of the energy may be rounding in float32; it counts as none."""


def features(
    attention: Float[Tensor, "*batch query key"], tokens: TokenLayout, summary: Summary | None = None
) -> Float[Tensor, "*batch feature"]:
    """Every feature of each matrix; the last axis goes with `FEATURES`.

    The rows are not checked to be attention. `summary` is `measures.summarise` of the same matrices, where it is at
    hand (a third of the work).

    Mean over the patches, as shares of a row
        self, ring_1 .. ring_8_on: mass by hop (`ring_mass`). to_cls, to_other: mass on CLS, on the other prefix tokens.
        largest_key, second_key: mean weight of the two keys, CLS left out, that get most. near, row, column: mass
        within `near_reach` hops, on the own row, on the own column, above chance: (share - u) / (1 - u) with u what
        uniform attention gives; 0 = by chance, 1 = all, negative = less than by chance.
    Of CLS
        cls_self, cls_to_patches: its mass on itself and on patches. cls_entropy: of its row, share of log n_token.
    Spread
        distance: `mean_distance` as a share of the image diagonal. entropy: mean over queries, share of log n_token.
        breadth: e to that mean entropy, share of the tokens. nmi: `nmi`. sink: log2 of `sink`'s ratio, at most 16.
    Shape of the patch->patch part, on square roots r of the weights (a few large ones would decide alone otherwise)
        equivariance: share of the variance of r_ij that the relative offset of i and j explains. same_map: correlation
        of r_ij and r_i'j, deviations from the query's mean, over neighbouring queries i, i'. same_region: of r_ij and
        r_ij' over neighbouring keys j, j'. Both are the smaller one of neighbours in a row and in a column; an axis of
        one patch does not count.

    Returns
    -------
    Finite numbers, the shares in [0, 1], the correlations in [-1, 1]. What a layout lacks (CLS) and what has nothing to
    vary counts 0.

    Raises
    ------
    NotAttention: the matrix does not fit the token layout.

    Invariants
    ----------
    Uniform attention gives near = row = column = equivariance = same_map = same_region = 0, entropy = breadth = 1;
    identity gives self = near = row = column = equivariance = nmi = 1.

    Source
    ------
    The measures of strength and spread: there. near, row, column, same_map, same_region: ours.

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


def near_reach(tokens: TokenLayout) -> int:
    """Hops that count as near: about a seventh of the shorter side of the grid, at least 1 (2 on 14 x 14)."""
    return max(1, round(min(tokens.rows, tokens.cols) / _NEAR))


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
    roots = attention.sqrt()
    between_patches = roots[..., tokens.patches, tokens.patches]
    return [
        *_largest_keys(attention, tokens),
        *_in_place(offset_sums(attention, tokens, farthest), tokens),
        _equivariance(between_patches, offset_sums(roots, tokens, farthest), tokens),
        *_coherence(between_patches, tokens),
    ]


def _largest_keys(attention: Tensor, tokens: TokenLayout) -> list[Tensor]:
    """Mean weight that patches give to the key they look at most, and to the next one; CLS is left out."""
    keys = attention[..., tokens.patches, :].mean(-2)
    if tokens.cls is not None:
        keys = torch.cat([keys[..., : tokens.cls], keys[..., tokens.cls + 1 :]], -1)
    if keys.shape[-1] == 1:
        return [keys[..., 0], torch.zeros_like(keys[..., 0])]
    return list(keys.topk(2, dim=-1).values.unbind(-1))


def _in_place(offsets: Tensor, tokens: TokenLayout) -> list[Tensor]:
    """Share of the weight of patches on patches near by, on the own row and on the own column, above chance."""
    down, right, reach = tokens.rows - 1, tokens.cols - 1, near_reach(tokens)
    near = offsets[..., max(0, down - reach) : down + reach + 1, max(0, right - reach) : right + reach + 1]
    pairs_near = _pairs_within(tokens.rows, reach) * _pairs_within(tokens.cols, reach)
    return [
        _above_chance(near.sum((-2, -1)), pairs_near, tokens),
        _above_chance(offsets[..., down, :].sum(-1), tokens.n_patches * tokens.cols, tokens),
        _above_chance(offsets[..., right].sum(-1), tokens.n_patches * tokens.rows, tokens),
    ]


def _above_chance(total: Tensor, pairs: int, tokens: TokenLayout) -> Tensor:
    """(share - u) / (1 - u) of the weight on so many of all pairs; 0 where those are all pairs there are."""
    share, chance = total / tokens.n_patches, pairs / (tokens.n_patches * tokens.n_tokens)
    return (share - chance) / (1 - chance) if chance < 1 else torch.zeros_like(share)


def _pairs_within(size: int, reach: int) -> int:
    """How many pairs of places along an axis are at most `reach` apart."""
    return sum(max(0, size - abs(offset)) for offset in range(-reach, reach + 1))


def _equivariance(roots: Tensor, offsets: Tensor, tokens: TokenLayout) -> Tensor:
    """Share of the variance of the roots of patch->patch weights that the relative offset alone explains."""
    energy = roots.square().sum((-2, -1))
    level = roots.sum((-2, -1)).square() / tokens.n_patches**2
    explained = (offsets.square() / _pairs(tokens, offsets.dtype, offsets.device)).sum((-2, -1)) - level
    varies = energy - level > _NOTHING * energy
    return torch.where(varies, explained / (energy - level), 0).clamp(0, 1)


def _coherence(roots: Tensor, tokens: TokenLayout) -> list[Tensor]:
    """Correlation of the weights of neighbouring queries at one key, and of neighbouring keys of one query."""
    varying = roots - roots.mean(-1, keepdim=True)
    grid = (tokens.rows, tokens.cols)
    varying = varying.unflatten(-2, grid).unflatten(-1, grid)
    floor = _NOTHING * roots.square().sum((-2, -1))
    found = []
    for axes in ((-4, -3), (-2, -1)):
        along = []
        for axis in axes:
            n = varying.shape[axis]
            if n < 2:
                continue
            one, other = varying.narrow(axis, 0, n - 1), varying.narrow(axis, 1, n - 1)
            total = (one.square() + other.square()).sum((-4, -3, -2, -1))
            along.append(torch.where(total > floor, 2 * (one * other).sum((-4, -3, -2, -1)) / total, 0))
        found.append(torch.stack(along).amin(0) if along else torch.zeros_like(floor))
    return found


@lru_cache(maxsize=8)
def _pairs(tokens: TokenLayout, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "down right"]:
    """How many pairs of patches have each relative offset."""
    with torch.inference_mode(False):
        down = tokens.rows - torch.arange(1 - tokens.rows, tokens.rows).abs()
        right = tokens.cols - torch.arange(1 - tokens.cols, tokens.cols).abs()
        return (down[:, None] * right).to(dtype).to(device)
