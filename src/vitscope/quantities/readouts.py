"""What a model's logits mean, and so what an effect on its answer is measured on.

`classes`: one class of several, by a softmax. `labels`: each logit is a yes or no of its own, by a sigmoid; a single
logit always is, several are where the user says so. `features`: no classifier, only what one would read. `values`: what
a function of the user's makes of the output, in its own unit.
Knows nothing about: tensors, models.
"""

from collections.abc import Sequence
from typing import Final

from vitscope.quantities.quantity import Readout

ONE_LOGIT: Final = 2
"""Answers of a model with one logit: label 0 and label 1."""
WORDS: Final[dict[Readout, str]] = {
    "classes": "one class of several (softmax)",
    "labels": "each label yes or no by itself (sigmoid)",
    "features": "no classifier",
    "values": "values of the output, in their own unit",
}


def readout_of(n_logits: int | None, multi_label: bool) -> Readout:
    """The readout of a model with so many logits; None = no classifier."""
    if n_logits is None:
        return "features"
    return "labels" if multi_label or n_logits == 1 else "classes"


def n_answers(n_logits: int | None) -> int | None:
    """How many different labels a picture can have: as many as there are logits, but two where there is one."""
    return ONE_LOGIT if n_logits == 1 else n_logits


def told(
    readout: Readout, n_logits: int | None, prompts: Sequence[str] | None = None, read_by: str | None = None
) -> str:
    """What the classifier says, in words; with the prompts of classes told by texts, and the function of values."""
    if readout == "values":
        return f"none: effects are measured on what {read_by or 'a function'} makes of the output"
    if prompts:
        return f"{n_logits}, told by texts (scale x cosine, softmax): {', '.join(map(repr, prompts))}"
    if n_logits is None:
        return "none: no classifier"
    if readout == "labels":
        return "one logit: label 1 or 0 (sigmoid)" if n_logits == 1 else f"{n_logits} labels, {WORDS[readout]}"
    return str(n_logits)
