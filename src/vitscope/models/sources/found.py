"""What a source of models gives: a module, and all that the source says of it.

Knows nothing about: where it came from.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from PIL import Image
from torch import Tensor, nn

from vitscope.errors import InvalidArgument
from vitscope.load_options import LoadOptions
from vitscope.models.zero_shot import Encode

_ALWAYS: Final = ("img_size", "class_names", "names_file", "prompt")
"""Options that make sense for every source."""


def refuse_what_is_known(spec: str, options: LoadOptions, known_by: str) -> None:
    """Refuse options that a source says itself. Raises InvalidArgument naming them."""
    said = [name for name in options.said() if name not in _ALWAYS]
    if said:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in said)
        raise InvalidArgument(
            f"cannot load {spec} with {', '.join(said)}: {known_by} says that itself", f"Leave {flags} out."
        )


class Found(NamedTuple):
    """A module and what its source says of it.

    Parameters
    ----------
    id: how a run asks for it again.
    classes: names in the order of the logits, None where none are given.
    options: the user's and the source's own together.
    transform: picture -> pixels; None: timm's own by the module's configuration and the options.
    sha256: of the weights; None: of the parameters.
    part, note: of the weights file (see `Model`).
    multi_label: whether the source says that each logit is a yes or no of its own.
    encode: texts -> embeddings, by the model's own text tower; None where it has none.
    """

    id: str
    module: nn.Module
    classes: Sequence[str] | None
    options: LoadOptions
    sha256: str | None = None
    part: str | None = None
    note: str | None = None
    multi_label: bool = False
    transform: Callable[[Image.Image], Tensor] | None = None
    encode: Encode | None = None
