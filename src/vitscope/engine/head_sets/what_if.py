"""What if some heads were pruned together: images answered twice, intact and pruned, and how far they moved.

Knows nothing about: files, where the images come from, how the answers are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import nan
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from vitscope.arguments import Natural, checked
from vitscope.engine.forward import BATCH, require_finite
from vitscope.engine.importance.head_importance import targets
from vitscope.engine.pruning.mask_check import check_mask
from vitscope.engine.pruning.prune import Heads, check_fill, check_heads, features_from
from vitscope.engine.pruning.references import References, make_references
from vitscope.errors import InvalidArgument
from vitscope.measures.effects import answers, effect
from vitscope.models import Evaluation, Model
from vitscope.quantities import Readout, quantity
from vitscope.tokens import Fill

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Answer:
    """What the model says of images: the features that its classifier reads, and logits (None without one); on CPU.

    `readout`: what the logits mean.
    """

    features: Float[Tensor, "image feature"]
    logits: Float[Tensor, "image class"] | None
    readout: Readout = "classes"

    @property
    def probabilities(self) -> Float64[Tensor, "image answer"] | None:
        """Of each class or label; None without a classifier."""
        return None if self.logits is None else answers.probabilities(self.logits, self.readout)

    @property
    def prediction(self) -> Int[Tensor, " image"]:
        """Top class or label; -1 without a classifier, or where the answer is not finite."""
        if self.logits is None:
            return torch.full((len(self.features),), -1)
        return answers.predictions(self.logits, self.readout)

    @property
    def finite(self) -> Bool[Tensor, " image"]:
        """Whether there is an answer at all."""
        told = self.features if self.logits is None else torch.cat([self.features, self.logits], -1)
        return told.isfinite().all(-1)

    def of(self, images: Sequence[int] | slice) -> "Answer":
        """The answers to some of the images."""
        return replace(
            self, features=self.features[images], logits=None if self.logits is None else self.logits[images]
        )


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
    """Prune a set of heads together: each image's answer before and after, how far it moved, and a mask check.

    Parameters
    ----------
    heads: at least one, as for `prune`: {(layer, head): mode}, or (layer, head) pairs.
    labels: as for `head_importance`.
    fill, references, seed: what replaces a pruned head, see `prune`.

    Returns
    -------
    Dataset over image: `prob_drop`, `jsd` (bits), `flip`, `out_cos`, NaN where undefined, and the coordinates `target`,
    `target_source`; with a classifier also `probabilities` (image, state, class) and `prediction` (image, state; -1
    where half precision gives no finite answer), the states being `before` and `after`. The attributes hold the mask
    check on the first image, see `vitscope.engine.MaskCheck`. How accuracy changed, with its interval:
    `vitscope.analysis.statistics.paired.paired`.

    Raises
    ------
    InvalidArgument: no heads or images, or heads, labels or a fill that do not fit.
    NotFinite: an image or a reference whose activations are not finite.

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
        mask = check_mask(model, pixels[:1], chosen, fill, made, slice(0, 1))
    intact, pruned = (joined([pair[state] for pair in both]) for state in (0, 1))
    require_finite(model, pixels, bool(intact.finite.all()))
    target, source = targets(model, intact.logits, labels, len(pixels))
    found = effects(intact, pruned, torch.from_numpy(target))
    variables: dict[str, Any] = {
        name: ("image", values.numpy(), {"units": quantity(name).unit}) for name, values in found.items()
    }
    before, after = intact.probabilities, pruned.probabilities
    if before is not None and after is not None:
        variables["probabilities"] = (("image", "state", "class"), torch.stack([before, after], 1).numpy())
        variables["prediction"] = (("image", "state"), torch.stack([intact.prediction, pruned.prediction], 1).numpy())
    return xarray.Dataset(
        variables,
        coords={"state": ["before", "after"], "target": ("image", target), "target_source": ("image", source)},
        attrs={"fill": fill, **asdict(mask)},
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
    return Answer(features.cpu(), None if logits is None else logits.cpu(), model.readout)


def effects(intact: Answer, pruned: Answer, target: Int[Tensor, " image"]) -> dict[str, Float64[Tensor, " image"]]:
    """prob_drop, jsd, flip and out_cos of each image, NaN where undefined; value_drop and value_change of values."""
    turned = effect.cosine_distance(intact.features, pruned.features).double()
    if intact.logits is None or pruned.logits is None:
        nothing = torch.full((len(turned),), nan, dtype=torch.float64)
        found = {"prob_drop": nothing, "jsd": nothing, "flip": nothing, "out_cos": turned}
        if intact.readout != "values":
            return found
        return found | {
            "value_drop": effect.value_drop(intact.features, pruned.features),
            "value_change": effect.value_change(intact.features, pruned.features),
        }
    return {
        "prob_drop": effect.prob_drop(intact.logits, pruned.logits, target, intact.readout),
        "jsd": effect.jsd(intact.logits, pruned.logits, intact.readout),
        "flip": effect.flip(intact.logits, pruned.logits, intact.readout).double(),
        "out_cos": turned,
    }


def joined(parts: Sequence[Answer]) -> Answer:
    """Answers to several batches of images as one."""
    logits = [part.logits for part in parts if part.logits is not None]
    features = torch.cat([part.features for part in parts])
    return Answer(features, torch.cat(logits) if logits else None, parts[0].readout)
