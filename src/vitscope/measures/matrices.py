"""What counts as an attention matrix, and how large batches of them are walked through.

Knows nothing about: what is measured on them.
"""

import math
from collections.abc import Callable

from array_api_compat import array_namespace, device
from jaxtyping import Bool, Float

from vitscope.arguments import checked
from vitscope.errors import NotAttention
from vitscope.measures.arrays import Array
from vitscope.tokens import TokenLayout

# On a CPU a block of a few matrices stays in cache between one operation and the next, so that a chain of log, product
# and sums runs about twice as fast as over a whole batch; a GPU wants few large launches instead. Temporaries are no
# larger than a block on either.
_CPU_BLOCK, _DEVICE_BLOCK = 2**20, 2**26


@checked
def check_attention(attention: Float[Array, "*batch query key"], tokens: TokenLayout | None = None) -> None:
    """Refuse what is not attention: every row must be a distribution over keys.

    Two reductions over the matrix and one wait for the device; a loop that makes its own attention by a softmax can
    do without (`summarise` does).

    Raises
    ------
    NotAttention: a row has a negative entry or sums to anything but 1 (tolerance 1e-4, in half precision 5e-3), naming
        the index of the first such row; or, with `tokens`, the matrix is not tokens x tokens.
    """
    if tokens is not None:
        check_layout(attention, tokens)
    xp, half = array_namespace(attention), _is_half(attention)
    tolerance = 5e-3 if half else 1e-4
    sums = xp.sum(attention, axis=-1, dtype=xp.float32 if half else None)
    # Written so that NaN fails.
    wrong = ~(xp.abs(sums - 1) <= tolerance) | (xp.min(attention, axis=-1) < 0)
    if xp.any(wrong):
        index = tuple(int(places[0]) for places in xp.nonzero(wrong))
        raise NotAttention(
            f"not attention: row {index} sums to {float(sums[index]):.6g} with smallest entry "
            f"{float(xp.min(attention[index])):.3g}; expected no negative entry and a sum of 1 +- {tolerance:g}",
            "Give weights after the softmax, the key axis last.",
        )


def check_layout(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> None:
    """Raise NotAttention unless the matrices are tokens x tokens."""
    n_query, n_key = attention.shape[-2:]
    if (n_query, n_key) != (tokens.n_tokens, tokens.n_tokens):
        raise NotAttention(
            f"cannot measure attention of {n_query} queries x {n_key} keys: the token layout has {tokens.n_tokens} "
            f"tokens ({tokens.n_prefix} prefix + {tokens.rows} x {tokens.cols} patches)",
            "Give the TokenLayout of the model that made the matrix (`model.tokens`).",
        )


def widen(values: Float[Array, "..."]) -> Float[Array, "..."]:
    """Half precision as float32 (sums over hundreds of tokens need it); float32 and float64 as they are."""
    xp = array_namespace(values)
    return xp.astype(values, xp.float32) if _is_half(values) else values


def has_mass(total: Float[Array, "..."]) -> Bool[Array, "..."]:
    """Whether the weights behind these sums can be rescaled: 0 cannot, nor what is so small that its parts lose digits.

    The bound is about 1e-31 in float32 and 1e-292 in float64: above it every part that matters is a normal number.
    """
    limits = array_namespace(total).finfo(total.dtype)
    return total > limits.tiny / limits.eps


def in_blocks(function: Callable[[Array], Array], values: Float[Array, "..."], *, core: int) -> Float[Array, "..."]:
    """`function` over the leading axes, a cache-sized block at a time.

    Parameters
    ----------
    function: maps [block, *core axes] to [block, *whatever], each item on its own.
    core: number of trailing axes that belong to one item.
    """
    xp = array_namespace(values)
    lead, shape = values.shape[: values.ndim - core], values.shape[values.ndim - core :]
    flat = xp.reshape(values, (math.prod(lead), *shape))
    budget = _CPU_BLOCK if str(device(values)) == "cpu" else _DEVICE_BLOCK
    size = max(1, budget // max(1, math.prod(shape)))
    parts = [function(flat[start : start + size]) for start in range(0, max(1, len(flat)), size)]
    return xp.reshape(xp.concat(parts), (*lead, *parts[0].shape[1:]))


def undefined(like: Float[Array, "*batch query key"], *axes: int) -> Float[Array, "..."]:
    """NaN for every matrix, of further axes if given: the value of what the token layout does not have."""
    xp = array_namespace(like)
    return xp.full((*like.shape[:-2], *axes), math.nan, dtype=like.dtype, device=device(like))


def _is_half(values: Float[Array, "..."]) -> bool:
    return values.dtype.itemsize == 2  # float16, and torch's bfloat16
