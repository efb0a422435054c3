"""What later layers undo or amplify of a head's effect, from its distances over depth.

Knows nothing about: models, torch, how the distances were measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Float

from vitscope.analysis.run import Run
from vitscope.errors import NotAvailable
from vitscope.quantities import of_kind
from vitscope.quantities.form import number, percent
from vitscope.tokens import HEAD, HeadRef

if TYPE_CHECKING:
    import xarray as xr

STEADY: Final = 0.1
"""Effects that end within this share of where they began are called unchanged."""
_TOKENS: Final = {row.name: "CLS" if "cls" in row.needs else "the patches" for row in of_kind("depth")}


@dataclass(frozen=True)
class Repair:
    """One head over depth: cosine distances of pruned from intact tokens, means over `n` images.

    `after` is right after the pruned layer, `end` after layer `observed`, the last one where it is known.
    """

    head: HeadRef
    metric: str
    after: float
    end: float
    observed: int
    n: int

    @property
    def ratio(self) -> float:
        """End / after: below 1 later layers undo, above 1 they amplify. NaN where the layer itself shows nothing."""
        return self.end / self.after if self.after > 0 else float("nan")

    @property
    def clause(self) -> str:
        """What later layers do, with the numbers."""
        what = f"the effect on {_TOKENS[self.metric]}"
        numbers = (
            f"cosine distance {number(self.after)} right after layer {self.head.layer}, {number(self.end)} after layer "
            f"{self.observed}, ratio {number(self.ratio)}"
        )
        if not np.isfinite(self.ratio):
            return f"later layers bring about {what} ({numbers})"
        if abs(self.ratio - 1) <= STEADY:
            return f"later layers leave {what} as it is ({numbers})"
        if self.ratio < 1:
            return f"later layers undo {percent(1 - self.ratio)} of {what} ({numbers})"
        return f"later layers amplify {what} {self.ratio:.1f} times ({numbers})"


def repairs(run: Run, heads: Sequence[HeadRef], mode: str = HEAD) -> tuple[Repair, ...] | None:
    """What later layers do to some heads; heads of the last layer are left out. None where the run keeps no depth."""
    try:
        data = run.repair.sel(mode=mode)
    except NotAvailable:
        return None
    found = (repair_of(data, head) for head in heads)
    return tuple(repair for repair in found if repair is not None)


def repair_of(data: "xr.Dataset", head: HeadRef) -> Repair | None:
    """One head of `run.repair` in one mode: by CLS where it is known, else by the patches; None at the last layer."""
    for metric in _TOKENS:
        curve: Float[np.ndarray, " observed"] = data[metric].values[head]
        known = np.flatnonzero(np.isfinite(curve))
        if len(known) > 1:
            last = int(known[-1])
            return Repair(head, metric, float(curve[head.layer]), float(curve[last]), last, int(data["n"]))
    return None
