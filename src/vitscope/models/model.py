"""A loaded model: architecture, class names, preprocessing and the proof that our path through it is the library's.

Knows nothing about: pruning, files, where the weights came from.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from vitscope.errors import InvalidArgument, UnsupportedModel, VitscopeError
from vitscope.load_options import NOTHING_SAID, LoadOptions
from vitscope.models.block import Architecture, Block
from vitscope.models.input import TakesPictures, kind_of
from vitscope.models.proof import Proof
from vitscope.models.zero_shot import USUAL_SCALE, TextClassifier
from vitscope.quantities.readouts import Readout
from vitscope.tokens import TokenLayout

Classifier = Callable[[Float[Tensor, "image feature"]], Float[Tensor, "image class"]]


@runtime_checkable
class Resizer(Protocol):
    """Makes the same model at another input size."""

    def __call__(self, height: int, width: int) -> "Model":
        """Return a new model; the old one stays as it is."""
        ...


@dataclass(frozen=True, eq=False)
class Model(TakesPictures):
    """A Vision Transformer as the engine sees it. Made by `load_model` and `wrap`, which prove parity first.

    Parameters
    ----------
    id: how it was asked for, e.g. `timm:vit_tiny_patch16_224`, or the class name of a wrapped module.
    proof: what is proven of our path through it (see `Proof`).
    classes: class names, None where unknown.
    transform: PIL image -> pixels [color, row, col].
    weights_sha256: of the weights file, or of the parameters where there is no file; with those of a given classifier.
    n_classes: classes that can be told apart: one a logit, but two (label 0, label 1) of a single logit; None without a
        classifier.
    classifier: replaces the module's own, reads the pooled features.
    readout: what the logits mean: `classes` (softmax), `labels` (a sigmoid each), `features` (there are none), `values`
        (there are none: the pooled output are values of a user's function).
    one_logit: whether there is a single logit.
    zero_shot: whether the classifier is text embeddings.
    weights_part: which part of a training checkpoint the weights are (`state_dict_ema`, ...), None: the whole file.
    weights_note: which names of the file are not used, or were found beside the others; None: there is nothing to say.
    options: what was said of the model beside its weights.
    read_by: name of the function that makes the values of a readout `values`.
    """

    id: str
    architecture: Architecture
    proof: Proof
    classes: tuple[str, ...] | None
    n_classes: int | None
    transform: Callable[[Image.Image], Float[Tensor, "color row col"]]
    weights_sha256: str
    resizer: Resizer
    classifier: Classifier | None = None
    readout: Readout = "classes"
    one_logit: bool = False
    zero_shot: bool = False
    weights_part: str | None = None
    weights_note: str | None = None
    options: LoadOptions = NOTHING_SAID
    read_by: str | None = None

    @property
    def parity(self) -> float:
        """Max |ours - library| / max |library| of the output on one image, all attention explicit."""
        return self.proof.output

    @property
    def adapter(self) -> str:
        """Name of the adapter that fits."""
        return self.architecture.adapter

    @property
    def module(self) -> nn.Module:
        """The user's own module, untouched."""
        return self.architecture.module

    @property
    def tokens(self) -> TokenLayout:
        """What each token is."""
        return self.architecture.tokens

    @property
    def blocks(self) -> Sequence[Block]:
        """The transformer blocks, first to last."""
        return self.architecture.blocks

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    @property
    def n_logits(self) -> int | None:
        """Numbers that the classifier gives; None without one."""
        return 1 if self.one_logit else self.n_classes

    @property
    def n_heads(self) -> tuple[int, ...]:
        """Heads per layer; they may differ."""
        return tuple(block.n_heads for block in self.blocks)

    @property
    def input_size(self) -> tuple[int, int, int]:
        """(channels, height, width) of the pixels."""
        return self.architecture.input_size

    def embed(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image token width"]:
        """Tokens that enter the first block."""
        return self.architecture.embed(pixels)

    def pool(self, tokens: Float[Tensor, "image read width"]) -> Float[Tensor, "image feature"]:
        """What the classifier reads, from the `architecture.reads` tokens that leave the last block."""
        return self.architecture.pool(tokens)

    def logits(self, features: Float[Tensor, "image feature"]) -> Float[Tensor, "image class"] | None:
        """Class logits, None for a model without a classifier."""
        if self.classifier is not None:
            return self.classifier(features)
        return None if self.n_classes is None else self.architecture.logits(features)

    def classify(self, tokens: Float[Tensor, "image token width"]) -> Float[Tensor, "image output"]:
        """Logits from the tokens that leave the last block; pooled features where there is no classifier."""
        features = self.pool(tokens[:, self.architecture.reads])
        logits = self.logits(features)
        return features if logits is None else logits

    def with_labels(self) -> "Model":
        """The same model, its logits read as labels: each yes or no by itself.

        Raises InvalidArgument where there are no logits, or where they are similarities to texts.
        """
        if self.n_classes is None:
            raise InvalidArgument(
                f"cannot read {self.id} as labels: it has no classifier, so no logits",
                "Leave multi_label (--multi-label) out, or give a classifier.",
            )
        if self.zero_shot:
            raise InvalidArgument(
                f"cannot read {self.id} as labels: its logits are similarities to texts, which mean nothing by "
                "themselves",
                "Leave multi_label out: texts are compared by a softmax.",
            )
        return replace(self, readout="labels")

    def at_size(self, height: int, width: int) -> "Model":
        """The same weights at another input size, position embedding interpolated by the library's own rule.

        Raises InvalidArgument when the size is not a multiple of the patch, UnsupportedModel when the library cannot
        resize the model.
        """
        patch_height, patch_width = self.tokens.patch
        if height < 1 or width < 1 or height % patch_height or width % patch_width:
            raise InvalidArgument(
                f"cannot resize {self.id} to {height} x {width} pixels: its patches are {patch_height} x {patch_width}",
                "Give a height and a width that are multiples of the patch.",
            )
        try:
            resized = self.resizer(height, width)
        except VitscopeError:
            raise
        except Exception as error:  # libraries raise many kinds where a model's positions cannot be resized
            reason = " ".join(str(error).split())[:160] or "no reason given"
            raise UnsupportedModel(
                f"cannot run {self.id} at {height} x {width} pixels: its library cannot resize it "
                f"({type(error).__name__}: {reason})",
                f"Stay at {self.input_size[1]} x {self.input_size[2]} pixels.",
            ) from error
        same = ("readout", "weights_part", "weights_note")
        return replace(resized, **{name: getattr(self, name) for name in same})


def as_classifier(classifier: Any, feature: int, scale: float = USUAL_SCALE) -> tuple[Classifier, int]:
    """Accept a module or text embeddings [class, feature]; return the function and its number of classes.

    Text embeddings give cosine logits times `scale`. A Linear is used as it is; of another module a
    copy in evaluation mode, so that its dropout never acts. Features go to a module's device and type.

    Raises InvalidArgument for anything else, or another number of features.
    """
    if isinstance(classifier, Tensor):
        classifier = TextClassifier(classifier, scale)
    if isinstance(classifier, TextClassifier):
        rows = classifier.rows
        shaped = rows.ndim == 2 and rows.shape[1] == feature and len(rows) > 1
        if not shaped or not rows.is_floating_point():
            raise InvalidArgument(
                f"cannot use this classifier: expected embeddings [class, {feature}] of at least two classes, got "
                f"{kind_of(rows)}",
                "Give one row per class in the model's feature space.",
            )
        return classifier, len(rows)
    if not isinstance(classifier, nn.Module):
        raise InvalidArgument(
            f"cannot use a {type(classifier).__name__} as classifier: expected a module from {feature} features to "
            f"classes, or a tensor [class, {feature}]",
            f"Such as torch.nn.Linear({feature}, classes): it reads the model's pooled features.",
        )
    module = classifier if isinstance(classifier, nn.Linear) else copy.deepcopy(classifier).eval()
    like = next(iter([*module.parameters(), torch.zeros(1)]))
    try:
        with torch.no_grad():
            logits = module(like.new_zeros(1, feature))
    except Exception as error:  # whatever a user's module raises on features that it cannot read
        raise InvalidArgument(
            f"cannot use this classifier: it cannot read {feature} features ({' '.join(str(error).split())})",
            f"It reads the model's pooled features, [image, {feature}].",
        ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or not logits.shape[1]:
        raise InvalidArgument(
            f"cannot use this classifier: expected logits [image, class] from it, got {kind_of(logits)}",
            "Give the part that ends with the logits.",
        )
    return (lambda x: module(x.to(like)).to(x.device)), logits.shape[1]
