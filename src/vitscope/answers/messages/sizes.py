"""Messages about input sizes.

Knows nothing about: the run folder, HTTP, torch.
"""

from pydantic import Field

from vitscope.answers.messages.base import Wire
from vitscope.answers.messages.images import ClassGuess


class RecordedSize(Wire):
    """One input size of a recorded comparison, in pixels, and its patches."""

    height: int
    width: int
    rows: int
    cols: int
    tokens: int
    diagonal: float = Field(description="Of the image at this size, in pixels.")
    interpolated: bool = Field(description="Learned positions had to be interpolated.")


class ResolutionInfo(Wire):
    """The comparison of input sizes that a run carries, and what can be had without it."""

    recorded: bool
    reason: str = Field(description="Why nothing is recorded; empty where it is.")
    command: str | None = Field(description="The command that puts a comparison into this run; null as `liveCommand`.")
    live: bool = Field(description="One image at any size can be asked for.")
    live_command: str | None = Field(description="As in the capabilities.")
    preprocessing: str = Field(description="How pictures became pixels of each size.")
    sizes: list[RecordedSize] = Field(description="By area, smallest first.")
    images: list[int] = Field(description="Row in the run of each image of the comparison; -1 = not in the run.")
    shown: list[int] = Field(description="Rows of the images whose own maps are kept.")
    suggested: list[str] = Field(description="Sizes around the run's own that fit the patches.")
    has_labels: bool
    has_classifier: bool


class SizedImage(Wire):
    """One image at one size; nested lists are [layer][head], null where a layer lacks a head."""

    height: int
    width: int
    rows: int
    cols: int
    tokens: int
    diagonal: float
    interpolated: bool
    prediction: ClassGuess | None = Field(description="None without a classifier.")
    target_probability: float | None = Field(description="Of the class that the run's metrics follow on this image.")
    distance: list[list[float | None]] = Field(description="Mean distance without sinks, pixels of this size.")
    entropy: list[list[float | None]] = Field(description="Mean entropy of the queries, nats.")
