"""Adapter for open_clip's visual towers (its own VisionTransformer; towers made by timm are timm's).

Knows nothing about: files, preprocessing, text towers, how layers are taken apart (`library`).
"""

import copy
from types import SimpleNamespace
from typing import Any, Final

from torch import nn

from vitscope.models.adapters.library.architecture import Description, LibraryArchitecture

NAME: Final = "open_clip VisionTransformer"


def fits(module: nn.Module) -> bool:
    """By name: open_clip is not imported for this."""
    kind = type(module)
    return kind.__name__ == "VisionTransformer" and kind.__module__.startswith("open_clip.")


def adapt(module: Any) -> LibraryArchitecture:
    """See the module as an Architecture. Raises UnsupportedModel naming what does not fit."""
    return LibraryArchitecture(
        module,
        Description(
            name=NAME,
            input_size=(module.conv1.in_channels, *module.image_size),
            patch=tuple(module.patch_size),
            prefix=lambda n: ("cls",)[:n],
            resize=lambda height, width: _resized(module, height, width),
        ),
    )


def _resized(module: Any, height: int, width: int) -> nn.Module:
    from open_clip.model import resize_pos_embed  # it is there: the module is one of its own

    resized = copy.deepcopy(module)
    rows, cols = height // module.patch_size[0], width // module.patch_size[1]
    resized.image_size, resized.grid_size = (height, width), (rows, cols)
    name = "visual.positional_embedding"
    state = {name: module.positional_embedding.detach()}
    resize_pos_embed(state, SimpleNamespace(visual=resized))
    resized.positional_embedding = nn.Parameter(state[name])
    return resized
