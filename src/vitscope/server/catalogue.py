"""The words for metrics, measures and modes as the page shows them: label, unit, sign (docs/definitions.md).

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


class Measure(NamedTuple):
    """How a measure of spread (docs/definitions.md, "Spread") is named and drawn."""

    label: str
    unit: str
    needs_cls: bool
    definition: str


SPREAD: Final[dict[str, Measure]] = {
    "distance": Measure(
        "Mean distance",
        "px",
        False,
        "How far patches look: attention-weighted distance between patch centres, mean over patches; weight on CLS "
        "counts as 0.",
    ),
    "entropy": Measure(
        "Entropy",
        "nats",
        False,
        "How evenly tokens look, mean over all tokens: 0 = at one token only, ln T = at all T alike.",
    ),
    "cls_entropy": Measure("Entropy of CLS", "nats", True, "How evenly the CLS token looks: 0 = at one token only."),
    "focus": Measure(
        "Focus of CLS",
        "",
        True,
        "1 - entropy / ln n of CLS's attention over the n patches: 1 = one patch, 0 = all alike.",
    ),
    "coverage": Measure(
        "Coverage of CLS",
        "share of patches",
        True,
        "Smallest share of the patches that holds 60 % of CLS's attention to patches.",
    ),
    "nmi": Measure(
        "Mutual information",
        "",
        False,
        "Of the patch that looks and the patch looked at, normalised: 0 = all patches share one map, 1 = each has its "
        "own.",
    ),
    "sink": Measure(
        "Sink",
        "",
        False,
        "Attention that the most looked-at token gets, over the median token's; large = one token draws everyone.",
    ),
    "cls_self": Measure("CLS→CLS", "share of attention", True, "Attention of CLS to itself."),
    "cls_to_patches": Measure("CLS→patches", "share of attention", True, "Attention of CLS to all patches together."),
    "patches_to_cls": Measure(
        "Patches→CLS",
        "sum of attention",
        True,
        "Attention of the patches to CLS, summed over the patches: up to their number.",
    ),
    "patches_to_patches": Measure(
        "Patches→patches",
        "sum of attention",
        False,
        "Attention of the patches to patches, summed over the patches: up to their number.",
    ),
    "to_cls": Measure("To CLS", "share of attention", True, "Attention of the patches to CLS, mean over patches."),
    "to_other": Measure(
        "To other tokens",
        "share of attention",
        False,
        "Attention of the patches to registers and the like, mean over patches; 0 where there are none.",
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

_NO_CLS: Final = "this model has no CLS token"
_REGION_WORDS: Final = {"cc": "CLS→CLS", "cp": "CLS→patches", "pc": "patches→CLS", "pp": "patches→patches"}


def mode_label(mode: str) -> str:
    """The mode in words; for a subset without a name of its own, its regions one by one."""
    return MODES.get(mode) or ", ".join(_REGION_WORDS[region] for region in mode.split("+"))


def measure_reason(measure: Measure, *, cls: bool) -> str:
    """Why a model has no values for a measure of spread, or an empty string where it has."""
    return _NO_CLS if measure.needs_cls and not cls else ""


def unavailable_reason(metric: Metric, *, classifier: bool, cls: bool) -> str:
    """Why a model has no values for a metric, or an empty string where it has."""
    if metric.needs_classifier and not classifier:
        return "this model has no classifier, so there are no class probabilities to compare"
    if metric.needs_cls and not cls:
        return _NO_CLS
    return ""
