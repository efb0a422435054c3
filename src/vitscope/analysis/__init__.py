"""What a run says: statistics, findings, which heads matter and where they look, heads against each other, patterns.

Knows nothing about: models, torch, how it is told (`vitscope.text`, the server).
"""

from vitscope.analysis.heads.compared import Heads
from vitscope.analysis.patterns.of_run import Patterns
from vitscope.analysis.patterns.recluster import recluster
from vitscope.analysis.run import Run, open_run

__all__ = ["Heads", "Patterns", "Run", "open_run", "recluster"]
