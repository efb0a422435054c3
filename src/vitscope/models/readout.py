"""What effects are measured on, as a user says it: by name, or by a function of the module's own output.

The function is given what the module's forward gives (logits, features, or the object that its library returns), so our
path and the library's are compared on the values themselves: parity proves what is measured.
Knows nothing about: effects.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitscope.errors import InvalidArgument
from vitscope.models.adapters.library.architecture import LibraryArchitecture
from vitscope.models.adapters.library.layer import agree
from vitscope.models.block import Architecture, Evaluation
from vitscope.models.model import Model

Read = Callable[[Any], Tensor]
"""A module's output -> [image] or [image, value]."""
_BY_NAME: Final = ("classes", "labels", "features")
"""Readouts that are said by name."""
_IMAGES: Final = 3
"""Pictures of noise on which a function is tried."""


def name_of(read: Read) -> str:
    """What a function is called."""
    return getattr(read, "__name__", type(read).__name__)


def alone(read: Read, classes: object, classifier: object, multi_label: bool) -> Read:
    """A function as readout, which leaves no room for classes."""
    if not callable(read):
        raise InvalidArgument(
            f"cannot measure on a {type(read).__name__}: expected a function of the module's output",
            f"Or one of {', '.join(_BY_NAME)}.",
        )
    if classes is not None or classifier is not None or multi_label:
        raise InvalidArgument(
            f"cannot measure on {name_of(read)} and on classes at once",
            "Leave classes, classifier and multi_label out; a function may call a classifier itself.",
        )
    return read


def read_as(model: Model, readout: str | None) -> Model:
    """A model with another readout, by its name. Raises InvalidArgument where it cannot have it."""
    if readout is None:
        return model
    if readout not in _BY_NAME:
        raise InvalidArgument(
            f"cannot measure on {readout!r}: expected one of {', '.join(_BY_NAME)}, or a function",
            "Such as readout=lambda out: out.logits[:, 0].",
        )
    if readout == "labels":
        return model.with_labels()
    if readout == "features":
        return replace(model, readout="features", classes=None, n_classes=None, classifier=None, one_logit=False)
    if model.readout != "classes":
        raise InvalidArgument(
            f"cannot read {model.id} as classes: it has {model.n_logits or 'no'} logit{'' if model.n_logits else 's'}",
            "Leave readout out.",
        )
    return model


def measured_on(architecture: Architecture, read: Read) -> Architecture:
    """The same model, its output being what `read` makes of it; it has no classes.

    Raises
    ------
    InvalidArgument: the function fails, gives something else than [image] or [image, value], or mixes images.
    """
    _try(architecture, read)
    if not isinstance(architecture, LibraryArchitecture):
        return _Values(architecture, read)
    description = replace(architecture.description, classifier=None, output=lambda out: _values(read, out))
    made = LibraryArchitecture(architecture.module, description)
    made.reads = slice(0, made.tokens.n_tokens)  # gradients do not show all that a maximum or a threshold reads
    return made


class _Values:
    """An architecture whose pooled output are values (see `vitscope.models.block.Architecture`)."""

    def __init__(self, inner: Architecture, read: Read) -> None:
        self.inner = inner
        self.read = read
        self.adapter = inner.adapter
        self.module = inner.module
        self.tokens = inner.tokens
        self.blocks = inner.blocks
        self.reads = inner.reads
        self.n_classes: int | None = None
        self.input_size = inner.input_size
        self.width = inner.width

    def embed(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image token width"]:
        """As the model itself."""
        return self.inner.embed(pixels)

    def pool(self, tokens: Float[Tensor, "image read width"]) -> Float[Tensor, "image feature"]:
        """The values."""
        features = self.inner.pool(tokens)
        return _values(self.read, features if self.inner.n_classes is None else self.inner.logits(features))

    def logits(self, features: Float[Tensor, "image feature"]) -> Float[Tensor, "image class"]:
        """Never called: there are no classes."""
        raise NotImplementedError

    def reference(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image output"]:
        """The values of the module's own output."""
        return _values(self.read, self.inner.reference(pixels))

    def resize(self, height: int, width: int) -> nn.Module:
        """As the model itself."""
        return self.inner.resize(height, width)


def _own_output(architecture: Architecture, pixels: Float[Tensor, "image color row col"]) -> Any:
    if isinstance(architecture, LibraryArchitecture):
        return architecture.description.run(architecture.module, pixels)
    return architecture.reference(pixels)


def _values(read: Read, out: Any) -> Float[Tensor, "image value"]:
    made = read(out)
    if not isinstance(made, Tensor) or made.ndim not in (1, 2) or not made.numel() or made.is_complex():
        got = f"a tensor {list(made.shape)}" if isinstance(made, Tensor) else f"a {type(made).__name__}"
        raise InvalidArgument(
            f"cannot measure on {name_of(read)}: expected a tensor [image] or [image, value] from it, got {got}",
            "Give a function of the module's output, such as lambda out: out.logits.",
        )
    made = made[:, None] if made.ndim == 1 else made
    return made if made.is_floating_point() else made.float()


def _try(architecture: Architecture, read: Read) -> None:
    """Run a function on several images, and on each alone: it must give the same."""
    weight = next(architecture.module.parameters())
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(_IMAGES, *architecture.input_size, generator=generator, device="cpu").to(weight)
    with Evaluation(architecture.module):
        outputs = [_own_output(architecture, part) for part in (pixels, *pixels.split(1))]
        try:
            together, *alone = (_values(read, out) for out in outputs)
        except InvalidArgument:
            raise
        except Exception as error:  # whatever a user's function raises
            raise InvalidArgument(
                f"cannot measure on {name_of(read)}: it fails on what the module gives, a {type(outputs[0]).__name__} "
                f"({type(error).__name__}: {' '.join(str(error).split())[:200]})",
                "It is given the module's own output for a batch of images.",
            ) from error
    rows = [one for one in alone if len(one) == 1]
    if len(together) != _IMAGES or len(rows) != _IMAGES or {one.shape for one in rows} != {together[:1].shape}:
        raise InvalidArgument(
            f"cannot measure on {name_of(read)}: expected values of each image, got {list(together.shape)} for "
            f"{_IMAGES} images and {list(alone[0].shape)} for one",
            "Its result has one row for each image.",
        )
    if not agree(torch.cat(rows), together):
        raise InvalidArgument(
            f"cannot measure on {name_of(read)}: its values of an image depend on the other images of a batch",
            "Make the values of each image of its own output alone.",
        )
