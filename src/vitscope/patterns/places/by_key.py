"""Which keys patches look at, whatever the query: few of them, the corners, the border, one region.

Knows nothing about: relative offsets, names.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.tokens import TokenLayout

FEW: Final = 8
"""Keys that are counted as few."""


def largest_keys(profile: Float[Tensor, "*batch key"], tokens: TokenLayout) -> list[Tensor]:
    """The weights of the two keys that get most of the patches' weight, CLS left out."""
    keys = _without_cls(profile, tokens)
    if keys.shape[-1] == 1:
        return [keys[..., 0], torch.zeros_like(keys[..., 0])]
    return list(keys.topk(2, dim=-1).values.unbind(-1))


def keys(profile: Float[Tensor, "*batch key"], tokens: TokenLayout) -> list[Tensor]:
    """eight_keys, corners, border, place and profile_region of a mean row of patch queries."""
    keys, patches = _without_cls(profile, tokens), profile[..., tokens.patches]
    few = min(FEW, keys.shape[-1])
    grid = patches.unflatten(-1, (tokens.rows, tokens.cols))
    border, corners = _border(grid)
    return [
        above_chance(keys.topk(few, dim=-1).values.sum(-1), few, tokens),
        above_chance(corners, min(2, tokens.rows) * min(2, tokens.cols), tokens),
        above_chance(border, tokens.n_patches - max(0, tokens.rows - 2) * max(0, tokens.cols - 2), tokens),
        uneven(patches),
        region(grid),
    ]


def of_cls(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> list[Tensor]:
    """cls_place and cls_region: how uneven CLS looks at patches (of that part of its row), and whether at regions."""
    if tokens.cls is None:
        return [torch.zeros_like(attention[..., 0, 0])] * 2
    row = attention[..., tokens.cls, tokens.patches]
    total = row.sum(-1)
    share = torch.where(total > 0, uneven(row) / total.clamp_min(1e-30), 0)
    return [share, region(row.unflatten(-1, (tokens.rows, tokens.cols)))]


def uneven(weights: Float[Tensor, "*batch patch"]) -> Float[Tensor, "*batch"]:
    """Weight that would have to move for all patches to get the same."""
    return (weights - weights.mean(-1, keepdim=True)).clamp_min(0).sum(-1)


def region(grid: Float[Tensor, "*batch row col"]) -> Float[Tensor, "*batch"]:
    """Correlation of the roots of neighbouring patches' weights, the smaller one of rows and columns; 0 = none vary."""
    roots = grid.clamp_min(0).sqrt()
    varying = roots - roots.mean((-2, -1), keepdim=True)
    floor = NOTHING * roots.square().sum((-2, -1))
    found = []
    for axis in (-2, -1):
        n = grid.shape[axis]
        if n < 2:
            continue
        one, other = varying.narrow(axis, 0, n - 1), varying.narrow(axis, 1, n - 1)
        total = (one.square() + other.square()).sum((-2, -1))
        found.append(torch.where(total > floor, 2 * (one * other).sum((-2, -1)) / total, 0))
    return torch.stack(found).amin(0) if found else torch.zeros_like(floor)


NOTHING: Final = 1e-5
"""Variance below this part of the energy may be rounding in float32; it counts as none."""


def above_chance(share: Tensor, places: float, tokens: TokenLayout) -> Tensor:
    """(share - u) / (1 - u) of the weight on so many of all tokens; 0 where those are all tokens there are."""
    chance = places / tokens.n_tokens
    return (share - chance) / (1 - chance) if chance < 1 else torch.zeros_like(share)


def _without_cls(profile: Tensor, tokens: TokenLayout) -> Tensor:
    if tokens.cls is None:
        return profile
    return torch.cat([profile[..., : tokens.cls], profile[..., tokens.cls + 1 :]], -1)


def _border(grid: Tensor) -> tuple[Tensor, Tensor]:
    """Weight on the patches of the border, and on the corner ones; an axis of one patch has one border."""
    rows = [0] if grid.shape[-2] == 1 else [0, -1]
    cols = [0] if grid.shape[-1] == 1 else [0, -1]
    corners = grid[..., rows, :][..., cols].sum((-2, -1))
    border = grid.sum((-2, -1)) - grid[..., 1:-1, 1:-1].sum((-2, -1))
    return border, corners
