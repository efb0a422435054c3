"""Spread: how far and how evenly queries look, and which keys everyone looks at.

Public functions check that they are given attention; the unchecked cores at the end are shared within the package.
Knows nothing about: models, images.
"""

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.arguments import checked
from vitscope.errors import InvalidArgument
from vitscope.measures.entropies import a_log_a, rescaled_entropy, row_entropy
from vitscope.measures.geometry import LinearSums, pixel_distances
from vitscope.measures.keys import patch_shares, stand_out
from vitscope.measures.matrices import check_attention, has_mass, in_blocks, undefined, widen
from vitscope.tokens import TokenLayout


class Sink(NamedTuple):
    """Which keys the queries of one matrix agree on."""

    column_sums: Float[Tensor, "*batch key"]
    concentration: Float[Tensor, "*batch"]
    token: Int[Tensor, "*batch"]


@checked
def mean_distance(
    attention: Float[Tensor, "*batch query key"],
    tokens: TokenLayout,
    variant: Literal["drop", "renormalise", "no-sinks"] = "drop",
) -> Float[Tensor, "*batch"]:
    """Mean attention distance: mean over query patches i of sum_j A_ij |centre_i - centre_j| over key patches j.

    Parameters
    ----------
    variant: `drop` leaves the columns of prefix tokens out and does not rescale, so weight on CLS counts as distance 0;
        `renormalise` rescales the patch part of each row to sum to 1; queries without patch mass are left out.
        `no-sinks` does so without the keys that are sinks (`sink_keys`), so that one distant key that draws all
        patches does not make a head look far-reaching.

    Returns
    -------
    Input pixels, [0, `image_diagonal`]; divided by `image_diagonal(tokens)` a share. NaN where `renormalise`
    or `no-sinks` has no query left.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.
    InvalidArgument: an unknown variant.

    Invariants
    ----------
    Identity attention gives 0; uniform over the patches of a 14 x 14 grid of 16 pixels gives 116.492, uniform over
    those and CLS (`drop`) 115.901. `renormalise` >= `drop`.

    Source
    ------
    dosovitskiy2021, fig. 7; raghu2021. Departs from them in: prefix columns are named and left out, per variant.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=2, patch=(16, 16))
    >>> mean_distance(torch.tensor([[0.75, 0.25], [0.5, 0.5]]), tokens)
    tensor(6.)
    """
    check_attention(attention, tokens)
    attention = widen(attention)
    if variant == "drop":
        sums = LinearSums(tokens)
        return sums(attention)[..., sums.distance]
    if variant in ("renormalise", "no-sinks"):
        sinks = variant == "renormalise"
        return in_blocks(lambda block: _rescaled_distance(block, tokens, sinks=sinks), attention, core=2)
    raise InvalidArgument(f"cannot measure distance with variant {variant!r}", "Variants: drop, renormalise, no-sinks.")


@checked
def entropy(attention: Float[Tensor, "*batch query key"]) -> Float[Tensor, "*batch query"]:
    """Shannon entropy of where each query looks: H = -sum_key A log A.

    Says how spread the attention is, not whether it matters for the class. Prefix tokens are keys like any other.

    Returns
    -------
    Nats, [0, log n_key]; 0 log 0 counts as 0. The entropy of a head is the mean over queries.

    Raises
    ------
    NotAttention: a row does not sum to 1.

    Invariants
    ----------
    Uniform rows give log n_key; one-hot rows give 0; permuting keys changes nothing.

    Source
    ------
    shannon1948.

    Example
    -------
    >>> entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    tensor([0.6931, 0.0000])
    """
    check_attention(attention)
    return in_blocks(lambda block: row_entropy(a_log_a(block)), widen(attention), core=2)


