"""What crosses the wire about the Lab: questions, answers as they grow, and runs that are kept.

Knows nothing about: the run folder, HTTP, torch.
"""

from typing import Annotated, Literal

from pydantic import Field

from vitscope.answers.messages import ErrorBody, Wire
from vitscope.answers.names import RankingName
from vitscope.tokens import Fill

MOST_HEADS = 4096
MOST_IMAGES = 10**6
MOST_CURVE_IMAGES = 256

Name = Annotated[str, Field(max_length=80, description="For the list of runs; empty = made from what is pruned.")]
Scope = Annotated[str, Field(max_length=8000, description="The images as the page's address says it; empty = all.")]
Rows = Annotated[
    list[Annotated[int, Field(ge=0)]] | None,
    Field(max_length=MOST_IMAGES, description="Row numbers of the images; null = all."),
]
Values = list[float | None]


class HeadPlace(Wire):
    """A head; both numbers count from 0."""

    layer: int = Field(ge=0)
    head: int = Field(ge=0)


class PrunedHead(HeadPlace):
    """A head and which part of its matrix is pruned."""

    mode: str = Field(default="head", max_length=20)


class WhatIf(Wire):
    """Heads that are pruned together."""

    heads: list[PrunedHead] = Field(max_length=MOST_HEADS)
    fill: Fill = "zero"


class ClassChange(Wire):
    """A class with its probability before and after."""

    number: int
    name: str
    before: float
    after: float


class MaskReceipt(Wire):
    """Proof that the mask took effect, measured on this image; null where the fill leaves no matrix to measure."""

    masked: float | None = Field(description="Largest weight left where the attention matrices are pruned.")
    rest: float | None = Field(description="Largest difference of the other weights from what the fill makes of them.")
    output: float = Field(
        description="Largest difference between the heads' outputs that went on and pruned matrix times values (mean, "
        "resample: the references' outputs), as a share of the largest output."
    )
    first: int = Field(description="First layer with a pruned head.")
    unchanged: int = Field(description="Leading layers after which all tokens are bitwise those of the intact model.")


class ImageWhatIf(Wire):
    """One image before and after."""

    image: int
    classes: list[ClassChange] = Field(
        description="The five most probable classes before, those after, and the label; most probable before first. "
        "Empty without a classifier."
    )
    label: int = Field(description="-1: none.")
    prediction_before: int = Field(description="-1: no classifier.")
    prediction_after: int
    jsd: float | None = Field(description="Bits, between before and after.")
    out_cos: float | None = Field(description="Cosine distance of what the classifier reads.")
    receipt: MaskReceipt
    seconds: float = Field(description="That the server took, waiting for its turn included.")
    seconds_per_image: float = Field(description="Once through the model, as measured so far.")


class ScopeQuestion(WhatIf):
    """Heads pruned on many images."""

    rows: Rows = None
    scope: Scope = ""
    name: Name = ""


class AccuracyChange(Wire):
    """Accuracy of the same labelled images before and after."""

    n: int
    before: float
    after: float
    low: float = Field(description="95 % interval of after - before, paired (Agresti and Min 2005).")
    high: float
    p: float = Field(description="Exact McNemar test, two-sided.")


class AloneInfo(Wire):
    """The set's mean probability drop beside the sum of its heads' drops, each pruned alone (from the run)."""

    together: float | None
    total: float | None
    n: int = Field(description="Images that both are means over.")
    reason: str = Field(description="Why there is no sum; empty where there is.")


class ScopeResult(Wire):
    """What pruning did to the images so far."""

    n: int = Field(description="Images answered.")
    total: int = Field(description="Images asked for.")
    skipped: int = Field(description="Of them, those that cannot be read or give no finite numbers.")
    accuracy: AccuracyChange | None = Field(description="Null without labels or classifier.")
    lost: list[int] = Field(description="Rows that are right only before.")
    won: list[int] = Field(description="Rows that are right only after.")
    moved: list[int] = Field(description="Other rows whose top class changed.")
    jsd: float | None = Field(description="Mean, bits.")
    out_cos: float | None = Field(description="Mean cosine distance of what the classifier reads.")
    alone: AloneInfo


class NamedOrder(Wire):
    """Heads in the order in which they are pruned."""

    name: str = Field(min_length=1, max_length=80)
    heads: list[HeadPlace] = Field(max_length=MOST_HEADS)


