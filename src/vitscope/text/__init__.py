"""What a run says, in sentences and tables (`vitscope show`) and as JSON.

Knows nothing about: models, torch, the server.
"""

from vitscope.text.answer import headline
from vitscope.text.sections import show
from vitscope.text.summary import summary

__all__ = ["headline", "show", "summary"]
