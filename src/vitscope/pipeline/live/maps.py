"""Gradient-weighted maps of one image of a run, for any class and token, computed when they are asked for.

Knows nothing about: HTTP, runs. Not safe to call from several threads at once: `LiveModel` holds its lock.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from vitscope.engine.explaining import SCORES, LeGrad, padded
from vitscope.engine.gradients import Score, layer_gradients, target_classes
from vitscope.errors import InvalidArgument
from vitscope.measures import gradient_rollout, legrad, relevance
from vitscope.measures.maps.gradient_maps import first_of_last
from vitscope.measures.maps.rollout import Fusion
from vitscope.models import Model

Kind = Literal["gradient_rollout", "relevance", "legrad"]
_BYTES: Final = 256 * 2**20
"""Gradients of the images and classes looked at last are held up to this."""


class Rolling(NamedTuple):
    """Options of a rollout."""

    residual: float = 0.5
    fusion: Fusion = "mean"
    discard: float = 0.0


class LiveMaps:
    """The run's model asked about classes."""

    def __init__(self, model: Model, pixels: Callable[[int], Float[Tensor, "color row col"]]) -> None:
        """Take the model and a function that gives the pixels of an image's number."""
        self._model = model
        self._pixels = pixels
        self._held: OrderedDict[tuple[int, int, Score], tuple[Tensor, Tensor]] = OrderedDict()

    def class_map(
        self,
        image_row: int,
        kind: Kind,
        target: int,
        token: int,
        direction: str,
        *,
        start: int,
        rolling: Rolling,
        how: LeGrad,
    ) -> Float32[np.ndarray, "layer key"]:
        """The map after each layer: one token's row (`from`) or column (`to`); NaN before the first that takes part.

        `relevance` is shown without the 1 that every token starts with. `legrad` has no query: token and direction do
        not matter, and prefix tokens are NaN.

        Parameters
        ----------
        target: class, -1 = the model's own top class.
        start: first layer that takes part in `gradient_rollout` and `relevance`.
        rolling: options of `gradient_rollout`.
        how: options of `legrad`.

        Raises
        ------
        InvalidArgument: no classifier, or a class, layer or option that does not exist.
        """
        tokens, n_layers = self._model.tokens, self._model.n_layers
        if not 0 <= start < n_layers:
            raise InvalidArgument(f"cannot start at layer {start}: there are layers 0..{n_layers - 1}")
        if kind == "legrad":
            start = first_of_last(how.layers, n_layers)
        score = SCORES[how.reading] if kind == "legrad" else "output"
        attention, gradients = self._gradients(image_row, target, score)
        result = np.full((n_layers, tokens.n_tokens), np.nan, np.float32)
        for layer in range(start, n_layers):
            upto = (slice(None), slice(layer + 1))
            if kind == "legrad":
                part = gradients[:, start : layer + 1]
                result[layer, tokens.patches] = legrad(part, tokens, None)[0].flatten().numpy()
                continue
            if kind == "relevance":
                product = relevance(attention[upto], gradients[upto], start)[0] - torch.eye(tokens.n_tokens)
            else:
                product = gradient_rollout(
                    attention[upto], gradients[upto], tokens, rolling.residual, rolling.fusion, rolling.discard, start
                )[0]
            result[layer] = (product[token] if direction == "from" else product[:, token]).numpy()
        return result

    def _gradients(self, image_row: int, target: int, score: Score) -> tuple[Tensor, Tensor]:
        key = (image_row, target, score)
        if key not in self._held:
            pixels = self._pixels(image_row)[None]
            chosen = target_classes(self._model, pixels, None if target < 0 else [target])
            found = layer_gradients(self._model, pixels, chosen, score=score)
            attention = padded([layer.attention for layer in found]).float()
            gradient = padded([layer.gradient for layer in found]).float()
            self._held[key] = (attention, gradient)
            while len(self._held) > 1 and sum(a.nbytes + g.nbytes for a, g in self._held.values()) > _BYTES:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]
