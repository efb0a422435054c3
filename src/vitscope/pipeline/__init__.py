"""Where everything meets: images, model and engine become a run, planned first, then computed unit by unit."""

from vitscope.pipeline.across_sizes import resolution
from vitscope.pipeline.execution import Step, analyze, choose_featured, execute
from vitscope.pipeline.judging import Judgement, judge
from vitscope.pipeline.live import LiveModel
from vitscope.pipeline.planning import plan
from vitscope.pipeline.request import Request

__all__ = [
    "Judgement",
    "LiveModel",
    "Request",
    "Step",
    "analyze",
    "choose_featured",
    "execute",
    "judge",
    "plan",
    "resolution",
]
