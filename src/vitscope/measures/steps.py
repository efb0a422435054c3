"""Step: whether patches attend to one side: the mean signed offset nearby, and the share of the best neighbour.

Every quantity here comes from sums that are linear in the attention (see `geometry.LinearSums`).
Knows nothing about: models, images.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import checked
from vitscope.measures.geometry import STEP_HOPS, LinearSums
from vitscope.measures.matrices import check_attention, has_mass, widen
from vitscope.tokens import TokenLayout


class Step(NamedTuple):
    """Mean signed offset of the patches' attention within two hops, in patches."""

    down: Float[Tensor, "*batch"]
    right: Float[Tensor, "*batch"]


@checked
def step(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Step:
    """Mean signed offset of the patches' attention within 2 hops: sum_ij A_ij (place_j - place_i) / sum_ij A_ij.

    Both sums run over all query patches i and the key patches j within 2 hops of i, i itself included: a mean over
    attention, not over patches. Patches at the border count like any other; they have no neighbours outside, so a head
    without a direction gives 0 only over the whole grid, not patch by patch.

    Returns
    -------
    Patches, [-2, 2]: `down` > 0 = to rows below, `right` > 0 = to columns to the right. NaN where no patch attends to
    a patch within 2 hops.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Invariants
    ----------
    Identity and uniform attention give 0; a mirrored matrix on a mirrored grid changes the sign.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=3, patch=(16, 16))
    >>> step(torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), tokens).right
    tensor(-0.6667)
    """
    check_attention(attention, tokens)
    return Step(*steps_of(LinearSums(tokens)(widen(attention)), tokens))


@checked
def neighbour(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Float[Tensor, "*batch"]:
    """Share of the patches' attention on the best single neighbour: max over the 8 offsets o of mean_i A_i,i+o.

    The mean is over all query patches; where a border patch has no such neighbour it counts as 0. Together with `step`
    it tells a direction: where it is large, the signs of the step say which neighbour it is.

    Returns
    -------
    Share of a row, [0, 1], at most the `mass` at 1 hop; (columns - 1) / columns where every patch attends to the one on
    its left. 0 for a single patch.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=4, patch=(16, 16))
    >>> neighbour(torch.eye(4)[[0, 0, 1, 2]], tokens)
    tensor(0.7500)
    """
    check_attention(attention, tokens)
    sums = LinearSums(tokens)
    return sums(widen(attention))[..., sums.neighbours].amax(-1)


# Unchecked core -------------------------------------------------------------------------------------------------------


def steps_of(sums: Tensor, tokens: TokenLayout) -> tuple[Tensor, Tensor]:
    """`step` (down, right) from the linear sums."""
    linear = LinearSums(tokens)
    near = sums[..., linear.mass][..., : STEP_HOPS + 1].sum(-1)
    offsets = sums[..., linear.steps]
    steps = torch.where(has_mass(near)[..., None], offsets / near[..., None], math.nan)
    return steps[..., 0], steps[..., 1]
