"""Gradients of a class's score with respect to every attention weight, through our own path, for every adapter.

Knows nothing about: what is made of the gradients (`measures.gradient_maps`), files.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.arguments import checked
from vitscope.engine.finite import Watch, refuse
from vitscope.engine.forward import features_and_logits, intact
from vitscope.engine.importance.head_importance import targets as resolve_targets
from vitscope.errors import InvalidArgument, NotFinite, UnsupportedModel
from vitscope.measures.effects.answers import either
from vitscope.models import Evaluation, Model
from vitscope.models.block import attention_weights, finish, head_outputs

Score = Literal["output", "layer_mean", "layer"]
BATCH: Final = 4
"""Images whose activations are kept at once; a backward pass holds those of every layer."""


class LayerGradient(NamedTuple):
    """One layer's attention and the gradient of the score with respect to it."""

    attention: Float[Tensor, "image head query key"]
    gradient: Float[Tensor, "image head query key"]


@checked
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
    score: `output`, the class's logit before the softmax, through all later layers; `layer_mean`, for each layer that
        logit read from the mean over all tokens that leave this very layer, CLS and registers among them, passed
        through the model's own norm and classifier (what LeGrad asks for); or `layer`, the same read from the tokens
        that the classifier reads (CLS alone where it reads CLS).

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
    chefer2021b (output) and bousselham2024 (layer_mean).
    """
    if score not in get_args(Score):
        raise InvalidArgument(f"cannot take gradients of the score {score!r}", f"Scores: {', '.join(get_args(Score))}.")
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
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    targets: Int[Tensor, " image"],
    *,
    score: Score,
    start: int = 0,
) -> list[LayerGradient]:
    """Attention and gradient of each layer from `start` on, of as many heads as it has.

    With `output` the activations of all layers are kept at once, with the layers' own scores those of one.

    Raises
    ------
    NotFinite: an image whose attention is not finite.
    UnsupportedModel: weights made under `torch.inference_mode()`.
    """
    inference = next((name for name, value in model.module.named_parameters() if value.is_inference()), None)
    if inference is not None:
        raise UnsupportedModel(
            f"cannot take gradients through {model.id}: its weights ({inference}) were made under "
            "torch.inference_mode(), which forbids that",
            "Outside of it copy the module, vitscope.wrap(copy.deepcopy(module)), or build it there.",
        )
    with Evaluation(model.module, gradients=True):
        with torch.no_grad():
            x = model.embed(model.place(pixels))
        chosen = targets.clone().to(x.device)  # a normal tensor, whatever mode it was made in
        if score == "output":
            layers = _by_output(model, x, chosen)[start:]
        else:
            layers = _by_layer(model, x, chosen, start, mean=score == "layer_mean")
    watch = Watch()
    for layer, one in enumerate(layers, start):
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
        _score(model, x[:, model.architecture.reads], targets), weights, allow_unused=True, materialize_grads=True
    )  # a layer without heads has no path to the score
    return [LayerGradient(a.detach(), gradient) for a, gradient in zip(weights, gradients, strict=True)]


def _by_layer(model: Model, x: Tensor, targets: Tensor, start: int, *, mean: bool) -> list[LayerGradient]:
    found: list[LayerGradient] = []
    for layer, block in enumerate(model.blocks):
        with torch.no_grad():
            projections = block.attend(x)
        weights = _followed(attention_weights(projections), first=True)
        with torch.set_grad_enabled(layer >= start):
            after = finish(block, x, head_outputs(weights, projections.v))
        if layer >= start:
            read = after[:, model.architecture.reads]
            if mean:  # as many tokens as the classifier reads, each of them the mean
                read = after.mean(1, keepdim=True).expand_as(read)
            (gradient,) = torch.autograd.grad(
                _score(model, read, targets), [weights], allow_unused=True, materialize_grads=True
            )
            found.append(LayerGradient(weights.detach(), gradient))
        x = after.detach()
    return found


def _followed(weights: Tensor, *, first: bool) -> Tensor:
    """The first weights are where the graph begins; later ones must stay a part of it."""
    return weights.detach().requires_grad_() if first or not weights.requires_grad else weights


def _score(model: Model, read: Tensor, targets: Tensor) -> Tensor:
    """Sum over images of the class's logit from the tokens read; of a single logit l label 0 has -l.

    Images do not see each other, so gradients stay each image's own.
    """
    logits = model.logits(model.pool(read))
    assert logits is not None  # noqa: S101 - asked only of a model with classes
    return (either(logits) if model.readout == "labels" else logits).gather(1, targets[:, None]).sum()
