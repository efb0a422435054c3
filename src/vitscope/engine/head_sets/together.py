"""Heads together: what pruning whole sets of them does, which pairs stand in for each other, and each one's fair share.

Sets share all work up to the first layer where they differ. Fill zero, whole heads.
Knows nothing about: files, how the numbers are shown.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy import stats
from torch import Tensor

from vitscope.arguments import Natural, checked, whole_heads
from vitscope.engine.forward import BATCH, require_finite
from vitscope.engine.importance.head_importance import targets
from vitscope.engine.pruning.prune import check_heads
from vitscope.errors import InvalidArgument
from vitscope.measures.effects import effect
from vitscope.models import Evaluation, Model
from vitscope.models.block import attend_rows, finish
from vitscope.quantities import names, quantity
from vitscope.tokens import HEAD, HeadRef

if TYPE_CHECKING:
    import xarray

Heads = Iterable[tuple[int, int]] | Mapping[tuple[int, int], str]
"""(layer, head) pairs in an order; also {(layer, head): "head"}."""
Set = frozenset[tuple[int, int]]

SET_METRICS: Final = names("metric", family="output")
"""Metrics of the output: a set of heads has no layer of its own."""
ALL_ORDERS: Final = 6
"""Up to so many heads all orders are gone through (720): Shapley values are then exact."""
_LEVEL: Final = 0.95


@checked
def interactions(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    heads: Heads,
    labels: Sequence[int] | None = None,
    *,
    metric: str = "prob_drop",
) -> "xarray.Dataset":
    """Prune heads alone and two by two: do they add up?

    Parameters
    ----------
    heads: (layer, head), at least two, each once.
    labels: as for `head_importance`.
    metric: prob_drop (default), logit_drop, jsd, flip or out_cos.

    Returns
    -------
    Dataset over (image, head, other), heads named `L2·H0`: `alone` (image, head), the effect of pruning one;
    `together`, of pruning both; `interaction` I = alone_g + alone_h - together, in the metric's unit. For the drops
    this is f(0) - f(g) - f(h) + f(gh) with f the target's probability or logit. 0 = they add up; below 0 the pair does
    more than the sum: one stands in for the other; above 0 they do the same thing twice or mend each other.
    NaN on the diagonal, and throughout where the metric needs a classifier that is not there.

    Raises
    ------
    InvalidArgument: heads, labels or a metric that do not fit.
    """
    import xarray

    chosen = _chosen(model, heads, least=2)
    pairs = [(i, j) for i in range(len(chosen)) for j in range(i)]
    sets = [frozenset({head}) for head in chosen] + [frozenset({chosen[i], chosen[j]}) for i, j in pairs]
    found = set_effects(model, pixels, sets, labels, metric=metric)
    alone = found[: len(chosen)].T
    together = np.full((len(pixels), len(chosen), len(chosen)), np.nan)
    for (i, j), values in zip(pairs, found[len(chosen) :], strict=True):
        together[:, i, j] = together[:, j, i] = values
    names = [str(HeadRef(*head)) for head in chosen]
    return xarray.Dataset(
        {
            "alone": (("image", "head"), alone),
            "together": (("image", "head", "other"), together),
            "interaction": (("image", "head", "other"), alone[:, :, None] + alone[:, None, :] - together),
        },
        coords={"head": names, "other": names},
        attrs={"metric": metric, "units": quantity(metric).unit, "fill": "zero"},
    )


@checked
def shapley(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    heads: Heads,
    labels: Sequence[int] | None = None,
    *,
    metric: str = "prob_drop",
    permutations: Natural = 64,
    seed: Natural = 0,
) -> "xarray.Dataset":
    """Share out the effect of pruning a set of heads: each gets its mean part over the orders in which they are pruned.

    Parameters
    ----------
    permutations: orders that are drawn, in pairs of one and its reverse, which cuts the noise; at most six heads go
        through all orders instead.
    metric: as for `interactions`.

    Returns
    -------
    Dataset over head: `value`, mean over images, in the metric's unit; `low`, `high`, the 95 % interval of the value
    over the draw of orders (t over pairs; not over images), equal to it where all orders were gone through. The values
    add up to attribute `together`, the effect of pruning all of them.

    Raises
    ------
    InvalidArgument: heads, labels, a metric, or fewer than 4 permutations.

    Source
    ------
    Shapley 1953; sampled as by Castro et al. 2009, with reversed orders as by Mitchell et al. 2022.
    """
    import xarray

    chosen = _chosen(model, heads, least=1)
    if not len(pixels):
        raise InvalidArgument("cannot share out an effect over no images: expected at least one", "Give pixels.")
    exact = len(chosen) <= ALL_ORDERS
    orders = (
        list(itertools.permutations(range(len(chosen)))) if exact else _drawn_orders(len(chosen), permutations, seed)
    )
    prefixes = {frozenset(order[:k]) for order in orders for k in range(len(order) + 1)}
    sets = sorted(prefixes, key=lambda places: (len(places), sorted(places)))
    found = set_effects(model, pixels, [frozenset(chosen[i] for i in places) for places in sets], labels, metric=metric)
    effect_of = dict(zip(sets, found.mean(-1), strict=True))
    gains = np.zeros((len(orders), len(chosen)))
    for row, order in enumerate(orders):
        for k, place in enumerate(order):
            gains[row, place] = effect_of[frozenset(order[: k + 1])] - effect_of[frozenset(order[:k])]
    value = gains.mean(0)
    half = np.zeros_like(value)
    if not exact:
        both = gains.reshape(-1, 2, len(chosen)).mean(1)
        half = stats.t.ppf((1 + _LEVEL) / 2, len(both) - 1) * both.std(0, ddof=1) / np.sqrt(len(both))
    return xarray.Dataset(
        {"value": ("head", value), "low": ("head", value - half), "high": ("head", value + half)},
        coords={"head": [str(HeadRef(*head)) for head in chosen]},
        attrs={
            "metric": metric,
            "units": quantity(metric).unit,
            "together": float(effect_of[frozenset(range(len(chosen)))]),
            "orders": len(orders),
            "exact": exact,
            "n": len(pixels),
        },
    )


def set_effects(
    model: Model, pixels: Tensor, sets: Sequence[Set], labels: Sequence[int] | None = None, *, metric: str = "prob_drop"
) -> Float64[np.ndarray, "set image"]:
    """The effect of pruning each of many sets of heads on each image; the empty set has none.

    Raises
    ------
    InvalidArgument: a head, labels or a metric that do not fit.
    NotFinite: an image whose activations are not finite.
    """
    if metric not in SET_METRICS:
        raise InvalidArgument(
            f"cannot measure sets of heads by {metric!r}: expected one of {', '.join(SET_METRICS)}",
            "cls_cos and patch_cos are measured in the layer of one head.",
        )
    for heads in sets:
        check_heads(model, dict.fromkeys(heads, HEAD))
    if labels is not None and len(labels) != len(pixels):
        raise InvalidArgument(
            f"cannot use these labels: expected {len(pixels)}, one for each image, got {len(labels)}",
            "-1 stands for an image without a label.",
        )
    results = np.full((len(sets), len(pixels)), np.nan)
    with Evaluation(model.module):
        for start in range(0, len(pixels), BATCH):
            images = slice(start, min(start + BATCH, len(pixels)))
            x = model.embed(model.place(pixels[images]))
            outputs = dict(outputs_of_sets(model, 0, x, [frozenset(), *sets]))
            intact = outputs[frozenset()]
            require_finite(model, pixels, bool(intact.isfinite().all()))
            given = None if labels is None else list(labels)[images]
            target, _ = targets(model, model.logits(intact), given, len(x))
            compare = _comparison(model, metric, intact, torch.from_numpy(target).to(x.device))
            for i, heads in enumerate(sets):
                results[i, images] = compare(outputs[heads]).double().cpu().numpy()
    return results


def outputs_of_sets(model: Model, layer: int, x: Tensor, sets: Sequence[Set]) -> Iterator[tuple[Set, Tensor]]:
    """What the classifier reads after pruning each set, from the tokens that enter a layer; use inside `Evaluation`.

    The order is that of the shared layers, not that of `sets`.
    """
    if layer == model.n_layers:
        features = model.pool(x[:, model.architecture.reads])
        yield from ((heads, features) for heads in sets)
        return
    block = model.blocks[layer]
    groups: dict[tuple[int, ...], list[Set]] = defaultdict(list)
    for heads in sets:
        groups[tuple(sorted(head for at, head in heads if at == layer))].append(heads)
    z = None
    for pruned, members in groups.items():
        if not pruned:
            after = block(x)
        else:
            z = attend_rows(block.attend(x), slice(None)) if z is None else z
            left = z.clone()
            left[:, list(pruned)] = 0
            after = finish(block, x, left)
        yield from outputs_of_sets(model, layer + 1, after, members)


def _comparison(model: Model, metric: str, intact: Tensor, target: Tensor) -> Callable[[Tensor], Tensor]:
    """The effect of a pruned output, given what the classifier reads."""
    if metric == "out_cos":
        return lambda features: effect.cosine_distance(intact, features)
    if metric in ("value_drop", "value_change") and model.readout == "values":
        of_values = effect.value_drop if metric == "value_drop" else effect.value_change
        return lambda features: of_values(intact, features)
    logits = model.logits(intact)
    if logits is None or metric in ("value_drop", "value_change"):
        return lambda features: torch.full((len(features),), torch.nan)
    readout = model.readout
    if metric in ("jsd", "flip"):
        unsigned = effect.jsd if metric == "jsd" else effect.flip
        return lambda features: unsigned(logits, _logits(model, features), readout)
    drop = effect.prob_drop if metric == "prob_drop" else effect.logit_drop
    return lambda features: drop(logits, _logits(model, features), target, readout)


def _logits(model: Model, features: Tensor) -> Tensor:
    logits = model.logits(features)
    assert logits is not None  # noqa: S101 - logits exist for all features or for none
    return logits


def _chosen(model: Model, heads: Heads, least: int) -> list[tuple[int, int]]:
    given = whole_heads(heads, "heads to prune together")
    chosen = list(check_heads(model, dict.fromkeys(given, HEAD)))
    if len(chosen) < least or len(chosen) != len(given):
        raise InvalidArgument(
            f"cannot measure heads together: expected at least {least} heads, each once, got {len(given)} "
            f"({len(chosen)} different)",
            "Give (layer, head) pairs, e.g. [(2, 0), (4, 2)].",
        )
    return chosen


def _drawn_orders(n: int, number: int, seed: int) -> list[tuple[int, ...]]:
    if number < 4:
        raise InvalidArgument(
            f"cannot estimate Shapley values from {number} permutations: expected at least 4", "64 is the default."
        )
    random = np.random.default_rng([seed, 5])
    drawn = [tuple(int(i) for i in random.permutation(n)) for _ in range(number // 2)]
    return [order for one in drawn for order in (one, one[::-1])]
