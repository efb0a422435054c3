"""A model that no adapter takes apart: its own forward runs whole, and each attention in it is seen and may be changed.

The second engine. A "layer" is one attention, in the order in which they are computed; what stands between them is not
known, so nothing is computed of tokens between layers, and each pruned head costs a whole forward.
Knows nothing about: how the attentions were proven (see `tapping`), pruning, files.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from vitscope.models.adapters.library.calls import pooled
from vitscope.models.adapters.library.twins import with_forwards
from vitscope.models.block import Projections
from vitscope.models.input import TakesPictures
from vitscope.models.model import Classifier, Model
from vitscope.models.tap import Tap, is_self_attention
from vitscope.quantities.readouts import Readout
from vitscope.tokens import TokenLayout

NAME: Final = "second engine: brute force"

UseLayer = Callable[[int, Projections], Float[Tensor, "image head query channel"] | None]
"""Gets the number of an attention and its projections; z that it returns is used in place of the model's own."""


def leave_alone(layer: int, projections: Projections) -> None:
    """Let the model's own code compute an attention."""


class Answer(NamedTuple):
    """What a forward gives: pooled features (None where they cannot be seen), logits (None without a classifier)."""

    features: Float[Tensor, "image feature"] | None
    logits: Float[Tensor, "image class"] | None

    @property
    def output(self) -> Float[Tensor, "image output"]:
        """Logits, or features where there are none."""
        output = self.features if self.logits is None else self.logits
        assert output is not None, "one of them is always there"
        return output


@dataclass(frozen=True)
class Seen:
    """What was proven of a module under the tap.

    Parameters
    ----------
    n_heads: of each attention, in the order in which they are computed.
    parity: max |ours - plain| / max |plain| of the output on noise, with an idle tap and with A @ v explicit.
    ending: path of the Linear whose output is the module's; it reads the pooled features. None: there is no such part.
    n_outputs: values that the module gives for an image.
    notes: what was left out, or could not be proven, one sentence each.
    """

    module: nn.Module
    input_size: tuple[int, int, int]
    tokens: TokenLayout
    n_heads: tuple[int, ...]
    parity: float
    ending: str | None
    n_outputs: int
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class TappedModel(TakesPictures):
    """A model of the second engine, made by `wrap` where no adapter fits; names mean what they mean for `Model`.

    `vitscope.attention`, `vitscope.prune` and `vitscope.head_importance` take it; the rest needs a model whose layers
    are known.
    """

    id: str
    seen: Seen
    classes: tuple[str, ...] | None
    n_classes: int | None
    transform: Callable[[Image.Image], Float[Tensor, "color row col"]]
    weights_sha256: str
    classifier: Classifier | None = None
    readout: Readout = "classes"
    one_logit: bool = False

    def __repr__(self) -> str:
        tokens = self.tokens
        return (
            f"TappedModel({self.id}, {NAME}; {self.n_layers} attentions, heads {self.n_heads}, tokens "
            f"{len(tokens.prefix)} + {tokens.rows} x {tokens.cols}, input {self.input_size}, classes {self.n_classes}, "
            f"parity {self.parity:.1e})"
        )

    @property
    def read_by(self) -> None:
        """No function of the user reads its output (see `Model`)."""

    @property
    def adapter(self) -> str:
        """Which engine runs it."""
        return NAME

    @property
    def parity(self) -> float:
        """See `Seen`."""
        return self.seen.parity

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, or could not be proven, one sentence each."""
        return self.seen.notes

    @property
    def module(self) -> nn.Module:
        """The user's own module, untouched."""
        return self.seen.module

    @property
    def input_size(self) -> tuple[int, int, int]:
        """(channels, height, width) of the pixels."""
        return self.seen.input_size

    @property
    def tokens(self) -> TokenLayout:
        """What each token is."""
        return self.seen.tokens

    @property
    def n_layers(self) -> int:
        """Number of attentions."""
        return len(self.n_heads)

    @property
    def n_heads(self) -> tuple[int, ...]:
        """Heads of each attention."""
        return self.seen.n_heads

    @property
    def n_logits(self) -> int | None:
        """Numbers that the classifier gives; None without one."""
        return 1 if self.one_logit else self.n_classes

    def run(self, pixels: Float[Tensor, "image color row col"], use: UseLayer = leave_alone) -> Answer:
        """One forward of the module's own code under the tap; use inside `Evaluation`, with pixels in their place."""
        n = len(pixels)
        read: list[Tensor] = []
        some = pixels if n else pixels.new_zeros(1, *self.input_size)  # of no image the shapes are found on one
        module = self.module
        if self.seen.ending is not None:
            linear = module.get_submodule(self.seen.ending)

            def noted(x: Tensor) -> Any:
                read.append(x)
                return linear.forward(x)

            module = with_forwards(module, {self.seen.ending: noted})
        output = pooled(run_tapped(module, some, use))[:n]
        if self.classifier is not None:
            return Answer(output, self.classifier(output))
        if self.n_classes is None:
            return Answer(output, None)
        return Answer(read[-1][:n] if read else None, output)


def run_tapped(module: nn.Module, pixels: Float[Tensor, "image color row col"], use: UseLayer) -> Any:
    """What a module gives for pixels under the tap; its self-attentions are counted from 0, other ones are let be."""
    place = itertools.count()

    def use_next(projections: Projections) -> Tensor | None:
        return use(next(place), projections) if is_self_attention(projections) else None

    with Tap(len(pixels), use_next):
        return module(pixels)


AnyModel = Model | TappedModel
"""A model of either engine."""
