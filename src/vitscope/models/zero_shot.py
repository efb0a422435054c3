"""Classes told by texts: embeddings of their names, and logits that are cosines to them.

Knows nothing about: libraries, tokenizers, files.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitscope.errors import InvalidArgument
from vitscope.load_options import prompts_of

USUAL_SCALE: Final = 100.0
"""What CLIP's training ends with; used where a model says no scale of its own."""
_AT_ONCE: Final = 256
"""Texts that are encoded together."""

Encode = Callable[[list[str]], Tensor]
"""Texts to embeddings [text, feature]."""


@dataclass(frozen=True, eq=False)
class TextClassifier:
    """Logits as scale * cosine(image, text). A bias that is the same for all texts (SigLIP) drops out of a softmax.

    Parameters
    ----------
    rows: one embedding a class.
    scale: of the cosines.
    words: the names and prompts that the rows were made of; None where the rows were given.
    """

    rows: Float[Tensor, "class feature"]
    scale: float = USUAL_SCALE
    words: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def __call__(self, features: Float[Tensor, "image feature"]) -> Float[Tensor, "image class"]:
        """The logits of image features."""
        rows = nn.functional.normalize(self.rows.to(features), dim=-1)
        return self.scale * nn.functional.normalize(features, dim=-1) @ rows.T

    def sha256(self, weights: str) -> str:
        """What it is made of beside a model's weights: the words, whose embeddings may differ in their last bits."""
        assert self.words is not None  # noqa: S101 - of given rows the numbers are the identity
        return hashlib.sha256((weights + json.dumps(self.words)).encode()).hexdigest()


def text_embeddings(
    encode: Encode, names: Sequence[str], prompt: str | Sequence[str] | None = None
) -> Float[Tensor, "class feature"]:
    """Embed the names of classes: of several prompts the mean of the normalised embeddings, normalised, as CLIP does.

    Parameters
    ----------
    encode: texts -> embeddings [text, feature], by the model's own tokenizer and text tower.
    names: of the classes.
    prompt: texts with {} for the name; `a photo of a {}` where none is given.

    Raises InvalidArgument for a prompt without {}, or an encoder that gives something else.

    Example
    -------
    >>> letters = lambda texts: torch.tensor([[t.count("a"), t.count("o")] for t in texts]).float()
    >>> text_embeddings(letters, ["cat", "dog"], "a {}").shape
    torch.Size([2, 2])
    """
    prompts = prompts_of(prompt)
    found: list[Tensor] = []
    per_pass = max(1, _AT_ONCE // len(prompts))
    for start in range(0, len(names), per_pass):
        some = names[start : start + per_pass]
        texts = [one.replace("{}", name) for name in some for one in prompts]
        with torch.inference_mode():
            made = encode(texts)
        if not isinstance(made, Tensor) or made.ndim != 2 or len(made) != len(texts) or not made.is_floating_point():
            raise InvalidArgument(
                f"cannot use this text encoder: expected embeddings [text, feature] of {len(texts)} texts, got "
                f"{list(made.shape) if isinstance(made, Tensor) else type(made).__name__}"
            )
        rows = nn.functional.normalize(made, dim=-1).unflatten(0, (len(some), len(prompts))).mean(1)
        found.append(nn.functional.normalize(rows, dim=-1))
    return torch.cat(found).clone()


def own_scale(module: Any) -> float:
    """The scale of the cosines that a model of images and texts has learned; CLIP's usual one where it has none."""
    scale = getattr(module, "logit_scale", None)
    return float(scale.detach().exp()) if isinstance(scale, Tensor) and scale.numel() == 1 else USUAL_SCALE
