"""Looking things up in the table of quantities.

Knows nothing about: what the rows say.
"""

from typing import Final

from vitscope.errors import InvalidArgument
from vitscope.quantities.quantity import KINDS, Kind, Quantity, Readout
from vitscope.quantities.rows import ROWS

_BY_NAME: Final = {row.name: row for row in ROWS}


def of_kind(kind: Kind, *, family: str | None = None, readout: Readout | None = None) -> tuple[Quantity, ...]:
    """The quantities of a kind in the order in which they are stored; of a family or a readout where one is given."""
    return tuple(
        row
        for row in ROWS
        if row.kind == kind and family in (None, row.family) and (readout is None or readout in row.readouts)
    )


def names(kind: Kind, *, family: str | None = None, readout: Readout | None = None) -> tuple[str, ...]:
    """The names of `of_kind`.

    Example
    -------
    >>> names("metric", family="layer")
    ('cls_cos', 'patch_cos')
    """
    return tuple(row.name for row in of_kind(kind, family=family, readout=readout))


def metrics_of(readout: Readout) -> tuple[str, ...]:
    """The metrics that a run keeps: all but those of values, which only their readout has."""
    return tuple(row.name for row in of_kind("metric") if readout == "values" or row.readouts != ("values",))


def quantity(name: str) -> Quantity:
    """The row of a name.

    Raises
    ------
    InvalidArgument: there is no such quantity.
    """
    if name not in _BY_NAME:
        raise InvalidArgument(f"there is no quantity {name!r}", "docs/definitions.md lists them.")
    return _BY_NAME[name]


def ranking_metrics() -> tuple[str, ...]:
    """The metrics that answer "which heads matter": the first of them that a run has values of."""
    return tuple(row.name for row in ROWS if row.ranks)


def ranking_metric(readout: Readout) -> str:
    """The metric that heads are ranked by in a readout: `jsd` with classes, `out_cos` for features alone."""
    return next(row.name for row in ROWS if readout in row.ranks)


def recorded(version: int) -> dict[str, tuple[str, ...]]:
    """The quantities that a run of a format before `RECORDING_FORMAT` has, by kind; patterns where it has patterns."""
    return {kind: tuple(row.name for row in of_kind(kind) if row.since <= version) for kind in KINDS}
