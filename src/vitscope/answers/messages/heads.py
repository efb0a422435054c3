"""Messages about heads against each other.

Knows nothing about: the run folder, HTTP, torch.
"""

from pydantic import Field

from vitscope.answers.messages.base import Wire


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


class SinkKey(Wire):
    """A key token that is a sink over all images."""

    token: int
    share: float = Field(description="Of the patches' attention, mean over the images.")


class HeadStanding(Wire):
    """How a head stands among all heads by a metric."""

    metric: str
    rank: int = Field(description="1 = the largest mean; equals share the better rank.")
    top: bool = Field(description="The first by index among those with the largest mean.")
    clear: bool = Field(description="Whether it is the first and the images leave no doubt about that.")
    flat: bool = Field(description="All heads have the same mean: none comes first.")
    mean: float
    n: int
    leads: float = Field(description="Share of the images in which no other head has a larger value.")
    consistency: float | None


class WhyClause(Wire):
    """One thing that is said of a head; its name says what it is about."""

    name: str
    text: str


class HeadWhy(Wire):
    """Why a head matters, or does not."""

    standing: HeadStanding
    clauses: list[WhyClause]


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
