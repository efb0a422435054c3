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
