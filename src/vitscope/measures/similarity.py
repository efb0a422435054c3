"""Heads against each other: how alike they look at an image, and how alike is what they put out.

Knows nothing about: models, runs, which heads are compared and why.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import checked
from vitscope.errors import InvalidArgument
from vitscope.measures.cls_row import cls_patch_row
from vitscope.measures.effect import divergence, unit
from vitscope.measures.matrices import check_attention, has_mass, in_blocks, widen
from vitscope.tokens import TokenLayout


@checked
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
    cls: write-ups on small ViTs on the web, not li2023; jensen-shannon: clark2019, endres2003.

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
        return diversity_of_maps(attention)
    rows = cls_patch_row(attention, tokens)
    mass = rows.sum(-1, keepdim=True)
    shares = torch.where(has_mass(mass), rows / mass, math.nan)
    if variant == "cls":
        return _mean_cosine_distance(shares)
    if variant == "jensen-shannon":
        return _mean_jensen_shannon_distance(shares)
    raise InvalidArgument(f"cannot measure diversity by {variant!r}", "Variants: cls, full, jensen-shannon.")


@checked
def head_similarity(
    attention: Float[Tensor, "*batch head query key"],
    tokens: TokenLayout,
    variant: Literal["cls", "full"] = "cls",
) -> Float[Tensor, "*batch head head"]:
    """Similarity of heads by where they look: the cosine of each pair.

    Weights are non-negative, so cosines are high even between unrelated heads: read it next to `linear_cka`.

    Parameters
    ----------
    attention: the heads to compare on the axis `head`; of several layers, flattened into it.
    variant: `cls`, of the CLS->patch rows; `full`, of whole matrices, prefix tokens included.

    Returns
    -------
    [0, 1]; 1 = the same up to a factor. NaN where a head has no patch mass, and, but for `full`, without CLS.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.
    InvalidArgument: an unknown variant.

    Invariants
    ----------
    Symmetric, 1 on the diagonal; over one layer, 1 - its mean over pairs is `head_diversity` of the same variant.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> first = torch.tensor([[0.0, 1.0, 0.0]]).expand(3, 3)
    >>> second = torch.tensor([[0.0, 0.0, 1.0]]).expand(3, 3)
    >>> head_similarity(torch.stack([first, second]), tokens)
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_attention(attention, tokens)
    attention = widen(attention)
    if variant not in ("cls", "full"):
        raise InvalidArgument(f"cannot compare heads by {variant!r}", "Variants: cls, full.")
    vectors = attention.flatten(-2) if variant == "full" else cls_patch_row(attention, tokens)
    size = vectors.norm(dim=-1, keepdim=True)
    directions = torch.where(has_mass(size), vectors / size, math.nan)
    return (directions @ directions.transpose(-2, -1)).clamp(max=1)


@checked
def linear_cka(outputs: Float[Tensor, "sample head channel"]) -> Float[Tensor, "head head"]:
    """Similarity of heads by what they put out: linear centred kernel alignment of their outputs on the same samples.

    CKA(g, h) = |X_g^T X_h|^2 / (|X_g^T X_g| |X_h^T X_h|), Frobenius norms, X [sample, channel] centred over samples.
    Says whether two heads tell samples apart alike, not whether they write in the same direction.

    Parameters
    ----------
    outputs: z of each head at the sampled (image, token) pairs.

    Returns
    -------
    [0, 1] in the precision given, computed in float64; of unrelated outputs about channels / samples. NaN for a head
    that always puts out the same.

    Invariants
    ----------
    Symmetric, 1 on the diagonal; rotating, shifting or scaling what a head puts out changes nothing.

    Source
    ------
    kornblith2019, section 3.

    Example
    -------
    >>> one = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> linear_cka(torch.stack([one, 3 - 2 * one], dim=1))
    tensor([[1., 1.],
            [1., 1.]])
    """
    wide = outputs.double() - outputs.double().mean(0)
    n_heads = wide.shape[1]
    products = wide.new_zeros(n_heads, n_heads)
    for head in range(n_heads):  # all pairs at once would hold (heads x channels)^2 numbers
        products[head] = torch.einsum("sc,shd->chd", wide[:, head], wide).square().sum((0, 2))
    own = products.diagonal().sqrt()
    size = own[:, None] * own
    return torch.where(size > 0, (products / size).clamp(max=1), math.nan).to(outputs.dtype)


# Unchecked cores ------------------------------------------------------------------------------------------------------


def diversity_of_maps(attention: Float[Tensor, "*batch head query key"]) -> Float[Tensor, "*batch"]:
    """`head_diversity` of whole matrices, for a loop that has just made them by a softmax."""
    return in_blocks(lambda block: _mean_cosine_distance(block.flatten(-2)), widen(attention), core=3)


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
