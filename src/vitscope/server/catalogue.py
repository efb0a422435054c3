"""The words for metrics and modes as the page shows them: label, unit, sign, definition (docs/definitions.md).

Knows nothing about: HTTP, the run folder, torch.
"""

from typing import Final, Literal, NamedTuple

Family = Literal["output", "layer"]


class Metric(NamedTuple):
    """How a metric of SCIENCE's section "Head importance" is named and drawn."""

    label: str
    unit: str
    signed: bool
    family: Family
    needs_classifier: bool
    needs_cls: bool
    definition: str


METRICS: Final[dict[str, Metric]] = {
    "prob_drop": Metric(
        "Probability drop",
        "",
        True,
        "output",
        True,
        False,
        "Probability of the target class, intact minus pruned. Above 0 the head helps the class.",
    ),
    "logit_drop": Metric(
        "Logit drop",
        "logits",
        True,
        "output",
        True,
        False,
        "Logit of the target class, intact minus pruned. Above 0 the head helps the class.",
    ),
    "jsd": Metric(
        "Jensen-Shannon divergence",
        "bits",
        False,
        "output",
        True,
        False,
        "Divergence between the class probabilities, intact and pruned: 0 = no change, 1 bit = nothing in common.",
    ),
    "flip": Metric(
        "Prediction flips",
        "share of images",
        False,
        "output",
        True,
        False,
        "1 where the predicted class changes, else 0; the mean is a share of images.",
    ),
    "out_cos": Metric(
        "Output cosine distance",
        "",
        False,
        "output",
        False,
        False,
        "1 - cosine of what the classifier reads, intact and pruned.",
    ),
    "cls_cos": Metric(
        "CLS cosine distance",
        "",
        False,
        "layer",
        False,
        True,
        "1 - cosine of the CLS token right after the pruned layer, before later layers can repair it.",
    ),
    "patch_cos": Metric(
        "Patch cosine distance",
        "",
        False,
        "layer",
        False,
        False,
        "Mean over patches of 1 - cosine right after the pruned layer, before later layers can repair it.",
    ),
}

MODES: Final[dict[str, str]] = {
    "head": "Whole head",
    "cc": "CLS→CLS only",
    "cp+pc": "Between CLS and patches",
    "pp": "Patches→patches only",
    "cc+cp+pc": "All but patches→patches",
    "cc+pp": "All but CLS↔patches",
    "cp+pc+pp": "All but CLS→CLS",
}

_REGION_WORDS: Final = {"cc": "CLS→CLS", "cp": "CLS→patches", "pc": "patches→CLS", "pp": "patches→patches"}


def mode_label(mode: str) -> str:
    """The mode in words; for a subset without a name of its own, its regions one by one."""
    return MODES.get(mode) or ", ".join(_REGION_WORDS[region] for region in mode.split("+"))


def unavailable_reason(metric: Metric, *, classifier: bool, cls: bool) -> str:
    """Why a model has no values for a metric, or an empty string where it has."""
    if metric.needs_classifier and not classifier:
        return "this model has no classifier, so there are no class probabilities to compare"
    if metric.needs_cls and not cls:
        return "this model has no CLS token"
    return ""
