"""Maps of one image: where CLS looks in a layer, heads or layers fused, and rollout over layers.

Upsampling to pixels is a matter of display and not done here.
"""

import math
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import checked
from vitscope.errors import InvalidArgument
from vitscope.measures.cls_row import cls_patch_row
from vitscope.measures.matrices import check_attention, widen
from vitscope.tokens import TokenLayout

Fusion = Literal["mean", "max", "min"]


@checked
def cls_map(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch row col"]:
    """The CLS->patch row on the patch grid, not rescaled; fuse heads or layers with `fuse`.

    Returns
    -------
    Share of CLS's attention, [0, 1]; NaN where there is no CLS token.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> cls_map(torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), tokens)
    tensor([[0.2500, 0.2500]])
    """
    check_attention(attention, tokens)
    return cls_patch_row(widen(attention), tokens).unflatten(-1, (tokens.rows, tokens.cols))


@checked
def fuse(values: Float[Tensor, "..."], dim: int, fusion: Fusion = "mean") -> Float[Tensor, "..."]:
    """Fuse one axis, of heads or of layers, by mean, max or min.

    Only the mean keeps rows that sum to 1.

    Raises
    ------
    InvalidArgument: an unknown fusion.

    Example
    -------
    >>> fuse(torch.tensor([[0.75, 0.25], [0.5, 0.5]]), dim=0, fusion="max")
    tensor([0.7500, 0.5000])
    """
    if not -values.ndim <= dim < max(values.ndim, 1):
        raise InvalidArgument(f"cannot fuse axis {dim} of a tensor {list(values.shape)}", "Axes count from 0.")
    if fusion == "mean":
        return values.mean(dim)
    if fusion == "max":
        return values.amax(dim)
    if fusion == "min":
        return values.amin(dim)
    raise InvalidArgument(f"cannot fuse by {fusion!r}", f"Fusions: {', '.join(get_args(Fusion))}.")


@checked
def rollout(
    attention: Float[Tensor, "*batch layer head query key"],
    tokens: TokenLayout | None = None,
    residual: float = 0.5,
    fusion: Fusion = "mean",
    discard: float = 0.0,
    start: int = 0,
) -> Float[Tensor, "*batch query key"]:
    """Attention rollout: the product, last layer leftmost, of A~ = (1 - residual) A_fused + residual I, rows rescaled.

    Follows weights through layers as if values and MLPs passed everything on unchanged; says nothing of their sign.

    Parameters
    ----------
    tokens: needed for `discard` only, to know the CLS column.
    residual: share of the identity (the residual stream), [0, 1].
    fusion: how heads become one matrix A_fused.
    discard: share d in [0, 1]; the floor(d m) smallest of the m entries outside the CLS column become 0 in A_fused, for
        each image and layer by itself. Without a CLS token every entry counts. Of equal entries the first go first.
    start: first layer that takes part.

    Returns
    -------
    Rows sum to 1. The CLS row is the usual map; any row may be read. NaN where a row of A~ has no weight left (possible
    only with residual 0 and min fusion or discard).

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.
    InvalidArgument: an option outside its range, or `discard` without `tokens`.

    Invariants
    ----------
    Uniform attention over n tokens and L layers with residual 0.5: (1 - 2^-L) / n, on the diagonal 2^-L more.
    residual 1 gives the identity.

    Source
    ------
    abnar2020, eq. 1. Departs from it in: fusion, discard and start are options, rows are rescaled whatever the fusion.

    Example
    -------
    >>> rollout(torch.full((1, 1, 1, 2, 2), 0.5))
    tensor([[[0.7500, 0.2500],
             [0.2500, 0.7500]]])
    """
    check_attention(known_heads(attention), tokens)
    rolled = roll_out(one_axis(attention), tokens, residual=residual, fusion=fusion, discard=discard, start=start)
    return rolled.reshape(*attention.shape[:-4], *rolled.shape[1:])


# Unchecked cores ------------------------------------------------------------------------------------------------------


def one_axis(values: Float[Tensor, "*batch layer head query key"]) -> Float[Tensor, "image layer head query key"]:
    """Any leading axes as one, of images."""
    return values.reshape(math.prod(values.shape[:-4]), *values.shape[-4:])


def known_heads(values: Float[Tensor, "*batch layer head query key"]) -> Float[Tensor, "*known query key"]:
    """The matrices of the heads that there are: a head that its layer lacks is NaN throughout."""
    missing = values[..., 0, 0].isnan()
    if not missing.any() or not values[missing].isnan().all():
        return values
    return values[~missing]


def roll_out(
    weights: Float[Tensor, "image layer head query key"],
    tokens: TokenLayout | None,
    *,
    residual: float,
    fusion: Fusion,
    discard: float,
    start: int,
) -> Float[Tensor, "image query key"]:
    """`rollout` of any weights from 0 up; heads that a layer lacks (NaN) are left out, a layer without any passes."""
    check_start(start, weights.shape[1])
    _check_options(weights, tokens, residual, discard)
    n_tokens = weights.shape[-1]
    identity = torch.eye(n_tokens, dtype=widen(weights[:0]).dtype, device=weights.device)
    product = identity.expand(weights.shape[0], n_tokens, n_tokens)
    for layer in range(start, weights.shape[1]):
        heads = there(weights[:, layer])
        if not heads.shape[1]:
            continue
        fused = fuse(widen(heads), 1, fusion)
        if discard and tokens is not None:
            fused = _discard_smallest(fused, discard, tokens.cls)
        mixed = (1 - residual) * fused + residual * identity
        product = (mixed / mixed.sum(-1, keepdim=True)) @ product
    return product


def there(heads: Float[Tensor, "image head query key"]) -> Float[Tensor, "image known query key"]:
    """The heads of a layer that there are; missing ones are NaN in every image."""
    missing = heads[:, :, 0, 0].isnan().all(0)
    return heads[:, ~missing] if heads.shape[0] and missing.any() else heads


def check_start(start: int, n_layers: int) -> None:
    """Raise InvalidArgument for a first layer that does not exist."""
    if not 0 <= start < n_layers:
        raise InvalidArgument(f"cannot start the rollout at layer {start}: there are layers 0..{n_layers - 1}")


def _check_options(weights: Tensor, tokens: TokenLayout | None, residual: float, discard: float) -> None:
    if not 0 <= residual <= 1 or not 0 <= discard <= 1:
        raise InvalidArgument(
            f"cannot roll out with residual {residual} and discard {discard}: expected shares in [0, 1]"
        )
    if discard and tokens is None:
        raise InvalidArgument(
            f"cannot discard {discard:g} of the entries: which column is CLS is not known",
            "Give the token layout: rollout(attention, model.tokens, discard=...).",
        )
    if weights.shape[-2] != weights.shape[-1]:
        raise InvalidArgument(f"cannot roll out matrices of {weights.shape[-2]} queries x {weights.shape[-1]} keys")


def _discard_smallest(fused: Tensor, share: float, cls: int | None) -> Tensor:
    """[image, query, key] with the floor(share m) smallest of its m entries outside column `cls` set to 0."""
    ranked = fused.clone()
    if cls is not None:
        ranked[..., cls] = math.inf  # never among the smallest
    n_tokens = fused.shape[-1]
    candidates = n_tokens * (n_tokens - (cls is not None))
    smallest = ranked.flatten(1).argsort(dim=1, stable=True)[:, : math.floor(share * candidates)]
    return fused.flatten(1).scatter(1, smallest, 0).view_as(fused)
