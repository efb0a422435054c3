"""Head importance as the Python API gives it: the exact sweep over images at hand, as a labelled dataset."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import Natural, checked
from vitscope.engine.forward import BATCH, features_and_logits
from vitscope.engine.importance.brute_force import brute_force, told_absent
from vitscope.engine.importance.depth import DepthSums
from vitscope.engine.importance.schedule import plan_micro_batch
from vitscope.engine.importance.sweep import sweep
from vitscope.engine.pruning.prune import check_fill
from vitscope.engine.pruning.references import make_references
from vitscope.errors import InvalidArgument
from vitscope.measures.effects.answers import predictions
from vitscope.models import AnyModel, TappedModel
from vitscope.models.tapped import NAME
from vitscope.quantities import quantity
from vitscope.quantities.readouts import told
from vitscope.tokens import HEAD, Fill, canonical_modes

if TYPE_CHECKING:
    import xarray


@checked
def head_importance(
    model: AnyModel,
    pixels: Float[Tensor, "image color row col"],
    labels: Sequence[int] | None = None,
    modes: str | Sequence[str] = (HEAD,),
    fill: Fill = "zero",
    references: Float[Tensor, "reference color row col"] | None = None,
    seed: Natural = 0,
) -> "xarray.Dataset":
    """How much each head matters to each image: prune it, alone, and compare.

    Parameters
    ----------
    labels: class per image, -1 = none (its effects then follow the intact model's own top class); None = none at all.
    modes: `head`, and any regions of cc, cp, pc, pp joined by + (see `vitscope.tokens`); `all`, or names joined by
        commas, as `analyze` takes them.
    fill, references, seed: what replaces a pruned head, see `prune`.

    Returns
    -------
    Dataset over (image, mode, layer, head) with prob_drop, logit_drop, jsd (bits), flip, out_cos, cls_cos, patch_cos;
    NaN where undefined, and where half precision gives no finite numbers with the head pruned. `cls_cos_at` and
    `patch_cos_at` over (mode, layer, head, observed), means over the images: the same distances after the pruned layer
    and after each later one; NaN before it, and after the last block for tokens that the classifier does not read.
    Of a `TappedModel` what needs tokens between layers is absent; the attribute `absent` says why.
    Coordinates `target` and `target_source` (`label`, `prediction`, or `none` without a classifier) per image.

    Raises InvalidArgument for labels, modes or fills that do not fit the model; NotFinite for an image or a reference
    whose activations are not finite.

    Source: after Li et al. 2023; formulas in docs/definitions.md.
    """
    import xarray

    modes = canonical_modes(modes, model.tokens)
    if not modes or len(set(modes)) != len(modes):
        raise InvalidArgument(
            f"cannot compute importance: expected at least one mode and each once, got {modes}",
            "Leave modes out for whole heads, or give some of `vitscope.tokens.available_modes(model.tokens)`.",
        )
    check_fill(fill, modes)
    _, logits = features_and_logits(model, pixels)
    target, source = targets(model, logits, labels, len(pixels))
    batch = BATCH if isinstance(model, TappedModel) else plan_micro_batch(model)
    made = make_references(model, pixels, references, fill=fill, seed=seed, batch=batch)
    attributes: dict[str, Any] = {"fill": fill, "method": "exact"}
    means: dict[str, np.ndarray] = {}
    if isinstance(model, TappedModel):
        effects = brute_force(model, pixels, target, modes=modes, fill=fill, references=made)
        attributes |= {"method": f"exact ({NAME})", "absent": told_absent(model)}
    else:
        depth = DepthSums(model, len(modes))
        effects = sweep(model, pixels, target, modes=modes, fill=fill, references=made, micro_batch=batch, depth=depth)
        means = depth.means()
    dims, at = ("image", "mode", "layer", "head"), ("mode", "layer", "head", "observed")
    if logits is None:
        undefined = ", ".join(name for name, values in effects.items() if np.isnan(values).all())
        attributes["undefined"] = f"{undefined}: {told(model.readout, None, read_by=model.read_by)}"
    return xarray.Dataset(
        {name: xarray.Variable(dims, values, {"units": quantity(name).unit}) for name, values in effects.items()}
        | {
            name: xarray.Variable(at, values, {"units": "cosine distance", "n": len(pixels)})
            for name, values in means.items()
        },
        coords={"mode": list(modes), "target": ("image", target), "target_source": ("image", source)},
        attrs=attributes,
    )


def targets(
    model: AnyModel, logits: Float[Tensor, "image class"] | None, labels: Sequence[int] | None, n_images: int
) -> tuple[np.ndarray, np.ndarray]:
    """The class whose probability is followed, per image, and where it comes from.

    Raises InvalidArgument for a number of labels other than the images', or a label outside the classes.
    """
    if logits is None:
        return np.full(n_images, -1, np.int64), np.full(n_images, "none", dtype="<U10")
    n_classes = model.n_classes or 0
    given = np.full(n_images, -1) if labels is None else np.asarray(labels, dtype=None if len(labels) else np.int64)
    whole = given.dtype.kind in "iu"
    if given.shape != (n_images,) or not whole or ((given < -1) | (given >= n_classes)).any():
        got = f"{given.min()} to {given.max()}" if whole and given.size else str(given.dtype)
        raise InvalidArgument(
            f"cannot use these labels: expected {n_images} classes of 0..{n_classes - 1} (-1 = none), "
            f"got shape {list(given.shape)}, {got}",
            "Give one whole number per image, in the order of the model's logits (of a single logit: 0 or 1).",
        )
    predicted = predictions(logits, model.readout).cpu().numpy()
    return np.where(given >= 0, given, predicted), np.where(given >= 0, "label", "prediction")
