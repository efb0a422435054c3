"""What a source of models gives: a module, and all that the source says of it.

Knows nothing about: where it came from.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PIL import Image
from torch import Tensor, nn

from vitscope.load_options import LoadOptions
from vitscope.models.zero_shot import Encode


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
