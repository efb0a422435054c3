"""What an answer says where it is a document: one class a message, nothing else."""

from vitscope.answers.messages.base import ErrorBody, Size, Wire
from vitscope.answers.messages.heads import HeadComparison, HeadMerge, HeadsInfo, HeadTree, SinkKey
from vitscope.answers.messages.images import ClassGuess, DroppedImage, ImageTable
from vitscope.answers.messages.patterns import (
    ClusterName,
    Deviation,
    NearMatrix,
    PatternCluster,
    PatternsInfo,
    PatternSpace,
    RepeatedPattern,
    TypicalImages,
)
from vitscope.answers.messages.run import (
    AnswerInfo,
    Capabilities,
    GroupProgress,
    Headline,
    MeasureInfo,
    MetricInfo,
    ModeInfo,
    ModelInfo,
    ProgressInfo,
    RunInfo,
    ThumbsInfo,
    TokenInfo,
)
from vitscope.answers.messages.sizes import RecordedSize, ResolutionInfo, SizedImage

__all__ = [
    "AnswerInfo",
    "Capabilities",
    "ClassGuess",
    "ClusterName",
    "Deviation",
    "DroppedImage",
    "ErrorBody",
    "GroupProgress",
    "HeadComparison",
    "HeadMerge",
    "HeadTree",
    "Headline",
    "HeadsInfo",
    "ImageTable",
    "MeasureInfo",
    "MetricInfo",
    "ModeInfo",
    "ModelInfo",
    "NearMatrix",
    "PatternCluster",
    "PatternSpace",
    "PatternsInfo",
    "ProgressInfo",
    "RecordedSize",
    "RepeatedPattern",
    "ResolutionInfo",
    "RunInfo",
    "SinkKey",
    "Size",
    "SizedImage",
    "ThumbsInfo",
    "TokenInfo",
    "TypicalImages",
    "Wire",
]
