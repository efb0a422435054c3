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

from vitscope.errors import ImageUnreadable, InvalidArgument
from vitscope.load_options import NOTHING_SAID, LoadOptions
from vitscope.models.pictures.arrays import AnyPicture, Bands, Ready
from vitscope.models.pictures.levels import in_eight_bits
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from timm.data import create_transform, resolve_model_data_config  # noqa: E402 - timm needs the line above
from timm.data.transforms import MaybeToTensor, ResizeKeepRatio  # noqa: E402 - same
from torchvision.transforms import CenterCrop, Normalize, Resize, ToTensor  # noqa: E402 - same

Transform = Callable[[Image.Image], Tensor]
Size = tuple[int, int, int]
"""(channels, height, width)."""
_MODES: Final = {1: "L", 3: "RGB"}
"""Pillow's mode by the number of a model's input channels."""
_ON_FLOATS: Final = (Resize, ResizeKeepRatio, CenterCrop)
_TO_TENSOR: Final = (ToTensor, MaybeToTensor)


def own_transform(module: nn.Module, input_size: Size, options: LoadOptions = NOTHING_SAID) -> Transform:
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


def to_pixels(image: AnyPicture, transform: Transform, input_size: Size) -> Float[Tensor, "color row col"]:
    """The pixels of a picture (RGB, floats in 0..255 of mode F, or bands) by a transform; of `Ready` ones their own.

    The levels of floats are kept through resize and crop where every step of the transform is known to work on them;
    else, and for a transform of the user's, they are rounded to 8 bits first. A transform of the user's for other than
    1 or 3 channels gets RGB, or the array of bands [row, col, channel] where there is no such picture.

    Raises
    ------
    ImageUnreadable: a picture of other channels than a transform for bands takes, or pixels that are not ready.
    """
    channels = input_size[0]
    if isinstance(image, Ready):
        return _ready(image.pixels, transform, input_size)
    steps = getattr(transform, "transforms", ())
    known = bool(steps) and all(type(step) in (*_ON_FLOATS, *_TO_TENSOR, Normalize) for step in steps)
    if isinstance(image, Bands):
        if known:
            return _of_bands(image.values, steps)
        return transform(image.values if image.shown is None else image.shown)  # type: ignore[arg-type]
    if known and channels not in _MODES:
        raise ImageUnreadable(f"{len(image.getbands())} channels, the model reads {channels}")
    if image.mode == "F":
        if channels in _MODES and known:
            return _with_levels(image, steps, channels)
        image = in_eight_bits(image)
    return transform(image.convert(_MODES.get(channels, "RGB")))


def _ready(
    pixels: Float[Tensor, "color row col"], transform: Transform, input_size: Size
) -> Float[Tensor, "color row col"]:
    """Pixels as they are, if they can be normalised ones: with a mean to take off, dark ones are below 0."""
    if tuple(pixels.shape) != input_size:
        raise ImageUnreadable(
            f"a tensor {list(pixels.shape)}, the model reads {list(input_size)}; give the data set without its "
            "transform"
        )
    normalise = _normalisation(transform)
    if normalise is not None and max(normalise.mean) > 0 and float(pixels.min()) >= 0 and float(pixels.max()) <= 1:
        raise ImageUnreadable(
            "a tensor with values from 0 to 1 only: not normalised as the model's preprocessing does; give the data "
            "set without its transform, or with Normalize at its end"
        )
    return pixels


def _normalisation(transform: Any) -> Any:
    """What normalises: the transform itself (a processor, torchvision's preset), or one of its steps."""
    steps = (transform, *getattr(transform, "transforms", ()))
    return next((step for step in steps if getattr(step, "mean", None) is not None and hasattr(step, "std")), None)


def _of_bands(values: Float[np.ndarray, "row col channel"], steps: Sequence[Any]) -> Float[Tensor, "color row col"]:
    """The steps of a transform on channels; as in `_with_levels`, a resize cannot leave 0..255."""
    pixels = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1))) / 255
    for step in steps:
        pixels = pixels.clamp(0, 1) if type(step) in _TO_TENSOR else step(pixels)
    return pixels


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
    normalise = _normalisation(transform)
    if normalise is None:
        low, high = pixels.min(), pixels.max()
        pixels = (pixels - low) / (high - low).clamp_min(1e-12)
    else:
        mean, std = (torch.as_tensor(v, dtype=torch.float32).view(-1, 1, 1) for v in (normalise.mean, normalise.std))
        pixels = pixels * std + mean
    rows = (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(rows[..., 0] if rows.shape[-1] == 1 else rows)
