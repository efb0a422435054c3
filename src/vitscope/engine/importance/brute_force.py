"""The effect of pruning every head of a tapped model: one forward of its own code for each head, mode and batch.

The answers are those of `sweep`; the work is not shared between heads, since the model's layers are not known. For the
same reason there are no effects on tokens between layers.
Knows nothing about: files, images, statistics over images.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.engine.forward import BATCH
from vitscope.engine.importance.sweep import Effects, answer_effects
from vitscope.engine.pruning.prune import pruning
from vitscope.engine.pruning.references import References
from vitscope.measures.effects import effect
from vitscope.models import Evaluation, TappedModel
from vitscope.models.tapped import Answer
from vitscope.quantities import metrics_of, of_kind
from vitscope.tokens import Fill

NO_TOKENS: Final = "the second engine sees no tokens between layers"
NO_FEATURES: Final = "the model's pooled features cannot be seen"


def absent(model: TappedModel) -> dict[str, str]:
    """Metrics that `brute_force` does not give of a model, with the reason."""
    of_layer = (row.name for kind in ("metric", "depth") for row in of_kind(kind) if row.family == "layer")
    lacking: dict[str, str] = dict.fromkeys(of_layer, NO_TOKENS)
    seen = model.n_logits is None or model.classifier is not None or model.seen.ending is not None
    return lacking if seen else lacking | {"out_cos": NO_FEATURES}


def told_absent(model: TappedModel) -> str:
    """The same in one sentence."""
    reasons: dict[str, list[str]] = {}
    for name, reason in absent(model).items():
        reasons.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(metrics)}: {reason}" for reason, metrics in reasons.items())


def brute_force(
    model: TappedModel,
    pixels: Float[Tensor, "image color row col"],
    targets: Int[np.ndarray, " image"],
    *,
    modes: Sequence[str],
    fill: Fill,
    references: References | None,
) -> Effects:
    """Effects on the model's answer, as `sweep` gives them; metrics that are `absent` are left out."""
    shape = (len(pixels), len(modes), model.n_layers, max(model.n_heads))
    results: Effects = {
        name: np.full(shape, np.nan, np.float32) for name in metrics_of(model.readout) if name not in absent(model)
    }
    with Evaluation(model.module):
        for start in range(0, len(pixels), BATCH):
            images = slice(start, min(start + BATCH, len(pixels)))
            x = model.place(pixels[images])
            target = torch.from_numpy(np.ascontiguousarray(targets[images])).to(model.device)
            replacements = None if references is None else list(references.by_layer(model, images))
            intact = model.run(x)
            for layer, n_heads in enumerate(model.n_heads):
                for head, (place, mode) in ((head, pair) for head in range(n_heads) for pair in enumerate(modes)):
                    pruned = model.run(x, pruning(model.tokens, {(layer, head): mode}, fill, replacements))
                    for metric, values in _effects(model, intact, pruned, target).items():
                        results[metric][images, place, layer, head] = _finite(values)
    return results


def _effects(model: TappedModel, intact: Answer, pruned: Answer, target: Tensor) -> dict[str, Float[Tensor, " image"]]:
    effects: dict[str, Tensor] = {}
    if intact.features is not None and pruned.features is not None:
        effects["out_cos"] = effect.cosine_distance(intact.features, pruned.features)
    if intact.logits is None or pruned.logits is None:
        return effects
    return effects | answer_effects(intact.logits, pruned.logits, target, model.readout)


def _finite(values: Float[Tensor, " image"]) -> Float[np.ndarray, " image"]:
    """NaN where half precision gives no finite number."""
    return torch.where(values.isfinite(), values, torch.nan).float().cpu().numpy()
