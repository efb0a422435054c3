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
from vitscope.measures.matrices import has_mass, in_blocks, widen
from vitscope.measures.summary import Summary, summarise
from vitscope.patterns.common import check_layout, offset_sums
from vitscope.tokens import TokenLayout

FEATURES: Final = (
    "self", "ring_1", "ring_2", "ring_3", "ring_4_7", "ring_8_on", "to_cls", "to_other", "cls_self", "cls_to_patches",
    "distance", "entropy", "cls_entropy", "nmi", "sink", "largest_key", "local", "row", "column", "equivariance",
    "region", "region_size", "region_compact", "region_mass",
)  # fmt: skip
"""Names of the features, in the order of the last axis of `features`."""

_RINGS: Final = ((1, 2), (2, 3), (3, 4), (4, 8), (8, None))
_MOST_SINK: Final = 16.0
_STEPS: Final = 8
_NOTHING: Final = 1e-6


def features(
    attention: Float[Tensor, "*batch query key"], tokens: TokenLayout, summary: Summary | None = None
) -> Float[Tensor, "*batch feature"]:
    """Every feature of each matrix; the last axis goes with `FEATURES`."""
    check_layout(attention, tokens)
    attention = widen(attention)
    summary = summarise(attention, tokens) if summary is None else summary
    own = in_blocks(lambda block: torch.stack(_of_block(block, tokens), -1), attention, core=2)
    return torch.cat([torch.stack(_of_summary(summary, tokens), -1), own], -1)


def _of_summary(summary: Summary, tokens: TokenLayout) -> list[Tensor]:
    """The first 15 features: what the measures of strength and spread say."""
    mass, spread = summary.mass, summary.spread
    rings = [mass[..., first:stop].sum(-1) for first, stop in _RINGS]
    most = math.log(tokens.n_tokens) if tokens.n_tokens > 1 else 1.0
    shares = [spread[name] for name in ("to_cls", "to_other", "cls_self", "cls_to_patches")]
    found = [
        spread["distance"] / image_diagonal(tokens),
        spread["entropy"] / most,
        spread["cls_entropy"] / most,
        spread["nmi"],
        spread["sink"].log2().clamp(0, _MOST_SINK),
    ]
    return [value.nan_to_num(0.0) for value in (mass[..., 0], *rings, *shares, *found)]


def _of_block(attention: Tensor, tokens: TokenLayout) -> list[Tensor]:
    """The other features, from the matrices themselves [block, query, key]."""
    patches = attention[..., tokens.patches, tokens.patches]
    offsets = offset_sums(attention, tokens, (tokens.rows - 1, tokens.cols - 1))
    keys = attention[..., tokens.patches, :].mean(-2)
    if tokens.cls is not None:
        keys = torch.cat([keys[..., : tokens.cls], keys[..., tokens.cls + 1 :]], -1)
    return [keys.amax(-1), *_near(offsets, tokens), _equivariance(patches, offsets, tokens), *_region(patches, tokens)]


def _near(offsets: Tensor, tokens: TokenLayout) -> list[Tensor]:
    """Share of the patch->patch mass on the 3 x 3 patches around, on the own row, on the own column, above chance."""
    down, right = tokens.rows - 1, tokens.cols - 1
    around = (slice(max(0, down - 1), down + 2), slice(max(0, right - 1), right + 2))
    pairs, total = _pairs(tokens, offsets.dtype, offsets.device), offsets.sum((-2, -1))
    found = []
    for where in (around, (slice(down, down + 1), slice(None)), (slice(None), slice(right, right + 1))):
        chance = (pairs[where].sum() / pairs.sum()).item()
        share = torch.where(has_mass(total), offsets[..., where[0], where[1]].sum((-2, -1)) / total, chance)
        found.append((share - chance) / (1 - chance) if chance < 1 else torch.zeros_like(share))
    return found


def _equivariance(patches: Tensor, offsets: Tensor, tokens: TokenLayout) -> Tensor:
    """Share of the variance of patch->patch weights that the relative offset alone explains."""
    level = patches.sum((-2, -1)).square() / tokens.n_patches**2
    explained = (offsets.square() / _pairs(tokens, offsets.dtype, offsets.device)).sum((-2, -1)) - level
    energy = patches.square().sum((-2, -1))
    varies = energy - level > _NOTHING * energy
    return torch.where(varies, explained / (energy - level), 0).clamp(0, 1)


def _region(patches: Tensor, tokens: TokenLayout) -> list[Tensor]:
    """How far the weights are one query map times one key map, and whether that key map is a compact region."""
    level = patches.mean(-1, keepdim=True)
    varying = patches - level
    energy = varying.square().sum((-2, -1))
    norms = varying.square().sum(-1)
    first = norms.argmax(-1)[..., None, None].expand(*norms.shape[:-1], 1, norms.shape[-1])
    keys = _unit(varying.gather(-2, first).squeeze(-2))
    for _ in range(_STEPS):
        keys = _unit(_times(varying.mT, _times(varying, keys)))
    queries = _times(varying, keys)
    varies = energy > _NOTHING * patches.square().sum((-2, -1))
    share = torch.where(varies, queries.square().sum(-1) / energy, 0).clamp(0, 1)
    size, compact, sign = _shape(keys, tokens)
    look = (sign[..., None] * queries).clamp_min(0).square()
    inside = (sign[..., None] * keys) > 0.5 * (sign[..., None] * keys).amax(-1, keepdim=True)
    seen = (patches * inside[..., None, :]).sum(-1)
    total = look.sum(-1)
    mass = torch.where(has_mass(total), (seen * look).sum(-1) / total, 0)
    return [share, *(torch.where(varies, value, 0) for value in (size, compact, mass))]


def _shape(keys: Tensor, tokens: TokenLayout) -> tuple[Tensor, Tensor, Tensor]:
    """Size and compactness of the smaller side of a signed key map, and which side it is."""
    place = torch.arange(tokens.n_patches, device=keys.device)
    row, col = (place // tokens.cols).to(keys.dtype), (place % tokens.cols).to(keys.dtype)
    sides = torch.stack([keys, -keys]).clamp_min(0).square()
    total = sides.sum(-1, keepdim=True)
    weight = torch.where(has_mass(total), sides / total, 1 / tokens.n_patches)
    size = 1 / weight.square().sum(-1)
    spread = sum((weight * axis.square()).sum(-1) - (weight * axis).sum(-1).square() for axis in (row, col))
    compact = size / (2 * math.pi * (spread + 1 / 6))
    smaller = size[0] <= size[1]
    pick = lambda values: torch.where(smaller, values[0], values[1])  # noqa: E731
    return pick(size) / tokens.n_patches, pick(compact), torch.where(smaller, 1.0, -1.0).to(keys.dtype)


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(vector.dtype).tiny ** 0.5)


@lru_cache(maxsize=8)
def _pairs(tokens: TokenLayout, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "down right"]:
    """How many pairs of patches have each relative offset."""
    with torch.inference_mode(False):
        down = tokens.rows - torch.arange(1 - tokens.rows, tokens.rows).abs()
        right = tokens.cols - torch.arange(1 - tokens.cols, tokens.cols).abs()
        return (down[:, None] * right).to(dtype).to(device)