@checked
def cls_entropy(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch"]:
    """Shannon entropy of the CLS row alone, over all keys: `entropy` at query CLS.

    Returns
    -------
    Nats, [0, log n_token]; NaN where there is no CLS token.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=1, patch=(16, 16))
    >>> cls_entropy(torch.tensor([[0.5, 0.5], [0.0, 1.0]]), tokens)
    tensor(0.6931)
    """
    check_attention(attention, tokens)
    attention = widen(attention)
    return undefined(attention) if tokens.cls is None else row_entropy(a_log_a(attention[..., tokens.cls, :]))


@checked
def nmi(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch"]:
    """Normalised mutual information of query and key: I(q; k) / sqrt(H(q) H(k)) under p(q) = 1 / n, p(k|q) = A.

    Over patches only, each row rescaled to sum to 1; queries without patch mass are left out. Says how much the map
    depends on the query, not on the image.

    Returns
    -------
    [0, 1]: 0 = all queries share one map, 1 = each query has its own key. 0 where H(k) or H(q) is 0 (all look at one
    patch; one query only); NaN where no query has patch mass.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Invariants
    ----------
    Uniform gives 0; identity gives 1; one-key stripes give 0.

    Source
    ------
    park2023, sec. 2. Departs from it in: prefix tokens left out and rows rescaled.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=2, patch=(16, 16))
    >>> nmi(torch.eye(2), tokens), nmi(torch.full((2, 2), 0.5), tokens)
    (tensor(1.), tensor(0.))
    """
    check_attention(attention, tokens)

    def of_block(block: Tensor) -> Tensor:
        patches = block[..., tokens.patches, tokens.patches]
        return patch_nmi(patches, a_log_a(patches))

    return in_blocks(of_block, widen(attention), core=2)


@checked
def sink(attention: Float[Tensor, "*batch query key"]) -> Sink:
    """Attention sinks: column sums c_j = sum_query A_qj, how far the largest stands out, and which token it is.

    Prefix tokens are queries and keys like any other.

    Returns
    -------
    `column_sums` (uniform = 1 for square matrices), `concentration` = max / median of them ([1, inf]; inf where more
    than half of the keys get nothing), `token` = index of the largest.

    Raises
    ------
    NotAttention: a row does not sum to 1.

    Invariants
    ----------
    Column sums add up to the number of queries; uniform attention has concentration 1.

    Source
    ------
    The phenomenon: darcet2024, xiao2024. The ratio is ours.

    Example
    -------
    >>> sink(torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])).concentration
    tensor(10.)
    """
    check_attention(attention)
    sums = widen(attention).sum(-2)
    return Sink(sums, concentration(sums), sums.argmax(-1))


# Unchecked cores ------------------------------------------------------------------------------------------------------


def patch_nmi(patches: Tensor, patches_log: Tensor) -> Tensor:
    """`nmi` of patch->patch weights [block, patch, patch], rows not rescaled, and their A log A."""
    mass = patches.sum(-1)
    seen = has_mass(mass)
    n_seen = seen.sum(-1)
    # Rows that are left out have entropy NaN; their weight is 0, and `where` keeps the NaN out of the sums.
    weight = torch.where(seen, 1 / (mass * n_seen[..., None]), 0)
    key = (weight.unsqueeze(-2) @ patches).squeeze(-2)
    key_entropy = row_entropy(a_log_a(key))
    mean_entropy = torch.where(seen, rescaled_entropy(patches, patches_log), 0).sum(-1) / n_seen
    query_entropy = n_seen.to(mass.dtype).log()
    # All queries at one key: H(k) is then rounding of 1 log 1, and the ratio would be noise.
    rounding = 64 * torch.finfo(mass.dtype).eps
    informative = (key_entropy > rounding) & (n_seen > 1)
    ratio = (key_entropy - mean_entropy) / (query_entropy * key_entropy).sqrt()
    result = torch.where(informative, ratio.clamp(0, 1), 0)
    return torch.where(n_seen > 0, result, math.nan)


def concentration(column_sums: Tensor) -> Tensor:
    """Largest over median column sum [*batch]; of an even number of keys the median is the mean of the middle two."""
    ordered = column_sums.sort(dim=-1).values
    n = ordered.shape[-1]
    return ordered[..., -1] / ((ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2)


def rescaled_distances(patches: Tensor, keep: Tensor, tokens: TokenLayout) -> Tensor:
    """Mean distance [block, set] of patch->patch weights, rows rescaled over sets of keys: `keep` [.., key, set]."""
    keep = keep.to(patches.dtype)
    distances = pixel_distances(tokens, patches.dtype, patches.device)
    mass, far = patches @ keep, (patches * distances) @ keep
    return torch.where(has_mass(mass), far / mass, math.nan).nanmean(-2)


def _rescaled_distance(attention: Tensor, tokens: TokenLayout, *, sinks: bool = True) -> Tensor:
    kept = torch.ones_like(attention[..., 0, tokens.patches], dtype=torch.bool)
    if not sinks:
        kept = ~stand_out(patch_shares(attention, tokens))[..., tokens.patches]
    return rescaled_distances(attention[..., tokens.patches, tokens.patches], kept[..., None], tokens)[..., 0]
