"""Maps of one image: where CLS looks in a layer, heads or layers fused, and rollout over layers.

Upsampling to pixels is a matter of display and not done here.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

from array_api_compat import array_namespace, device
from jaxtyping import Float

from vitscope.arguments import checked
from vitscope.errors import InvalidArgument
from vitscope.measures.arrays import Array, quiet
from vitscope.measures.cls_row import cls_patch_row
from vitscope.measures.matrices import check_attention, widen
from vitscope.tokens import TokenLayout

Fusion = Literal["mean", "max", "min"]
Direction = Literal["from", "to"]
"""`from`: the query's row, what this token attends to. `to`: the key's column, which tokens attend to it."""


@checked
def cls_map(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> Float[Array, "*batch row col"]:
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
    row = cls_patch_row(widen(attention), tokens)
    return array_namespace(row).reshape(row, (*row.shape[:-1], tokens.rows, tokens.cols))


@checked
def fuse(values: Float[Array, "..."], dim: int, fusion: Fusion = "mean") -> Float[Array, "..."]:
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
    xp = array_namespace(values)
    if fusion == "mean":
        return xp.mean(values, axis=dim)
    if fusion == "max":
        return xp.max(values, axis=dim)
    if fusion == "min":
        return xp.min(values, axis=dim)
    raise InvalidArgument(f"cannot fuse by {fusion!r}", f"Fusions: {', '.join(get_args(Fusion))}.")


@checked
def rollout(
    attention: Float[Array, "*batch layer head query key"],
    tokens: TokenLayout | None = None,
    residual: float = 0.5,
    fusion: Fusion = "mean",
    discard: float = 0.0,
    start: int = 0,
) -> Float[Array, "*batch query key"]:
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
    return array_namespace(rolled).reshape(rolled, (*attention.shape[:-4], *rolled.shape[1:]))


# Unchecked cores ------------------------------------------------------------------------------------------------------


def one_axis(values: Float[Array, "*batch layer head query key"]) -> Float[Array, "image layer head query key"]:
    """Any leading axes as one, of images."""
    return array_namespace(values).reshape(values, (math.prod(values.shape[:-4]), *values.shape[-4:]))


def known_heads(values: Float[Array, "*batch layer head query key"]) -> Float[Array, "*known query key"]:
    """The matrices of the heads that there are: a head that its layer lacks is NaN throughout."""
    xp = array_namespace(values)
    missing = xp.isnan(values[..., 0, 0])
    if not xp.any(missing) or not xp.all(xp.isnan(values[missing])):
        return values
    return values[~missing]


@quiet
def roll_out(
    weights: Float[Array, "image layer head query key"],
    tokens: TokenLayout | None,
    *,
    residual: float,
    fusion: Fusion,
    discard: float,
    start: int,
) -> Float[Array, "image query key"]:
    """`rollout` of any weights from 0 up; heads that a layer lacks (NaN) are left out, a layer without any passes."""
    check_start(start, weights.shape[1])
    _check_options(weights, tokens, residual, discard)
    xp, n_tokens = array_namespace(weights), weights.shape[-1]
    identity = xp.eye(n_tokens, dtype=widen(weights[:0]).dtype, device=device(weights))
    product = xp.broadcast_to(identity, (weights.shape[0], n_tokens, n_tokens))
    for layer in range(start, weights.shape[1]):
        heads = there(weights[:, layer])
        if not heads.shape[1]:
            continue
        product = _step(heads, residual, fusion, discard, None if tokens is None else tokens.cls) @ product
    return product


@quiet
def rollout_of_token(
    attention: Float[Array, "layer head query key"],
    token: int,
    direction: Direction,
    *,
    tokens: TokenLayout | None = None,
    n_heads: Sequence[int],
    residual: float = 0.5,
    fusion: Fusion = "mean",
    discard: float = 0.0,
    start: int = 0,
) -> Float[Array, "layer key"]:
    """One token of the `rollout` of an image after each layer: its row (`from`) or its column (`to`).

    Row l is of the product from layer `start` up to l; NaN below `start`. The T x T product is never formed. Weights
    are taken as they are, in half precision too: rows of A~ are rescaled anyway.

    Parameters
    ----------
    n_heads: heads of each layer; those beyond are not looked at.
    The others are those of `rollout`.

    Raises
    ------
    InvalidArgument: an option outside its range.
    """
    _check_options(attention, tokens, residual, discard)
    check_start(start, len(attention))
    xp, cls = array_namespace(attention), None if tokens is None else tokens.cls

    def steps(layers: range) -> Iterator[tuple[int, Any]]:
        for layer in layers:
            yield layer, _step(attention[layer : layer + 1, : n_heads[layer]], residual, fusion, discard, cls)[0]

    shape = (len(attention), attention.shape[-1])
    rolled = xp.full(shape, math.nan, dtype=widen(attention[:0]).dtype, device=device(attention))
    if direction == "from":  # row of A~_l ... A~_start: each product is finished from its left end
        for layer, step in steps(range(len(attention) - 1, start - 1, -1)):
            rolled[layer + 1 :] = rolled[layer + 1 :] @ step
            rolled[layer] = step[token]
    else:
        for layer, step in steps(range(start, len(attention))):
            rolled[layer] = step[:, token] if layer == start else step @ rolled[layer - 1]
    return rolled


def there(heads: Float[Array, "image head query key"]) -> Float[Array, "image known query key"]:
    """The heads of a layer that there are; missing ones are NaN in every image."""
    xp = array_namespace(heads)
    missing = xp.all(xp.isnan(heads[:, :, 0, 0]), axis=0)
    return heads[:, ~missing] if heads.shape[0] and xp.any(missing) else heads


def check_start(start: int, n_layers: int) -> None:
    """Raise InvalidArgument for a first layer that does not exist."""
    if not 0 <= start < n_layers:
        raise InvalidArgument(f"cannot start the rollout at layer {start}: there are layers 0..{n_layers - 1}")


def _check_options(
    weights: Float[Array, "*batch query key"], tokens: TokenLayout | None, residual: float, discard: float
) -> None:
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


@quiet
def _step(
    heads: Float[Array, "image head query key"], residual: float, fusion: Fusion, discard: float, cls: int | None
) -> Float[Array, "image query key"]:
    """A~ = (1 - residual) A_fused + residual I, rows rescaled; a row without weight is NaN."""
    xp = array_namespace(heads)
    fused = widen(fuse(widen(heads) if fusion == "mean" else heads, 1, fusion))  # the largest needs no more digits
    if discard:
        fused = _without_smallest(fused, discard, cls)
    mixed: Any = (1 - residual) * fused
    at = xp.arange(fused.shape[-1], device=device(fused))
    mixed[:, at, at] += residual
    return mixed / xp.sum(mixed, axis=-1, keepdims=True)


def _without_smallest(
    fused: Float[Array, "image query key"], share: float, cls: int | None
) -> Float[Array, "image query key"]:
    """The floor(share m) smallest of an image's m entries outside column `cls` become 0; of equal ones the first."""
    xp, (n_images, n_tokens, _) = array_namespace(fused), fused.shape
    flat = xp.reshape(fused, (n_images, n_tokens**2))
    of_cls = xp.arange(n_tokens**2, device=device(fused)) % n_tokens == (-1 if cls is None else cls)
    order = xp.argsort(xp.where(of_cls, math.inf, flat), axis=1, stable=True)
    n_smallest = math.floor(share * (n_tokens * (n_tokens - (cls is not None))))
    smallest = xp.zeros_like(flat, dtype=xp.bool)
    for image in range(n_images):
        smallest[image, order[image, :n_smallest]] = True
    return xp.reshape(xp.where(smallest, 0, flat), fused.shape)
