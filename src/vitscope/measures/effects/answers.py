"""What logits say: probabilities and the answer, by what the logits mean (readouts, docs/definitions.md).

Knows nothing about: how the logits were made.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.measures.matrices import widen
from vitscope.quantities.readouts import Readout


def probabilities(
    logits: Float[Tensor, "*batch logit"], readout: Readout = "classes"
) -> Float[Tensor, "*batch answer"]:
    """Probability of each answer in float64: a softmax, or for labels a sigmoid each.

    Returns
    -------
    [0, 1]. One logit has two answers, label 0 and label 1, which sum to 1. Of several labels each is by itself.

    Example
    -------
    >>> probabilities(torch.tensor([0.0]), "labels")
    tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    if readout != "labels":
        return logits.double().softmax(-1)
    return either(logits).double().sigmoid()


def predictions(logits: Float[Tensor, "*batch logit"], readout: Readout = "classes") -> Int[Tensor, "*batch"]:
    """The answer: the class, or of several labels the one, with the largest logit; of one logit 1 where it is above 0.

    Returns
    -------
    0 and above; -1 where a logit is not finite, which is no answer.

    Example
    -------
    >>> predictions(torch.tensor([[0.3], [-2.0]]), "labels")
    tensor([1, 0])
    """
    one = readout == "labels" and logits.shape[-1] == 1
    best = (logits[..., 0] > 0).long() if one else logits.argmax(-1)
    return torch.where(logits.isfinite().all(-1), best, -1)


def either(logits: Float[Tensor, "*batch logit"]) -> Float[Tensor, "*batch answer"]:
    """Logits of all answers that labels can give: of a single logit those of label 0 and label 1, -l and l."""
    return torch.cat([-logits, logits], -1) if logits.shape[-1] == 1 else logits


def yes_or_no(logits: Float[Tensor, "*batch logit"]) -> Float[Tensor, "*batch logit 2"]:
    """Probability of no and of yes of each label, float64; each keeps its digits near 0."""
    wide = widen(logits).double()
    return torch.stack([(-wide).sigmoid(), wide.sigmoid()], -1)
