"""A module that no adapter knows, by experiment alone: its size from its attributes, its patches from its embedding.

Knows nothing about: libraries.
"""

from typing import Any, Final

from torch import nn

from vitscope.errors import UnsupportedModel
from vitscope.models.adapters.library.architecture import Description, LibraryArchitecture
from vitscope.models.adapters.library.twins import asked_size, at_size
from vitscope.models.block import Evaluation
from vitscope.models.patches import find_patches, noise

NAME: Final = "by experiment"
SIZES: Final = ("image_size", "img_size", "input_size", "default_img_size")
"""Attributes in which modules keep the height and width of their input."""
CLS: Final = ("cls_token", "class_token", "class_embedding", "cls")
"""Attributes in which modules keep the CLS token."""
HEADS: Final = ("head", "heads", "classifier", "fc", "linear_head", "mlp_head", "cls_head")
"""Names of a part that makes logits; a last part of another name is taken for a projection: features."""


def described(module: nn.Module) -> Description | None:
    """What can be told of a module; None where its input size or its patches cannot be found."""
    size = size_of(module)
    found = None if size is None else _patches(module, size)
    if size is None or found is None:
        return None
    channels, patch = found
    return Description(
        name=NAME,
        input_size=(channels, *size),
        patch=patch,
        prefix=lambda n: prefix_names(module, n),
        resize=lambda height, width: _resized(module, height, width),
        classifier=classifier_of(module),
    )


def adapt(module: nn.Module) -> LibraryArchitecture:
    """See the module as an Architecture. Raises UnsupportedModel with what does not fit."""
    description = described(module)
    assert description is not None, "asked only where it can be described"
    return LibraryArchitecture(module, description)


def prefix_names(module: nn.Module, n: int) -> tuple[str, ...]:
    """CLS first where a module has one by a usual name, or a single token; the others are registers or have numbers."""
    named = any(getattr(part, name, None) is not None for part in module.modules() for name in CLS)
    cls = ("cls",) if n == 1 or (n and named) else ()
    other = (
        "reg" if any("register" in name or "reg_token" in name for name, _ in module.named_parameters()) else "token"
    )
    return cls + tuple(f"{other}{i + 1}" for i in range(n - len(cls)))


def size_of(module: nn.Module) -> tuple[int, int] | None:
    """Height and width of the input, by the module's attributes."""
    asked = asked_size(module)
    if asked is not None:
        return asked
    for part in module.modules():
        for name in SIZES:
            size = getattr(part, name, None)
            if isinstance(size, int) and size > 0:
                return size, size
            if isinstance(size, tuple | list) and len(size) == 2 and all(isinstance(side, int) for side in size):
                return size[0], size[1]
    return None


def _patches(module: nn.Module, size: tuple[int, int]) -> tuple[int, tuple[int, int]] | None:
    """Channels of the input, and the (height, width) of a patch: by the embedding, else by experiment with 3 colors."""
    embedding = _embedding(module)
    if embedding is not None:
        return embedding.in_channels, (embedding.kernel_size[0], embedding.kernel_size[1])
    try:
        with Evaluation(module):
            return 3, find_patches(module, noise(module, (3, *size), 1)).patch
    except Exception:  # whatever a module raises that is no Vision Transformer, or has no values
        return None


def _embedding(module: nn.Module) -> Any:
    """The convolution that makes tokens of patches: its stride is its kernel."""
    convolutions = (part for part in module.modules() if isinstance(part, nn.Conv2d))
    return next((conv for conv in convolutions if conv.kernel_size == conv.stride and max(conv.kernel_size) > 1), None)


def classifier_of(module: nn.Module) -> str | None:
    """The Linear that is, or ends, the part that makes logits."""
    for name in HEADS:
        part = getattr(module, name, None)
        if isinstance(part, nn.Module):
            linears = [path for path, inner in part.named_modules() if isinstance(inner, nn.Linear)]
            if linears:
                return ".".join(filter(None, (name, linears[-1])))
    return None


def _resized(module: nn.Module, height: int, width: int) -> nn.Module:
    """As it is, where it interpolates its positions itself (DINOv2 of torch.hub); parity and layout are proven anew."""
    if not any(hasattr(part, "interpolate_pos_encoding") for part in module.modules()):
        raise UnsupportedModel(
            f"cannot run this {type(module).__name__} at {height} x {width} pixels: how it is resized is not known",
            "Register an adapter that says how (vitscope.register_adapter, docs/models.md), or build it at that size.",
        )
    return at_size(module, height, width)
