"""Adapter for timm's other plain encoders, by experiment: NaFlexVit, relative positions, Qwen3, Deepseek, Gemma 4.

Knows nothing about: files, preprocessing, how layers are taken apart (`library`).
"""

import copy
import warnings
from typing import Any, Final

from torch import nn

from vitscope.errors import UnsupportedModel
from vitscope.models.adapters.library.architecture import Description, LibraryArchitecture
from vitscope.models.adapters.library.twins import asked_size, at_size
from vitscope.models.adapters.timm_vit import is_identity, is_projection

from timm.models.deepseek_vit import DeepseekVitClassifier, DeepseekVitEncoder  # isort: skip - after timm_vit, see there
from timm.models.gemma4_vit import Gemma4VitClassifier, Gemma4VitEncoder  # isort: skip
from timm.models.naflexvit import NaFlexVit  # isort: skip
from timm.models.qwen3_vit import Qwen3VitClassifier, Qwen3VitEncoder  # isort: skip
from timm.models.vision_transformer_relpos import VisionTransformerRelPos  # isort: skip

NAME: Final = "timm, by experiment"
KINDS: Final = (
    NaFlexVit,
    VisionTransformerRelPos,
    Qwen3VitClassifier,
    Qwen3VitEncoder,
    DeepseekVitClassifier,
    DeepseekVitEncoder,
    Gemma4VitClassifier,
    Gemma4VitEncoder,
)
"""The classes that this adapter knows."""


def adapt(module: Any) -> LibraryArchitecture:
    """See the module as an Architecture. Raises UnsupportedModel naming what does not fit."""
    encoder = getattr(module, "encoder", module)
    embed = getattr(encoder, "patch_embed", None) or encoder.embeds
    patch = _pair(embed.patch_size)
    head = getattr(module, "head", None)
    return LibraryArchitecture(
        module,
        Description(
            name=NAME,
            input_size=(encoder.in_chans if hasattr(encoder, "in_chans") else embed.in_chans, *_size(module, embed)),
            patch=patch,
            prefix=lambda n: _prefix(embed, n),
            classifier=None if is_identity(head) or is_projection(module) else "head",
            resize=lambda height, width: _resized(module, height, width),
        ),
    )


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _size(module: Any, embed: Any) -> tuple[int, int]:
    """Height and width: those asked for, those of its embedding, else of its configuration (NaFlexVit takes any)."""
    asked = asked_size(module) or getattr(embed, "img_size", None)
    return _pair(asked or (getattr(module, "pretrained_cfg", None) or {}).get("input_size", (0, 224, 224))[1:])


def _prefix(embed: Any, n: int) -> tuple[str, ...]:
    cls = ("cls",) if getattr(embed, "cls_token", None) is not None else ()
    return cls + tuple(f"reg{i + 1}" for i in range(n - len(cls)))


def _resized(module: Any, height: int, width: int) -> nn.Module:
    """By timm's own rule; NaFlexVit and the VLM encoders take any size as they are."""
    if isinstance(module, VisionTransformerRelPos):
        raise UnsupportedModel(
            f"cannot run this model at {height} x {width} pixels: timm cannot resize relative positions",
            "Stay at its own size.",
        )
    if not hasattr(module, "set_input_size"):
        return at_size(module, height, width)
    resized = copy.deepcopy(module)
    with warnings.catch_warnings(action="ignore"):
        resized.set_input_size(img_size=(height, width))
    return resized
