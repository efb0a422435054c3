"""Numbers over all images: effects of pruning, strength, spread, mean attention.

Knows nothing about: HTTP.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vitscope.analysis.findings import rank_heads, real_heads
from vitscope.analysis.statistics import descriptive
from vitscope.answers.arguments import Layer, Mode, computed_mode, known_layer
from vitscope.answers.codes import encode_log8
from vitscope.answers.names import MetricName, SpreadName, StrengthName
from vitscope.answers.rows.matrices import pooled
from vitscope.answers.source import Source
from vitscope.answers.table import array, arrays
from vitscope.errors import NotAvailable
from vitscope.tokens import HEAD

MEAN_BYTES: Final = 16 * 2**20
"""A mean attention of more entries than this is sent in blocks of tokens."""
POOLED: Final = 64


@array("image", "layer", "head")
def importance(source: Source, metric: MetricName, mode: Mode = HEAD) -> NDArray[np.float32]:
    """One metric of one mode: float32 [image, layer, head]; NaN = not computed."""
    return source.run.effect(metric, computed_mode(source.run.manifest, mode)).astype(np.float32, copy=False)


_PLACES: Final = ("layer", "head")


@arrays(n=_PLACES, mean=_PLACES, median=_PLACES, q1=_PLACES, q3=_PLACES, consistency=_PLACES, kept=True)
def summary(source: Source, metric: MetricName, mode: Mode = HEAD) -> dict[str, NDArray[Any]]:
    """Over all images: float64 [layer, head] each; what a page shows before the images' values.

    n, mean, median, quartiles q1 and q3, consistency; NaN where there is none.
    """
    effect = source.run.effect(metric, computed_mode(source.run.manifest, mode))
    found = descriptive.summarise(effect.reshape(len(effect), -1))
    statistics = {
        "n": found.n,
        "mean": found.mean,
        "median": found.median,
        "q1": found.lower_quartile,
        "q3": found.upper_quartile,
        "consistency": descriptive.consistency(found),
    }
    return {name: np.reshape(values, effect.shape[1:]).astype(np.float64) for name, values in statistics.items()}


@arrays(
    low=_PLACES, high=_PLACES, rank=_PLACES, rank_low=_PLACES, rank_high=_PLACES, leads=_PLACES, clear=(), kept=True
)
def ranking(source: Source, metric: MetricName, mode: Mode = HEAD) -> dict[str, NDArray[Any]]:
    """The heads ranked by their mean over all images, as `vitscope show` says it: float64 [layer, head] each.

    Ends of the 95 % interval of the mean, rank and ends of its interval, share of the images that each leads; `clear`
    is 1 where the images leave no doubt about the first. NaN where there is none.
    """
    manifest, found = source.run.manifest, source.output_ranking
    if found is None or (metric, computed_mode(manifest, mode)) != (found.metric, found.mode):
        found = rank_heads(source.run, metric, computed_mode(manifest, mode))
    shape = (manifest.model.n_layers, max(manifest.model.n_heads))
    heads = real_heads(manifest.model.n_heads)
    layers, columns = [head.layer for head in heads], [head.head for head in heads]

    def placed(values: NDArray[Any] | None) -> NDArray[np.float64]:
        whole = np.full(shape, np.nan)
        if values is not None:
            whole[layers, columns] = values
        return whole

    return {
        "low": placed(found and found.interval.low),
        "high": placed(found and found.interval.high),
        "rank": placed(found and found.rank),
        "rank_low": placed(found and found.rank_interval.low),
        "rank_high": placed(found and found.rank_interval.high),
        "leads": placed(found and found.top_share),
        "clear": np.array(bool(found and found.clear), np.uint8),
    }


@array("image", "layer", "head", "hop")
def strength(source: Source, kind: StrengthName) -> NDArray[np.float16]:
    """Attention by hop: float16 [image, layer, head, hop]; NaN = not computed."""
    return _half(source.run.measure(f"strength/{kind}"))


@array("image", "layer", "head")
def spread(source: Source, measure: SpreadName) -> NDArray[np.float16]:
    """One measure of spread: float16 [image, layer, head]; NaN = not computed, inf is possible."""
    return _half(source.run.measure(f"spread/{measure}"))


@arrays(log8=("head", "query", "key"))
def mean(source: Source, layer: Layer) -> dict[str, NDArray[Any]]:
    """Mean attention of one layer over the images: uint8 [head, query, key] in the code `log8`.

    0 is 0; codes 1 to 255 are 10^(-5 + 5 (code - 1) / 254). Where there are many tokens, they are averaged in blocks of
    consecutive ones, both ways: fewer than the model's.
    """
    run, manifest = source.run, source.run.manifest
    known_layer(manifest, layer)
    if not run.has_mean_attention:
        kept = manifest.options.mean_attention
        raise NotAvailable(
            "the mean attention is not there yet"
            if kept
            else "this run keeps no mean attention: it would be too large",
            "It comes once all heads are done." if kept else "The featured images have whole matrices.",
        )
    model = manifest.model
    too_large = model.n_layers * max(model.n_heads) * manifest.tokens.n_tokens**2 > MEAN_BYTES
    matrices = run.layer_mean_attention(layer)
    return {"log8": encode_log8(pooled(matrices, POOLED) if too_large else matrices)}


def _half(values: NDArray[Any]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):  # beyond 65504 it is infinite: a sink that nothing is comparable with
        return values.astype(np.float16)
