"""The intact model: outputs, and attention matrices layer by layer. Keeps no state, leaves the module as it was."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import checked
from vitscope.engine.finite import Watch, refuse
from vitscope.errors import InvalidArgument
from vitscope.models import AnyModel, Evaluation, Model, TappedModel
from vitscope.models.block import Projections, attention_weights, finish, head_outputs

BATCH = 16
"""Images that run together where nothing else fixes it."""


class Intact(NamedTuple):
    """What the intact model says of images; logits are None without a classifier.

    `problems` has the images whose activations are not finite, by their place, with the reason: their rows are no
    answers.
    """

    features: Float[Tensor, "image feature"]
    logits: Float[Tensor, "image class"] | None
    problems: dict[int, str]


def intact(model: AnyModel, pixels: Float[Tensor, "image color row col"], batch: int = BATCH) -> Intact:
    """Pooled features and logits of the intact model, blocks as the library runs them, and which images have none.

    A tapped model whose features cannot be seen has its output in their place.
    """
    if isinstance(model, TappedModel):
        return _intact_whole(model, pixels, batch)
    features: list[Tensor] = []
    problems: dict[int, str] = {}
    with Evaluation(model.module):
        for start in range(0, max(1, len(pixels)), batch):
            watch = Watch()
            x = model.place(pixels[start : start + batch])
            watch.see("in its pixels after preprocessing", x)
            x = model.embed(x)
            watch.see("in its tokens before layer 0", x)
            for layer, block in enumerate(model.blocks):
                x = block(x)
                watch.see(f"after layer {layer}", x)
            features.append(model.pool(x[:, model.architecture.reads]))
            watch.see("in what the classifier reads", features[-1])
            problems |= {start + place: reason for place, reason in watch.problems().items()}
        joined = torch.cat(features)
        logits = model.logits(joined)
        if logits is not None:
            watch = Watch()
            watch.see("in its logits", logits)
            problems = watch.problems() | problems
        return Intact(joined, logits, problems)


def _intact_whole(model: TappedModel, pixels: Float[Tensor, "image color row col"], batch: int) -> Intact:
    """The same of a model whose tokens between layers are not known."""
    answers: list[tuple[Tensor, Tensor]] = []
    problems: dict[int, str] = {}
    with Evaluation(model.module):
        for start in range(0, max(1, len(pixels)), batch):
            watch = Watch()
            x = model.place(pixels[start : start + batch])
            watch.see("in its pixels after preprocessing", x)
            answer = model.run(x)
            answers.append((answer.output if answer.features is None else answer.features, answer.output))
            watch.see("in its output", answer.output)
            problems |= {start + place: reason for place, reason in watch.problems().items()}
    features, output = (torch.cat(parts) for parts in zip(*answers, strict=True))
    return Intact(features, None if model.n_logits is None else output, problems)


def features_and_logits(
    model: AnyModel, pixels: Float[Tensor, "image color row col"], batch: int = BATCH
) -> tuple[Float[Tensor, "image feature"], Float[Tensor, "image class"] | None]:
    """Pooled features and logits (None without a classifier) of the intact model, blocks as the library runs them.

    Raises
    ------
    NotFinite: an image whose activations are not finite.
    """
    found = intact(model, pixels, batch)
    refuse(model.id, found.problems, len(pixels))
    return found.features, found.logits


def require_finite(model: AnyModel, pixels: Float[Tensor, "image color row col"], finite: bool) -> None:
    """Refuse images that the intact model does not answer, where what was computed of them is not `finite`.

    A pruned model alone may overflow in half precision: that is how it is, and no error.

    Raises
    ------
    NotFinite: names the first such image.
    """
    if not finite:
        refuse(model.id, intact(model, pixels).problems, len(pixels))


def heads_by_layer(
    model: AnyModel, pixels: Float[Tensor, "image color row col"]
) -> Iterator[tuple[Float[Tensor, "image head query key"], Float[Tensor, "image head token channel"]]]:
    """The attention matrices and the heads' outputs z of one layer after the other; use inside `Evaluation`."""
    if isinstance(model, TappedModel):
        seen: list[tuple[Tensor, Tensor]] = []
        model.run(model.place(pixels), lambda layer, projections: seen.append(_weights_and_z(projections)))
        yield from seen
        return
    x = model.embed(model.place(pixels))
    for block in model.blocks:
        weights, z = _weights_and_z(block.attend(x))
        yield weights, z
        x = finish(block, x, z)


def _weights_and_z(projections: Projections) -> tuple[Tensor, Tensor]:
    weights = attention_weights(projections)
    return weights, head_outputs(weights, projections.v)


def attention_by_layer(
    model: AnyModel, pixels: Float[Tensor, "image color row col"]
) -> Iterator[Float[Tensor, "image head query key"]]:
    """The attention matrices of one layer after the other; use inside `Evaluation`."""
    return (weights for weights, _ in heads_by_layer(model, pixels))


def output_channels(model: Model) -> int:
    """Channels of a head's output z; the most that any layer has."""
    with Evaluation(model.module):
        parameter = next(model.module.parameters())
        nothing = parameter.new_zeros(1, model.tokens.n_tokens, model.architecture.width)
        return max(block.attend(nothing).v.shape[-1] for block in model.blocks)


@checked
def attention(
    model: AnyModel, pixels: Float[Tensor, "image color row col"], layers: Sequence[int] | None = None
) -> Float[Tensor, "image layer head query key"]:
    """Attention matrices A of every head: A[..., query, key], rows sum to 1, on the CPU.

    Parameters
    ----------
    layers: which layers, in this order; None for all. Memory: images x layers x heads x tokens^2 x 4 bytes
        (22 MB an image for ViT-B/16 at 224).

    Returns
    -------
    float32 (float64 for a float64 model). Where layers differ in their number of heads, missing heads are NaN.

    Raises InvalidArgument for a layer that does not exist, pixels of the wrong shape, or (NotFinite) an image whose
    attention is not finite.
    """
    wanted = list(range(model.n_layers)) if layers is None else [check_layer(model, layer) for layer in layers]
    dtype = torch.float64 if model.dtype == torch.float64 else torch.float32
    n_tokens = model.tokens.n_tokens
    shape = (len(pixels), len(wanted), max(model.n_heads), n_tokens, n_tokens)
    result = torch.full(shape, torch.nan, dtype=dtype, device="cpu")
    problems: dict[int, str] = {}
    with Evaluation(model.module):
        for start in range(0, len(pixels), BATCH):
            watch = Watch()
            by_layer = attention_by_layer(model, pixels[start : start + BATCH])
            for layer, weights in zip(range(max(wanted, default=-1) + 1), by_layer, strict=False):
                watch.see_attention(layer, weights)
                for i in (i for i, chosen in enumerate(wanted) if chosen == layer):
                    result[start : start + BATCH, i, : weights.shape[1]] = weights.to(dtype).cpu()
            problems |= {start + place: reason for place, reason in watch.problems().items()}
    refuse(model.id, problems, len(pixels))
    return result


def check_layer(model: AnyModel, layer: int) -> int:
    """Return the layer, or raise InvalidArgument naming the range."""
    if not 0 <= layer < model.n_layers:
        raise InvalidArgument(
            f"cannot use layer {layer}: {model.id} has {model.n_layers} layers (0..{model.n_layers - 1})",
            "Layers count from 0, the one next to the image; `vitscope doctor MODEL` lists them.",
        )
    return layer
