"""`wrap` where no adapter fits: the module as a model of the second engine, or why it is none of that either."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from torch import Tensor, nn

from vitscope.errors import InvalidArgument, NoAdapter, UnsupportedModel
from vitscope.models.adapters.adapting import require_values
from vitscope.models.adapters.unknown_vit import classifier_of
from vitscope.models.model import as_classifier
from vitscope.models.tapped import TappedModel
from vitscope.models.tapping import Transform, prove_tapped
from vitscope.quantities.readouts import n_answers, readout_of

_NO_LOGITS: Final = "its output is taken for pooled features: give classes=... where it is logits"


def tapped_model(
    why: NoAdapter,
    name: str,
    module: nn.Module,
    *,
    classes: Sequence[str] | None,
    transform: Transform | None,
    own_transform: Callable[[tuple[int, int, int]], Transform],
    classifier: nn.Module | Tensor | None,
    multi_label: bool,
    sha256: Callable[[], str],
) -> TappedModel:
    """See a module as a model of the second engine.

    Parameters
    ----------
    why: no adapter fits.
    own_transform: from the input size, where no transform is given.
    sha256: of the weights.

    Raises
    ------
    UnsupportedModel: neither engine takes it; both reasons.
    ParityError, ModelLoadError, InvalidArgument: as `wrap`.
    """
    require_values(module)
    try:
        seen = prove_tapped(module, name, transform)
    except UnsupportedModel as neither:
        raise UnsupportedModel(f"{why.message}; nor does it run by brute force: {neither.message}", why.hint) from why
    head: Any = None
    if classifier is not None:
        head, n_logits = as_classifier(classifier, seen.n_outputs)
    else:
        classifies = classes is not None or multi_label or classifier_of(module) is not None
        n_logits = seen.n_outputs if classifies else None
        if not classifies:
            seen = replace(seen, notes=(*seen.notes, _NO_LOGITS))
    n_classes = n_answers(n_logits)
    if classes is not None and n_classes != len(classes):
        raise InvalidArgument(
            f"cannot name the classes of {name}: it gives {n_classes} answers, got {len(classes)} names",
            "Give one name per logit, in order; of a single logit the names of label 0 and label 1.",
        )
    return TappedModel(
        id=name,
        seen=seen,
        classes=None if classes is None else tuple(classes),
        n_classes=n_classes,
        transform=transform or own_transform(seen.input_size),
        weights_sha256=sha256(),
        classifier=head,
        readout=readout_of(n_logits, multi_label),
        one_logit=n_logits == 1,
    )
