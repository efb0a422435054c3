"""One pass over images for what can be compared across input sizes: answer, distances, entropy, where CLS attends.

Knows nothing about: sizes, files.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.engine.finite import Watch
from vitscope.measures import entropy, mean_distance
from vitscope.measures.effects.answers import probabilities
from vitscope.models import Evaluation, Model
from vitscope.models.block import attention_weights, finish, head_outputs

_WEIGHTS = 2**25
"""Attention weights of one layer that are held at once."""


@dataclass(frozen=True)
class Look:
    """What some images do to a model; NaN where a layer has fewer heads."""

    logits: Float[np.ndarray, "image class"] | None
    """float64; None without a classifier."""
    distance: Float[np.ndarray, "image layer head"]
    """`measures.mean_distance`, pixels of the input."""
    distance_no_sinks: Float[np.ndarray, "image layer head"]
    """The same without sink keys: the one that compares across sizes."""
    entropy: Float[np.ndarray, "image layer head"]
    """`measures.entropy`, mean over queries, nats."""
    cls_rows: Float[np.ndarray, "image layer head patch"] | None
    """CLS -> patches in half precision; None without a CLS token."""
    problems: dict[int, str]
    """Images that are not finite, by their place, with the reason."""

    def of(self, images: Sequence[int]) -> "Look":
        """Some of the images, which have no problems."""
        places = list(images)
        logits, rows = (None if one is None else one[places] for one in (self.logits, self.cls_rows))
        measured = (self.distance[places], self.distance_no_sinks[places], self.entropy[places])
        return Look(logits, *measured, rows, {})


def images_at_once(model: Model) -> int:
    """Images whose attention of one layer fits the budget, at most 16."""
    return max(1, min(16, _WEIGHTS // (max(1, *model.n_heads) * model.tokens.n_tokens**2)))


def look(model: Model, pixels: Float[Tensor, "image color row col"]) -> Look:
    """Run a batch with explicit attention and reduce it on the way; the batch runs as one."""
    tokens, heads = model.tokens, (len(pixels), model.n_layers, max(model.n_heads))
    distances, reaches, entropies = (np.full(heads, np.nan, np.float32) for _ in range(3))
    rows = None if tokens.cls is None else np.full((*heads, tokens.n_patches), np.nan, np.float16)
    watch = Watch()
    with Evaluation(model.module):
        x = model.place(pixels)
        watch.see("in its pixels after preprocessing", x)
        x = model.embed(x)
        for layer, block in enumerate(model.blocks):
            projections = block.attend(x)
            weights = attention_weights(projections)
            watch.see_attention(layer, weights)
            shown = weights if bool(weights[..., 0].isfinite().all()) else weights.nan_to_num(1 / tokens.n_tokens)
            here = (slice(None), layer, slice(weights.shape[1]))
            distances[here] = _array(mean_distance(shown, tokens))
            reaches[here] = _array(mean_distance(shown, tokens, variant="no-sinks"))
            entropies[here] = _array(entropy(shown).mean(-1))
            if rows is not None:
                rows[here] = _array(weights[:, :, tokens.cls, tokens.patches])
            x = finish(block, x, head_outputs(weights, projections.v))
            watch.see(f"after layer {layer}", x)
        features = model.pool(x[:, model.architecture.reads])
        watch.see("in what the classifier reads", features)
        logits = model.logits(features)
        if logits is not None:
            watch.see("in its logits", logits)
    found = None if logits is None else logits.double().cpu().numpy()
    return Look(found, distances, reaches, entropies, rows, watch.problems())


def most_probable(model: Model, logits: Float[Tensor, " logit"], number: int) -> tuple[tuple[int, float], ...]:
    """The (class, probability) of one image's most probable classes or labels, best first."""
    best = probabilities(logits, model.readout).sort(descending=True, stable=True)
    return tuple(zip(best.indices[:number].tolist(), best.values[:number].tolist(), strict=True))


def _array(values: Tensor) -> np.ndarray:
    return values.to(torch.float32).cpu().numpy()
