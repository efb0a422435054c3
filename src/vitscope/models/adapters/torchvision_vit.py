"""Adapter for torchvision's VisionTransformer (vit_b_16, vit_b_32, vit_l_16, vit_l_32, vit_h_14).

Knows nothing about: files, preprocessing, how layers are taken apart (`library`).
"""

import copy
from collections import OrderedDict
from typing import Final, cast

from torch import nn

from vitscope.errors import UnsupportedModel
from vitscope.models.adapters.library.architecture import Description, LibraryArchitecture
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings  # noqa: E402 - see above

NAME: Final = "torchvision VisionTransformer"
KINDS: Final = (VisionTransformer,)
"""The classes whose attribute names and order of work this adapter knows."""


def adapt(module: VisionTransformer) -> LibraryArchitecture:
    """See the module as an Architecture. Raises UnsupportedModel naming what does not fit."""
    return LibraryArchitecture(
        module,
        Description(
            name=NAME,
            input_size=(cast(nn.Conv2d, module.conv_proj).in_channels, module.image_size, module.image_size),
            patch=(module.patch_size, module.patch_size),
            prefix=lambda n: ("cls",)[:n],
            classifier=_classifier(module),
            resize=lambda height, width: _resized(module, height, width),
        ),
    )


def _classifier(module: VisionTransformer) -> str | None:
    """The last part of its heads; a user may have put a Linear in their place."""
    heads = module.heads
    if isinstance(heads, nn.Sequential):
        names = list(heads._modules)
        return f"heads.{names[-1]}" if names and not isinstance(heads[-1], nn.Identity) else None
    return None if isinstance(heads, nn.Identity) else "heads"


def _resized(module: VisionTransformer, height: int, width: int) -> nn.Module:
    """By torchvision's own rule, which knows squares only."""
    if height != width:
        raise UnsupportedModel(
            f"cannot run this model at {height} x {width} pixels: torchvision's VisionTransformer takes squares only",
            "Give one size for both.",
        )
    resized = copy.deepcopy(module)
    name = "encoder.pos_embedding"
    state = interpolate_embeddings(height, module.patch_size, OrderedDict({name: module.get_parameter(name).detach()}))
    resized.encoder.pos_embedding = nn.Parameter(state[name])
    resized.image_size = height
    return resized
