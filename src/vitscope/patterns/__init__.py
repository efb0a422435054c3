"""Patterns: what is learned from many attention matrices, pure functions on tensors and arrays.

Definitions are in docs/definitions.md. Knows nothing about: models, files, runs.
"""

from vitscope.patterns.common import GRID, OFFSETS, REACH, SIDE, common_matrix, offset_view
from vitscope.patterns.constancy import constancy
from vitscope.patterns.features import FEATURES, features
from vitscope.patterns.learn import Learned, Space, learn
from vitscope.patterns.names.naming import FAMILIES, PATTERNS, RULES, ClusterName, name_cluster, name_matrices
from vitscope.patterns.sample import Sample, choose_images

__all__ = [
    "FAMILIES",
    "FEATURES",
    "GRID",
    "OFFSETS",
    "PATTERNS",
    "REACH",
    "RULES",
    "SIDE",
    "ClusterName",
    "Learned",
    "Sample",
    "Space",
    "choose_images",
    "common_matrix",
    "constancy",
    "features",
    "learn",
    "name_cluster",
    "name_matrices",
    "offset_view",
]
