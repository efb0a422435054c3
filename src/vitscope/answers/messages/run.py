"""Messages about the run as a whole.

Knows nothing about: the run folder, HTTP, torch.
"""

from typing import Literal

from pydantic import Field

from vitscope.answers.messages.base import Size, Wire
from vitscope.quantities import Readout


class ModelInfo(Wire):
    """The model a run was made with."""

    id: str
    name: str
    adapter: str
    parity: float = Field(description="Largest relative difference between our path's output and the library's own.")
    n_layers: int
    n_heads: list[int] = Field(description="Heads of each layer; layers may differ.")
    n_classes: int | None = Field(
        description="None: the model has no classifier. Of a single logit 2: label 0, label 1."
    )
    readout: Readout = Field(description="What its logits mean: classes (softmax), labels (sigmoid); else none.")
    input_size: Size
    device: str
    dtype: str


class TokenInfo(Wire):
    """Token layout: prefix tokens by name, then patches row by row."""

    prefix: list[str]
    rows: int
    cols: int
    patch: Size
    cls: int | None = Field(description="Index of the CLS token; None where the model has none.")


class MetricInfo(Wire):
    """One way to measure what pruning a head changes."""

    name: str
    label: str
    unit: str = Field(description="Empty for plain numbers.")
    signed: bool = Field(description="Positive means that the head helps; drawn on a diverging map with 0 neutral.")
    least: float | None = Field(description="The least it can be; null: no bound. Intervals end there.")
    most: float | None = Field(description="The most it can be; null: no bound.")
    family: Literal["output", "layer"]
    definition: str
    available: bool
    reason: str = Field(description="Why the metric has no values; empty where it has.")


class MeasureInfo(Wire):
    """One measure of how a head's attention spreads; one number for each image and head."""

    name: str
    label: str
    unit: str = Field(description="Empty for plain numbers.")
    definition: str
    available: bool
    reason: str = Field(description="Why the measure has no values; empty where it has.")


class ModeInfo(Wire):
    """Which part of a head's matrix is pruned."""

    name: str
    label: str
    regions: list[str] = Field(description="Of cc, cp, pc, pp: CLS and patches as query, then as key.")
    available: bool
    reason: str = Field(description="Why the mode has no values, with what would make them; empty where it has.")


class ThumbsInfo(Wire):
    """How the atlases of thumbnails are laid out: row by row, `columns` a row, `per_page` images a page."""

    size: int = Field(description="Pixels, both ways.")
    columns: int
    per_page: int


class Capabilities(Wire):
    """What this server can answer; the page disables the rest and says why."""

    live: bool = Field(description="The model is loaded: any query token of any image.")
    live_command: str | None = Field(
        description="The command that makes the same run live; null where the run is of a module wrapped in Python."
    )
    cls_rows: bool = Field(description="The CLS token's row is stored for every image that is done.")
    featured: list[int] = Field(description="Images whose whole matrices are stored: any query, without the model.")
    embedding: bool = Field(description="The model's pooled output is stored; runs of format 1 have none.")
    mean: bool = Field(description="The mean attention over the images is there (it comes once all heads are done).")
    mean_reason: str = Field(description="Why there is no mean attention, and what to do; empty where there is.")
    layouts: list[str] = Field(description="Answerable `source/method` of the map of images, e.g. `importance/pca`.")
    tsne_limit: int = Field(description="Images with values, at most, that t-SNE is computed for.")
    patterns: int = Field(description="Clusters of attention matrices; 0 = none in this run, or not yet.")
    patterns_reason: str = Field(description="Why there are no patterns, and what to do; empty where there are.")


class RunInfo(Wire):
    """Everything about a run that does not grow with its images."""

    schema_version: int
    run_id: str
    name: str
    created: str
    vitscope: str
    model: ModelInfo
    tokens: TokenInfo
    n_images: int
    fill: str
    metrics: list[MetricInfo]
    modes: list[ModeInfo]
    default_metric: str
    spread: list[MeasureInfo]
    hops: int = Field(description="Length of the hop axis of strength: hops 0 to hops - 1.")
    diagonal: float = Field(description="Of the image, in pixels: what a distance is a share of.")
    thumbs: ThumbsInfo
    capabilities: Capabilities
    generation: int


class AnswerInfo(Wire):
    """One of the answers that can be asked for."""

    name: str
    meaning: str = Field(description="What it is, its axes and types.")
    arguments: dict[str, str] = Field(description="Each argument with its default; empty: it must be given.")
    codec: Literal["document", "array", "arrays", "picture"] = Field(
        description="JSON, .npy, .npz, or a PNG or WebP file."
    )
    axes: dict[str, list[str]] = Field(description="Of each array by its name; an .npy has none.")


class Headline(Wire):
    """The run's first answer."""

    text: str | None = Field(description="One sentence; None until there is one.")


class GroupProgress(Wire):
    """Shards done of one group of modes."""

    name: str
    done: int
    total: int
    seconds_left: float | None = Field(description="At the pace this server has seen; None while it has seen none.")


class ProgressInfo(Wire):
    """How far a run is; `generation` rises with every shard that lands."""

    state: Literal["planned", "running", "complete"]
    generation: int
    done_units: int
    total_units: int
    groups: list[GroupProgress]
    n_done: int = Field(description="Images analysed in mode head.")
    n_images: int
    idle_seconds: float = Field(description="Since this server last saw a shard land.")
