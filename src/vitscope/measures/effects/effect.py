"""Effects of an intervention: how far pruned outputs and hidden states are from the intact ones.

Arguments come as (intact, pruned); leading axes broadcast, so one intact [image, 1, class] goes with many pruned
[image, variant, class]. Softmax and divergence are in float64, as differences of single heads are tiny. `readout` says
what the logits mean: `classes` (softmax) or `labels` (a sigmoid each; one logit has the labels 0 and 1).
Knows nothing about: how the outputs were made.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.arguments import checked
from vitscope.measures.directions import unit
from vitscope.measures.effects.answers import either, probabilities, yes_or_no
from vitscope.measures.matrices import widen
from vitscope.quantities.readouts import Readout
from vitscope.tokens import TokenLayout


@checked
def prob_drop(
    intact: Float[Tensor, "*#batch class"],
    pruned: Float[Tensor, "*#batch class"],
    target: Int[Tensor, "*#batch"],
    readout: Readout = "classes",
) -> Float[Tensor, "*batch"]:
    """Loss of the target's probability: p_y - p'_y of the softmax of logits, or for labels of their sigmoids.

    Parameters
    ----------
    intact, pruned: logits.
    target: class y; one that does not exist (-1 = none) gives NaN.

    Returns
    -------
    Probability in float64, [-1, 1], signed: above 0 what was pruned helped the target.

    Source
    ------
    After li2023.

    Example
    -------
    >>> prob_drop(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 100.0]), torch.tensor(0))
    tensor(0.5000, dtype=torch.float64)
    """
    return _at(probabilities(intact, readout), target) - _at(probabilities(pruned, readout), target)


@checked
def logit_drop(
    intact: Float[Tensor, "*#batch class"],
    pruned: Float[Tensor, "*#batch class"],
    target: Int[Tensor, "*#batch"],
    readout: Readout = "classes",
) -> Float[Tensor, "*batch"]:
    """Loss of the target's logit: logit_y - logit'_y. Unlike `prob_drop` it does not saturate.

    Of a single logit l the one of label 1 is l, that of label 0 is -l.

    Parameters
    ----------
    intact, pruned: logits.
    target: class y; one that does not exist (-1 = none) gives NaN.

    Returns
    -------
    Logits, signed: above 0 what was pruned helped the target.

    Example
    -------
    >>> logit_drop(torch.tensor([3.0, 1.0]), torch.tensor([2.5, 9.0]), torch.tensor(0))
    tensor(0.5000)
    """
    if readout == "labels":
        intact, pruned = either(intact), either(pruned)
    return _at(widen(intact), target) - _at(widen(pruned), target)


@checked
def value_drop(
    intact: Float[Tensor, "*#batch value"], pruned: Float[Tensor, "*#batch value"]
) -> Float[Tensor, "*batch"]:
    """Loss of a readout's values: mean over them of v - v'. Losses and gains cancel; `value_change` is without sign.

    Returns
    -------
    In the unit of the values, float64, signed: above 0 what was pruned raised them.

    Example
    -------
    >>> value_drop(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0]))
    tensor(-1., dtype=torch.float64)
    """
    return (intact.double() - pruned.double()).mean(-1)


@checked
def value_change(
    intact: Float[Tensor, "*#batch value"], pruned: Float[Tensor, "*#batch value"]
) -> Float[Tensor, "*batch"]:
    """Absolute change of a readout's values: mean over them of |v - v'|, whatever their units.

    Returns
    -------
    In the unit of the values, float64, at least 0.

    Example
    -------
    >>> value_change(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0]))
    tensor(2., dtype=torch.float64)
    """
    return (intact.double() - pruned.double()).abs().mean(-1)


@checked
def jsd(
    intact: Float[Tensor, "*#batch class"], pruned: Float[Tensor, "*#batch class"], readout: Readout = "classes"
) -> Float[Tensor, "*batch"]:
    """Jensen-Shannon divergence of the two predictions: H((p + p') / 2) - (H(p) + H(p')) / 2, from logits.

    Needs no label; says that the prediction moved, not whether for better or worse. For labels it is the mean over
    them of the divergence of yes or no.

    Returns
    -------
    Bits in float64, [0, 1], clipped at 0; 0 = same prediction, 1 = no class in common.

    Invariants
    ----------
    Symmetric; adding a constant to all logits of an image changes nothing (not so for labels).

    Source
    ------
    lin1991, eq. 4.1; as a measure of head importance after li2023.

    Example
    -------
    >>> jsd(torch.tensor([200.0, 0.0]), torch.tensor([0.0, 200.0]))
    tensor(1., dtype=torch.float64)
    """
    if readout == "labels":
        return divergence(yes_or_no(intact), yes_or_no(pruned)).mean(-1)
    return divergence(intact.double().softmax(-1), pruned.double().softmax(-1))


@checked
def flip(
    intact: Float[Tensor, "*#batch class"], pruned: Float[Tensor, "*#batch class"], readout: Readout = "classes"
) -> Float[Tensor, "*batch"]:
    """Whether the top-1 class changes; for labels whether any of them crosses a probability of one half.

    Returns
    -------
    1 or 0 as floats, so that the mean is a rate; NaN where a logit is not finite: that is no class.

    Example
    -------
    >>> flip(torch.tensor([[2.0, 1.0], [2.0, 1.0]]), torch.tensor([[1.0, 1.5], [1.0, 0.5]]))
    tensor([1., 0.])
    """
    labels = readout == "labels"
    changed = ((intact > 0) != (pruned > 0)).any(-1) if labels else intact.argmax(-1) != pruned.argmax(-1)
    finite = intact.isfinite().all(-1) & pruned.isfinite().all(-1)
    return torch.where(finite, changed.to(widen(intact[..., :0]).dtype), math.nan)


@checked
def cosine_distance(
    intact: Float[Tensor, "*#batch channel"], pruned: Float[Tensor, "*#batch channel"]
) -> Float[Tensor, "*batch"]:
    """Cosine distance 1 - cos(u, u') of vectors, computed as |u - u'|^2 / 2 of unit vectors.

    The form keeps small effects, which 1 - cos loses to rounding. On the pooled output it is the metric `out_cos`.

    Returns
    -------
    [0, 2]; NaN where a vector is 0.

    Invariants
    ----------
    Equal vectors give exactly 0, opposite ones 2; positive factors change nothing.

    Example
    -------
    >>> cosine_distance(torch.tensor([1.0, 0.0]), torch.tensor([-5.0, 0.0]))
    tensor(2.)
    """
    difference = unit(widen(intact)) - unit(widen(pruned))
    return difference.norm(dim=-1).square() / 2  # one pass: squares that are summed afterwards cost four


@checked
def cls_cos(
    intact: Float[Tensor, "*#batch token channel"], pruned: Float[Tensor, "*#batch token channel"], tokens: TokenLayout
) -> Float[Tensor, "*batch"]:
    """`cosine_distance` of the CLS token's hidden states, e.g. of the residual stream after the pruned block.

    Returns
    -------
    [0, 2]; NaN where there is no CLS token.

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=1, patch=(16, 16))
    >>> cls_cos(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), tokens)
    tensor(2.)
    """
    if tokens.cls is None:
        return (widen(intact)[..., 0, 0] - widen(pruned)[..., 0, 0]) * math.nan
    return cosine_distance(intact[..., tokens.cls, :], pruned[..., tokens.cls, :])


@checked
def patch_cos(
    intact: Float[Tensor, "*#batch token channel"], pruned: Float[Tensor, "*#batch token channel"], tokens: TokenLayout
) -> Float[Tensor, "*batch"]:
    """Mean over patches of the `cosine_distance` of their hidden states, each with itself. Prefix tokens do not count.

    Returns
    -------
    [0, 2].

    Example
    -------
    >>> tokens = TokenLayout(prefix=(), rows=1, cols=2, patch=(16, 16))
    >>> patch_cos(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]]), tokens)
    tensor(0.5000)
    """
    return cosine_distance(intact[..., tokens.patches, :], pruned[..., tokens.patches, :]).mean(-1)


# Unchecked cores ------------------------------------------------------------------------------------------------------


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon divergence in bits of float64 distributions [*batch, outcome], kept in [0, 1].

    With d = (p - q) / (p + q) the sum is of p log(1 + d) + q log(1 - d), whose rounding shrinks with d: divergences of
    1e-12 keep most of their digits, while entropies of about 1 subtracted from each other would not. Where one side is
    negligible d rounds to +-1 and the log of that side would be infinite: it is kept one rounding away.
    """
    total = p + q
    d = (p - q) / torch.where(total > 0, total, 1)
    least = torch.finfo(p.dtype).eps - 1
    terms = p * d.clamp_min(least).log1p() + q * (-d).clamp_min(least).log1p()
    return (terms.sum(-1) / (2 * math.log(2))).clamp(0, 1)


def _at(values: Tensor, target: Tensor) -> Tensor:
    """Value at the target class, NaN where there is no such class."""
    exists = (target >= 0) & (target < values.shape[-1])
    lead = torch.broadcast_shapes(values.shape[:-1], target.shape)
    index = torch.where(exists, target, 0).long().expand(lead).unsqueeze(-1)
    found = values.expand(*lead, values.shape[-1]).gather(-1, index).squeeze(-1)
    return torch.where(exists, found, math.nan)
