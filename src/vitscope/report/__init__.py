"""Which heads matter, why, for which images, and how sure that is: from a run on disk to statistics, text and JSON.

Knows nothing about: models, torch, the server.
"""

from vitscope.report.answer import headline
from vitscope.report.recluster import recluster
from vitscope.report.summary import summary
from vitscope.report.text import show

__all__ = ["headline", "recluster", "show", "summary"]
