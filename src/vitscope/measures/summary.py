"""All measures of a batch of matrices at once, unchecked: what a sweep over a whole set of images calls.

Each matrix is read a few times in all (once for everything linear, then in cache-sized blocks for the rest), about a
third of the work of calling the measures one by one.
"""

import math
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.arguments import checked
from vitscope.measures.cls_row import cls_patch_row, row_coverage, row_focus
from vitscope.measures.entropies import a_log_a, row_entropy
from vitscope.measures.geometry import LinearSums
from vitscope.measures.keys import count_to_half, on_places, patch_shares, stand_out
from vitscope.measures.matrices import check_layout, in_blocks, undefined, widen
from vitscope.measures.spread import concentration, patch_nmi, rescaled_distances
from vitscope.measures.steps import steps_of
from vitscope.tokens import TokenLayout

_OF_BLOCK: Final = 5
"""Numbers of a matrix that are made block by block, before its key shares."""


class Summary(NamedTuple):
    """Measures of each matrix; `spread` has one entry a quantity of that kind, in the table's order."""

    mass: Float[Tensor, "*batch hop"]
    density: Float[Tensor, "*batch hop"]
    spread: dict[str, Float[Tensor, "*batch"]]


@checked
def summarise(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Summary:
    """Every measure of strength and spread of each matrix, with the defaults of the functions of the same name.

    `distance` is `mean_distance` (drop), `distance_rescaled` and `distance_no_sinks` its other variants, `entropy` the
    mean over all queries, `sink` the concentration, `to_cls` and `to_other` are `mass_to_cls` and `mass_to_others`,
    `step_down` and `step_right` are `step`. The rows are NOT checked to be attention: the caller has just made them by
    a softmax (see `check_attention`).

    Example
    -------
    >>> tokens = TokenLayout(prefix=("cls",), rows=1, cols=2, patch=(16, 16))
    >>> summary = summarise(torch.full((3, 3), 1 / 3), tokens)
    >>> summary.mass, summary.spread["coverage"]
    (tensor([0.3333, 0.3333]), tensor(1.))
    """
    check_layout(attention, tokens)
    attention, linear = widen(attention), LinearSums(tokens)
    sums = linear(attention)
    found = in_blocks(lambda block: _of_block(block, tokens), attention, core=2)
    shares = found[..., _OF_BLOCK:]
    of_all = shares * tokens.n_patches + attention[..., : tokens.n_prefix, :].sum(-2)
    down, right = steps_of(sums, tokens)
    row = cls_patch_row(attention, tokens)
    to_patches, to_cls = sums[..., linear.cc : linear.pc], sums[..., linear.pc]
    if tokens.cls is None:
        to_patches, to_cls = torch.full_like(to_patches, math.nan), undefined(attention)
    spread = {
        "distance": sums[..., linear.distance],
        "entropy": found[..., 0],
        "cls_entropy": found[..., 1],
        "focus": row_focus(row),
        "coverage": row_coverage(row),
        "nmi": found[..., 2],
        "sink": concentration(of_all),
        "cls_self": to_patches[..., 0],
        "cls_to_patches": to_patches[..., 1],
        "patches_to_cls": to_cls,
        "patches_to_patches": sums[..., linear.pp],
        "to_cls": to_cls / tokens.n_patches,
        "to_other": sums[..., linear.others],
        "distance_rescaled": found[..., 3],
        "distance_no_sinks": found[..., 4],
        "few_keys": count_to_half(shares),
        "corners": on_places(shares, "corners", tokens),
        "border": on_places(shares, "border", tokens),
        "step_down": down,
        "step_right": right,
        "neighbour": sums[..., linear.neighbours].amax(-1),
    }
    return Summary(sums[..., linear.mass], sums[..., linear.density], spread)


def _of_block(block: Tensor, tokens: TokenLayout) -> Tensor:
    """[block, query, key] -> [block, 5 + key]: entropy, cls_entropy, nmi, two rescaled distances, and key shares."""
    logs = a_log_a(block)
    entropies = row_entropy(logs)
    of_cls = undefined(block) if tokens.cls is None else entropies[..., tokens.cls]
    between_patches = (..., tokens.patches, tokens.patches)
    patches, shares = block[between_patches], patch_shares(block, tokens)
    no_sink = ~stand_out(shares)[..., tokens.patches]
    distances = rescaled_distances(patches, torch.stack([torch.ones_like(no_sink), no_sink], -1), tokens)
    singles = torch.stack([entropies.mean(-1), of_cls, patch_nmi(patches, logs[between_patches])], dim=-1)
    return torch.cat([singles, distances, shares], dim=-1)
