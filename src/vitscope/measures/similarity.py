"""Heads against each other: how differently the heads of a layer look at an image."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.errors import InvalidArgument
from vitscope.measures.cls_row import cls_patch_row
from vitscope.measures.effect import divergence, unit
from vitscope.measures.matrices import check_attention, has_mass, in_blocks, widen
from vitscope.tokens import TokenLayout


def head_diversity(
    attention: Float[Tensor, "*batch head query key"],
    tokens: TokenLayout,
    variant: Literal["cls", "full", "jensen-shannon"] = "cls",
) -> Float[Tensor, "*batch"]:
    """Diversity of the heads of a layer: 1 - mean over head pairs of cos(CLS->patch rows).

    Weights are non-negative, so cosines are high even between unrelated heads: read it next to another variant.

    Parameters
    ----------
    attention: all heads of a layer on the axis `head`, e.g. [image, layer, head, query, key].
    variant: what a pair is compared by: `cls`, cosine of the CLS->patch rows; `full`, cosine of the whole matrices,
        prefix tokens included; `jensen-shannon`, the Jensen-Shannon distance (root of the divergence in bits) of the
        CLS->patch rows rescaled to sum to 1, in place of 1 - cos.

    Returns
    -------
    [0, 1]; 0 = all heads alike. NaN for one head, where a head has no patch mass, and, but for `full`, without CLS.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.
    InvalidArgument: an unknown variant.

    Invariants
    ----------
    The order of heads does not matter; equal heads give 0, heads without a common key 1.

    Source
    ------
    After li2023; jensen-shannon: clark2019, endres2003.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> first = torch.tensor([[0.0, 1.0, 0.0]]).expand(3, 3)
    >>> second = torch.tensor([[0.0, 0.0, 1.0]]).expand(3, 3)
    >>> head_diversity(torch.stack([first, second]), tokens)
    tensor(1.)
    """
    check_attention(attention, tokens)
    attention = widen(attention)
    if variant == "full":
        return in_blocks(lambda block: _mean_cosine_distance(block.flatten(-2)), attention, core=3)
    rows = cls_patch_row(attention, tokens)
    mass = rows.sum(-1, keepdim=True)
    shares = torch.where(has_mass(mass), rows / mass, math.nan)
    if variant == "cls":
        return _mean_cosine_distance(shares)
    if variant == "jensen-shannon":
        return _mean_jensen_shannon_distance(shares)
    raise InvalidArgument(f"cannot measure diversity by {variant!r}", "Variants: cls, full, jensen-shannon.")


def _mean_cosine_distance(vectors: Tensor) -> Tensor:
    """[*batch, head, channel] -> [*batch]: mean over pairs of |u - u'|^2 / 2 of unit vectors.

    Over pairs that is sum_head |u - mean u|^2 / (heads - 1): no pair needs to be formed.
    """
    n_heads = vectors.shape[-2]
    if n_heads < 2:
        return vectors.new_full(vectors.shape[:-2], math.nan)
    directions = unit(vectors)
    return (directions - directions.mean(-2, keepdim=True)).square().sum((-2, -1)) / (n_heads - 1)


def _mean_jensen_shannon_distance(shares: Tensor) -> Tensor:
    """[*batch, head, patch] -> [*batch]: mean over pairs of the root of the divergence of rows that sum to 1."""
    n_heads = shares.shape[-2]
    if n_heads < 2:
        return shares.new_full(shares.shape[:-2], math.nan)
    wide = shares.double()
    total = wide.new_zeros(shares.shape[:-2])
    for head in range(n_heads - 1):
        total += divergence(wide[..., head, None, :], wide[..., head + 1 :, :]).sqrt().sum(-1)
    return (total / (n_heads * (n_heads - 1) / 2)).to(shares.dtype)
