"""Keys: which tokens the patches attend to, whatever the patch: few keys, corners, border, sinks.

All of it is read from the patches' mean row: the share of the patches' attention on each key.
Knows nothing about: models, images.
"""

from functools import lru_cache
from typing import Any, Final

from array_api_compat import array_namespace, device
from jaxtyping import Bool, Float

from vitscope.arguments import checked
from vitscope.measures.arrays import Array
from vitscope.measures.matrices import check_attention, widen
from vitscope.quantities.bounds import SINK_SHARE, SINK_TIMES
from vitscope.tokens import TokenLayout

HALF: Final = 0.5
"""The share of the patches' attention that `few_keys` counts up to."""
_TOLERANCE: Final = 1e-6


@checked
def key_shares(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> Float[Array, "*batch key"]:
    """Share of the patches' attention on each key: mean over query patches i of A_ij, for every key token j.

    Says where all patches attend together, not how one patch differs from another (see `nmi`).

    Returns
    -------
    Shares of a row, [0, 1]; they sum to 1. Prefix tokens are keys, not queries.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> key_shares(torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]), tokens)
    tensor([0.2500, 0.5000, 0.2500])
    """
    check_attention(attention, tokens)
    return patch_shares(widen(attention), tokens)


@checked
def few_keys(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> Float[Array, "*batch"]:
    """Smallest number of keys that holds half of the patches' attention, of all tokens.

    Returns
    -------
    A whole number, [1, tokens]; a share of 0.5 - 1e-6 counts as half.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Invariants
    ----------
    Uniform attention over n tokens gives ceil(n / 2); all patches at one key give 1.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=3, patch=(16, 16))
    >>> few_keys(torch.tensor([[0.6, 0.2, 0.2], [0.6, 0.2, 0.2], [0.0, 0.5, 0.5]]), tokens)
    tensor(2.)
    """
    return count_to_half(key_shares(attention, tokens))


@checked
def corners(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> Float[Array, "*batch"]:
    """Share of the patches' attention on the corner patches: four of a grid, two of a single row or column.

    Returns
    -------
    Share of a row, [0, 1]; uniform attention gives their number over the number of tokens.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=3, patch=(16, 16))
    >>> corners(torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]), tokens)
    tensor(0.7500)
    """
    return on_places(key_shares(attention, tokens), "corners", tokens)


@checked
def border(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> Float[Array, "*batch"]:
    """Share of the patches' attention on the patches at the border of the grid, the corners among them.

    Returns
    -------
    Share of a row, [0, 1]; at least `corners`.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=3, cols=3, patch=(16, 16))
    >>> border(torch.full((9, 9), 1 / 9), tokens)
    tensor(0.8889)
    """
    return on_places(key_shares(attention, tokens), "border", tokens)


@checked
def sink_keys(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> Bool[Array, "*batch key"]:
    """Which keys are sinks: they get at least 5 % of the patches' attention and 4 times what uniform would give.

    One key with 16 % of the attention of 197 tokens is one; four keys with 20 % each are four.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Source
    ------
    The phenomenon: darcet2024, xiao2024. The bounds are ours, set on a trained model's photos (docs/definitions.md).

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=9, patch=(16, 16))
    >>> sink_keys(torch.eye(9)[[0] * 9], tokens).nonzero().tolist()
    [[0]]
    """
    return stand_out(key_shares(attention, tokens))


# Unchecked cores ------------------------------------------------------------------------------------------------------


def patch_shares(attention: Float[Array, "*batch query key"], tokens: TokenLayout) -> Float[Array, "*batch key"]:
    """`key_shares` of any weights."""
    return array_namespace(attention).mean(attention[..., tokens.patches, :], axis=-2)


def count_to_half(shares: Float[Array, "*batch key"]) -> Float[Array, "*batch"]:
    """`few_keys` from key shares."""
    xp = array_namespace(shares)
    held = xp.cumulative_sum(xp.sort(shares, axis=-1, descending=True), axis=-1)
    before = xp.sum(xp.astype(held < HALF - _TOLERANCE, xp.int64), axis=-1)
    return xp.astype(before.clip(None, shares.shape[-1] - 1), shares.dtype) + 1


def stand_out(shares: Float[Array, "*batch key"]) -> Bool[Array, "*batch key"]:
    """`sink_keys` from key shares."""
    return shares >= max(SINK_SHARE, SINK_TIMES / shares.shape[-1])


def on_places(shares: Float[Array, "*batch key"], where: str, tokens: TokenLayout) -> Float[Array, "*batch"]:
    """Share on the `corners` or on the `border` from key shares."""
    xp = array_namespace(shares)
    return xp.sum(shares[..., _places(tokens, where, xp, device(shares))], axis=-1)


@lru_cache(maxsize=16)
def _places(tokens: TokenLayout, where: str, xp: Any, on: Any) -> Any:  # noqa: ANN401 - of numpy or torch
    """Indices of the corner patches, or of all patches at the border, among the tokens."""
    wanted = 2 if where == "corners" else 1
    return xp.asarray(
        [
            tokens.n_prefix + row * tokens.cols + col
            for row in range(tokens.rows)
            for col in range(tokens.cols)
            if (row in (0, tokens.rows - 1)) + (col in (0, tokens.cols - 1)) >= wanted
        ],
        device=on,
    )
