"""Gradients of a class's score with respect to every attention weight, through our own path, for every adapter.

Knows nothing about: what is made of the gradients (`measures.gradient_maps`), files.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.engine.finite import Watch, refuse
from vitscope.engine.forward import features_and_logits, intact
from vitscope.engine.importance import targets as resolve_targets
from vitscope.errors import InvalidArgument, NotFinite
from vitscope.measures.answers import either
from vitscope.models import Evaluation, Model
from vitscope.models.block import attention_weights, finish, head_outputs

Score = Literal["output", "layer"]
BATCH: Final = 4
"""Images whose activations are kept at once; a backward pass holds those of every layer."""


class LayerGradient(NamedTuple):
    """One layer's attention and the gradient of the score with respect to it."""

    attention: Float[Tensor, "image head query key"]
    gradient: Float[Tensor, "image head query key"]


def attention_gradients(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    targets: Sequence[int] | None = None,
    *,
    score: Score = "output",
) -> Float[Tensor, "image layer head query key"]:
    """Gradient of a class's score with respect to every attention weight A[..., query, key], on the CPU.

    Parameters
    ----------
    targets: class per image, -1 = the model's own top class; None: that for all images.
    score: `output`, the class's logit before the softmax, through all later layers; or `layer`, for each layer that
        logit as the classifier reads the tokens that leave this very layer (what LeGrad asks for).

    Returns
    -------
    float32 (float64 for a float64 model), in logits per unit of weight; rows do not sum to anything. Where layers
    differ in their number of heads, missing heads are NaN.

    Raises
    ------
    InvalidArgument: the model has no classifier, or pixels, targets or score do not fit.
    NotFinite: an image whose activations are not finite.

    Source
    ------
    chefer2021b (output) and bousselham2024 (layer).
    """
    if score not in get_args(Score):
        raise InvalidArgument(f"cannot take gradients of the score {score!r}", "Scores: output, layer.")
    chosen = target_classes(model, pixels, targets)
    dtype = torch.float64 if model.dtype == torch.float64 else torch.float32
    n_tokens = model.tokens.n_tokens
    shape = (len(pixels), model.n_layers, max(model.n_heads), n_tokens, n_tokens)
    result = torch.full(shape, torch.nan, dtype=dtype, device="cpu")
    for start in range(0, len(pixels), BATCH):
        part = slice(start, start + BATCH)
        try:
            layers = layer_gradients(model, pixels[part], chosen[part], score=score)
        except NotFinite:
            refuse(model.id, intact(model, pixels).problems, len(pixels))  # by its place among all
            raise
        for layer, found in enumerate(layers):
            result[part, layer, : found.gradient.shape[1]] = found.gradient.to(dtype).cpu()
    return result


def target_classes(
    model: Model, pixels: Float[Tensor, "image color row col"], targets: Sequence[int] | None
) -> Int[Tensor, " image"]:
    """The class that is asked about, per image.

    Raises
    ------
    InvalidArgument: the model has no classifier, or a class that it does not have.
    """
    if model.n_classes is None:
        raise InvalidArgument(
            f"cannot ask {model.id} about a class: it has no classifier",
            "Give one, vitscope.wrap(module, classifier=...), or use maps that need no class: raw, rollout.",
        )
    if targets is not None and len(targets) == len(pixels) and all(int(target) >= 0 for target in targets):
        logits = torch.empty(len(pixels), model.n_classes)  # nothing is left for the model to say
    else:
        logits = features_and_logits(model, pixels)[1]
    return torch.from_numpy(resolve_targets(model, logits, targets, len(pixels))[0])


def layer_gradients(
    model: Model, pixels: Float[Tensor, "image color row col"], targets: Int[Tensor, " image"], *, score: Score
) -> list[LayerGradient]:
    """Attention and gradient of each layer, of as many heads as it has; keeps the activations of all layers at once.

    Raises
    ------
    NotFinite: an image whose attention is not finite.
    """
    found = _by_output if score == "output" else _by_layer
    with Evaluation(model.module, gradients=True):
        with torch.no_grad():
            x = model.embed(model.place(pixels))
        layers = found(model, x, targets.clone().to(x.device))  # a normal tensor, whatever mode it was made in
    watch = Watch()
    for layer, one in enumerate(layers):
        watch.see_attention(layer, one.attention)
    refuse(model.id, watch.problems(), len(pixels))
    return layers


def _by_output(model: Model, x: Tensor, targets: Tensor) -> list[LayerGradient]:
    weights: list[Tensor] = []
    for block in model.blocks:
        projections = block.attend(x)
        weights.append(_followed(attention_weights(projections), first=not weights))
        x = finish(block, x, head_outputs(weights[-1], projections.v))
    gradients = torch.autograd.grad(
        _score(model, x, targets), weights, allow_unused=True, materialize_grads=True
    )  # a layer without heads has no path to the score
    return [LayerGradient(a.detach(), gradient) for a, gradient in zip(weights, gradients, strict=True)]


def _by_layer(model: Model, x: Tensor, targets: Tensor) -> list[LayerGradient]:
    found: list[LayerGradient] = []
    for block in model.blocks:
        with torch.no_grad():
            projections = block.attend(x)
        weights = _followed(attention_weights(projections), first=True)
        after = finish(block, x, head_outputs(weights, projections.v))
        (gradient,) = torch.autograd.grad(
            _score(model, after, targets), [weights], allow_unused=True, materialize_grads=True
        )
        found.append(LayerGradient(weights.detach(), gradient))
        x = after.detach()
    return found


def _followed(weights: Tensor, *, first: bool) -> Tensor:
    """The first weights are where the graph begins; later ones must stay a part of it."""
    return weights.detach().requires_grad_() if first or not weights.requires_grad else weights


def _score(model: Model, tokens: Tensor, targets: Tensor) -> Tensor:
    """Sum over images of the class's logit; of a single logit l label 0 has -l.

    Images do not see each other, so gradients stay each image's own.
    """
    logits = model.logits(model.pool(tokens[:, model.architecture.reads]))
    assert logits is not None  # noqa: S101 - asked only of a model with classes
    return (either(logits) if model.readout == "labels" else logits).gather(1, targets[:, None]).sum()
