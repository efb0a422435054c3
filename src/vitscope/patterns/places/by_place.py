"""Where patches look relative to themselves: near by, along lines, on rings, at one step.

Everything here reads sums by relative offset [row offset, column offset] (`common.offset_sums` at full reach).
Knows nothing about: single keys, names.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.patterns.places.by_key import above_chance
from vitscope.tokens import TokenLayout

_NEAR: Final = 7
SUPPORT: Final = 0.25
"""Share of the patches that must have a neighbour at an offset for it to be a step: fewer say little of the head."""

TOLD: Final = 0.1
"""Share of the weight at an offset from which it is told which: below that noise picks one."""


def near_reach(tokens: TokenLayout) -> int:
    """Hops that count as near: about a seventh of the shorter side of the grid, at least 1 (2 on 14 x 14)."""
    return max(1, round(min(tokens.rows, tokens.cols) / _NEAR))


def in_place(offsets: Float[Tensor, "*batch down right"], tokens: TokenLayout) -> list[Tensor]:
    """near, row and column: shares of the patches' weight, above chance."""
    masks = _masks(tokens, offsets.dtype, offsets.device)
    return [_share(offsets, masks[name], tokens) for name in ("near", "row", "column")]


def around(offsets: Float[Tensor, "*batch down right"], tokens: TokenLayout) -> list[Tensor]:
    """wide, cross, ring and ring_inside."""
    masks = _masks(tokens, offsets.dtype, offsets.device)
    wide, cross = (_share(offsets, masks[name], tokens) for name in ("wide", "cross"))
    rings, insides = masks["rings"], masks["insides"]
    if not len(rings):
        return [wide, cross, torch.zeros_like(wide), torch.zeros_like(wide)]
    on = torch.stack([_share(offsets, ring, tokens) for ring in rings])
    inside = torch.stack([_share(offsets, disc, tokens) for disc in insides])
    best = on.argmax(0, keepdim=True)
    return [wide, cross, on.gather(0, best)[0], inside.gather(0, best)[0]]


def step(offsets: Float[Tensor, "*batch down right"], tokens: TokenLayout) -> list[Tensor]:
    """step, step_rival, step_down and step_right: the one offset that patches give most weight to, and the next."""
    pairs = pairs_by_offset(tokens, offsets.dtype, offsets.device)
    counted = pairs >= SUPPORT * tokens.n_patches
    counted[tokens.rows - 1, tokens.cols - 1] = False
    if not counted.any():
        return [torch.zeros_like(offsets[..., 0, 0])] * 4
    mean = torch.where(counted, offsets / pairs, 0).flatten(-2)
    if mean.shape[-1] == 1:
        return [mean[..., 0], *[torch.zeros_like(mean[..., 0])] * 3]
    values, places = mean.topk(2, dim=-1)
    best = places[..., 0]
    width = 2 * tokens.cols - 1
    down, right = best // width - (tokens.rows - 1), best % width - (tokens.cols - 1)
    told = values[..., 0] >= TOLD
    return [values[..., 0], values[..., 1], *(torch.where(told, way, 0).to(mean.dtype) for way in (down, right))]


def _share(offsets: Tensor, mask: Tensor, tokens: TokenLayout) -> Tensor:
    pairs = float((pairs_by_offset(tokens, torch.float64, mask.device) * mask).sum())
    return above_chance((offsets * mask).sum((-2, -1)) / tokens.n_patches, pairs / tokens.n_patches, tokens)


@lru_cache(maxsize=8)
def pairs_by_offset(tokens: TokenLayout, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "down right"]:
    """How many pairs of patches have each relative offset."""
    with torch.inference_mode(False):
        down = tokens.rows - torch.arange(1 - tokens.rows, tokens.rows).abs()
        right = tokens.cols - torch.arange(1 - tokens.cols, tokens.cols).abs()
        return (down[:, None] * right).to(dtype).to(device)


@lru_cache(maxsize=8)
def _masks(tokens: TokenLayout, dtype: torch.dtype, device: torch.device) -> dict[str, Tensor]:
    """Which offsets belong to each place; rings and what they enclose [ring, row offset, column offset]."""
    down = np.abs(np.arange(1 - tokens.rows, tokens.rows))[:, None]
    right = np.abs(np.arange(1 - tokens.cols, tokens.cols))[None]
    hop, reach = np.maximum(down, right), near_reach(tokens)
    side = min(tokens.rows, tokens.cols)
    circle = np.hypot(down, right)
    farthest = max(2, side // 2)
    rings = [(hop == k, hop < k) for k in range(2, farthest + 1)]
    rings += [(np.abs(circle - k) < 1, circle <= k - 1) for k in range(3, farthest + 1)]
    masks = {
        "near": hop <= reach,
        "row": (down == 0) & (right >= 0),
        "column": (right == 0) & (down >= 0),
        "wide": hop <= 2 * reach,
        "cross": (down == 0) | (right == 0),
        "rings": np.array([ring for ring, _ in rings if ring.any()]),
        "insides": np.array([disc for ring, disc in rings if ring.any()]),
    }
    with torch.inference_mode(False):
        return {name: torch.as_tensor(mask).to(dtype).to(device) for name, mask in masks.items()}
