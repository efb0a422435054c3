"""What a row of the table says of a quantity.

Knows nothing about: which quantities there are.
"""

from dataclasses import dataclass
from math import inf
from typing import Final, Literal

Kind = Literal["metric", "spread", "strength", "depth", "diversity", "pattern"]
KINDS: Final[tuple[Kind, ...]] = ("metric", "spread", "strength", "depth", "diversity", "pattern")
"""`metric` = effect of pruning a head; `spread` = one number of a head's matrix; `strength` = one number a hop;
`depth` = an effect followed through later layers; `diversity` = heads of a layer against each other; `pattern` = a
head's matrix against its mean."""

AXES: Final[dict[Kind, tuple[str, ...]]] = {
    "metric": ("image", "mode", "layer", "head"),
    "spread": ("image", "layer", "head"),
    "strength": ("image", "layer", "head", "hop"),
    "depth": ("mode", "layer", "head", "observed"),
    "diversity": ("image", "layer"),
    "pattern": ("image", "layer", "head"),
}
"""Axes of all quantities of a kind, as a run is read."""

RECORDING_FORMAT: Final = 5
"""The first run format whose manifest lists its quantities."""

Need = Literal["cls", "directions"]
"""What a model must have: a CLS token; an output of several numbers, which has a direction."""

Readout = Literal["classes", "labels", "features", "values"]
READOUTS: Final[tuple[Readout, ...]] = ("classes", "labels", "features", "values")
"""What an effect is measured on: softmax classes; labels of their own (sigmoid); features, without a classifier; values
that a function of the user's makes of the output."""

_NOT_OF: Final[dict[Readout, str]] = {
    "features": "this model has no classifier, so there are no class probabilities to compare",
    "values": "effects are measured on values of the output, which are no class probabilities",
    "classes": "effects are measured on the classes, not on values of the output",
    "labels": "effects are measured on the labels, not on values of the output",
}
"""Why a quantity of other readouts has no values in this one."""


@dataclass(frozen=True)
class Quantity:
    """One quantity.

    Parameters
    ----------
    unit: in words, as arrays carry it.
    label, short: its name on screen, and where there is little room.
    meaning: one or two sentences: what it says, and what its ends mean.
    low, high: bounds of its range; `high` is infinite where it depends on the token layout or there is none.
    mark: what is printed behind a value on screen; empty = nothing.
    signed: values below 0 mean something.
    family: of a metric: `output` = of the model's answer, `layer` = of the pruned layer's own output.
    since: the first run format that keeps it; formats from 5 on record their quantities themselves.
    readouts: what it is measured on.
    ranks: the readouts in which heads are ranked by it.
    """

    name: str
    kind: Kind
    unit: str
    label: str
    short: str
    meaning: str
    low: float = 0.0
    high: float = inf
    mark: str = ""
    signed: bool = False
    family: Literal["output", "layer"] | None = None
    needs: tuple[Need, ...] = ()
    since: int = 1
    readouts: tuple[Readout, ...] = READOUTS
    ranks: tuple[Readout, ...] = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """Its axes as a run is read."""
        return AXES[self.kind]

    def missing(self, readout: Readout, *, cls: bool, n_features: int | None) -> str:
        """Why a model has no values for it, or an empty string where it has."""
        if readout not in self.readouts:
            return _NOT_OF[readout]
        if "directions" in self.needs and readout == "values" and n_features == 1:
            return "the readout is one value, which has no direction"
        if "cls" in self.needs and not cls:
            return "this model has no CLS token"
        return ""
