"""Maps that ask for one class: attention weighted by the gradient of that class's score with respect to it.

Gradients come in as tensors (`vitscope.attention_gradients` makes them), layer by layer in the order of the attention.
Knows nothing about: models, how a gradient is computed.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import checked
from vitscope.errors import InvalidArgument
from vitscope.measures.maps.rollout import Fusion, check_start, known_heads, one_axis, roll_out, there
from vitscope.measures.matrices import check_attention, widen
from vitscope.tokens import TokenLayout

LEGRAD_LAYERS: Final = 2
"""Last layers that LeGrad takes, the default of its authors' program."""


@checked
def gradient_rollout(
    attention: Float[Tensor, "*batch layer head query key"],
    gradients: Float[Tensor, "*batch layer head query key"],
    tokens: TokenLayout | None = None,
    residual: float = 0.5,
    fusion: Fusion = "mean",
    discard: float = 0.0,
    start: int = 0,
) -> Float[Tensor, "*batch query key"]:
    """Rollout of A * relu(dA): the product of A~ = (1 - residual) fuse(A * relu(dA)) + residual I, rows rescaled.

    Follows only weights whose growth would raise the class's score. Not free of scale: the identity does not grow
    with the gradient, so a confident image (small gradients) stays nearer to the identity.

    Parameters
    ----------
    gradients: dA, of the class's logit before the softmax with respect to each weight.
    residual, fusion, discard, start: as for `rollout`.

    Returns
    -------
    Rows sum to 1. The CLS row is the usual map; any row may be read. Heads that a layer lacks (NaN) are left out.

    Raises
    ------
    NotAttention: a row does not sum to 1, or the matrix does not fit the token layout.
    InvalidArgument: gradients of another shape, an option outside its range, or `discard` without `tokens`.

    Invariants
    ----------
    Gradients 0 or below give the identity; gradients 1 give `rollout`.

    Source
    ------
    abnar2020, eq. 1, of attention weighted as in chefer2021b, eq. 5. Departs from them in: residual, fusion, discard
    and start are options; rows are rescaled whatever the weights.

    Example
    -------
    >>> gradient_rollout(torch.full((1, 1, 1, 2, 2), 0.5), torch.ones(1, 1, 1, 2, 2))
    tensor([[[0.7500, 0.2500],
             [0.2500, 0.7500]]])
    """
    weights = one_axis(_weighted(attention, gradients, tokens))
    rolled = roll_out(weights, tokens, residual=residual, fusion=fusion, discard=discard, start=start)
    return rolled.reshape(*attention.shape[:-4], *rolled.shape[1:])


@checked
def relevance(
    attention: Float[Tensor, "*batch layer head query key"],
    gradients: Float[Tensor, "*batch layer head query key"],
    start: int = 0,
) -> Float[Tensor, "*batch query key"]:
    """Generic relevance: from R = I, layer by layer R <- R + (mean over heads of relu(A * dA)) R.

    Parameters
    ----------
    gradients: dA, of the class's logit before the softmax with respect to each weight.
    start: first layer that takes part.

    Returns
    -------
    R, in units of the score, 0 and above; rows do not sum to 1. The CLS row is the usual map, and the 1 that each
    token starts with is on the diagonal. Heads that a layer lacks (NaN) are left out.

    Raises
    ------
    NotAttention: a row does not sum to 1.
    InvalidArgument: gradients of another shape, or a first layer that does not exist.

    Invariants
    ----------
    Gradients 0 or below give the identity.

    Source
    ------
    chefer2021b, eqs. 5 and 6, for self-attention. Departs from it in: start is an option.

    Example
    -------
    >>> relevance(torch.full((1, 1, 1, 2, 2), 0.5), torch.ones(1, 1, 1, 2, 2))
    tensor([[[1.5000, 0.5000],
             [0.5000, 1.5000]]])
    """
    weights = one_axis(_weighted(attention, gradients, None))
    check_start(start, weights.shape[1])
    n_images, n_layers, _, n_tokens, _ = weights.shape
    passed = torch.eye(n_tokens, dtype=weights.dtype, device=weights.device).expand(n_images, n_tokens, n_tokens)
    for layer in range(start, n_layers):
        heads = there(weights[:, layer])
        if heads.shape[1]:
            passed = passed + heads.mean(1) @ passed
    return passed.reshape(*attention.shape[:-4], n_tokens, n_tokens)


@checked
def legrad(
    gradients: Float[Tensor, "image layer head query key"], tokens: TokenLayout, layers: int | None = LEGRAD_LAYERS
) -> Float[Tensor, "image row col"]:
    """LeGrad: mean over the last layers of the mean over heads and queries of relu(dA), for each key that is a patch.

    Uses no attention weight, only how much more attention to a patch would raise the class's score as it is read at
    the end of the very layer. Needs no CLS token.

    Parameters
    ----------
    gradients: dA of each layer's own score, read from the mean over all tokens that leave this layer
        (`vitscope.attention_gradients(..., score="layer_mean")`).
    layers: the last so many take part, 1 or more; all where there are fewer. None: all.

    Returns
    -------
    In units of the score, 0 and above. Heads that a layer lacks (NaN) are left out.

    Raises
    ------
    InvalidArgument: gradients that do not fit the token layout, or less than one layer.

    Source
    ------
    bousselham2024, the map of a layer and its mean over layers; two layers is the default of the authors' program.
    Departs from it in: no min-max normalisation (it would make the mass inside a region depend on the least patch).

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> legrad(torch.tensor([[0.0, 3.0, -1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 6.0]])[None, None, None], tokens)
    tensor([[[1., 2.]]])
    """
    if gradients.shape[-2:] != (tokens.n_tokens, tokens.n_tokens):
        raise InvalidArgument(
            f"cannot map gradients of {gradients.shape[-2]} queries x {gradients.shape[-1]} keys: the token layout "
            f"has {tokens.n_tokens} tokens",
            "Give the TokenLayout of the model that they come from (`model.tokens`).",
        )
    by_layer = []
    for layer in range(first_of_last(layers, gradients.shape[1]), gradients.shape[1]):
        heads = widen(there(gradients[:, layer]))[..., tokens.patches].clamp_min(0)
        by_layer.append(heads.mean((1, 2)) if heads.shape[1] else heads.new_zeros(len(heads), tokens.n_patches))
    return torch.stack(by_layer).mean(0).unflatten(-1, (tokens.rows, tokens.cols))


def first_of_last(layers: int | None, n_layers: int) -> int:
    """The first of the last so many layers; None: of all. Raises InvalidArgument: less than one layer."""
    if layers is not None and layers < 1:
        raise InvalidArgument(f"cannot map the last {layers} layers: LeGrad needs at least one", "Example: layers=2.")
    return 0 if layers is None else max(0, n_layers - layers)


def _weighted(attention: Tensor, gradients: Tensor, tokens: TokenLayout | None) -> Tensor:
    """A * relu(dA), checked; relu(A * dA) is the same, for no weight is negative."""
    if attention.shape != gradients.shape:
        raise InvalidArgument(
            f"cannot weight attention {list(attention.shape)} by gradients {list(gradients.shape)}: shapes differ",
            "Take both from the same model and images: vitscope.attention, vitscope.attention_gradients.",
        )
    check_attention(known_heads(attention), tokens)
    return widen(attention) * widen(gradients).clamp_min(0)
