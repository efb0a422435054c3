"""What decides how patches share out their weight: the relative offset, the key, the query, or nothing that is shared.

Parts of the variance of r' = r - its query's mean, r = square roots of patch->patch weights (a few large ones would
decide alone otherwise). Noise that is drawn anew for every query is left out: only what neighbouring queries have in
common counts as structure. Knows nothing about: names.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.patterns.places.by_key import NOTHING
from vitscope.patterns.places.by_place import pairs_by_offset
from vitscope.tokens import TokenLayout


@dataclass(frozen=True)
class Variance:
    """equivariance; same_map and same_region (`coherence`); by_offset, by_key, by_query and structure (`parts`)."""

    equivariance: Float[Tensor, "*batch"]
    coherence: list[Tensor]
    parts: list[Tensor]

    @staticmethod
    def of(roots: Tensor, varying: Tensor, by_offset: Tensor, tokens: TokenLayout) -> "Variance":
        """Take the roots, r' and its sums by offset apart."""
        n = tokens.n_patches
        energy = roots.square().sum((-2, -1))
        total = varying.square().sum((-2, -1))
        pairs = pairs_by_offset(tokens, roots.dtype, roots.device)
        explained = (by_offset.square() / pairs).sum((-2, -1))
        varies = total > NOTHING * energy
        equivariance = torch.where(varies, explained / total.clamp_min(1e-30), 0).clamp(0, 1)
        same_map, shared = _neighbours(varying, tokens, (-4, -3), energy)
        same_region, _ = _neighbours(varying, tokens, (-2, -1), energy)
        key = varying.sum(-2).square().sum(-1) / n
        of_offsets = _offset_neighbours(by_offset / pairs, tokens)
        rest = [n * n * (one - other) - key for one, other in zip(shared, of_offsets, strict=True)]
        query = torch.stack(rest).amin(0).clamp_min(0) if rest else torch.zeros_like(total)
        parts = [explained, key, query]
        noise = (total - sum(parts)).clamp_min(0) / (n * n)
        parts[0] = (explained - noise * pairs.numel()).clamp_min(0)
        parts[1] = (key - noise * n).clamp_min(0)
        structured = torch.stack(parts).sum(0)
        share = [torch.where(structured > NOTHING * energy, part / structured.clamp_min(1e-30), 0) for part in parts]
        size = torch.where(energy > 0, structured / energy.clamp_min(1e-30), 0).clamp(0, 1)
        return Variance(equivariance, [same_map, same_region], [*share, size])


def _neighbours(varying: Tensor, tokens: TokenLayout, axes: tuple[int, int], energy: Tensor) -> tuple[Tensor, list]:
    """The smaller correlation of r' over neighbours along two axes, and the mean product along each."""
    grid = (tokens.rows, tokens.cols)
    varying = varying.unflatten(-2, grid).unflatten(-1, grid)
    correlations, products = [], []
    for axis in axes:
        n = varying.shape[axis]
        if n < 2:
            continue
        one, other = varying.narrow(axis, 0, n - 1), varying.narrow(axis, 1, n - 1)
        product = (one * other).sum((-4, -3, -2, -1))
        total = (one.square() + other.square()).sum((-4, -3, -2, -1))
        correlations.append(torch.where(total > NOTHING * energy, 2 * product / total.clamp_min(1e-30), 0))
        products.append(product / math.prod(one.shape[-4:]))
    return (torch.stack(correlations).amin(0) if correlations else torch.zeros_like(energy)), products


def _offset_neighbours(mean: Tensor, tokens: TokenLayout) -> list[Tensor]:
    """What `_neighbours` of queries would find in a matrix made of its means by offset."""
    found = []
    for axis, size, across in ((-2, tokens.rows, tokens.cols), (-1, tokens.cols, tokens.rows)):
        if size < 2:
            continue
        lower = torch.arange(1 - size, size - 1, device=mean.device)  # of two neighbouring offsets
        along = torch.where(lower >= 0, size - 1 - lower, size + lower)
        other = across - torch.arange(1 - across, across, device=mean.device).abs()
        weights = along[:, None] * other if axis == -2 else other[:, None] * along
        n = mean.shape[axis]
        products = mean.narrow(axis, 0, n - 1) * mean.narrow(axis, 1, n - 1)
        found.append((products * weights).sum((-2, -1)) / weights.sum())
    return found
