"""A module that no adapter knows, by experiment alone: its size from its attributes, its patches from its embedding.

Knows nothing about: libraries.
"""

from typing import Any, Final

from torch import nn

from vitscope.errors import UnsupportedModel
from vitscope.models.adapters.library.architecture import Description, LibraryArchitecture

NAME: Final = "by experiment"
SIZES: Final = ("image_size", "img_size", "input_size", "default_img_size")
"""Attributes in which modules keep the height and width of their input."""
HEADS: Final = ("head", "heads", "classifier", "fc", "linear_head", "mlp_head", "cls_head")
"""Names of a part that makes logits; a last part of another name is taken for a projection: features."""


def described(module: nn.Module) -> Description | None:
    """What can be told of a module; None where its input size or its patches cannot be found."""
    size, embedding = _size(module), _embedding(module)
    if size is None or embedding is None:
        return None
    return Description(
        name=NAME,
        input_size=(embedding.in_channels, *size),
        patch=(embedding.kernel_size[0], embedding.kernel_size[1]),
        prefix=lambda n: ("cls",) if n == 1 else tuple(f"token{i + 1}" for i in range(n)),
        resize=lambda height, width: _refuse_resize(module, height, width),
        classifier=_classifier(module),
    )


def adapt(module: nn.Module) -> LibraryArchitecture:
    """See the module as an Architecture. Raises UnsupportedModel with what does not fit."""
    description = described(module)
    assert description is not None, "asked only where it can be described"
    return LibraryArchitecture(module, description)


def _size(module: nn.Module) -> tuple[int, int] | None:
    for part in module.modules():
        for name in SIZES:
            size = getattr(part, name, None)
            if isinstance(size, int) and size > 0:
                return size, size
            if isinstance(size, tuple | list) and len(size) == 2 and all(isinstance(side, int) for side in size):
                return size[0], size[1]
    return None


def _embedding(module: nn.Module) -> Any:
    """The convolution that makes tokens of patches: its stride is its kernel."""
    convolutions = (part for part in module.modules() if isinstance(part, nn.Conv2d))
    return next((conv for conv in convolutions if conv.kernel_size == conv.stride and max(conv.kernel_size) > 1), None)


def _classifier(module: nn.Module) -> str | None:
    """The Linear that is, or ends, the part that makes logits."""
    for name in HEADS:
        part = getattr(module, name, None)
        if isinstance(part, nn.Module):
            linears = [path for path, inner in part.named_modules() if isinstance(inner, nn.Linear)]
            if linears:
                return ".".join(filter(None, (name, linears[-1])))
    return None


def _refuse_resize(module: nn.Module, height: int, width: int) -> nn.Module:
    raise UnsupportedModel(
        f"cannot run this {type(module).__name__} at {height} x {width} pixels: how it is resized is not known",
        "Register an adapter that says how (vitscope.register_adapter, docs/models.md), or build it at that size.",
    )
