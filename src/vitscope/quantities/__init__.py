"""Quantities: every number that vitscope names, each once: metrics, measures of spread and strength, depth, patterns.

Knows nothing about: how a quantity is computed, models, tensors, files.
"""

from vitscope.quantities.quantity import AXES, KINDS, READOUTS, RECORDING_FORMAT, Kind, Need, Quantity, Readout
from vitscope.quantities.rows import ROWS
from vitscope.quantities.table import metrics_of, names, of_kind, quantity, ranking_metric, ranking_metrics, recorded

__all__ = [
    "AXES",
    "KINDS",
    "READOUTS",
    "RECORDING_FORMAT",
    "ROWS",
    "Kind",
    "Need",
    "Quantity",
    "Readout",
    "metrics_of",
    "names",
    "of_kind",
    "quantity",
    "ranking_metric",
    "ranking_metrics",
    "recorded",
]
