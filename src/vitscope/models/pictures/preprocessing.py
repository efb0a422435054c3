"""From a decoded picture to the pixels a model reads, by the model's own configuration, and back to a picture.

Knows nothing about: files (see `images`), attention.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from vitscope.errors import InvalidArgument
from vitscope.load_options import NOTHING_SAID, LoadOptions
from vitscope.models.pictures.levels import in_eight_bits
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from timm.data import create_transform, resolve_model_data_config  # noqa: E402 - timm needs the line above
from timm.data.transforms import MaybeToTensor, ResizeKeepRatio  # noqa: E402 - same
from torchvision.transforms import CenterCrop, Normalize, Resize, ToTensor  # noqa: E402 - same

Transform = Callable[[Image.Image], Tensor]
_MODES: Final = {1: "L", 3: "RGB"}
"""Pillow's mode by the number of a model's input channels."""
_ON_FLOATS: Final = (Resize, ResizeKeepRatio, CenterCrop)
_TO_TENSOR: Final = (ToTensor, MaybeToTensor)


def own_transform(
    module: nn.Module, input_size: tuple[int, int, int], options: LoadOptions = NOTHING_SAID
) -> Transform:
    """Timm's evaluation transform for a module's own configuration (resize, crop, normalise) at an input size.

    Raises
    ------
    InvalidArgument: a mean or std is said, for another number of channels.
    """
    said = options.normalisation(input_size[0])
    if input_size[0] not in _MODES and said.keys() != {"mean", "std"}:
        return _NoPictures(input_size[0])
    config: dict[str, Any] = resolve_model_data_config(module) | {"input_size": input_size} | said
    if options.interpolation is not None:
        config["interpolation"] = options.interpolation
    for key in ("mean", "std"):
        if len(config[key]) != input_size[0]:  # grey input beside timm's RGB defaults
            config[key] = (sum(config[key]) / len(config[key]),) * input_size[0]
    return cast(Transform, create_transform(**config, is_training=False))  # one callable unless asked to separate


class _NoPictures:
    """Stands for a transform where the model's own configuration has none: pictures have 1 or 3 channels."""

    def __init__(self, channels: int) -> None:
        self.channels = channels

    def __repr__(self) -> str:
        return "none"

    def __call__(self, image: Image.Image) -> Tensor:
        raise InvalidArgument(
            f"cannot feed pictures to a model with {self.channels} input channels: its own preprocessing is for 1 or 3",
            "Give --mean and --std, one number a channel (Python: mean=, std=; for a module at hand "
            "vitscope.wrap(module, transform=...)).",
        )


def to_pixels(image: Image.Image, transform: Transform, channels: int) -> Float[Tensor, "color row col"]:
    """The pixels of a picture (RGB, or floats in 0..255 of mode F) by a transform.

    The levels of floats are kept through resize and crop where every step of the transform is known to work on them;
    else, and for a transform of the user's, they are rounded to 8 bits first. A transform for other than 1 or 3
    channels gets RGB.
    """
    if image.mode == "F":
        steps = getattr(transform, "transforms", ())
        if channels in _MODES and steps and all(type(step) in (*_ON_FLOATS, *_TO_TENSOR, Normalize) for step in steps):
            return _with_levels(image, steps, channels)
        image = in_eight_bits(image)
    return transform(image.convert(_MODES.get(channels, "RGB")))


def _with_levels(image: Image.Image, steps: Sequence[Any], channels: int) -> Float[Tensor, "color row col"]:
    """The steps of a transform on a picture of floats; like 8 bits, they cannot leave 0..255 by a resize."""
    pixels: Any = image
    for step in steps:
        if type(step) in _TO_TENSOR:
            grey = torch.from_numpy(np.array(pixels, dtype=np.float32) / 255).clamp(0, 1)
            pixels = grey.expand(channels, -1, -1).clone()
        else:
            pixels = step(pixels)
    return pixels


def to_picture(pixels: Float[Tensor, "color row col"], transform: Any) -> Image.Image:
    """Undo the transform's normalisation; a transform without a known one is stretched to the full range.

    Pixels of other than 1 or 3 channels are no colours: their mean is shown, in grey.
    """
    pixels = pixels.detach().float().cpu()
    if len(pixels) not in _MODES:
        pixels, transform = pixels.mean(0, keepdim=True), None
    steps = (transform, *getattr(transform, "transforms", ()))
    normalise = next((t for t in steps if getattr(t, "mean", None) is not None and hasattr(t, "std")), None)
    if normalise is None:
        low, high = pixels.min(), pixels.max()
        pixels = (pixels - low) / (high - low).clamp_min(1e-12)
    else:
        mean, std = (torch.as_tensor(v, dtype=torch.float32).view(-1, 1, 1) for v in (normalise.mean, normalise.std))
        pixels = pixels * std + mean
    rows = (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(rows[..., 0] if rows.shape[-1] == 1 else rows)
