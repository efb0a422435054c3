"""The same model and the same picture at another input size.

Knows nothing about: what is computed at the sizes.
"""

import re
from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from vitscope.arguments import entries_of, whole
from vitscope.errors import InvalidArgument
from vitscope.models import Model
from vitscope.models.pictures.arrays import AnyPicture

Size = tuple[int, int]
"""(height, width) in pixels."""
LIMIT: Final = 4096
"""Longest side that is tried."""
PREPROCESSING: Final = {
    True: "the model's own at each size: resize and crop scaled with it, so that the same part of the photo is seen",
    False: "the model's own at its own size, then resized (bicubic, antialiased): its transform fits that size only",
}


def parse_sizes(text: str) -> list[Size]:
    """Sizes as a user writes them: `96,128,224x160` (height x width; one number is a square).

    Raises
    ------
    InvalidArgument: one that cannot be read so, or none.
    """
    sizes: list[Size] = []
    for word in filter(None, (word.strip().lower() for word in text.split(","))):
        match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", word)
        if match is None:
            raise InvalidArgument(
                f"cannot read the size {word!r}: expected pixels such as 224 or 224x160 (height x width)",
                "Name several with commas: --sizes 96,160,224.",
            )
        height = int(match[1])
        sizes.append((height, height if match[2] is None else int(match[2])))
    return sizes


def _size(size: Size | int) -> Size:
    """(height, width); one number is a square."""
    if isinstance(size, list | tuple) and len(size) == 2:
        return whole(size[0], "height of a size"), whole(size[1], "width of a size")
    side = whole(size, "size")
    return side, side


def check_sizes(model: Model, sizes: Sequence[Size | int]) -> list[Size]:
    """The sizes, smallest first, each once.

    Raises
    ------
    InvalidArgument: none, one that is no multiple of the patch, or one beyond all reason.
    """
    down, across = model.tokens.patch
    given = entries_of(sizes)
    if given is None:
        raise InvalidArgument(f"cannot compare sizes: expected a list, got {sizes!r}", "Such as [96, (224, 160)].")
    sizes = [_size(size) for size in given]
    if not sizes:
        raise InvalidArgument("cannot compare sizes: none is named", "Example: --sizes 96,160,224.")
    wrong = [size for size in sizes if size[0] < down or size[1] < across or size[0] % down or size[1] % across]
    if wrong:
        height, width = wrong[0]
        raise InvalidArgument(
            f"cannot run {model.id} at {height} x {width} pixels: its patches are {down} x {across}",
            f"Give multiples of the patch, such as {_near(height, down)} x {_near(width, across)}.",
        )
    large = [size for size in sizes if max(size) > LIMIT]
    if large:
        raise InvalidArgument(f"cannot run {model.id} at {large[0][0]} x {large[0][1]} pixels: the limit is {LIMIT}")
    return sorted(set(sizes), key=lambda size: (size[0] * size[1], size))


def _near(side: int, patch: int) -> int:
    return max(1, round(side / patch)) * patch


def at_size(model: Model, size: Size) -> Model:
    """The model at a size; itself where it has that size already."""
    return model if tuple(model.input_size[1:]) == tuple(size) else model.at_size(*size)


def interpolated(model: Model, sized: Model) -> bool:
    """Whether learned positions (absolute, or tables of relative ones) had to be interpolated: parameters changed."""
    if sized is model:
        return False
    before, after = dict(model.module.named_parameters()), dict(sized.module.named_parameters())
    return any(
        name not in before or before[name].shape != value.shape or not torch.equal(before[name], value)
        for name, value in after.items()
    )


def fits_any_size(model: Model, sized: Model, image: AnyPicture) -> bool:
    """Whether preprocessing follows the size by itself (see `PREPROCESSING`)."""
    return sized is model or tuple(sized.preprocess(image).shape) == sized.input_size


def pixels_at(sized: Model, image: AnyPicture) -> Float[Tensor, "color row col"]:
    """The pixels of a picture for a model at a size."""
    pixels = sized.preprocess(image)
    if tuple(pixels.shape) == sized.input_size:
        return pixels
    resized = F.interpolate(pixels[None], sized.input_size[1:], mode="bicubic", antialias=True, align_corners=False)
    return resized[0]
