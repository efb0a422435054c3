"""What if some heads were pruned together: images answered twice, intact and pruned, and how far they moved.

Knows nothing about: files, where the images come from, how the answers are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from vitscope.arguments import Natural, checked
from vitscope.engine.forward import BATCH
from vitscope.engine.importance import targets
from vitscope.engine.prune import Heads, check_fill, check_heads, features_from
from vitscope.engine.receipt import mask_receipt
from vitscope.engine.references import References, make_references
from vitscope.errors import InvalidArgument
from vitscope.measures import effect
from vitscope.models import Evaluation, Model
from vitscope.tokens import METRIC_UNITS, Fill

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Answer:
    """What the model says of images: the features that its classifier reads, and logits (None without one); on CPU."""

    features: Float[Tensor, "image feature"]
    logits: Float[Tensor, "image class"] | None


@checked
def what_if(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    heads: Heads,
    labels: Sequence[int] | None = None,
    *,
    fill: Fill = "zero",
    references: Float[Tensor, "reference color row col"] | None = None,
    seed: Natural = 0,
) -> "xarray.Dataset":
    """Prune a set of heads together: each image's answer before and after, how far it moved, and a receipt.

    Parameters
    ----------
    heads: at least one, as for `prune`: {(layer, head): mode}, or (layer, head) pairs.
    labels: as for `head_importance`.
    fill, references, seed: what replaces a pruned head, see `prune`.

    Returns
    -------
    Dataset over image: `prob_drop`, `jsd` (bits), `flip`, `out_cos`, NaN where undefined, and the coordinates `target`,
    `target_source`; with a classifier also `probabilities` (image, state, class) and `prediction` (image, state), the
    states being `before` and `after`. The attributes hold the receipt of the mask on the first image, see
    `vitscope.engine.Receipt`. How accuracy changed, with its interval: `vitscope.report.paired.paired`.

    Raises
    ------
    InvalidArgument: no heads or images, or heads, labels or a fill that do not fit.

    Example
    -------
    >>> found = what_if(model, pixels, {(0, 1): "head"})
    >>> found.attrs["masked"]
    0.0
    """
    import xarray

    chosen = require_heads(model, heads, fill)
    if not len(pixels):
        raise InvalidArgument("cannot ask what if of no images: expected at least one")
    with Evaluation(model.module):
        made = make_references(model, pixels, references, fill=fill, seed=seed, batch=BATCH)
        batches = [slice(start, min(start + BATCH, len(pixels))) for start in range(0, len(pixels), BATCH)]
        both = [compare(model, pixels[images], chosen, fill, made, images) for images in batches]
        receipt = mask_receipt(model, pixels[:1], chosen, fill, made, slice(0, 1))
    intact, pruned = (_joined([pair[state] for pair in both]) for state in (0, 1))
    target, source = targets(model, intact.logits, labels, len(pixels))
    found = effects(intact, pruned, torch.from_numpy(target))
    variables: dict[str, Any] = {
        name: ("image", values.numpy(), {"units": METRIC_UNITS[name]}) for name, values in found.items()
    }
    if intact.logits is not None and pruned.logits is not None:
        logits = torch.stack([intact.logits, pruned.logits], 1)
        variables["probabilities"] = (("image", "state", "class"), logits.double().softmax(-1).numpy())
        variables["prediction"] = (("image", "state"), logits.argmax(-1).numpy())
    return xarray.Dataset(
        variables,
        coords={"state": ["before", "after"], "target": ("image", target), "target_source": ("image", source)},
        attrs={"fill": fill, **asdict(receipt)},
    )


def require_heads(model: Model, heads: Heads, fill: str) -> dict[tuple[int, int], str]:
    """Canonical modes of a set of heads that is not empty and that the fill can replace. Raises InvalidArgument."""
    chosen = check_heads(model, heads)
    if not chosen:
        raise InvalidArgument(
            "cannot ask what if nothing is pruned: expected at least one head, got none",
            "Give {(layer, head): mode}, e.g. {(2, 0): 'head'}.",
        )
    check_fill(fill, list(chosen.values()))
    return chosen


def compare(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    heads: Mapping[tuple[int, int], str],
    fill: Fill,
    references: References | None,
    images: slice,
    intact: Answer | None = None,
) -> tuple[Answer, Answer]:
    """Answers intact and pruned; the layers before the first pruned one run once. Use inside `Evaluation`.

    Parameters
    ----------
    images: where these are among those that the references are for.
    intact: what the intact model answers, where it is known: it is not computed again.
    """
    first = min(layer for layer, _ in heads)
    replacements = None if references is None else references.by_layer(model, images)
    x = model.embed(model.place(pixels))
    for block in model.blocks[:first]:
        x = block(x)
        if replacements is not None:
            next(replacements)
    pruned = answer(model, features_from(model, first, x, heads, fill, replacements))
    return intact or answer(model, features_from(model, first, x, {}, "zero", None)), pruned


def answer(model: Model, features: Float[Tensor, "image feature"]) -> Answer:
    """What the model says, from what its classifier reads."""
    logits = model.logits(features)
    return Answer(features.cpu(), None if logits is None else logits.cpu())


def effects(intact: Answer, pruned: Answer, target: Int[Tensor, " image"]) -> dict[str, Float64[Tensor, " image"]]:
    """prob_drop, jsd, flip and out_cos of each image; NaN where undefined."""
    turned = effect.cosine_distance(intact.features, pruned.features).double()
    if intact.logits is None or pruned.logits is None:
        nothing = torch.full((len(turned),), nan, dtype=torch.float64)
        return {"prob_drop": nothing, "jsd": nothing, "flip": nothing, "out_cos": turned}
    return {
        "prob_drop": effect.prob_drop(intact.logits, pruned.logits, target),
        "jsd": effect.jsd(intact.logits, pruned.logits),
        "flip": effect.flip(intact.logits, pruned.logits).double(),
        "out_cos": turned,
    }


def _joined(answers: Sequence[Answer]) -> Answer:
    logits = [answer.logits for answer in answers if answer.logits is not None]
    return Answer(torch.cat([answer.features for answer in answers]), torch.cat(logits) if logits else None)
