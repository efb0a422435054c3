"""Attention strength: how much weight patches give to each distance, to CLS, and to each region of the matrix.

After Li et al. 2023 (arXiv 2303.13731). Every quantity here is linear in the attention (see `geometry.LinearSums`).
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import checked
from vitscope.measures.geometry import LinearSums
from vitscope.measures.matrices import check_attention, undefined, widen
from vitscope.tokens import TokenLayout


class RegionSums(NamedTuple):
    """Sums of the weights in the four regions of a matrix; without CLS only `patches_to_patches` is defined."""

    cls_self: Float[Tensor, "*batch"]
    cls_to_patches: Float[Tensor, "*batch"]
    patches_to_cls: Float[Tensor, "*batch"]
    patches_to_patches: Float[Tensor, "*batch"]


@checked
def ring_mass(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch hop"]:
    """Attention mass by hop: mass[k] = mean over query patches i of sum_{j in ring k of i} A_ij.

    Ring k of patch i = the patches at Chebyshev distance exactly k; k = 0 is the patch itself. Says where the weight
    goes, not how strong it is for each patch there: rings grow with 8k (see `ring_density`).

    Returns
    -------
    Share of a row, [0, 1], hop 0 .. max(rows, cols) - 1. Mass to prefix tokens is in none of the hops.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Invariants
    ----------
    Summed over hops, with `mass_to_cls` (where there is a CLS token) and `mass_to_others`: 1.

    Source
    ------
    After li2023.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=2, patch=(16, 16))
    >>> ring_mass(torch.tensor([[0.75, 0.25], [0.5, 0.5]]), tokens)
    tensor([0.6250, 0.3750])
    """
    check_attention(attention, tokens)
    sums = LinearSums(tokens)
    return sums(widen(attention))[..., sums.mass]


@checked
def ring_density(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch hop"]:
    """Attention per patch by hop: density[k] = mean over query patches i of mass_i[k] / |ring k of i|.

    A ring counts only the patches that exist (the border has fewer); queries whose ring k is empty are left out of the
    mean of hop k. Comparable between hops, unlike `ring_mass`.

    Returns
    -------
    Weight per patch, [0, 1], hop 0 .. max(rows, cols) - 1; no hop is undefined, a corner has every ring.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Invariants
    ----------
    Uniform attention over n tokens gives 1 / n at every hop; density[0] = mass[0].

    Source
    ------
    After li2023.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=3, patch=(16, 16))
    >>> ring_density(torch.full((3, 3), 1 / 3), tokens)
    tensor([0.3333, 0.3333, 0.3333])
    """
    check_attention(attention, tokens)
    sums = LinearSums(tokens)
    return sums(widen(attention))[..., sums.density]


@checked
def mass_to_cls(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch"]:
    """Mean over query patches of the weight on CLS: the `to_cls` part that completes `ring_mass`.

    Returns
    -------
    Share of a row, [0, 1]; NaN where there is no CLS token.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Source
    ------
    After li2023.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=1, patch=(16, 16))
    >>> mass_to_cls(torch.tensor([[0.5, 0.5], [0.25, 0.75]]), tokens)
    tensor(0.2500)
    """
    return region_sums(attention, tokens).patches_to_cls / tokens.n_patches


@checked
def mass_to_others(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch"]:
    """Mean over query patches of the weight on prefix tokens other than CLS (`to_other`: registers, distillation).

    Returns
    -------
    Share of a row, [0, 1]; 0 where there are no such tokens.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls", "dist"), rows=1, cols=1, patch=(16, 16))
    >>> mass_to_others(torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.125, 0.25, 0.625]]), tokens)
    tensor(0.2500)
    """
    check_attention(attention, tokens)
    sums = LinearSums(tokens)
    return sums(widen(attention))[..., sums.others]


@checked
def region_sums(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> RegionSums:
    """Sums of the weights in the regions CLS->CLS, CLS->patches, patches->CLS and patches->patches.

    Returns
    -------
    Sums of weights: the first two in [0, 1] (one query), the last two in [0, patches]. The three that need a CLS token
    are NaN where there is none.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Invariants
    ----------
    Where CLS is the only prefix token: the first two sum to 1, the last two to the number of patches.

    Source
    ------
    Regions after li2023.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> attention = torch.tensor([[0.5, 0.25, 0.25], [0.75, 0.25, 0.0], [0.5, 0.0, 0.5]])
    >>> [value.item() for value in region_sums(attention, tokens)]
    [0.5, 0.5, 1.25, 0.75]
    """
    check_attention(attention, tokens)
    attention, sums = widen(attention), LinearSums(tokens)
    values = sums(attention)
    if tokens.cls is None:
        missing = undefined(attention)
        return RegionSums(missing, missing, missing, values[..., sums.pp])
    return RegionSums(*values[..., sums.cc : sums.pp + 1].unbind(-1))
