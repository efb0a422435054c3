"""Entropy of rows of weights, from their a log a.

Unchecked cores. Knows nothing about: which rows, tokens.
"""

import math

from array_api_compat import array_namespace
from jaxtyping import Float

from vitscope.measures.arrays import Array, quiet
from vitscope.measures.matrices import has_mass


def a_log_a(weights: Float[Array, "..."]) -> Float[Array, "..."]:
    """A log A with 0 log 0 = 0. Several times as fast as `torch.special.entr`; the clip moves nothing but zeros."""
    xp = array_namespace(weights)
    logs = xp.log(weights.clip(xp.finfo(weights.dtype).tiny))
    logs *= weights
    return logs


def row_entropy(rows_log: Float[Array, "*batch key"]) -> Float[Array, "*batch"]:
    """`entropy` of rows that sum to 1, from their A log A; rounding does not take it out of its range."""
    xp = array_namespace(rows_log)
    # 0 - x, as -x would turn 0 into -0.
    return (0 - xp.sum(rows_log, axis=-1)).clip(0, math.log(rows_log.shape[-1]))


@quiet
def rescaled_entropy(rows: Float[Array, "*batch key"], rows_log: Float[Array, "*batch key"]) -> Float[Array, "*batch"]:
    """`entropy` of rows rescaled to sum to 1, from the rows as they are and their A log A.

    With t the sum of a row: log t - (sum a log a) / t. NaN for rows without mass.
    """
    xp = array_namespace(rows)
    total = xp.sum(rows, axis=-1)
    entropies = (xp.log(total) - xp.sum(rows_log, axis=-1) / total).clip(0, math.log(rows.shape[-1]))
    return xp.where(has_mass(total), entropies, math.nan)
