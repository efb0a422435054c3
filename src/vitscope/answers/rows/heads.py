"""What is said of each head, heads against each other and over depth.

Knows nothing about: HTTP.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from vitscope.analysis import gaze
from vitscope.analysis.findings import Ranking, real_heads
from vitscope.analysis.heads.compared import THRESHOLD
from vitscope.answers.arguments import Mode, computed_mode
from vitscope.answers.messages import (
    HeadComparison,
    HeadMerge,
    HeadsInfo,
    HeadStanding,
    HeadTree,
    HeadWhy,
    SinkKey,
    WhyClause,
)
from vitscope.answers.names import DepthName
from vitscope.answers.source import Source
from vitscope.answers.table import array, arrays, document
from vitscope.errors import NotAvailable
from vitscope.store import Manifest
from vitscope.text.answer import reasons
from vitscope.tokens import HEAD

T = TypeVar("T")
Variant = Literal["cls", "jensen-shannon", "full"]
Way = Literal["cls", "mean", "output"]
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


@document()
def heads(source: Source) -> HeadsInfo:
    """What the run can say of heads against each other, and why not the rest; computes nothing."""
    run = source.run
    return HeadsInfo(
        generation=source.generation,
        threshold=THRESHOLD,
        diversity=_comparisons(_DIVERSITY, run.heads.require_diversity),
        similarity=_comparisons(_SIMILARITY, run.heads.require_way),
        depth_reason=_reason(run.heads.require_depth),
    )


@document(kept=True)
def sinks(source: Source) -> list[list[list[SinkKey]]]:
    """The key tokens that draw the patches of each head [layer][head], the largest share first.

    Of the mean attention over all images: none until it is complete, or where a run keeps none.
    """
    manifest = source.run.manifest
    found = gaze.sinks(source.run, real_heads(manifest.model.n_heads))
    return _by_layer(manifest, ([SinkKey(token=key.token, share=key.share) for key in keys] for keys in found))


@document(kept=True)
def why(source: Source) -> list[list[HeadWhy | None]]:
    """Why each head matters, or does not, over all images [layer][head]: the clauses of `vitscope show`.

    Null where no effect of it is measured.
    """
    manifest, output = source.run.manifest, source.output_ranking
    heads = real_heads(manifest.model.n_heads)
    if output is None:
        return _by_layer(manifest, [None] * len(heads))
    return _by_layer(
        manifest,
        (
            HeadWhy(
                standing=_standing(output, index),
                clauses=[WhyClause(name=name, text=text) for name, text in reason.clauses.items()],
            )
            if output.summary.n[index]
            else None
            for index, reason in enumerate(reasons(source.run, output, heads))
        ),
    )


def _standing(output: Ranking, index: int) -> HeadStanding:
    steady, top = output.consistency[index], output.heads[index] == output.top
    return HeadStanding(
        metric=output.metric,
        rank=int(output.rank[index]),
        top=top,
        clear=top and output.clear,
        flat=output.flat,
        mean=output.summary.mean[index],
        n=output.summary.n[index],
        leads=output.top_share[index],
        consistency=steady if np.isfinite(steady) else None,
    )


def _by_layer(manifest: Manifest, of_heads: Iterable[T]) -> list[list[T]]:
    """One entry a head, as lists [layer][head]."""
    entries = iter(of_heads)
    return [list(islice(entries, n_heads)) for n_heads in manifest.model.n_heads]


@array("image", "layer", kept=True)
def diversity(source: Source, variant: Variant) -> NDArray[np.float32]:
    """How different the heads of each layer look at each image: float32 [image, layer]; NaN = not computed."""
    return source.run.heads.diversity(variant).values.astype(np.float32)


@array("head", "other", kept=True)
def similarity(source: Source, by: Way) -> NDArray[np.float32]:
    """How alike any two heads are: float32 [flat head, flat head], over all images; NaN = not known."""
    return source.run.heads.similarity(by).values.astype(np.float32)


@document(kept=True)
def tree(source: Source, by: Way) -> HeadTree:
    """The heads merged by that similarity, and a row in which like ones are neighbours."""
    heads = source.run.heads
    similarity, tree = heads.similarity(by), heads.tree(by)
    return HeadTree(
        n=int(similarity.attrs["n"]),
        of=str(similarity.attrs["of"]),
        order=list(tree.order),
        merges=[
            HeadMerge(one=one, other=other, similarity=value, size=size) for one, other, value, size in tree.merges
        ],
    )


@arrays(values=("layer", "head", "observed"), n=())
def depth(source: Source, metric: DepthName, mode: Mode = HEAD) -> dict[str, NDArray[Any]]:
    """Cosine distance of pruned from intact tokens over depth, mean over `n` images: float32 [layer, head, observed].

    `observed` = layer after which it is measured, from the pruned one on; NaN before it, where there is no such token,
    and after the last block for tokens that the classifier does not read.
    """
    mode = computed_mode(source.run.manifest, mode)
    source.run.heads.require_depth()
    data = source.kept("depth", source.generation, lambda: source.run.repair)
    return {
        "values": data[metric].sel(mode=mode).values.astype(np.float32),
        "n": data["n"].sel(mode=mode).values,
    }


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
