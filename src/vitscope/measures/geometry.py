"""Sums of a matrix over the token grid, by ring, region and distance, as one matrix product.

Everything here depends on the token layout only and is computed once per layout, dtype and device. Cached tensors are
shared: never write into them.
Knows nothing about: heads, models.
"""

from collections.abc import Iterator
from functools import lru_cache

import torch
from array_api_compat import torch as xp
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.measures import grid
from vitscope.measures.grid import hops, n_hops, offsets
from vitscope.tokens import TokenLayout

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""Offsets (down, right) of the 8 patches around a patch."""
STEP_HOPS = 2
"""Signed offsets are taken within so many hops."""
_WEIGHT_BUDGET = 2**24
"""Most weights held at once, 64 MiB in float32: grids beyond about 22 x 22 are summed in several parts."""


def _neighbours(tokens: TokenLayout) -> Float[Tensor, "offset patch patch"]:
    """1 where the key patch is the query patch's neighbour at an offset of `NEIGHBOURS`, else 0."""
    down, right = offsets(tokens, xp)
    return torch.stack([((down == a) & (right == b)).double() for a, b in NEIGHBOURS])


def ring_sizes(tokens: TokenLayout) -> Int[Tensor, "patch hop"]:
    """Number of patches that exist in each ring of each patch; the border has fewer, some rings are empty."""
    sizes = torch.zeros(tokens.n_patches, n_hops(tokens), dtype=torch.int64)
    return sizes.scatter_add_(1, hops(tokens, xp), torch.ones(tokens.n_patches, tokens.n_patches, dtype=torch.int64))


@lru_cache(maxsize=8)
def pixel_distances(tokens: TokenLayout, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "patch patch"]:
    """Euclidean distance between patch centres, in pixels."""
    with torch.inference_mode(False):  # the cached tensor must serve callers under autograd too
        return grid.pixel_distances(tokens, xp).to(dtype).to(device)


class LinearSums:
    """The measures that are linear in the matrix, as rows of one weight matrix over (query, key).

    Reading the attention once for all of them is what makes them cheap: the product is bound by memory.
    Rows, in order: `mass` (one a hop), `density` (one a hop), `distance`, the four regions cc, cp, pc, pp (0 without
    CLS, except pp), `others` (patches to prefix tokens that are not CLS, mean over the patches), `neighbours` (one for
    each of the 8 offsets, mean over the patches, 0 where a patch has none), `steps` (down and right, signed offsets
    within 2 hops, in patches, mean over the patches).
    """

    def __init__(self, tokens: TokenLayout) -> None:
        n = n_hops(tokens)
        self.tokens = tokens
        self.mass, self.density = slice(0, n), slice(n, 2 * n)
        self.distance, self.cc, self.cp, self.pc, self.pp, self.others = range(2 * n, 2 * n + 6)
        first = 2 * n + 6
        self.neighbours, self.steps = slice(first, first + len(NEIGHBOURS)), slice(first + len(NEIGHBOURS), first + 10)
        self.n_rows = first + 10

    def __call__(self, attention: Float[Tensor, "*batch query key"]) -> Float[Tensor, "*batch sum"]:
        """All sums of each matrix; the last axis is indexed by this object's attributes."""
        total = attention.new_zeros(*attention.shape[:-2], self.n_rows)
        for start, stop in self._parts():
            weights = _linear_weights(self.tokens, start, stop, attention.dtype, attention.device)
            total += torch.nn.functional.linear(attention[..., start:stop, :].flatten(-2), weights)
        return total

    def _parts(self) -> Iterator[tuple[int, int]]:
        n_tokens = self.tokens.n_tokens
        step = max(1, _WEIGHT_BUDGET // (self.n_rows * n_tokens))
        for start in range(0, n_tokens, step):
            yield start, min(start + step, n_tokens)


@lru_cache(maxsize=4)
def _linear_weights(
    tokens: TokenLayout, start: int, stop: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "sum query_key"]:
    """Weights of the queries start .. stop - 1, made in float64 and rounded once."""
    sums, first, cls = LinearSums(tokens), tokens.n_prefix, tokens.cls
    with torch.inference_mode(False):
        weights = torch.zeros(sums.n_rows, stop - start, tokens.n_tokens, dtype=torch.float64)
        query = torch.arange(max(start, first), max(stop, first))
        patch, row = query - first, query - start
        hop, sizes = hops(tokens, xp)[patch], ring_sizes(tokens)
        where = (row[:, None], torch.arange(first, tokens.n_tokens))
        weights[(hop, *where)] = 1 / tokens.n_patches
        have_ring = (sizes > 0).sum(0)
        weights[(hop + n_hops(tokens), *where)] = 1 / (sizes[patch].gather(1, hop) * have_ring[hop]).double()
        distances = pixel_distances(tokens, torch.float64, torch.device("cpu"))
        weights[(sums.distance, *where)] = distances[patch] / tokens.n_patches
        weights[(sums.pp, *where)] = 1
        weights[sums.neighbours, row, first:] = _neighbours(tokens)[:, patch] / tokens.n_patches
        near = (hop <= STEP_HOPS).double() / tokens.n_patches
        weights[sums.steps, row, first:] = torch.stack([offset[patch] * near for offset in offsets(tokens, xp)])
        if cls is not None:
            weights[sums.pc, row, cls] = 1
        for other in tokens.others:
            weights[sums.others, row, other] = 1 / tokens.n_patches
        if cls is not None and start <= cls < stop:
            weights[sums.cc, cls - start, cls] = 1
            weights[sums.cp, cls - start, first:] = 1
        return weights.flatten(1).to(dtype).to(device)
