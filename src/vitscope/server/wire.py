"""What crosses the wire, and nothing else: one camelCase base model, one class per message.

The web app's types are generated from these (`make types`); nobody renames by hand.
Knows nothing about: the run folder, HTTP, torch.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from vitscope.quantities import Readout


class Wire(BaseModel):
    """Base of every message: snake_case in Python, camelCase on the wire, immutable, no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        frozen=True,
        extra="forbid",
    )


class ErrorBody(Wire):
    """The one body of every response that is not a success."""

    code: str = Field(description="Stable name of the kind of error, e.g. `not_available`.")
    message: str = Field(description="One sentence: what was asked for and why it cannot be had.")
    hint: str = Field(description="What to do next; may be empty.")


class Size(Wire):
    """Height and width, in pixels."""

    height: int
    width: int


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
    readout: Readout = Field(description="What its logits mean: classes (softmax) or labels (sigmoid); features: none.")
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


class ImageTable(Wire):
    """The images as columns of equal length; position = row number = the image's key everywhere."""

    generation: int
    name: list[str] = Field(description="Path as given to the analysis.")
    label: list[int] = Field(description="-1: none given.")
    prediction: list[int] = Field(description="-1: no classifier, or not done.")
    probability: list[float | None] = Field(description="Of the predicted class.")
    correct: list[bool | None]
    target: list[int] = Field(description="The class whose probability and logit the metrics follow; -1: none.")
    done: list[bool]
    problem: list[str | None] = Field(description="Why an image was skipped.")
    note: list[str | None] = Field(description="An oddity that was handled.")
    class_names: dict[str, str] = Field(description="Name of every class that occurs in the columns, by its number.")


class ClassGuess(Wire):
    """A class with its probability."""

    number: int
    name: str
    probability: float


class DroppedImage(Wire):
    """An image that was dropped on the page, as the live model sees it; it is in no run and is soon forgotten."""

    image: int = Field(description="Its key until it is forgotten, from nImages up: preview, attention and the like.")
    name: str = Field(description="File name as given.")
    prediction: int = Field(description="-1: no classifier.")
    probability: float | None = Field(description="Of the predicted class.")
    top: list[ClassGuess] = Field(description="The most probable classes, at most 5; empty without a classifier.")
    note: str | None = Field(description="An oddity of the file that was handled.")


class PatternCluster(Wire):
    """Attention matrices that look alike. Clusters are numbered by size, 0 = largest."""

    id: int
    name: str = Field(description="The user's name where one was given, else `autoName`.")
    auto_name: str = Field(description="By a rule, from what was measured on the members.")
    rule: str = Field(description="The rule as a sentence, with its thresholds.")
    confidence: float = Field(description="Share of the members that fulfil the rule.")
    evidence: dict[str, float | None] = Field(description="Mean over the members of what the rules look at.")
    size: int = Field(description="Matrices.")
    medoid: int = Field(description="Number of the matrix in its middle.")
    x: float = Field(description="Of the medoid on the map.")
    y: float


class PatternSpace(Wire):
    """One way of seeing the sample, and how good its clusters are."""

    clusters: int
    silhouette: float | None = Field(description="In its own codes, -1 to 1; higher: clusters lie apart.")
    fair: float | None = Field(description="Silhouette where neither space is at home, to compare them.")
    stability: float | None = Field(description="Mean adjusted Rand index over seeds; 1 = the same clusters each time.")
    reconstruction: float | None = Field(
        description="Share of the variance of matrices not learned from that the codes explain."
    )
    criterion: str = Field(description="How the number of clusters was chosen.")


class RepeatedPattern(Wire):
    """Heads whose own matrices have one name on at least 80 % of the sampled images and that are alike."""

    name: str
    heads: list[tuple[int, int]] = Field(description="(layer, head), at least two.")
    similarity: float = Field(description="Mean over their pairs.")
    by: Literal["mean", "output", "cls"] = Field(description="Cosine of mean matrices, CKA of outputs, cosine of rows.")


class PatternsInfo(Wire):
    """What the sample of attention matrices shows.

    Matrix = place of its image in `images` x number of all heads + flat head, layer by layer.
    """

    generation: int
    n_matrices: int
    images: list[int] = Field(description="Row numbers of the sampled images, ascending.")
    chosen: str = Field(description="The space that clusters, map and distances are of.")
    verdict: str = Field(description="Why that one, in one sentence.")
    spaces: dict[str, PatternSpace]
    clusters: list[PatternCluster]
    chosen_clusters: int = Field(description="How many the run has of its own.")
    most_clusters: int = Field(description="The largest number, `k`, that can be asked for; from 2.")
    patterns: list[str] = Field(description="Names of the codes in the column `pattern` of the points.")
    families: dict[str, list[str]] = Field(
        description="Names by the one above them: what many matrices are called that agree on no more."
    )
    repeated: list[RepeatedPattern] = Field(description="Candidates for redundancy, over all sampled images.")
    content: list[list[float | None]] = Field(
        description="Content dependence [layer][head] over all images: 0 = the same matrix whatever the image, 1 = the "
        "image alone decides."
    )
    resolution: Literal["full", "common"] = Field(description="At which size content dependence was measured.")
    rename_reason: str = Field(description="Why clusters cannot be renamed; empty where they can.")


class NearMatrix(Wire):
    """A matrix of the sample and how far it is from the one asked about."""

    matrix: int
    image: int
    layer: int
    head: int
    distance: float = Field(description="Between codes of the chosen space.")


class Deviation(Wire):
    """How far a head's matrix on one image is from its mean over images."""

    image: int
    deviation: float = Field(description="Squared Frobenius norm.")


class TypicalImages(Wire):
    """Images on which a head's matrix is least and most like its mean, the extreme first."""

    most: list[Deviation] = Field(description="Most typical: the smallest deviations.")
    least: list[Deviation] = Field(description="Least typical: the largest deviations.")


class ClusterName(Wire):
    """A cluster's new name; null = the automatic one again."""

    name: str | None = Field(description="1 to 60 printable characters; null = the automatic name again.")


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


class HeadComparison(Wire):
    """One way of comparing heads, and why it cannot be had; `reason` is empty where it can."""

    name: str
    label: str
    meaning: str
    reason: str


class HeadsInfo(Wire):
    """Heads against each other: what this run can say. Flat head = place among all heads, layer by layer."""

    generation: int
    threshold: float = Field(description="Mean similarity from which heads are called redundant, where not said.")
    diversity: list[HeadComparison] = Field(description="Variants of the diversity of a layer's heads.")
    similarity: list[HeadComparison] = Field(description="Ways of comparing heads of all layers.")
    depth_reason: str = Field(description="Why there are no effects over depth, and what to do; empty where there are.")


class HeadMerge(Wire):
    """A merge of two nodes of the tree: those below the number of heads are flat heads, then merges in order."""

    one: int
    other: int
    similarity: float = Field(description="Mean over all pairs of heads between the two nodes.")
    size: int


class HeadTree(Wire):
    """Heads merged by mean similarity, the most alike first, and a row of them in which like ones are neighbours."""

    n: int
    of: str = Field(description="What n counts: images, or sampled tokens.")
    order: list[int] = Field(description="Flat heads as they stand in the row.")
    merges: list[HeadMerge]
