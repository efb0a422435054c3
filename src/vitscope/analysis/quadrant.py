"""Low on output, high on layer, beside what unrelated rankings would give: a count is a finding only beyond chance.

web/src/stats/quadrant.ts computes the same on the page.
Knows nothing about: models, torch, how the finding is printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, comb
from typing import Final

import numpy as np

from vitscope.analysis.findings import HiddenHead, Ranking, hidden_heads

THRESHOLD: Final = 0.05
"""More heads than expected are called beyond chance from here."""


@dataclass(frozen=True)
class Quadrant:
    """The heads of the quadrant, and the numbers that chance is counted from.

    Parameters
    ----------
    high: heads in the top quarter by at least one layer metric.
    low: heads in the bottom half by output, of `total`.
    """

    heads: tuple[HiddenHead, ...]
    high: int
    low: int
    total: int

    @property
    def expected(self) -> float:
        """Heads of the quadrant if the ranking by output had nothing to do with those by layer; NaN without heads."""
        return self.high * self.low / self.total if self.total else float("nan")

    @property
    def p(self) -> float:
        """Probability of at least so many heads with unrelated rankings (hypergeometric: `high` drawn from `total`)."""
        return tail(len(self.heads), self.high, self.low, self.total)

    @property
    def beyond_chance(self) -> bool:
        """Whether there are more of them than unrelated rankings give."""
        return len(self.heads) > self.expected and self.p < THRESHOLD

    @property
    def verdict(self) -> str:
        """What the count says, in a few words."""
        if self.beyond_chance:
            return "more than chance"
        found, expected = len(self.heads), self.expected
        more = "more than expected, but not beyond chance" if found > expected else "no more than chance"
        return f"{'fewer than chance' if found < expected else more}, no finding"


def quadrant(output: Ranking, layers: Sequence[Ranking]) -> Quadrant:
    """Heads in the bottom half by output and in the top quarter by a layer metric, and what chance would give."""
    high = {ranking.heads[i] for ranking in layers for i in ranking.order[: ceil(len(ranking.order) / 4)]}
    ranked = dict(zip(output.heads, output.rank, strict=True))
    low = int((output.rank > len(output.order) / 2).sum())
    known = sum(bool(np.isfinite(ranked[head])) for head in high)
    return Quadrant(hidden_heads(output, layers), known, low, len(output.order))


def tail(found: int, drawn: int, marked: int, total: int) -> float:
    """P(at least `found` marked ones among `drawn` of `total`, of which `marked` are marked); NaN for none."""
    if not total:
        return float("nan")
    ways = sum(
        comb(marked, k) * comb(total - marked, drawn - k)
        for k in range(max(found, 0), min(drawn, marked) + 1)
        if drawn - k <= total - marked
    )
    return ways / comb(total, drawn)
