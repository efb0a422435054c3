"""What every source of models gives: a module, and what is known of it beside its parameters."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from vitscope.load_options import LoadOptions


class Found(NamedTuple):
    """A module and what its source says of it; `options` are the user's and the source's own together."""

    id: str
    module: nn.Module
    classes: Sequence[str] | None
    options: LoadOptions
    sha256: str | None = None
    part: str | None = None
    note: str | None = None
    multi_label: bool = False
