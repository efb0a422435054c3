"""Pruning regions of an attention matrix as exact arithmetic on z, the per-head output A @ v.

Rows (queries) and columns (keys) fall into the groups cls, other (registers, dist) and patch. A mode prunes, in each
group of rows, some groups of columns. What a head puts out is a sum over the column groups, so pruning takes terms out
of that sum.
Knows nothing about: blocks, models, metrics.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import reduce
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.tokens import HEAD, Fill, TokenLayout, mode_regions

_REGION_GROUPS: Final = {
    "cc": ("cls", "cls"),
    "cp": ("cls", "patch"),
    "pc": ("patch", "cls"),
    "pp": ("patch", "patch"),
}


Rows = slice | list[int]


def token_groups(layout: TokenLayout) -> dict[str, Rows]:
    """Tokens of each group that exists in a layout; the same groups serve as rows and as columns."""
    groups = {
        "cls": [] if layout.cls is None else [layout.cls],
        "other": list(layout.others),
        "patch": list(range(layout.n_prefix, layout.n_tokens)),
    }
    return {name: _as_slice(tokens) for name, tokens in groups.items() if tokens}


def _as_slice(tokens: list[int]) -> Rows:
    """Neighbouring tokens as a slice: a view instead of a copy."""
    first, last = tokens[0], tokens[-1]
    return slice(first, last + 1) if last - first + 1 == len(tokens) else tokens


def pruned_columns(mode: str, layout: TokenLayout) -> dict[str, frozenset[str]]:
    """For each group of rows, the groups of columns that a mode prunes there (rows it leaves alone are absent)."""
    groups = frozenset(token_groups(layout))
    if mode == HEAD:
        return dict.fromkeys(groups, groups)
    pruned: dict[str, frozenset[str]] = {}
    for region in mode_regions(mode):
        row, column = _REGION_GROUPS[region]
        pruned[row] = pruned.get(row, frozenset()) | {column}
    return pruned


@dataclass(frozen=True)
class Parts:
    """A head's output split by groups of columns: z = sum of `outputs`, and each row's `masses` sum to 1."""

    outputs: Mapping[str, Float[Tensor, "image head query channel"]]
    masses: Mapping[str, Float[Tensor, "image head query 1"]]


def split_columns(
    attention: Float[Tensor, "image head query key"], v: Float[Tensor, "image head key channel"], layout: TokenLayout
) -> Parts:
    """Split A @ v by the groups of columns, in the type of v."""
    attention = attention.to(v.dtype)
    outputs, masses = {}, {}
    for name, columns in token_groups(layout).items():
        part = attention[..., columns]
        outputs[name] = part @ v[..., columns, :]
        masses[name] = part.sum(-1, keepdim=True)
    return Parts(outputs, masses)


def change_of_z(
    z: Float[Tensor, "image head query channel"],
    parts: Parts | None,
    rows: Rows,
    columns: frozenset[str],
    fill: Fill,
) -> Float[Tensor, "image head row channel"]:
    """What pruning some groups of columns adds to z, on some rows; `parts` may be None where all columns go.

    zero: minus the pruned terms. renormalise: kept terms / kept mass - z, written as (pruned mass * z - pruned terms)
    / kept mass where little is pruned, so that neither small effects nor small remainders drown in rounding; rows
    without kept mass become 0.
    """
    here = z[..., rows, :]
    if parts is None or columns == parts.outputs.keys():
        return -here
    removed = _total(parts.outputs, columns, rows)
    if fill == "zero":
        return -removed
    kept = parts.outputs.keys() - columns
    pruned_mass, kept_mass = _total(parts.masses, columns, rows), _total(parts.masses, kept, rows)
    kept_output = _total(parts.outputs, kept, rows)
    numerator = torch.where(pruned_mass < 0.5, pruned_mass * here - removed, kept_output - kept_mass * here)
    return torch.where(kept_mass > 0, numerator / torch.where(kept_mass > 0, kept_mass, 1), -here)


def _total(terms: Mapping[str, Tensor], names: AbstractSet[str], rows: Rows) -> Tensor:
    """Sum of some column groups' terms, in the order of the layout so that the sum is always the same."""
    return reduce(torch.add, [term[..., rows, :] for name, term in terms.items() if name in names])
