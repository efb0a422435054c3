"""Maps of where a class comes from, by name: one forward and backward pass for all that are asked for.

Knows nothing about: files, how maps are judged or drawn.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.engine.forward import attention
from vitscope.engine.gradients import Score, layer_gradients
from vitscope.errors import InvalidArgument
from vitscope.measures import gradient_rollout, legrad, relevance, rollout
from vitscope.measures.maps.gradient_maps import LEGRAD_LAYERS, first_of_last
from vitscope.models import Model

PLAIN: Final = ("raw", "rollout")
"""Maps that are the same whatever the class."""
WEIGHTED: Final = ("gradient_rollout", "relevance", "legrad")
"""Maps of one class; they need a classifier."""
MAPS: Final = (*PLAIN, *WEIGHTED)
Reading = Literal["mean", "classifier"]
SCORES: Final[dict[Reading, Score]] = {"mean": "layer_mean", "classifier": "layer"}
"""What LeGrad takes the gradient of, by how a layer's tokens are read."""


class LeGrad(NamedTuple):
    """Options of LeGrad; the defaults are its authors'.

    layers: the last so many take part; None: all. reading: a layer's score is read from the mean over all its tokens,
    or from those that the classifier reads.
    """

    layers: int | None = LEGRAD_LAYERS
    reading: Reading = "mean"


AUTHORS: Final = LeGrad()
"""LeGrad as its authors run it."""


def check_legrad(how: LeGrad) -> None:
    """Raise InvalidArgument for options that LeGrad does not have."""
    first_of_last(how.layers, 1)
    if how.reading not in SCORES:
        raise InvalidArgument(f"cannot read a layer by {how.reading!r}", f"Readings: {', '.join(SCORES)}.")


def explain(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    targets: Int[Tensor, " image"] | None,
    names: Sequence[str] = MAPS,
    how: LeGrad = AUTHORS,
) -> dict[str, Float[Tensor, "image patch_row patch_col"]]:
    """Maps of a batch of images on the patch grid, on the CPU; 0 and above, not rescaled.

    `raw` is the last layer's attention, mean over heads. `raw`, `rollout`, `gradient_rollout` and `relevance` read the
    rows of the tokens that the classifier reads, mean over them: the CLS row where it reads CLS. `legrad` has no row.

    Parameters
    ----------
    targets: class per image, for the weighted maps; None where none of them is asked for.
    how: of `legrad`: which layers take part, and how they are read.

    Raises
    ------
    InvalidArgument: a name that is not of `MAPS`, a weighted map without a class, or an option that LeGrad
        does not have.
    """
    unknown = [name for name in names if name not in MAPS]
    if unknown:
        raise InvalidArgument(f"cannot make the map {unknown[0]!r}", f"Maps: {', '.join(MAPS)}.")
    if targets is None and set(names) & set(WEIGHTED):
        raise InvalidArgument(f"cannot make the map {names[-1]}: no class is given", "Give one class an image.")
    check_legrad(how)
    found: dict[str, Tensor] = {}
    weights = None
    if {"gradient_rollout", "relevance"} & set(names):
        assert targets is not None  # noqa: S101 - checked above
        by_output = layer_gradients(model, pixels, targets, score="output")
        weights = padded([layer.attention for layer in by_output])
        gradients = padded([layer.gradient for layer in by_output])
        found["gradient_rollout"] = _read(model, gradient_rollout(weights, gradients))
        found["relevance"] = _read(model, relevance(weights, gradients))
    if "legrad" in names:
        assert targets is not None  # noqa: S101 - checked above
        start = first_of_last(how.layers, model.n_layers)
        by_layer = layer_gradients(model, pixels, targets, score=SCORES[how.reading], start=start)
        found["legrad"] = legrad(padded([layer.gradient for layer in by_layer]), model.tokens, None)
    if set(PLAIN) & set(names):
        weights = attention(model, pixels) if weights is None else weights
        found["raw"] = _read(model, weights[:, -1].nanmean(1))
        found["rollout"] = _read(model, rollout(weights))
    return {name: found[name] for name in names}


def padded(layers: Sequence[Float[Tensor, "image _ query key"]]) -> Float[Tensor, "image layer head query key"]:
    """Layers side by side, on the CPU; heads that a layer lacks are NaN."""
    first = layers[0]
    dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
    most = max(layer.shape[1] for layer in layers)
    shape = (len(first), len(layers), most, *first.shape[-2:])
    result = torch.full(shape, torch.nan, dtype=dtype, device="cpu")
    for place, layer in enumerate(layers):
        result[:, place, : layer.shape[1]] = layer.to(dtype).cpu()
    return result


def _read(model: Model, rows: Float[Tensor, "image query key"]) -> Float[Tensor, "image row col"]:
    tokens = model.tokens
    return rows[:, model.architecture.reads, tokens.patches].mean(1).unflatten(-1, (tokens.rows, tokens.cols))
