"""Pruning curves: what is left of a model as ever more heads are pruned, in a given order, by search, or at random.

Fill zero, whole heads. Sets share all layers up to the first one in which they differ.
Knows nothing about: files, how an order was thought of, intervals.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from vitscope.arguments import Natural, checked, whole_heads
from vitscope.engine.forward import BATCH, require_finite
from vitscope.engine.head_sets.together import Heads, Set, outputs_of_sets
from vitscope.engine.head_sets.what_if import Answer, answer, effects
from vitscope.engine.importance.head_importance import targets
from vitscope.engine.pruning.prune import check_heads
from vitscope.errors import InvalidArgument
from vitscope.models import Evaluation, Model
from vitscope.quantities import ranking_metric
from vitscope.tokens import HEAD

if TYPE_CHECKING:
    import xarray

GIVEN: Final = "given"
RANDOM: Final = "random {}"
_DRAW: Final = 7
"""Keeps the draw of random orders apart from other draws with the same seed."""


@dataclass(frozen=True)
class SetAnswers:
    """How a stretch of the images is answered with one set of heads pruned.

    Parameters
    ----------
    prediction: top class or label, -1 without a classifier, or where the pruned model gives no finite answer.
    jsd, out_cos: to the intact answer; jsd (bits) is NaN without a classifier.
    moved: how far the answer moved: jsd, or out_cos where there is no classifier, or value_change of values.
    """

    heads: Set
    images: slice
    prediction: Int[np.ndarray, " image"]
    jsd: Float64[np.ndarray, " image"]
    out_cos: Float64[np.ndarray, " image"]
    moved: Float64[np.ndarray, " image"]


@checked
def pruning_curve(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    orders: Heads | Mapping[str, Heads],
    labels: Sequence[int] | None = None,
    *,
    sizes: Sequence[int] | None = None,
    random: Natural = 10,
    seed: Natural = 0,
) -> "xarray.Dataset":
    """Prune the first heads of an order, ever more of them: what is left of the accuracy, beside random orders?

    Parameters
    ----------
    orders: (layer, head) pairs, what is pruned first comes first, each once; or several such orders by name.
    labels: class per image, -1 = none; None = none at all.
    sizes: how many heads are pruned; None for 0, 1, 2, ... up to the longest order.
    random: number of random orders, each a permutation of all heads, so that its sets are nested.
    seed: of the random orders.

    Returns
    -------
    Dataset over (order, size, image); orders by name (`given` where there is none), then `random 0`, `random 1`, ...
    `right`, 1 where the answer is the label (NaN without a label): its mean over images is the accuracy. `flip`, 1
    where the answer is not the intact model's. `jsd` (bits) and `out_cos` to the intact answer. NaN where an order has
    not so many heads, and all but `out_cos` without a classifier.

    Raises
    ------
    InvalidArgument: orders, sizes or labels that do not fit.
    NotFinite: an image whose activations are not finite.

    Source
    ------
    Accuracy against heads pruned by their importance: Michel et al. 2019, figure 3, there with a proxy of importance.
    Here any order; `greedy_order` searches for one.

    Example
    -------
    >>> found = pruning_curve(model, pixels, [(0, 1), (2, 0)], labels, random=2)
    >>> found["right"].mean("image").sizes
    Frozen({'order': 3, 'size': 3})
    """
    import xarray

    named = _named_orders(orders)
    for order in named.values():
        check_order(model, order)
    wanted = check_sizes(model, sizes, max((len(order) for order in named.values()), default=0))
    named |= {RANDOM.format(i): order for i, order in enumerate(random_orders(model.n_heads, random, seed))}
    places = places_of_sets(list(named.values()), wanted)
    known = _known_labels(model, labels, len(pixels))
    found = {
        name: np.full((len(named), len(wanted), len(pixels)), np.nan) for name in ("right", "flip", "jsd", "out_cos")
    }
    intact = np.full(len(pixels), -1)
    for answers in answers_of_sets(model, pixels, list(places)):
        images = answers.images
        if not answers.heads:
            intact[images] = answers.prediction
        for at in places.get(answers.heads, ()):
            found["jsd"][*at, images] = answers.jsd
            found["out_cos"][*at, images] = answers.out_cos
            if model.n_classes is not None:
                right = answers.prediction == known[images]
                found["right"][*at, images] = np.where(known[images] >= 0, right, np.nan)
                found["flip"][*at, images] = answers.prediction != intact[images]
    units = {"right": "0 or 1", "flip": "0 or 1", "jsd": "bits", "out_cos": "cosine distance"}
    dims = ("order", "size", "image")
    return xarray.Dataset(
        {name: (dims, values, {"units": units[name]}) for name, values in found.items()},
        coords={"order": list(named), "size": wanted},
        attrs={"fill": "zero", "seed": seed, "random": random},
    )


@checked
def greedy_order(
    model: Model, pixels: Float[Tensor, "image color row col"], length: int | None = None
) -> list[tuple[int, int]]:
    """Search an order: next comes the head whose pruning, with those before it, moves the answers least.

    Parameters
    ----------
    pixels: images that the search looks at; judge the order on others.
    length: how many heads; None for all.

    Returns
    -------
    (layer, head) pairs, by mean JSD to the intact answers (out_cos without a classifier); ties go to the earlier head.

    Raises
    ------
    InvalidArgument: no images, or more heads than there are.
    """
    ((order, _),) = deque(greedy_steps(model, pixels, length), maxlen=1)
    return order


def _named_orders(orders: Heads | Mapping[str, Heads]) -> dict[str, list[tuple[int, int]]]:
    """Orders by name; a dict with (layer, head) keys, as `prune` takes it, is one order."""
    if isinstance(orders, Mapping) and all(isinstance(name, str) for name in orders):
        return {str(name): whole_heads(order, f"order {name!r}") for name, order in orders.items()}
    return {GIVEN: whole_heads(orders, "the order")}


def greedy_steps(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    length: int | None = None,
    *,
    batch: int = BATCH,
) -> Iterator[tuple[list[tuple[int, int]], float]]:
    """`greedy_order` in small steps: the order so far, and the share of the work that is done (0 to 1)."""
    left = all_heads(model.n_heads)
    length = len(left) if length is None else length
    if not len(pixels) or not 0 < length <= len(left):
        raise InvalidArgument(
            f"cannot search an order of {length} heads on {len(pixels)} images: expected 1 to {len(left)} heads and at "
            "least one image"
        )
    order: list[tuple[int, int]] = []
    intact: list[Answer] = []
    batches = -(-len(pixels) // batch)
    total = batches * (1 + sum(len(left) - done for done in range(length)))
    done = 0
    while len(order) < length:
        sets = {frozenset([*order, head]): head for head in left}
        moved: dict[tuple[int, int], float] = dict.fromkeys(left, 0.0)
        for answers in answers_of_sets(model, pixels, list(sets), batch=batch, intact=intact):
            done += 1
            if answers.heads in sets:
                moved[sets[answers.heads]] += float(np.nan_to_num(answers.moved, nan=np.inf).sum())
            yield list(order), done / total
        best = min(left, key=lambda head: moved[head])
        order.append(best)
        left.remove(best)
    yield list(order), 1.0


def answers_of_sets(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    sets: Sequence[Set],
    *,
    batch: int = BATCH,
    intact: list[Answer] | None = None,
) -> Iterator[SetAnswers]:
    """How the images are answered with each of many sets pruned, a batch of images and a set at a time.

    Parameters
    ----------
    intact: the intact answers of the batches; where it is empty it is filled, and each batch starts with the empty set.
    """
    intact = [] if intact is None else intact
    filled = bool(intact)
    for at, start in enumerate(range(0, len(pixels), batch)):
        images = slice(start, min(start + batch, len(pixels)))
        with Evaluation(model.module):
            x = model.embed(model.place(pixels[images]))
        if not filled:
            with Evaluation(model.module):
                ((_, features),) = outputs_of_sets(model, 0, x, [frozenset()])
                intact.append(answer(model, features))
            require_finite(model, pixels, bool(intact[at].finite.all()))
            yield _set_answers(frozenset(), images, intact[at], intact[at])
        walk = outputs_of_sets(model, 0, x, [heads for heads in sets if filled or heads])
        while True:
            with Evaluation(model.module):  # not around a yield: it would be open in the reader's code too
                step = next(walk, None)
                pruned = None if step is None else answer(model, step[1])
            if step is None or pruned is None:
                break
            yield _set_answers(step[0], images, intact[at], pruned)


def _set_answers(heads: Set, images: slice, intact: Answer, pruned: Answer) -> SetAnswers:
    found = effects(intact, pruned, torch.full((len(pruned.features),), -1))
    jsd, out_cos, moved = (found[name].numpy() for name in ("jsd", "out_cos", ranking_metric(pruned.readout)))
    return SetAnswers(heads, images, pruned.prediction.numpy(), jsd, out_cos, moved)


def places_of_sets(
    orders: Sequence[Sequence[tuple[int, int]]], sizes: Sequence[int]
) -> dict[Set, list[tuple[int, int]]]:
    """Each set of heads that occurs, with its places (order, size); an order has none beyond its length."""
    places: defaultdict[Set, list[tuple[int, int]]] = defaultdict(list)
    for i, order in enumerate(orders):
        for j, size in enumerate(sizes):
            if size <= len(order):
                places[frozenset((int(layer), int(head)) for layer, head in order[:size])].append((i, j))
    return dict(places)


def random_orders(n_heads: Sequence[int], number: int, seed: int) -> list[list[tuple[int, int]]]:
    """Seeded permutations of all heads; the first ones are the same however many are asked for."""
    heads = all_heads(n_heads)
    draw = np.random.default_rng([seed, _DRAW])
    return [[heads[i] for i in draw.permutation(len(heads))] for _ in range(number)]


def all_heads(n_heads: Sequence[int]) -> list[tuple[int, int]]:
    """(layer, head) of a model with so many heads a layer."""
    return [(layer, head) for layer, number in enumerate(n_heads) for head in range(number)]


def check_order(model: Model, order: Sequence[tuple[int, int]]) -> None:
    """Raise InvalidArgument unless every head exists and comes once."""
    if len(check_heads(model, dict.fromkeys(order, HEAD))) != len(order):
        raise InvalidArgument(
            f"cannot prune in this order: {len(order)} heads, of which {len(set(order))} are different",
            "Name each head once.",
        )


def check_sizes(model: Model, sizes: Sequence[int] | None, longest: int) -> list[int]:
    """Numbers of heads in rising order, each once. Raises InvalidArgument where there are not so many."""
    wanted = sorted(set(range(longest + 1) if sizes is None else map(int, sizes)))
    if not wanted or wanted[0] < 0 or wanted[-1] > sum(model.n_heads):
        raise InvalidArgument(
            f"cannot prune {wanted[-1] if wanted else 'no'} heads: expected numbers of 0 to {sum(model.n_heads)}",
            "Leave sizes out for all of them.",
        )
    return wanted


def _known_labels(model: Model, labels: Sequence[int] | None, n: int) -> Int[np.ndarray, " image"]:
    if labels is None or model.n_classes is None:
        return np.full(n, -1)
    target, source = targets(model, torch.zeros(n, model.n_classes), labels, n)
    return np.where(source == "label", target, -1)
