"""Prune any set of heads at once, whole or by region, and read the logits."""

from collections.abc import Iterable, Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import Natural, checked, pairs
from vitscope.engine.forward import BATCH, check_layer, require_finite
from vitscope.engine.pruning.references import EVERY_TOKEN, References, make_references
from vitscope.engine.pruning.regions import Parts, change_of_z, pruned_columns, split_columns, token_groups
from vitscope.errors import InvalidArgument
from vitscope.models import AnyModel, Evaluation, Model, TappedModel
from vitscope.models.block import Block, Projections, attend_rows, attention_weights, finish
from vitscope.models.tapped import UseLayer
from vitscope.tokens import FILLS, HEAD, Fill, TokenLayout, canonical_mode

Heads = Mapping[tuple[int, int], str] | Iterable[tuple[int, int]]
"""{(layer, head): mode}, or (layer, head) pairs: whole heads."""


@checked
def prune(
    model: AnyModel,
    pixels: Float[Tensor, "image color row col"],
    heads: Heads,
    *,
    fill: Fill = "zero",
    references: Float[Tensor, "reference color row col"] | None = None,
    seed: Natural = 0,
) -> Float[Tensor, "image output"]:
    """Logits of the model with a set of heads pruned together (pooled features where it has no classifier).

    Parameters
    ----------
    heads: {(layer, head): mode}, mode `head` or regions such as `cp+pc`; or (layer, head) pairs, whole heads; nothing
        in it prunes nothing and is bitwise the intact model.
    fill: zero (default), renormalise, mean or resample (the last two for mode `head` only), see docs/definitions.md.
    references: images for mean and resample; None means `pixels` themselves.
    seed: of the derangement that `resample` uses.

    Raises InvalidArgument for a head, mode or fill that does not exist, and (NotFinite) for an image or a reference
    whose activations in the intact model are not finite.

    Example
    -------
    >>> logits = prune(model, pixels, {(0, 1): "head", (3, 2): "cp+pc"})
    """
    chosen = check_heads(model, heads)
    check_fill(fill, list(chosen.values()))
    outputs = []
    with Evaluation(model.module):
        source = make_references(model, pixels, references, fill=fill, seed=seed, batch=BATCH) if chosen else None
        for start in range(0, max(1, len(pixels)), BATCH):
            images = slice(start, min(start + BATCH, len(pixels)))
            outputs.append(_pruned_output(model, model.place(pixels[images]), chosen, fill, source, images))
    joined = torch.cat(outputs).cpu()
    require_finite(model, pixels, bool(joined.isfinite().all()))
    return joined


def check_heads(model: AnyModel, heads: Heads) -> dict[tuple[int, int], str]:
    """Canonical modes, or InvalidArgument naming what does not exist."""
    places = pairs(heads, "heads to prune")
    modes = heads.values() if isinstance(heads, Mapping) else [HEAD] * len(places)
    for layer, head in places:
        check_layer(model, layer)
        if not 0 <= head < model.n_heads[layer]:
            raise InvalidArgument(
                f"cannot prune head {head} of layer {layer}: {model.id} has {model.n_heads[layer]} heads there "
                f"(0..{model.n_heads[layer] - 1})",
                "`vitscope doctor MODEL` lists layers and heads.",
            )
    return {place: canonical_mode(mode, model.tokens) for place, mode in zip(places, modes, strict=True)}


def check_fill(fill: str, modes: list[str]) -> None:
    """Raise InvalidArgument for an unknown fill, or one that needs whole heads where a mode is partial."""
    if fill not in FILLS:
        raise InvalidArgument(
            f"cannot fill with {fill!r}: expected one of {', '.join(FILLS)}", "zero is the plain choice."
        )
    partial = [mode for mode in modes if mode != HEAD]
    if partial and fill in ("mean", "resample"):
        raise InvalidArgument(
            f"cannot prune mode {partial[0]!r} with fill {fill!r}: it replaces a whole head's output",
            "Use mode head, or fill zero or renormalise.",
        )


def _pruned_output(
    model: AnyModel,
    pixels: Tensor,
    heads: Mapping[tuple[int, int], str],
    fill: Fill,
    references: References | None,
    images: slice,
) -> Float[Tensor, "image output"]:
    replacements = None if references is None else references.by_layer(model, images)
    if isinstance(model, TappedModel):
        return model.run(pixels, pruning(model.tokens, heads, fill, replacements)).output
    features = features_from(model, 0, model.embed(pixels), heads, fill, replacements)
    logits = model.logits(features)
    return features if logits is None else logits


def pruning(
    tokens: TokenLayout,
    heads: Mapping[tuple[int, int], str],
    fill: Fill,
    replacements: Iterable[Float[Tensor, "#image head token channel"]] | None,
) -> UseLayer:
    """What a tapped model does to its attentions to prune heads of it; `replacements` as for `features_from`."""
    by_layer = None if replacements is None else list(replacements)

    def use(layer: int, projections: Projections) -> Tensor | None:
        here = {head: mode for (at, head), mode in heads.items() if at == layer}
        replacement = None if by_layer is None or not here else by_layer[layer]
        return _z_without(tokens, projections, here, fill, replacement) if here else None

    return use


def features_from(
    model: Model,
    first: int,
    x: Float[Tensor, "image token width"],
    heads: Mapping[tuple[int, int], str],
    fill: Fill,
    replacements: Iterator[Float[Tensor, "#image head token channel"]] | None,
) -> Float[Tensor, "image feature"]:
    """What the classifier reads, from the tokens that enter layer `first`, with the heads of it and later ones pruned.

    `replacements` gives the z that replaces a whole head, from layer `first` on.
    """
    for layer in range(first, model.n_layers):
        here = {head: mode for (at, head), mode in heads.items() if at == layer}
        replacement = None if replacements is None else next(replacements)
        x = _pruned_block(model, model.blocks[layer], x, here, fill, replacement) if here else model.blocks[layer](x)
    return model.pool(x[:, model.architecture.reads])


def _pruned_block(
    model: Model, block: Block, x: Tensor, heads: Mapping[int, str], fill: Fill, replacement: Tensor | None
) -> Float[Tensor, "image token width"]:
    return finish(block, x, _z_without(model.tokens, block.attend(x), heads, fill, replacement))


def _z_without(
    tokens: TokenLayout, projections: Projections, heads: Mapping[int, str], fill: Fill, replacement: Tensor | None
) -> Float[Tensor, "image head token channel"]:
    z = attend_rows(projections, EVERY_TOKEN)
    parts = None
    if any(mode != HEAD for mode in heads.values()):
        parts = split_columns(attention_weights(projections), projections.v, tokens)
    return pruned_z(tokens, z, parts, heads, fill, replacement)


def pruned_z(
    tokens: TokenLayout,
    z: Float[Tensor, "image head token channel"],
    parts: Parts | None,
    heads: Mapping[int, str],
    fill: Fill,
    replacement: Float[Tensor, "#image head token channel"] | None,
) -> Float[Tensor, "image head token channel"]:
    """The heads' outputs of one layer with some of them pruned, {head: mode}; `parts` where a mode is partial."""
    pruned = z.clone()
    for head, mode in heads.items():
        if mode == HEAD:
            pruned[:, head] = 0 if replacement is None else replacement[:, head]
            continue
        for group, columns in pruned_columns(mode, tokens).items():
            rows = token_groups(tokens)[group]
            pruned[:, head, rows] += change_of_z(z, parts, rows, columns, fill)[:, head]
    return pruned
