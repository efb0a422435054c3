"""How concentrated the CLS->patch row is: what CLS singles out in an image.

Knows nothing about: other queries, models.
"""

import math

from array_api_compat import array_namespace
from jaxtyping import Float

from vitscope.arguments import checked
from vitscope.errors import InvalidArgument
from vitscope.measures.arrays import Array, quiet
from vitscope.measures.entropies import a_log_a, rescaled_entropy
from vitscope.measures.matrices import check_attention, has_mass, undefined, widen
from vitscope.tokens import TokenLayout

_TOLERANCE = 1e-6
"""Slack of cuts: despite rounding, k of n equal patches hold the mass k / n, and none of them is above 1 / n."""


@checked
def focus(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> Float[Array, "*batch"]:
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
    attention: Float[Array, "*batch query key"], tokens: TokenLayout, mass: float = 0.6
) -> Float[Array, "*batch"]:
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
def share_above_uniform(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> Float[Array, "*batch"]:
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
    xp = array_namespace(row)
    above = row > xp.mean(row, axis=-1, keepdims=True) * (1 + _TOLERANCE)
    return xp.where(has_mass(xp.sum(row, axis=-1)), xp.mean(xp.astype(above, row.dtype), axis=-1), math.nan)


@checked
def map_entropy(cls_rows: Float[Array, "*batch head patch"]) -> Float[Array, "*batch"]:
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
    row = _mean_of_known(widen(cls_rows))
    return rescaled_entropy(row, a_log_a(row))


@checked
def spread_level(entropies: Float[Array, "image *rest"]) -> Float[Array, "image *rest"]:
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
        return entropies
    xp = array_namespace(entropies)
    missing, ordered = xp.isnan(entropies), xp.sort(entropies, axis=0)  # NaN stands last
    last = xp.sum(xp.astype(~missing, xp.int64), axis=0, keepdims=True) - 1
    level = xp.ones_like(entropies)
    for quarter in (1, 2, 3):
        place = (quarter * last).clip(0)
        low, high = (xp.take_along_axis(ordered, at, axis=0) for at in (place // 4, (place + 3) // 4))
        cut = low + (high - low) * (xp.astype(place % 4, entropies.dtype) / 4)
        level += xp.astype(entropies > cut, entropies.dtype)
    return xp.where(missing, math.nan, level)


# Unchecked cores ------------------------------------------------------------------------------------------------------


def cls_patch_row(
    attention: Float[Array, "*batch query key"], tokens: TokenLayout
) -> Float[Array, "*batch {tokens.n_patches}"]:
    """The CLS->patch row, not rescaled; NaN without CLS."""
    if tokens.cls is None:
        return undefined(attention, tokens.n_patches)
    return attention[..., tokens.cls, tokens.patches]


def row_focus(row: Float[Array, "*batch patch"]) -> Float[Array, "*batch"]:
    """`focus` of CLS->patch rows."""
    if row.shape[-1] == 1:
        return undefined(row[..., None])
    return 1 - rescaled_entropy(row, a_log_a(row)) / math.log(row.shape[-1])


def row_coverage(row: Float[Array, "*batch patch"], mass: float = 0.6) -> Float[Array, "*batch"]:
    """`coverage` of CLS->patch rows."""
    xp = array_namespace(row)
    held = xp.cumulative_sum(xp.astype(xp.sort(row, axis=-1, descending=True), xp.float64), axis=-1)
    needed = 1 + xp.sum(xp.astype(held < (mass - _TOLERANCE) * held[..., -1:], xp.int64), axis=-1)
    return xp.where(has_mass(xp.sum(row, axis=-1)), xp.astype(needed, row.dtype) / row.shape[-1], math.nan)


@quiet
def _mean_of_known(values: Float[Array, "*batch head patch"]) -> Float[Array, "*batch patch"]:
    """Mean over the heads that are not NaN, as a missing one is throughout."""
    xp = array_namespace(values)
    missing = xp.isnan(values[..., :1])
    n_known = xp.sum(xp.astype(~missing, values.dtype), axis=-2)
    return xp.sum(xp.where(missing, 0, values), axis=-2) / n_known
