"""What is proven of a module before the second engine takes it: which attentions there are, their tokens, and the tap.

Everything is tried on noise, in the module's own forward; what does not hold is refused with what was seen.
Knows nothing about: names of libraries, files.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from vitscope.errors import ParityError, UnsupportedModel
from vitscope.models.adapters.library.calls import first, pooled
from vitscope.models.adapters.library.twins import with_forwards
from vitscope.models.adapters.unknown_vit import classifier_of, prefix_names, size_of
from vitscope.models.block import Evaluation, Projections, attention_weights, head_outputs
from vitscope.models.parity import HALF_TOLERANCE, TOLERANCE, relative_difference
from vitscope.models.patches import find_patches, noise
from vitscope.models.tap import Tap
from vitscope.models.tapped import Seen, leave_alone, run_tapped
from vitscope.tokens import TokenLayout

_PICTURE: Final = (640, 480)
"""Size of the plain picture that a transform is tried on."""

Transform = Callable[[Image.Image], Tensor]


def prove_tapped(module: nn.Module, name: str, transform: Transform | None = None) -> Seen:
    """See all attentions of a module, and prove that the tap changes nothing but what it is to change.

    Raises
    ------
    UnsupportedModel: the reason alone: what was seen, and why that is no plain Vision Transformer.
    ParityError: the module under the tap gives another output than without it.
    """
    size = _input_size(module, transform)
    with Evaluation(module):
        pixels, others = (noise(module, size, n) for n in (2, 3))
        plain = _plain_output(module, pixels)
        notes: list[str] = []
        one, other = (_attentions(module, x) for x in (pixels, others))
        found = find_patches(module, pixels)
        n_heads, n_tokens = _layers(one, other, notes)
        parity = _require_parity(module, name, pixels, plain)
        tokens = TokenLayout(prefix_names(module, found.n_prefix), found.rows, found.cols, found.patch)
        if tokens.n_tokens != n_tokens:
            raise UnsupportedModel(f"its attentions run over {n_tokens} tokens, its patches make {tokens.n_tokens}")
        _require_output(module, pixels, n_tokens)
        _check_masks(module, pixels, n_heads, notes)
        return Seen(module, size, tokens, n_heads, parity, _ending(module, pixels, plain), plain.shape[1], tuple(notes))


def _input_size(module: nn.Module, transform: Transform | None) -> tuple[int, int, int]:
    """By the module's attributes, else by what the transform makes of a plain picture."""
    size = size_of(module)
    if size is not None:
        convolution = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
        return (3 if convolution is None else convolution.in_channels, *size)
    if transform is None:
        raise UnsupportedModel(
            "nothing says how large its pictures are: give transform=..., which makes its pixels of a picture"
        )
    try:
        pixels = transform(Image.new("RGB", _PICTURE, (120, 130, 140)))
        channels, height, width = pixels.shape
    except Exception as error:  # whatever a user's transform raises
        raise UnsupportedModel(
            f"its transform makes no pixels [color, row, col] of a plain picture, {_said(error)}"
        ) from error
    return channels, height, width


def _plain_output(module: nn.Module, pixels: Tensor) -> Float[Tensor, "image output"]:
    """The module's own output: finite, the same each time, and of each image by itself."""
    try:
        plain, again, alone = (pooled(module(x)) for x in (pixels, pixels, pixels[:1]))
    except Exception as error:  # whatever a user's module raises
        raise UnsupportedModel(
            f"its own forward fails on images of {list(pixels.shape[1:])}, {_said(error)}"
        ) from error
    if not isinstance(plain, Tensor) or plain.ndim != 2 or len(plain) != len(pixels):
        got = list(plain.shape) if isinstance(plain, Tensor) else f"a {type(plain).__name__}"
        raise UnsupportedModel(f"its forward gives {got}, expected a tensor [image, output]")
    if not plain.isfinite().all():
        raise UnsupportedModel("its own output is not finite (NaN or infinity), though its weights are")
    if not relative_difference(again, plain) <= _limit(module):
        raise UnsupportedModel("its forward gives another output the second time: something in it is random")
    if not relative_difference(alone, plain[:1]) <= _limit(module):
        raise UnsupportedModel("its output for one image depends on the others that run with it")
    return plain


def _require_output(module: nn.Module, pixels: Tensor, n_tokens: int) -> None:
    """A tensor [image, output], or the tokens of a module without a classifier, whose mean is taken."""
    out = first(module(pixels))
    tokens = out.ndim == 3 and out.shape[1] == n_tokens and classifier_of(module) is None
    if out.ndim != 2 and not tokens:
        raise UnsupportedModel(f"its forward gives {list(out.shape)}, expected a tensor [image, output]")


def _layers(one: list[tuple[int, ...]], other: list[tuple[int, ...]], notes: list[str]) -> tuple[tuple[int, ...], int]:
    """Heads of each attention and the number of tokens; the same in two forwards of other images, or refused."""
    if [shape[1:] for shape in one] != [shape[1:] for shape in other]:
        raise UnsupportedModel(
            f"two forwards have different attentions: {len(one)} and {len(other)}, of other sizes or in another order"
        )
    pooling = one[-1][2] == 1 < one[-1][3]
    if pooling:
        one = one[:-1]
        notes.append("the last attention pools all tokens with one query: it is no layer")
    odd = [shape for shape in one if shape[2] != shape[3]]
    if odd or not one:
        n, keys = odd[0][2:] if odd else (1, "all tokens")
        raise UnsupportedModel(f"an attention goes from {n} queries to {keys} keys: no self-attention of all tokens")
    sizes = sorted({shape[2] for shape in one})
    if len(sizes) > 1:
        raise UnsupportedModel(f"its attentions run over {_listed(sizes)} tokens: several grids, or windows")
    return tuple(shape[1] for shape in one), sizes[0]


