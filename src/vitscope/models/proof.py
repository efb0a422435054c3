"""What is proven of our path through a model: its output, the attention of each block, and what each block changes.

Agreement of the output alone proves nothing where the output hardly depends on a block (LayerScale near 0, a classifier
of zeros): so each block's attention is held against the one that the library computes, and its change against the
library's. What still cannot be told apart is said to be not proven.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.errors import ParityError
from vitscope.models.block import Architecture, Block, Evaluation, Projections, attention_weights, finish, head_outputs
from vitscope.models.parity import limit_of, placed_probe, prove_parity
from vitscope.models.tap import Tap


@dataclass(frozen=True)
class Proof:
    """How far our path agrees with the library's own, on one picture of edges, gradients and noise.

    Parameters
    ----------
    output: max |ours - library| / max |library| of the output.
    blocks: the same of each block's change (tokens out - tokens in).
    attention: max |ours - library| of each block's attention matrices, in [0, 1]; None where the library computes its
        attention in a way that cannot be seen.
    unproven: what agreement says nothing of, one sentence each; none where all is proven.
    """

    output: float
    blocks: tuple[float, ...]
    attention: tuple[float | None, ...]
    unproven: tuple[str, ...]


def prove(architecture: Architecture, name: str) -> Proof:
    """Hold our path through a model against the library's own.

    Raises
    ------
    ParityError: they differ: in the output, in a block's attention, or in what a block changes.
    UnsupportedModel: the module's own forward fails on the probe image, or gives no tensor [image, output].
    """
    output = prove_parity(architecture, name)
    changes: list[float] = []
    attention: list[float | None] = []
    unproven: list[str] = []
    with Evaluation(architecture.module):
        pixels = placed_probe(architecture)
        x = architecture.embed(pixels)
        for layer, block in enumerate(architecture.blocks):
            library, seen = _seen(block, x)
            p = block.attend(x)
            weights = attention_weights(p)
            attention.append(None if seen is None or not block.n_heads else float((weights - seen).abs().max()))
            z = head_outputs(weights, p.v)
            changes.append(_relative(finish(block, x, z) - x, library - x))
            _require(architecture, name, layer, attention[-1], changes[-1] - _rounding(x, library))
            if _rounding(x, library) > 0.5:
                unproven.append(f"layer {layer} changes its tokens by less than their last digits")
            elif seen is None and block.n_heads and not _tells_queries_apart(block, x, z, library):
                unproven.append(f"the attention of layer {layer} hardly changes its tokens, and cannot be seen")
            x = library
        if not _depends_on_picture(architecture, pixels):
            unproven.append("the output is the same for any picture (a classifier of zeros?)")
    return Proof(output, tuple(changes), tuple(attention), tuple(unproven))


def _seen(
    block: Block, x: Float[Tensor, "image token width"]
) -> tuple[Float[Tensor, "image token width"], Float[Tensor, "image head query key"] | None]:
    """The block as the library runs it, and the attention matrices that it computes on the way, if they can be seen."""
    found: list[Tensor] = []

    def see(projections: Projections) -> None:
        found.append(attention_weights(projections))

    with Tap(len(x), see):
        out = block(x)
    same = {weights.shape[-2:] for weights in found} == {(x.shape[1], x.shape[1])}
    weights = torch.cat(found, 1) if same else None  # parallel attentions of a block: their heads side by side
    return out, weights if weights is not None and weights.shape[1] == block.n_heads else None


def _require(architecture: Architecture, name: str, layer: int, attention: float | None, change: float) -> None:
    limit = limit_of(architecture)
    if attention is not None and not attention <= limit:
        raise ParityError(
            f"cannot analyse {name}: the attention of layer {layer}, as {architecture.adapter} sees it, differs from "
            f"the one its library computes by {attention:.2g}, allowed {limit:.0e}",
            "The adapter is wrong for this model, or its library is too new; please report it.",
        )
    if not change <= limit:
        raise ParityError(
            f"cannot analyse {name}: layer {layer}, as {architecture.adapter} sees it, changes its tokens by something "
            f"else than its library does, relative difference {change:.2g}, allowed {limit:.0e}",
            "The adapter is wrong for this model, or its library is too new; please report it.",
        )


def _relative(ours: Tensor, reference: Tensor) -> float:
    difference = (ours - reference).double().abs().max() / reference.double().abs().max().clamp_min(1e-30)
    return float(difference) if torch.isfinite(difference) else float("inf")


def _rounding(x: Tensor, out: Tensor) -> float:
    """The part of a block's change that rounding of the tokens may be, relative to its largest."""
    change = float((out - x).double().abs().max())
    return 4 * torch.finfo(x.dtype).eps * float(x.double().abs().max()) / max(change, 1e-30)


def _tells_queries_apart(block: Block, x: Tensor, z: Tensor, library: Tensor) -> bool:
    """Whether another order of the queries changes the block's output by more than the rounding of its change."""
    other = finish(block, x, z.flip(-2))
    return _relative(other - x, library - x) > 10 * _rounding(x, library)


def _depends_on_picture(architecture: Architecture, pixels: Tensor) -> bool:
    outputs = [architecture.reference(images) for images in (pixels, -pixels)]
    return _relative(outputs[1], outputs[0]) > 16 * torch.finfo(pixels.dtype).eps
