"""How concentrated the CLS->patch row is: what CLS singles out in an image.

Knows nothing about: other queries, models.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import checked
from vitscope.errors import InvalidArgument
from vitscope.measures.matrices import check_attention, has_mass, widen
from vitscope.measures.spread import a_log_a, rescaled_entropy
from vitscope.tokens import TokenLayout

_TOLERANCE = 1e-6
"""Slack of cuts: despite rounding, k of n equal patches hold the mass k / n, and none of them is above 1 / n."""


@checked
def focus(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch"]:
    """Focus of CLS: 1 - H / log n of the CLS->patch row rescaled to sum to 1 (n patches).

    Returns
    -------
    [0, 1]: 0 = even over all patches, 1 = one patch. NaN without CLS, on a row without patch mass, and for one patch.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> focus(torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.5, 0.5]]), tokens)
    tensor(1.)
    """
    check_attention(attention, tokens)
    return row_focus(cls_patch_row(widen(attention), tokens))


@checked
def coverage(
    attention: Float[Tensor, "*batch query key"], tokens: TokenLayout, mass: float = 0.6
) -> Float[Tensor, "*batch"]:
    """Smallest share of the patches that holds at least `mass` of the CLS->patch row rescaled to sum to 1.

    Parameters
    ----------
    mass: wanted share of the row's weight, (0, 1]; reached within 1e-6.

    Returns
    -------
    Share of the patches, (0, 1]; NaN without CLS and on a row without patch mass.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.
    InvalidArgument: `mass` outside (0, 1].

    Invariants
    ----------
    One patch gives 1 / n; grows with `mass`; a uniform row of n patches gives ceil(mass n) / n.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> coverage(torch.tensor([[0.0, 0.75, 0.25], [0.0, 0.5, 0.5], [0.0, 0.5, 0.5]]), tokens)
    tensor(0.5000)
    """
    check_attention(attention, tokens)
    if not 0 < mass <= 1:
        raise InvalidArgument(f"cannot measure coverage of mass {mass}: expected a share in (0, 1]")
    return row_coverage(cls_patch_row(widen(attention), tokens), mass)


@checked
def share_above_uniform(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch"]:
    """Share of the patches that get more than 1 / n of the CLS->patch row rescaled to sum to 1 (n patches).

    Returns
    -------
    Share of the patches, [0, 1); 0 for a uniform row (weights within 1e-6 relative of 1 / n are not above it); NaN
    without CLS and on a row without patch mass.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> share_above_uniform(torch.tensor([[0.0, 0.75, 0.25], [0.0, 0.5, 0.5], [0.0, 0.5, 0.5]]), tokens)
    tensor(0.5000)
    """
    check_attention(attention, tokens)
    row = cls_patch_row(widen(attention), tokens)
    above = row > row.mean(-1, keepdim=True) * (1 + _TOLERANCE)
    return torch.where(has_mass(row.sum(-1)), above.to(row.dtype).mean(-1), math.nan)


@checked
def map_entropy(cls_rows: Float[Tensor, "*batch head patch"]) -> Float[Tensor, "*batch"]:
    """Entropy of the head-mean CLS->patch row, rescaled to sum to 1: what `spread_level` ranks.

    Heads that are NaN (a layer with fewer heads than others) are left out of the mean.

    Returns
    -------
    Nats, [0, log n_patch]; NaN without patch mass.

    Example
    -------
    >>> map_entropy(torch.tensor([[0.5, 0.0], [0.0, 0.5]]))
    tensor(0.6931)
    """
    row = widen(cls_rows).nanmean(-2)
    return rescaled_entropy(row, a_log_a(row))


@checked
def spread_level(entropies: Float[Tensor, "image *rest"]) -> Float[Tensor, "image *rest"]:
    """Quartile of each image within the set given, 1 = most focused .. 4 = most spread, separately along other axes.

    For levels per layer give `map_entropy(cls_rows)` [image, layer]; for one level an image, its mean over the layers.
    An image on a quartile belongs to the lower level; quartiles interpolate linearly between images.

    Returns
    -------
    1, 2, 3 or 4 as floats; NaN where the entropy is NaN (such images do not count for the quartiles).

    Invariants
    ----------
    The order of the images does not matter; equal entropies get equal levels.

    Source
    ------
    Quartiles of the set are ours; levels of spread are of write-ups on small ViTs on the web, not of li2023.

    Example
    -------
    >>> spread_level(torch.tensor([0.4, 0.1, 0.3, 0.2]))
    tensor([4., 1., 3., 2.])
    """
    if not entropies.shape[0]:
        return entropies.clone()
    cuts = entropies.nanquantile(torch.tensor([0.25, 0.5, 0.75]).to(entropies), dim=0)
    level = 1 + (entropies > cuts.unsqueeze(1)).sum(0).to(entropies.dtype)
    return torch.where(entropies.isnan(), math.nan, level)


# Unchecked cores ------------------------------------------------------------------------------------------------------


def cls_patch_row(attention: Tensor, tokens: TokenLayout) -> Tensor:
    """The CLS->patch row, not rescaled [*batch, patch]; NaN without CLS."""
    if tokens.cls is None:
        return attention.new_full((*attention.shape[:-2], tokens.n_patches), math.nan)
    return attention[..., tokens.cls, tokens.patches]


def row_focus(row: Tensor) -> Tensor:
    """`focus` of CLS->patch rows [*batch, patch]."""
    if row.shape[-1] == 1:
        return row.new_full(row.shape[:-1], math.nan)
    return 1 - rescaled_entropy(row, a_log_a(row)) / math.log(row.shape[-1])


def row_coverage(row: Tensor, mass: float = 0.6) -> Tensor:
    """`coverage` of CLS->patch rows [*batch, patch]."""
    held = row.sort(dim=-1, descending=True).values.double().cumsum(-1)
    needed = 1 + (held < (mass - _TOLERANCE) * held[..., -1:]).sum(-1)
    return torch.where(has_mass(row.sum(-1)), needed.to(row.dtype) / row.shape[-1], math.nan)
