"""Where everything meets: images, model and engine become a run, planned first, then computed unit by unit."""

from vitscope.pipeline.live.model import LiveModel
from vitscope.pipeline.plan.request import Request
from vitscope.pipeline.studies.across_sizes import resolution
from vitscope.pipeline.studies.judging import Judgement, judge
from vitscope.pipeline.work.execution import Step, analyze, choose_featured, execute

__all__ = [
    "Judgement",
    "LiveModel",
    "Request",
    "Step",
    "analyze",
    "choose_featured",
    "execute",
    "judge",
    "resolution",
]
