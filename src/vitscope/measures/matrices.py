"""What counts as an attention matrix, and how large batches of them are walked through.

Knows nothing about: what is measured on them.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vitscope.arguments import checked
from vitscope.errors import NotAttention
from vitscope.tokens import TokenLayout

# On a CPU a block of a few matrices stays in cache between one operation and the next, so that a chain of log, product
# and sums runs about twice as fast as over a whole batch; a GPU wants few large launches instead. Temporaries are no
# larger than a block on either.
_CPU_BLOCK, _DEVICE_BLOCK = 2**20, 2**26


@checked
def check_attention(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout | None = None) -> None:
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
    half = attention.dtype in (torch.float16, torch.bfloat16)
    tolerance = 5e-3 if half else 1e-4
    sums = attention.sum(-1, dtype=torch.float32 if half else None)
    # Written so that NaN fails.
    wrong = ~((sums - 1).abs() <= tolerance) | (attention.amin(-1) < 0)
    if wrong.any():
        index = tuple(wrong.nonzero()[0].tolist())
        raise NotAttention(
            f"not attention: row {index} sums to {sums[index].item():.6g} with smallest entry "
            f"{attention[index].amin().item():.3g}; expected no negative entry and a sum of 1 +- {tolerance:g}",
            "Give weights after the softmax, the key axis last.",
        )


def check_layout(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> None:
    """Raise NotAttention unless the matrices are tokens x tokens."""
    n_query, n_key = attention.shape[-2:]
    if (n_query, n_key) != (tokens.n_tokens, tokens.n_tokens):
        raise NotAttention(
            f"cannot measure attention of {n_query} queries x {n_key} keys: the token layout has {tokens.n_tokens} "
            f"tokens ({tokens.n_prefix} prefix + {tokens.rows} x {tokens.cols} patches)",
            "Give the TokenLayout of the model that made the matrix (`model.tokens`).",
        )


def widen(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Half precision as float32 (sums over hundreds of tokens need it); float32 and float64 as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def has_mass(total: Float[Tensor, "..."]) -> Bool[Tensor, "..."]:
    """Whether the weights behind these sums can be rescaled: 0 cannot, nor what is so small that its parts lose digits.

    The bound is about 1e-31 in float32 and 1e-292 in float64: above it every part that matters is a normal number.
    """
    limits = torch.finfo(total.dtype)
    return total > limits.tiny / limits.eps


def in_blocks(function: Callable[[Tensor], Tensor], values: Float[Tensor, "..."], *, core: int) -> Float[Tensor, "..."]:
    """`function` over the leading axes, a cache-sized block at a time.

    Parameters
    ----------
    function: maps [block, *core axes] to [block, *whatever], each item on its own.
    core: number of trailing axes that belong to one item.
    """
    lead, shape = values.shape[: values.ndim - core], values.shape[values.ndim - core :]
    flat = values.reshape(math.prod(lead), *shape)
    budget = _CPU_BLOCK if values.device.type == "cpu" else _DEVICE_BLOCK
    parts = [function(block) for block in flat.split(max(1, budget // max(1, math.prod(shape))))]
    return torch.cat(parts).reshape(lead + parts[0].shape[1:])


def undefined(like: Float[Tensor, "*batch query key"]) -> Float[Tensor, "*batch"]:
    """NaN for every matrix: the value of a quantity that the token layout does not have."""
    return like.new_full(like.shape[:-2], math.nan)
