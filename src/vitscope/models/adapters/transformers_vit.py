"""Adapter for the image encoders of the library transformers (4.57 to 5): what no experiment tells about them.

Knows nothing about: files, preprocessing, how layers are taken apart (`library`).
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitscope.errors import UnsupportedModel
from vitscope.models.adapters.library.architecture import Description, LibraryArchitecture
from vitscope.models.adapters.library.twins import asked_size, at_size

NAME: Final = "transformers"
PREFIXES: Final[dict[str, tuple[str, ...]]] = {"deit": ("cls", "dist")}
"""Names of the tokens before the patches where they are not CLS and registers, by the config's model_type."""
_REGISTERS: Final = ("num_register_tokens", "num_registers")
"""Names in configs of the number of register tokens."""


def fits(module: nn.Module) -> bool:
    """A model of transformers with a config that tells the size of its patches."""
    if not type(module).__module__.startswith("transformers."):
        return False
    config = vision_config(module)
    return getattr(config, "patch_size", None) is not None and hasattr(module, "config")


def adapt(module: nn.Module) -> LibraryArchitecture:
    """See the module as an Architecture. Raises UnsupportedModel with what does not fit."""
    config = vision_config(module)
    if getattr(config, "mask_ratio", 0):
        raise UnsupportedModel(
            f"cannot adapt this {type(module).__name__}: it masks {config.mask_ratio:.0%} of the patches at random",
            "Set module.config.mask_ratio = 0 and give it again.",
        )
    classifier = _classifier(module)
    description = Description(
        name=NAME,
        input_size=(getattr(config, "num_channels", 3), *_size(module, config)),
        patch=_pair(config.patch_size),
        prefix=lambda n: _prefix(config, n),
        resize=lambda height, width: at_size(module, height, width),
        classifier=classifier,
        run=_runner(module, config),
        output=_logits if classifier else _features,
    )
    seen = LibraryArchitecture(module, description)
    if classifier is None and not seen.tokens.prefix and seen.reads.stop - seen.reads.start == 1:
        # without CLS the library's pooled output is the first patch alone, of no meaning: the mean of the patches is
        return LibraryArchitecture(module, replace(description, output=_mean_of_tokens))
    return seen


def vision_config(module: Any) -> Any:
    """The part of a model's config that describes its image encoder."""
    config = getattr(module, "config", None)
    return getattr(config, "vision_config", config)


def reads_texts(module: nn.Module) -> bool:
    """Whether it is a whole model of images and texts, CLIP and its like."""
    return hasattr(module, "get_image_features") and hasattr(module, "get_text_features")


def text_features(out: Any) -> Float[Tensor, "text feature"]:
    """The embeddings in what `get_text_features` gives: a tensor in transformers 4.57, in 5 pooled."""
    return out if isinstance(out, Tensor) else out.pooler_output


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _prefix(config: Any, n: int) -> tuple[str, ...]:
    if config.model_type in PREFIXES and len(PREFIXES[config.model_type]) == n:
        return PREFIXES[config.model_type]
    n_reg = next((value for name in _REGISTERS if (value := getattr(config, name, None)) is not None), 0)
    n_cls = max(1, n - n_reg) if n else 0
    cls = ("cls",)[:n_cls] if n_cls < 2 else tuple(f"cls{i + 1}" for i in range(n_cls))
    return cls + tuple(f"reg{i + 1}" for i in range(n - n_cls))


def _classifier(module: nn.Module) -> str | tuple[str, ...] | None:
    if hasattr(module, "cls_classifier"):  # DeiT with a teacher
        return ("cls_classifier", "distillation_classifier")
    part = getattr(module, "classifier", None)
    return "classifier" if isinstance(part, nn.Module) and not isinstance(part, nn.Identity) else None


def _size(module: nn.Module, config: Any) -> tuple[int, int]:
    asked = asked_size(module) or getattr(config, "image_size", None)
    if asked is None and getattr(config, "num_patches", None):  # SigLIP 2 takes patches: as many as its positions
        asked = round(config.num_patches**0.5) * config.patch_size
    return _pair(asked)


def _runner(module: nn.Module, config: Any) -> Callable[[nn.Module, Tensor], Any]:
    """Calls it with pixels: no masking, and at a size that is not its own with interpolated positions.

    Of a model of images and texts its image tower is called, with the projection behind it.
    """
    name = "get_image_features" if reads_texts(module) else "forward"
    takes = inspect.signature(getattr(module, name)).parameters

    def call(part: Any, **given: Any) -> Any:
        return part.get_image_features(**given) if name != "forward" else part(**given)

    if "spatial_shapes" in takes:
        return lambda part, pixels: _call_with_patches(part, call, pixels, config.patch_size)
    more: dict[str, Any] = {}
    if asked_size(module) is not None and "interpolate_pos_encoding" in takes:
        more["interpolate_pos_encoding"] = True
    if "noise" not in takes:
        return lambda part, pixels: call(part, pixel_values=pixels, **more)
    height, width = _pair(config.patch_size)

    def unshuffled(part: nn.Module, pixels: Tensor) -> Any:
        n_patches = (pixels.shape[-2] // height) * (pixels.shape[-1] // width)
        order = torch.arange(n_patches, device=pixels.device).float().expand(len(pixels), -1)
        return call(part, pixel_values=pixels, noise=order, **more)

    return unshuffled


def _call_with_patches(module: nn.Module, call: Callable[..., Any], pixels: Tensor, patch: int) -> Any:
    """SigLIP 2 reads patches cut and flattened (row, col, color), a mask of real ones, and the grid."""
    n, colors, height, width = pixels.shape
    grid = (height // patch, width // patch)
    cut = pixels.reshape(n, colors, grid[0], patch, grid[1], patch).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
    return call(
        module,
        pixel_values=cut,
        pixel_attention_mask=torch.ones(cut.shape[:2], dtype=torch.int64, device=pixels.device),
        spatial_shapes=torch.tensor(grid, device=pixels.device).expand(n, -1),
    )


def _logits(out: Any) -> Float[Tensor, "image class"]:
    return out.logits


def _features(out: Any) -> Float[Tensor, "image feature"]:
    """Projected or pooled features where the model makes them; else CLS, as of a DINOv2."""
    if isinstance(out, Tensor):  # image features of a whole model, in transformers 4.57
        return out
    for name in ("image_embeds", "summary", "pooler_output"):
        pooled = getattr(out, name, None)
        if pooled is not None:
            return pooled
    return out.last_hidden_state[:, 0]


def _mean_of_tokens(out: Any) -> Float[Tensor, "image feature"]:
    return out.last_hidden_state.mean(1)