class CurveQuestion(Wire):
    """Ever more heads pruned, whole, fill zero: in given orders, in one found by search, and in random ones."""

    rows: Rows = None
    scope: Scope = ""
    name: Name = ""
    orders: list[NamedOrder] = Field(default=[], max_length=8)
    sizes: list[Annotated[int, Field(ge=0)]] = Field(
        max_length=MOST_HEADS + 1, description="How many heads are pruned; 0 is added."
    )
    random: int = Field(default=10, ge=0, le=50, description="Random orders.")
    images: int = Field(
        default=100, ge=1, le=MOST_CURVE_IMAGES, description="A seeded sample of the images is so large."
    )
    greedy: int = Field(default=0, ge=0, le=MOST_HEADS, description="Heads of an order that is searched; 0 = none.")
    search_images: int = Field(
        24, ge=1, le=MOST_CURVE_IMAGES, description="The search looks at so many, other images where there are enough."
    )
    seed: int = Field(default=0, ge=0, lt=2**31)


class CurveLine(Wire):
    """One order; a value for each size, null where the order is too short or nothing is known yet."""

    name: str
    heads: list[HeadPlace]
    accuracy: Values
    low: Values = Field(description="95 % interval of accuracy minus that of the intact model, paired.")
    high: Values
    moved: Values = Field(description="Mean jsd in bits, or out_cos without a classifier.")
    n: list[int] = Field(description="Images answered.")


class Percentiles(Wire):
    """Over the random orders: 5th, 50th and 95th percentile, a value for each size."""

    low: Values
    median: Values
    high: Values


class CurveBand(Wire):
    """The random orders together."""

    draws: int
    n: list[int] = Field(description="Images that all of them have answered, for each size.")
    accuracy: Percentiles
    moved: Percentiles


class CurveResult(Wire):
    """Pruning curves so far."""

    n: int = Field(description="Images of the sample that could be read.")
    labelled: int
    searched: int = Field(description="Images that the search looked at.")
    held_out: bool = Field(description="The search looked at other images than the curves.")
    sizes: list[int]
    moved_by: RankingName
    lines: list[CurveLine]
    band: CurveBand


class LabEntry(Wire):
    """A run of the Lab that is kept, in the list of them."""

    id: str
    kind: Literal["scope", "curve"]
    name: str
    created: str = Field(description="When it ended, UTC.")
    vitscope: str
    seconds: float
    heads: list[PrunedHead] = Field(description="What was pruned; empty for curves.")
    fill: Fill
    scope: str
    n: int = Field(description="Images answered.")
    change: float | None = Field(description="Of accuracy, after - before; null where there is none.")


class LabRun(LabEntry):
    """A run of the Lab with all that is needed to show it again and to repeat it."""

    run_id: str = Field(description="Of the run it was made on.")
    rows: list[int] | None = Field(description="The images asked for; null = all.")
    seed: int | None
    result: ScopeResult | None
    curve: CurveResult | None


class LabInfo(Wire):
    """The Lab of a run."""

    seconds_per_image: float | None = Field(description="Once through the model; null without it.")
    runs: list[LabEntry] = Field(description="The latest first.")
    damaged: list[str] = Field(description="Files of runs that cannot be read.")
    folder: str = Field(description="The run's folder.")
    prune_command: str | None = Field(
        description="What takes heads out of the model for good, but for --heads and --save; null as `liveCommand`."
    )


class LabName(Wire):
    """A run's new name."""

    name: str = Field(min_length=1, max_length=80)


class LabMessage(Wire):
    """One line of a stream. The last one is `done`, `failed` or `cancelled`."""

    kind: Literal["started", "progress", "done", "failed", "cancelled"]
    job: str = Field(description="Name by which it is cancelled.")
    stage: Literal["reading", "searching", "pruning"] = "pruning"
    share: float = Field(default=0.0, description="Of the stage that is done, 0 to 1.")
    seconds_left: float | None = Field(default=None, description="Of the stage.")
    result: ScopeResult | None = None
    curve: CurveResult | None = None
    saved: LabEntry | None = Field(default=None, description="The run that is kept, when done.")
    unsaved: str = Field(default="", description="Why it could not be kept.")
    error: ErrorBody | None = None
