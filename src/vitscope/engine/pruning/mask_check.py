"""Proof that a mask took effect: the pruned attention matrices themselves, and the layers that nothing may reach.

Knows nothing about: what the model answers, files.
"""

from collections.abc import Mapping
from math import nan

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vitscope.engine.pruning.prune import pruned_z
from vitscope.engine.pruning.references import EVERY_TOKEN, References
from vitscope.engine.pruning.regions import pruned_columns, split_columns, token_groups
from vitscope.models import Model
from vitscope.models.block import Block, attend_rows, attention_weights, finish
from vitscope.results import MaskCheck
from vitscope.tokens import HEAD, Fill, TokenLayout


def check_mask(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    heads: Mapping[tuple[int, int], str],
    fill: Fill,
    references: References | None,
    images: slice,
) -> MaskCheck:
    """Two passes from the pixels on, intact and pruned, compared layer by layer. Use inside `Evaluation`."""
    replacements = None if references is None else references.by_layer(model, images)
    intact = x = model.embed(model.place(pixels))
    unchanged, same = 0, True
    found: list[tuple[float, float, float]] = []
    for layer, block in enumerate(model.blocks):
        intact = block(intact)
        here = {head: mode for (at, head), mode in heads.items() if at == layer}
        replacement = None if replacements is None else next(replacements)
        if here:
            x, proof = _pruned_block(model.tokens, block, x, here, fill, replacement)
            found.append(proof)
        else:
            x = block(x)
        same = same and torch.equal(intact, x)
        unchanged += same
    masked, rest, output = (max(values) for values in zip(*found, strict=True))
    return MaskCheck(masked, rest, output, min(layer for layer, _ in heads), unchanged)


def _pruned_block(
    tokens: TokenLayout,
    block: Block,
    x: Float[Tensor, "image token width"],
    heads: Mapping[int, str],
    fill: Fill,
    replacement: Tensor | None,
) -> tuple[Float[Tensor, "image token width"], tuple[float, float, float]]:
    """The block with its heads pruned, and (masked, rest, output)."""
    projections = block.attend(x)
    z = attend_rows(projections, EVERY_TOKEN)
    weights = attention_weights(projections)
    partial = any(mode != HEAD for mode in heads.values())
    parts = split_columns(weights, projections.v, tokens) if partial else None
    pruned = pruned_z(tokens, z, parts, heads, fill, replacement)
    after = finish(block, x, pruned)
    chosen, scale = list(heads), z.abs().max().clamp_min(torch.finfo(z.dtype).tiny)
    if replacement is not None:
        put_in = replacement.expand_as(z)[:, chosen]
        return after, (nan, nan, float((pruned[:, chosen] - put_in).abs().max() / scale))
    one_hot = torch.eye(tokens.n_tokens, dtype=weights.dtype, device=weights.device).expand_as(weights)
    shares = split_columns(weights, one_hot, tokens) if partial else None
    left = pruned_z(tokens, weights, shares, heads, fill, None)
    masked = rest = 0.0
    for head, mode in heads.items():
        mask = masked_entries(mode, tokens).to(weights.device)
        masked = max(masked, float(left[:, head, mask].abs().max()))
        if not mask.all():
            wanted = _kept(weights[:, head], mask, fill)
            rest = max(rest, float((left[:, head] - wanted)[:, ~mask].abs().max()))
    output = (pruned - left.to(z.dtype) @ projections.v)[:, chosen].abs().max() / scale
    return after, (masked, rest, float(output))


def masked_entries(mode: str, tokens: TokenLayout) -> Bool[Tensor, "query key"]:
    """True where a mode prunes a head's matrix."""
    mask = torch.zeros(tokens.n_tokens, tokens.n_tokens, dtype=torch.bool)
    groups = token_groups(tokens)
    places = torch.arange(tokens.n_tokens)
    for row, columns in pruned_columns(mode, tokens).items():
        for column in columns:
            mask[places[groups[row]][:, None], places[groups[column]]] = True
    return mask


def _kept(
    weights: Float[Tensor, "image query key"], mask: Bool[Tensor, "query key"], fill: Fill
) -> Float[Tensor, "image query key"]:
    """What a fill makes of the weights that are not pruned."""
    kept = weights.masked_fill(mask, 0)
    if fill == "zero":
        return kept
    mass = kept.sum(-1, keepdim=True)
    return torch.where(mass > 0, kept / torch.where(mass > 0, mass, 1), 0)
