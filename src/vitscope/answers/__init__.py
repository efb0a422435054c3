"""Answers: everything that a page, a file or a notebook may ask of a run or its live model, by name.

`ask(Source(run), "importance", {"metric": "jsd"})` gives bytes that describe themselves (.npy, .npz, JSON, pictures).
Knows nothing about: HTTP, torch.
"""

from vitscope.answers.asking import Reply, ask
from vitscope.answers.rows import attention, effects, heads, images, patterns, run, sizes
from vitscope.answers.source import Source, Withdrawn
from vitscope.answers.table import ANSWERS, Answer

ROOMS = (run, images, effects, attention, heads, patterns, sizes)
"""Where the rows of the table are."""

__all__ = ["ANSWERS", "ROOMS", "Answer", "Reply", "Source", "Withdrawn", "ask"]
