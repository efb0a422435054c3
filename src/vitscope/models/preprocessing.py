"""From a decoded picture to the pixels a model reads, by the model's own configuration, and back to a picture.

Knows nothing about: files (see `images`), attention.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from vitscope.errors import InvalidArgument
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from timm.data import create_transform, resolve_model_data_config  # noqa: E402 - timm needs the line above

Transform = Callable[[Image.Image], Tensor]


def own_transform(module: nn.Module, input_size: tuple[int, int, int]) -> Transform:
    """Timm's evaluation transform for a module's own configuration (resize, crop, normalise) at an input size."""
    config: dict[str, Any] = resolve_model_data_config(module) | {"input_size": input_size}
    for key in ("mean", "std"):
        if len(config[key]) != input_size[0]:  # grey input beside timm's RGB defaults
            config[key] = (sum(config[key]) / len(config[key]),) * input_size[0]
    return cast(Transform, create_transform(**config, is_training=False))  # one callable unless asked to separate


def picture_mode(channels: int) -> str:
    """Pillow's mode for a number of input channels. Raises InvalidArgument for other than 1 or 3."""
    modes = {1: "L", 3: "RGB"}
    if channels not in modes:
        raise InvalidArgument(
            f"cannot feed pictures to a model with {channels} input channels: expected 1 (grey) or 3 (RGB)",
            "Give pixels as a tensor to the Python functions instead.",
        )
    return modes[channels]


def to_picture(pixels: Float[Tensor, "color row col"], transform: Any) -> Image.Image:
    """Undo the transform's normalisation; a transform without a known one is stretched to the full range."""
    pixels = pixels.detach().float().cpu()
    normalise = next(
        (t for t in getattr(transform, "transforms", []) if hasattr(t, "mean") and hasattr(t, "std")), None
    )
    if normalise is None:
        low, high = pixels.min(), pixels.max()
        pixels = (pixels - low) / (high - low).clamp_min(1e-12)
    else:
        mean, std = (torch.as_tensor(v, dtype=torch.float32).view(-1, 1, 1) for v in (normalise.mean, normalise.std))
        pixels = pixels * std + mean
    rows = (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(rows[..., 0] if rows.shape[-1] == 1 else rows)
