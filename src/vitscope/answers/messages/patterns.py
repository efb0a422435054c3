"""Messages about the patterns of attention.

Knows nothing about: the run folder, HTTP, torch.
"""

from typing import Literal

from pydantic import Field

from vitscope.answers.messages.base import Wire


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
