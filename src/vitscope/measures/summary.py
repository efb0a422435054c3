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
from vitscope.measures.geometry import LinearSums
from vitscope.measures.matrices import check_layout, in_blocks, undefined, widen
from vitscope.measures.spread import a_log_a, concentration, patch_nmi, row_entropy
from vitscope.tokens import TokenLayout

SPREAD: Final = (
    "distance",
    "entropy",
    "cls_entropy",
    "focus",
    "coverage",
    "nmi",
    "sink",
    "cls_self",
    "cls_to_patches",
    "patches_to_cls",
    "patches_to_patches",
    "to_cls",
    "to_other",
)
"""Names of the one-number-a-head measures, in the order in which a run stores them."""


class Summary(NamedTuple):
    """Measures of each matrix; `spread` has one entry for each name of `SPREAD`."""

    mass: Float[Tensor, "*batch hop"]
    density: Float[Tensor, "*batch hop"]
    spread: dict[str, Float[Tensor, "*batch"]]


@checked
def summarise(attention: Float[Tensor, "*batch query key"], tokens: TokenLayout) -> Summary:
    """Every measure of strength and spread of each matrix, with the defaults of the functions of the same name.

    `distance` is `mean_distance` (drop), `entropy` the mean over all queries, `sink` the concentration, `to_cls` and
    `to_other` are `mass_to_cls` and `mass_to_others`. The rows are NOT checked to be attention: the caller has just
    made them by a softmax (see `check_attention`).

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
    logs = in_blocks(lambda block: _from_logs(block, tokens), attention, core=2)
    row = cls_patch_row(attention, tokens)
    to_patches, to_cls = sums[..., linear.cc : linear.pc], sums[..., linear.pc]
    if tokens.cls is None:
        to_patches, to_cls = torch.full_like(to_patches, math.nan), undefined(attention)
    spread = {
        "distance": sums[..., linear.distance],
        "entropy": logs[..., 0],
        "cls_entropy": logs[..., 1],
        "focus": row_focus(row),
        "coverage": row_coverage(row),
        "nmi": logs[..., 2],
        "sink": concentration(attention.sum(-2)),
        "cls_self": to_patches[..., 0],
        "cls_to_patches": to_patches[..., 1],
        "patches_to_cls": to_cls,
        "patches_to_patches": sums[..., linear.pp],
        "to_cls": to_cls / tokens.n_patches,
        "to_other": sums[..., linear.others],
    }
    return Summary(sums[..., linear.mass], sums[..., linear.density], spread)


def _from_logs(block: Tensor, tokens: TokenLayout) -> Tensor:
    """[block, query, key] -> [block, 3]: entropy, cls_entropy and nmi, from one pass of logarithms."""
    logs = a_log_a(block)
    entropies = row_entropy(logs)
    of_cls = undefined(block) if tokens.cls is None else entropies[..., tokens.cls]
    between_patches = (..., tokens.patches, tokens.patches)
    return torch.stack([entropies.mean(-1), of_cls, patch_nmi(block[between_patches], logs[between_patches])], dim=-1)
