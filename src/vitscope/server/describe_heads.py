"""Heads against each other in the words of the wire.

Knows nothing about: HTTP.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from vitscope.analysis import Run
from vitscope.analysis.heads.compared import THRESHOLD
from vitscope.errors import NotAvailable
from vitscope.server.wire import HeadComparison, HeadMerge, HeadsInfo, HeadTree

_DIVERSITY: Final = {
    "cls": ("CLS cosine", "1 − mean over pairs of heads of the cosine of their CLS→patch rows"),
    "jensen-shannon": (
        "JS distance",
        "mean over pairs of heads of the Jensen-Shannon distance of their CLS→patch rows",
    ),
    "full": ("Whole matrix", "1 − mean over pairs of heads of the cosine of their whole attention matrices"),
}
_SIMILARITY: Final = {
    "cls": ("Attention", "cosine of two heads’ CLS→patch rows, mean over images"),
    "mean": ("Mean attention", "cosine of two heads’ whole mean matrices over images"),
    "output": ("Output", "linear CKA of what two heads put out (z, before the projection) at sampled tokens"),
}


def heads_info(run: Run) -> HeadsInfo:
    """What the run can say of heads against each other, and why not the rest; computes nothing."""
    return HeadsInfo(
        generation=run.progress().generation,
        threshold=THRESHOLD,
        diversity=_comparisons(_DIVERSITY, run.heads.require_diversity),
        similarity=_comparisons(_SIMILARITY, run.heads.require_way),
        depth_reason=_reason(run.heads.require_depth),
    )


def head_tree(run: Run, by: str) -> HeadTree:
    """The heads merged by similarity."""
    heads = run.heads
    similarity, tree = heads.similarity(by), heads.tree(by)
    return HeadTree(
        n=int(similarity.attrs["n"]),
        of=str(similarity.attrs["of"]),
        order=list(tree.order),
        merges=[
            HeadMerge(one=one, other=other, similarity=value, size=size) for one, other, value, size in tree.merges
        ],
    )


def _comparisons(words: Mapping[str, tuple[str, str]], require: Callable[[str], object]) -> list[HeadComparison]:
    return [
        HeadComparison(name=name, label=label, meaning=meaning, reason=_reason(partial(require, name)))
        for name, (label, meaning) in words.items()
    ]


def _reason(require: Callable[[], object]) -> str:
    try:
        require()
    except NotAvailable as error:
        return f"{error.message[0].upper()}{error.message[1:]}. {error.hint}"
    return ""
