"""Adapter for open_clip's visual towers (its own VisionTransformer; towers made by timm are timm's), and models of
images and texts that hold one.

Knows nothing about: files, preprocessing, tokenizers, how layers are taken apart (`library`).
"""

import copy
from types import SimpleNamespace
from typing import Any, Final

from torch import nn

from vitscope.models.adapters.library.architecture import Description, LibraryArchitecture

NAME: Final = "open_clip VisionTransformer"


def fits(module: nn.Module) -> bool:
    """By name: open_clip is not imported for this."""
    return _is_tower(module) or (_of_open_clip(module) and _is_tower(getattr(module, "visual", None)))


def _is_tower(part: Any) -> bool:
    return type(part).__name__ == "VisionTransformer" and _of_open_clip(part)


def _of_open_clip(part: Any) -> bool:
    return type(part).__module__.startswith("open_clip.")


def adapt(module: Any) -> LibraryArchitecture:
    """See the module as an Architecture. Raises UnsupportedModel naming what does not fit."""
    tower = module if _is_tower(module) else module.visual
    whole: dict[str, Any] = {} if tower is module else {"run": lambda part, pixels: part.encode_image(pixels)}
    return LibraryArchitecture(
        module,
        Description(
            name=NAME,
            input_size=(tower.conv1.in_channels, *tower.image_size),
            patch=tuple(tower.patch_size),
            prefix=lambda n: ("cls",)[:n],
            resize=lambda height, width: _resized(module, height, width),
            **whole,
        ),
    )


def _resized(module: Any, height: int, width: int) -> nn.Module:
    from open_clip.model import resize_pos_embed  # it is there: the module is one of its own

    resized = copy.deepcopy(module)
    tower = resized if _is_tower(resized) else resized.visual
    rows, cols = height // tower.patch_size[0], width // tower.patch_size[1]
    tower.image_size, tower.grid_size = (height, width), (rows, cols)
    name = "visual.positional_embedding"
    state = {name: tower.positional_embedding.detach()}
    resize_pos_embed(state, SimpleNamespace(visual=tower))
    tower.positional_embedding = nn.Parameter(state[name])
    return resized
