"""One image at another input size, computed when it is asked for.

Knows nothing about: HTTP, runs. Not safe to call from several threads at once: `LiveModel` holds its lock.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from jaxtyping import Float16

from vitscope.engine import attention, features_and_logits
from vitscope.errors import InvalidArgument
from vitscope.measures import entropy, image_diagonal, mean_distance
from vitscope.measures.effects.answers import probabilities
from vitscope.models import Model
from vitscope.models.pictures.arrays import AnyPicture
from vitscope.pipeline.studies.sizing import Size, at_size, check_sizes, interpolated, pixels_at
from vitscope.results import SizeLook
from vitscope.tokens import TokenLayout

_MODELS: Final = 3
"""Sized copies of the model that are held."""
_BYTES: Final = 256 * 2**20
"""Attention of the images and sizes looked at last is held up to this."""
MOST_WEIGHTS: Final = 2**28
"""Attention weights of one image; no size with more is computed for a page that waits."""


class LiveSizes:
    """The run's model at any size; the last few copies and answers are held."""

    def __init__(self, model: Model, picture: Callable[[int], AnyPicture]) -> None:
        """Take the model and a function that gives the picture of an image's number."""
        self._model = model
        self._picture = picture
        self._sized: OrderedDict[Size, Model] = OrderedDict()
        self._held: OrderedDict[tuple[int, Size], SizeLook] = OrderedDict()

    def look(self, image_row: int, size: Size) -> SizeLook:
        """One image at one size.

        Raises
        ------
        NotFinite: its activations are not finite at this size.
        InvalidArgument, UnsupportedModel: a size that the model cannot have, or one too large to wait for.
        """
        key = (image_row, size)
        if key not in self._held:
            self._held[key] = self._computed(image_row, size)
            while len(self._held) > 1 and sum(held.matrices.nbytes for held in self._held.values()) > _BYTES:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]

    def rows(self, image_row: int, size: Size, token: int) -> Float16[np.ndarray, "layer head patch"]:
        """What a token attends to; a patch of the run's own grid stands for the one at its place in this grid."""
        found = self.look(image_row, size)
        place = same_place(token, self._model.tokens, found.tokens)
        return found.matrices[:, :, place, found.tokens.patches]

    def _computed(self, image_row: int, size: Size) -> SizeLook:
        check_sizes(self._model, [size])
        down, across = self._model.tokens.patch
        n_tokens = self._model.tokens.n_prefix + (size[0] // down) * (size[1] // across)
        if sum(self._model.n_heads) * n_tokens**2 > MOST_WEIGHTS:
            raise InvalidArgument(
                f"cannot show {self._model.id} at {size[0]} x {size[1]} pixels on demand: its attention would have "
                f"{sum(self._model.n_heads) * n_tokens**2 / 1e6:.0f} million weights",
                "`vitscope resolution` does it in steps.",
            )
        sized = self._at_size(size)
        pixels = pixels_at(sized, self._picture(image_row))[None]
        _, logits = features_and_logits(sized, pixels)
        matrices = attention(sized, pixels)[0]
        known = ~matrices[..., 0, 0].isnan()
        distances, entropies = (torch.full(known.shape, torch.nan, dtype=matrices.dtype) for _ in range(2))
        distances[known] = mean_distance(matrices[known], sized.tokens, variant="no-sinks")
        entropies[known] = entropy(matrices[known]).mean(-1)
        return SizeLook(
            tokens=sized.tokens,
            diagonal=image_diagonal(sized.tokens),
            interpolated=interpolated(self._model, sized),
            probabilities=None if logits is None else probabilities(logits[0], sized.readout).cpu().numpy(),
            distance=distances.numpy(),
            entropy=entropies.numpy(),
            matrices=matrices.numpy().astype(np.float16),
        )

    def _at_size(self, size: Size) -> Model:
        if size not in self._sized:
            self._sized[size] = at_size(self._model, size)
            while len(self._sized) > _MODELS:
                self._sized.popitem(last=False)
        self._sized.move_to_end(size)
        return self._sized[size]


def same_place(token: int, layout: TokenLayout, other: TokenLayout) -> int:
    """The token of another grid that covers the middle of this one's patch; prefix tokens stay themselves."""
    if token < layout.n_prefix:
        return token
    row, col = divmod(token - layout.n_prefix, layout.cols)
    row, col = int((row + 0.5) / layout.rows * other.rows), int((col + 0.5) / layout.cols * other.cols)
    return other.n_prefix + row * other.cols + col
