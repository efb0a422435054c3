"""Heads against each other: how alike they look at an image, and how alike is what they put out.

Knows nothing about: models, runs, which heads are compared and why.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from array_api_compat import array_namespace, device
from jaxtyping import Float

from vitscope.arguments import checked
from vitscope.errors import InvalidArgument
from vitscope.measures.arrays import Array, quiet
from vitscope.measures.cls_row import cls_patch_row
from vitscope.measures.directions import unit
from vitscope.measures.entropies import a_log_a
from vitscope.measures.matrices import check_attention, has_mass, in_blocks, undefined, widen
from vitscope.tokens import TokenLayout


@checked
def head_diversity(
    attention: Float[Array, "*batch head query key"],
    tokens: TokenLayout,
    variant: Literal["cls", "full", "jensen-shannon"] = "cls",
) -> Float[Array, "*batch"]:
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
    if variant == "full":
        return diversity_of_maps(attention)
    if variant not in ("cls", "jensen-shannon"):
        raise InvalidArgument(f"cannot measure diversity by {variant!r}", "Variants: cls, full, jensen-shannon.")
    return diversity_of_rows(cls_patch_row(widen(attention), tokens), variant)


@checked
def head_similarity(
    attention: Float[Array, "*batch head query key"],
    tokens: TokenLayout,
    variant: Literal["cls", "full"] = "cls",
) -> Float[Array, "*batch head head"]:
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
    if variant not in ("cls", "full"):
        raise InvalidArgument(f"cannot compare heads by {variant!r}", "Variants: cls, full.")
    return cosines(_flat(attention) if variant == "full" else cls_patch_row(attention, tokens))


@checked
def linear_cka(outputs: Float[Array, "sample head channel"]) -> Float[Array, "head head"]:
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
    xp = array_namespace(outputs)
    wide = xp.astype(outputs, xp.float64)
    heads = [wide[:, head : head + 1] for head in range(wide.shape[1])]  # all at once would hold (heads x channels)^2
    return xp.astype(cka(heads), outputs.dtype)


# Unchecked cores ------------------------------------------------------------------------------------------------------


def diversity_of_maps(attention: Float[Array, "*batch head query key"]) -> Float[Array, "*batch"]:
    """`head_diversity` of whole matrices, for a loop that has just made them by a softmax."""
    return in_blocks(lambda block: _mean_cosine_distance(_flat(block)), widen(attention), core=3)


@quiet
def diversity_of_rows(rows: Float[Array, "*batch head patch"], variant: str) -> Float[Array, "*batch"]:
    """`head_diversity`, variant `cls` or `jensen-shannon`, of CLS->patch rows, which need not sum to 1."""
    rows = widen(rows)
    xp = array_namespace(rows)
    mass = xp.sum(rows, axis=-1, keepdims=True)
    shares = xp.where(has_mass(mass), rows / mass, math.nan)
    return _mean_cosine_distance(shares) if variant == "cls" else _mean_jensen_shannon_distance(shares)


@quiet
def cosines(vectors: Float[Array, "*batch head entry"]) -> Float[Array, "*batch head head"]:
    """Cosine of each pair of vectors of weights; NaN for those that are 0."""
    xp, vectors = array_namespace(vectors), widen(vectors)
    size = xp.linalg.vector_norm(vectors, axis=-1, keepdims=True)
    directions = xp.where(has_mass(size), vectors / size, math.nan)
    return (directions @ xp.matrix_transpose(directions)).clip(None, 1)


def cka(blocks: Sequence[Float[Array, "sample _ _"]]) -> Float[Array, "head head"]:
    """`linear_cka` of the heads of all blocks [sample, head, channel], multiplied a pair of blocks at a time.

    In the precision given: heads are scaled to size 1 first, as squares of large outputs would leave float32's range.
    """
    xp = array_namespace(*blocks)
    blocks = [_centred(block) for block in blocks]
    ends = [0, *accumulate(block.shape[1] for block in blocks)]
    products = xp.zeros((ends[-1], ends[-1]), dtype=xp.float64, device=device(blocks[0]))
    for i, one in enumerate(blocks):
        for j, other in enumerate(blocks[: i + 1]):
            product = _flat(one).T @ _flat(other)
            squares = xp.reshape(product * product, (*one.shape[1:], *other.shape[1:]))
            found = xp.sum(squares, axis=(1, 3), dtype=xp.float64)
            products[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] = found
            products[ends[j] : ends[j + 1], ends[i] : ends[i + 1]] = found.T
    own = xp.sqrt(xp.linalg.diagonal(products))
    size = own[:, None] * own
    return xp.where(size > 0, (products / xp.where(size > 0, size, 1)).clip(None, 1), math.nan)


def _centred(outputs: Float[Array, "sample head channel"]) -> Float[Array, "sample head channel"]:
    """Centred over samples, and each head of size 1."""
    xp = array_namespace(outputs)
    mean = xp.mean(xp.astype(outputs, xp.float64), axis=0)
    centred = outputs - xp.astype(mean, outputs.dtype)
    size = xp.sqrt(xp.sum(xp.astype(centred, xp.float64) ** 2, axis=(0, 2)))
    return centred / xp.astype(xp.where(size > 0, size, 1), outputs.dtype)[:, None]


def _flat(values: Float[Array, "*batch one other"]) -> Float[Array, "*batch both"]:
    """The last two axes as one."""
    *lead, one, other = values.shape
    return array_namespace(values).reshape(values, (*lead, one * other))


def _mean_cosine_distance(vectors: Float[Array, "*batch head channel"]) -> Float[Array, "*batch"]:
    """Mean over pairs of |u - u'|^2 / 2 of unit vectors.

    Over pairs that is sum_head |u - mean u|^2 / (heads - 1): no pair needs to be formed.
    """
    n_heads = vectors.shape[-2]
    if n_heads < 2:
        return undefined(vectors)
    xp, directions = array_namespace(vectors), unit(vectors)
    apart = directions - xp.mean(directions, axis=-2, keepdims=True)
    return xp.sum(xp.square(apart), axis=(-2, -1)) / (n_heads - 1)


def _mean_jensen_shannon_distance(shares: Float[Array, "*batch head patch"]) -> Float[Array, "*batch"]:
    """Mean over pairs of the root of the divergence in bits of rows that sum to 1.

    From entropies in float64, H((p + q) / 2) - (H(p) + H(q)) / 2, three times as fast as `effect.divergence`: distances
    below 1e-7 drown in rounding, which heads of one layer are not near, unlike outputs before and after pruning.
    """
    n_heads = shares.shape[-2]
    if n_heads < 2:
        return undefined(shares)
    xp = array_namespace(shares)
    wide = xp.astype(shares, xp.float64)
    own = xp.sum(a_log_a(wide), axis=-1)
    total = xp.zeros_like(own[..., 0])
    for head in range(n_heads - 1):
        middle = (wide[..., head : head + 1, :] + wide[..., head + 1 :, :]) / 2
        apart = (own[..., head : head + 1] + own[..., head + 1 :]) / 2 - xp.sum(a_log_a(middle), axis=-1)
        total += xp.sum(xp.sqrt((apart / math.log(2)).clip(0, 1)), axis=-1)
    return xp.astype(total / (n_heads * (n_heads - 1) / 2), shares.dtype)
