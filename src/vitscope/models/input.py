"""The way into a model, whichever engine runs it: from a picture to pixels in the model's place and type.

Knows nothing about: attention, what the model answers.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from vitscope.errors import InvalidArgument
from vitscope.models.pictures import preprocessing
from vitscope.models.pictures.arrays import AnyPicture


class TakesPictures(ABC):
    """What every kind of model says of its input."""

    id: str
    transform: Callable[[Image.Image], Float[Tensor, "color row col"]]

    @property
    @abstractmethod
    def module(self) -> nn.Module:
        """The user's own module, untouched."""

    @property
    @abstractmethod
    def input_size(self) -> tuple[int, int, int]:
        """(channels, height, width) of the pixels."""

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.module.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the parameters."""
        return next(self.module.parameters()).dtype

    @property
    def transform_text(self) -> str:
        """The preprocessing in words, on one line."""
        return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(self.transform).split()))  # the same in every process

    def preprocess(self, image: AnyPicture) -> Float[Tensor, "color row col"]:
        """Turn a decoded picture into the pixels this model reads."""
        pixels = preprocessing.to_pixels(image, self.transform, self.input_size)
        if not isinstance(pixels, Tensor) or pixels.ndim != 3 or not pixels.is_floating_point():
            raise InvalidArgument(
                f"cannot use the transform of {self.id}: it gives {kind_of(pixels)}, expected floating-point pixels "
                "[color, row, col]",
                "It ends with ToTensor and Normalize, or the like.",
            )
        return pixels

    def to_picture(self, pixels: Float[Tensor, "color row col"]) -> Image.Image:
        """Show pixels as the model gets them, normalisation undone."""
        return preprocessing.to_picture(pixels, self.transform)

    def place(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image color row col"]:
        """Move pixels to the model's device and type. Raises InvalidArgument where shape or type does not fit."""
        fits = isinstance(pixels, Tensor) and pixels.is_floating_point()  # integers were never normalised
        if not fits or pixels.ndim != 4 or tuple(pixels.shape[1:]) != self.input_size:
            raise InvalidArgument(
                f"cannot run {self.id}: expected pixels [image, {', '.join(map(str, self.input_size))}]"
                f"{'' if fits else ' as a floating-point tensor'}, got {kind_of(pixels)}",
                "Use model.preprocess(image) for each picture and torch.stack, or model.at_size(height, width).",
            )
        return pixels.to(self.device, self.dtype)


def kind_of(pixels: Any) -> str:
    """What was given, in a few words: the shape of a tensor, the class of anything else."""
    if not isinstance(pixels, Tensor):
        return f"a {type(pixels).__name__}"
    return str(list(pixels.shape)) + ("" if pixels.is_floating_point() else f" of {pixels.dtype}")