def _attentions(module: nn.Module, pixels: Tensor) -> list[tuple[int, ...]]:
    """[image, head, query, key] of each attention of a forward, none of them masked, windowed or half seen."""
    shapes: list[tuple[int, ...]] = []
    masked: list[int] = []
    elsewhere: list[tuple[int, ...]] = []

    def see(p: Projections) -> None:
        if p.v.ndim != 4 or len(p.v) != len(pixels):
            elsewhere.append(tuple(p.v.shape))  # no error here: torch's operators take a TypeError for one of their own
            return
        weights = attention_weights(p)
        if bool((weights == 0).flatten(0, 1).all(0).any()):
            masked.append(len(shapes))
        shapes.append(tuple(weights.shape))

    with Tap(len(pixels), see) as tap:
        module(pixels)
    if elsewhere:
        raise UnsupportedModel(
            f"an attention runs over values {list(elsewhere[0])} for {len(pixels)} images, expected [image, head, "
            "token, channel]: it attends in windows, or over several pictures"
        )
    if not shapes:
        softmaxes = f"; softmaxes over {_listed(tap.unused[:3])} are not multiplied with values" if tap.unused else ""
        raise UnsupportedModel(
            "no attention was seen in its forward: it has none, or computes it in a kernel or an einsum of its own, "
            f"or by sampling points{softmaxes}"
        )
    half = [shape for shape in tap.unused if len(shape) == 4 or shape[-1] == shape[-2]]
    if half:
        raise UnsupportedModel(
            f"a softmax {list(half[0])} is not seen to be multiplied with values: it samples points, mixes heads, "
            "or uses an einsum"
        )
    if masked:
        raise UnsupportedModel(f"attention {masked[0]} is masked: some queries never see some keys, as of a text model")
    return shapes


def _require_parity(module: nn.Module, name: str, pixels: Tensor, plain: Tensor) -> float:
    """With an idle tap, and with every A @ v explicit, the output must be the plain one's."""
    worst = 0.0
    for use in (leave_alone, lambda layer, p: head_outputs(attention_weights(p), p.v)):
        difference = relative_difference(pooled(run_tapped(module, pixels, use)), plain)
        if not difference <= _limit(module):
            raise ParityError(
                f"cannot analyse {name} by brute force: with its attention computed by us its output differs from "
                f"its own by {difference:.2g}, allowed {_limit(module):.0e}",
                "Something between its softmax and its values is not seen; please report it.",
            )
        worst = max(worst, difference)
    return worst


def _check_masks(module: nn.Module, pixels: Tensor, n_heads: tuple[int, ...], notes: list[str]) -> None:
    """Prune one head of each attention: what comes before must not change, something after it must."""
    intact = list(_traced(module, pixels, None))
    for layer, heads in enumerate(n_heads):
        if not heads:
            continue
        pruned = list(_traced(module, pixels, (layer, heads - 1)))
        same = [torch.equal(a, b) for a, b in zip(intact, pruned, strict=True)]
        if not all(same[: layer + 1]):
            raise UnsupportedModel(
                f"to prune a head of attention {layer} changes attention {same.index(False)}, which comes before it"
            )
        if all(same):
            notes.append(f"a head of attention {layer} was pruned and nothing changed: its effect is not proven")


def _traced(module: nn.Module, pixels: Tensor, pruned: tuple[int, int] | None) -> Iterator[Tensor]:
    """What each attention gives to each key, then the output; with one head's z set to 0."""
    traces: list[Tensor] = []

    def use(layer: int, p: Projections) -> Tensor:
        weights = attention_weights(p)
        traces.append(weights.sum(-2))
        z = head_outputs(weights, p.v)
        if pruned is not None and layer == pruned[0]:
            z[:, pruned[1]] = 0
        return z

    output = pooled(run_tapped(module, pixels, use))
    yield from traces
    yield output


def _ending(module: nn.Module, pixels: Tensor, plain: Tensor) -> str | None:
    """Path of the Linear whose output is the module's."""
    ends: list[str] = []

    def noted(path: str, part: nn.Linear) -> Callable[[Tensor], Tensor]:
        def forward(x: Tensor) -> Tensor:
            out = part.forward(x)
            if x.ndim == 2 and out.shape == plain.shape and torch.equal(out, plain):
                ends.append(path)
            return out

        return forward

    linears = {path: part for path, part in module.named_modules() if isinstance(part, nn.Linear)}
    with_forwards(module, {path: noted(path, part) for path, part in linears.items()})(pixels)
    return ends[-1] if ends else None


def _limit(module: nn.Module) -> float:
    return TOLERANCE.get(next(iter([*module.parameters(), torch.zeros(1)])).dtype, HALF_TOLERANCE)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _listed(values: list[Any]) -> str:
    return ", ".join(str(list(value) if isinstance(value, tuple) else value) for value in values)
