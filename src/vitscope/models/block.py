"""What the engine asks of a model: the Block and Architecture protocols, and attention itself from q, k, v.

One adapter file a family implements these for a library's modules. To support another family, write such a file (see
`timm_vit.py`, the plainest) and name it in `adapting.ADAPTERS`.
Knows nothing about: any library's classes, pruning, files.
"""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from vitscope.tokens import TokenLayout


class Projections(NamedTuple):
    """What attention is made of, per head; norms, rotary embedding and scale are already in.

    q is scaled: the attention logits are q k^T + bias.
    """

    q: Float[Tensor, "image head query channel"]
    k: Float[Tensor, "image head key channel"]
    v: Float[Tensor, "image head key channel"]
    bias: Float[Tensor, "#image head query key"] | None = None


@runtime_checkable
class Block(Protocol):
    """One transformer block, as three questions: its q, k, v; the rest of it given z; itself whole.

    `z` is the per-head output A @ v, before the output projection. Everything after attention works token by token, so
    `branch`, `mlp` and `finish` take any subset of the tokens (the same rows of x and z).
    """

    n_heads: int
    linear_in_z: bool
    """True when nothing non-linear stands between z and the residual stream (no inner norm, gate or post-norm)."""

    def attend(self, x: Float[Tensor, "image token width"]) -> Projections:
        """q, k, v (and additive bias) of every head."""
        ...

    def branch(
        self, x: Float[Tensor, "image token width"], z: Float[Tensor, "image head token channel"]
    ) -> Float[Tensor, "image token width"]:
        """What attention adds to the residual stream: inner norm, gate, projection with its bias, LayerScale."""
        ...

    def output_weight(self) -> Float[Tensor, "head channel width"]:
        """The per-head part of the output projection times LayerScale; only where `linear_in_z`."""
        ...

    def mlp(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The block's second half, residual included."""
        ...

    def __call__(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The block as the library runs it (fused attention)."""
        ...


@runtime_checkable
class Architecture(Protocol):
    """A whole model as vitscope sees it: `reads` are the tokens the classifier looks at, `width` a token's size."""

    adapter: str
    module: nn.Module
    tokens: TokenLayout
    blocks: Sequence[Block]
    reads: slice
    n_classes: int | None
    input_size: tuple[int, int, int]
    width: int

    def embed(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image token width"]:
        """Tokens that enter the first block."""
        ...

    def pool(self, tokens: Float[Tensor, "image read width"]) -> Float[Tensor, "image feature"]:
        """What the classifier reads, from the `reads` tokens that leave the last block."""
        ...

    def logits(self, features: Float[Tensor, "image feature"]) -> Float[Tensor, "image class"]:
        """Class logits; never called where `n_classes` is None."""
        ...

    def reference(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image output"]:
        """The library's own forward: logits, or pooled features where there is no classifier."""
        ...

    def resize(self, height: int, width: int) -> nn.Module:
        """A copy of the module at another input size, by the library's own interpolation rule."""
        ...


def finish(
    block: Block, x: Float[Tensor, "image token width"], z: Float[Tensor, "image head token channel"]
) -> Float[Tensor, "image token width"]:
    """The rest of the block, given the per-head outputs z of the same tokens."""
    return block.mlp(x + block.branch(x, z))


def attention_weights(p: Projections) -> Float[Tensor, "image head query key"]:
    """The attention matrix A = softmax(q k^T + bias), explicit. Rows sum to 1.

    float32 for half-precision models: rounded to bfloat16, rows would miss 1 by up to 4e-3.
    """
    scores = p.q @ p.k.transpose(-2, -1)
    scores = scores if p.bias is None else scores + p.bias
    return scores.softmax(-1, dtype=None if scores.dtype == torch.float64 else torch.float32)


def head_outputs(
    weights: Float[Tensor, "image head query key"], v: Float[Tensor, "image head key channel"]
) -> Float[Tensor, "image head query channel"]:
    """The heads' outputs z = A @ v, in the type of v."""
    return weights.to(v.dtype) @ v


def attend_rows(p: Projections, rows: slice) -> Float[Tensor, "image head row channel"]:
    """The heads' outputs z = A @ v for some of the query tokens, fused: A is never made."""
    bias = None if p.bias is None else p.bias[..., rows, :]
    return F.scaled_dot_product_attention(p.q[..., rows, :], p.k, p.v, attn_mask=bias, scale=1.0)


def join_heads(z: Float[Tensor, "image head token channel"]) -> Float[Tensor, "image token head_channel"]:
    """Concatenate the heads' outputs as the output projection expects them."""
    return z.transpose(-3, -2).flatten(-2)


def split_heads(
    x: Float[Tensor, "image token head_channel"], n_heads: int, size: int = -1
) -> Float[Tensor, "image head token channel"]:
    """The inverse of `join_heads`; the channels of a head must be told where there may be no head."""
    return x.unflatten(-1, (n_heads, size)).transpose(-3, -2)


def per_head_weight(
    projection: nn.Module, n_heads: int, scale: Tensor | None, size: int = -1
) -> Float[Tensor, "head channel width"]:
    """A projection's weight cut by head, [head, channel, width], with LayerScale's gamma multiplied in.

    Of a projection with an added layer (LoRA) the weight is what it does: its output of an identity less that of zeros.
    """
    if type(projection) is nn.Linear:
        weight = projection.weight.T
    else:
        like = next(projection.parameters())
        width = getattr(projection, "in_features", None) or like.shape[-1]
        weight = projection(torch.eye(width).to(like)) - projection(like.new_zeros(1, width))
    weight = weight if scale is None else weight * scale
    return weight.unflatten(0, (n_heads, size))


class Evaluation:
    """Context: inference mode, no autocast, evaluation behaviour; every training flag comes back, also after an error.

    Several may be open on one module, nested or in threads: the flags come back when the last one closes.

    Parameters
    ----------
    gradients: record gradients instead of inference mode, whatever the caller's own mode is.
    """

    _lock = threading.Lock()
    _open: ClassVar[WeakKeyDictionary[nn.Module, tuple[int, list[nn.Module]]]] = WeakKeyDictionary()

    def __init__(self, module: nn.Module, *, gradients: bool = False) -> None:
        self.module = module
        self.gradients = gradients

    def __enter__(self) -> None:
        with self._lock:
            n_open, training = self._open.get(self.module, (0, [m for m in self.module.modules() if m.training]))
            self._open[self.module] = (n_open + 1, training)
            self.module.eval()
        self.mode = ExitStack()
        for device in ("cpu", "cuda"):  # half precision is chosen by the model's own type, never by the caller's scope
            if torch.is_autocast_enabled(device):
                self.mode.enter_context(torch.autocast(device, enabled=False))
        self.mode.enter_context(torch.inference_mode(not self.gradients))
        if self.gradients:
            self.mode.enter_context(torch.enable_grad())

    def __exit__(self, *error: object) -> None:
        self.mode.close()
        with self._lock:
            n_open, training = self._open.pop(self.module)
            if n_open > 1:
                self._open[self.module] = (n_open - 1, training)
                return
            for m in training:
                m.training = True
