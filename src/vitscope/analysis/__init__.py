"""What a run says: statistics, findings, which heads matter and where they look, heads against each other, patterns.

Knows nothing about: models, torch, how it is told (`vitscope.text`, the server).
"""

from vitscope.analysis.recluster import recluster

__all__ = ["recluster"]
