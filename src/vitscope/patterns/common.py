"""Attention of any token layout at one common size: a 66 x 66 matrix, and a 15 x 15 view by relative offset.

Both are linear in the attention: two small matrix products each. Cached tensors are shared: never write into them.
Knows nothing about: what is learned from the matrices, models, files.
"""

from functools import lru_cache
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.errors import NotAttention
from vitscope.measures.matrices import widen
from vitscope.tokens import TokenLayout

GRID: Final = 8
CLS: Final = 0
OTHERS: Final = 1
SIDE: Final = 2 + GRID * GRID
"""Rows and columns of a common matrix: CLS, the other prefix tokens together, 8 x 8 cells of patches row by row."""

REACH: Final = 7
OFFSETS: Final = 2 * REACH + 1
"""Side of the offset view: offsets -7 .. 7, what lies beyond is added to the border."""


def common_matrix(
    attention: Float[Tensor, "*batch query key"], tokens: TokenLayout
) -> Float[Tensor, f"*batch {SIDE} {SIDE}"]:
    """Attention between CLS, the other prefix tokens together and 8 x 8 cells of the image, whatever the layout.

    A cell covers an eighth of the image's height and width; a patch belongs to a cell with the share of its area that
    lies inside. Queries are averaged over a cell (by area), keys summed into it: entry (a, b) is the mass that a query
    of `a` gives to `b`. Grids finer than 8 x 8 lose detail below a cell; on coarser ones a patch's mass is shared out
    evenly over its cells. The rows are not checked to be attention (any mean of attention matrices may be given).

    Returns
    -------
    Share of a row, [0, 1]: a row sums to 1; the row and column of tokens that the layout lacks are 0.

    Raises
    ------
    NotAttention: the matrix does not fit the token layout.

    Invariants
    ----------
    Linear; on an 8 x 8 grid with a CLS token only, the matrix itself (with an empty second row and column); uniform
    attention gives equal cells on any grid.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=14, cols=14, patch=(16, 16))
    >>> common_matrix(torch.full((197, 197), 1 / 197), tokens)[CLS, :3]
    tensor([0.0051, 0.0000, 0.0155])
    """
    check_layout(attention, tokens)
    attention = widen(attention)
    mean, total = _cells(tokens, attention.dtype, attention.device)
    return mean @ (attention @ total.mT)  # in this order the large product is one over all matrices


def offset_view(
    attention: Float[Tensor, "*batch query key"], tokens: TokenLayout
) -> Float[Tensor, f"*batch {OFFSETS} {OFFSETS}"]:
    """Patch->patch mass by relative offset (key row - query row, key column - query column), mean over the patches.

    In patches, not cells: a head that looks at the neighbour on the left looks the same on every grid. Entry (7, 7) is
    the patch itself; offsets beyond 7 patches are added to the border. Mass to prefix tokens is left out.

    Returns
    -------
    Share of a row, [0, 1]; sums to the mean share that patches give to patches.

    Raises
    ------
    NotAttention: the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=2, patch=(16, 16))
    >>> offset_view(torch.tensor([[0.75, 0.25], [0.0, 1.0]]), tokens)[7, 6:9]
    tensor([0.0000, 0.8750, 0.1250])
    """
    check_layout(attention, tokens)
    return offset_sums(widen(attention), tokens, (REACH, REACH)) / tokens.n_patches


def check_layout(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> None:
    """Refuse a matrix that is not tokens x tokens; a cheap look at the shape, not at the numbers."""
    if attention.shape[-2:] != (tokens.n_tokens, tokens.n_tokens):
        raise NotAttention(
            f"cannot describe attention of {attention.shape[-2]} queries x {attention.shape[-1]} keys: the token "
            f"layout has {tokens.n_tokens} tokens ({tokens.n_prefix} prefix + {tokens.rows} x {tokens.cols} patches)",
            "Give the TokenLayout of the model that made the matrix (`model.tokens`).",
        )


def offset_sums(
    attention: Float[Tensor, "*batch query key"], tokens: TokenLayout, reach: tuple[int, int]
) -> Float[Tensor, "*batch down right"]:
    """Sum of the patch->patch weights at each relative offset, -reach .. reach, farther ones added to the border.

    One product folds (query row, key row) into row offsets, a second one the columns: far less work than gathering the
    weights one by one.
    """
    return patch_offset_sums(attention[..., tokens.patches, tokens.patches], tokens, reach)


def patch_offset_sums(
    between: Float[Tensor, "*batch patch patch"], tokens: TokenLayout, reach: tuple[int, int]
) -> Float[Tensor, "*batch down right"]:
    """`offset_sums` of anything that has a value for each pair of patches."""
    rows, cols = tokens.rows, tokens.cols
    blocks = between.unflatten(-2, (rows, cols)).unflatten(-1, (rows, cols))
    pairs = blocks.transpose(-3, -2).flatten(-4, -3).flatten(-2, -1)
    down = _folding(rows, reach[0], between.dtype, between.device)
    right = _folding(cols, reach[1], between.dtype, between.device)
    return down @ (pairs @ right.mT)


@lru_cache(maxsize=8)
def _folding(size: int, reach: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "offset pair"]:
    """One-hot [offset, query * size + key]: which pairs of places along an axis have which (clipped) offset."""
    with torch.inference_mode(False):  # the cached tensor must serve callers under autograd too
        place = torch.arange(size)
        offset = (place - place[:, None]).clamp(-reach, reach).flatten() + reach
        return torch.nn.functional.one_hot(offset, 2 * reach + 1).T.to(dtype).to(device)


@lru_cache(maxsize=4)
def _cells(
    tokens: TokenLayout, dtype: torch.dtype, device: torch.device
) -> tuple[Float[Tensor, "side token"], Float[Tensor, "side token"]]:
    """What averages queries over a place of the common matrix, and what sums keys into it [66, token]."""
    with torch.inference_mode(False):
        total = torch.zeros(SIDE, tokens.n_tokens, dtype=torch.float64)
        if tokens.cls is not None:
            total[CLS, tokens.cls] = 1
        total[OTHERS, list(tokens.others)] = 1
        total[2:, tokens.patches] = torch.kron(_overlaps(tokens.rows), _overlaps(tokens.cols))
        members = total.sum(-1, keepdim=True)
        mean = torch.where(members > 0, total / members, 0)
        return mean.to(dtype).to(device), total.to(dtype).to(device)


def _overlaps(size: int) -> Float[Tensor, "cell patch"]:
    """Share of each patch's length that lies in each of the 8 cells along an axis; sums to 1 over the cells."""
    edge = torch.arange(GRID + 1, dtype=torch.float64) * size / GRID
    patch = torch.arange(size, dtype=torch.float64)
    return (torch.minimum(edge[1:, None], patch + 1) - torch.maximum(edge[:-1, None], patch)).clamp_min(0)
