"""Pruning curves against brute force: every set of every order pruned by a pass of its own."""

import itertools

import numpy as np
import pytest
from tests import zoo
from tests.closeness import assert_close
from tests.reference import hooked

import vitscope
from vitscope.engine import answers_of_sets, prune, random_orders
from vitscope.errors import InvalidArgument

PIXELS = zoo.pixels(5)
LABELS = [3, -1, 5, 0, 2]
ORDER = [(2, 0), (0, 1), (1, 2), (0, 0)]


def brute_force(model, order, size, labels):
    """right, flip, jsd, out_cos of pruning the first heads of an order, from `prune` alone."""
    before, after = (
        prune(model, PIXELS, dict.fromkeys(heads, "head")).double().numpy() for heads in ([], order[:size])
    )
    if model.n_classes is None:
        nothing = np.full(len(PIXELS), np.nan)
        return nothing, nothing, nothing, hooked.cosine(before, after)
    p, q = hooked.softmax(before), hooked.softmax(after)
    top = after.argmax(-1)
    right = np.where(np.array(labels) >= 0, top == labels, np.nan)
    jsd = np.array([hooked.jensen_shannon(*pair) for pair in zip(p, q, strict=True)])
    return right, (top != before.argmax(-1)).astype(float), jsd, None


@pytest.mark.parametrize("kind", ["plain", "registers, LayerScale, q/k norm", "inner norm", "DINO-like, no classifier"])
def test_a_curve_equals_brute_force(kind):
    model = vitscope.wrap(zoo.make(kind))
    labels = LABELS if model.n_classes else None
    found = vitscope.pruning_curve(model, PIXELS, {"mine": ORDER, "short": ORDER[:2]}, labels, random=2, seed=3)
    assert found["order"].values.tolist() == ["mine", "short", "random 0", "random 1"]
    assert found["size"].values.tolist() == [0, 1, 2, 3, 4]
    orders = [ORDER, ORDER[:2], *random_orders(model.n_heads, 2, 3)]
    for (i, order), size in itertools.product(enumerate(orders), range(5)):
        here = {name: found[name].values[i, size] for name in ("right", "flip", "jsd", "out_cos")}
        if size > len(order):
            assert all(np.isnan(values).all() for values in here.values())
            continue
        right, flip, jsd, out_cos = brute_force(model, order, size, labels)
        assert_close(here["right"], right, what=f"right {i} {size}")
        assert_close(here["flip"], flip)
        assert_close(here["jsd"], jsd, rtol=1e-6, atol=1e-12)
        if out_cos is not None:
            assert_close(here["out_cos"], out_cos, rtol=1e-6, atol=1e-12)


def test_without_an_order_name_and_with_chosen_sizes():
    model = vitscope.wrap(zoo.make("plain"))
    found = vitscope.pruning_curve(model, PIXELS, ORDER, LABELS, sizes=[4, 0, 2], random=0)
    assert found["order"].values.tolist() == ["given"]
    assert found["size"].values.tolist() == [0, 2, 4]
    assert (found["jsd"].values[:, 0] == 0).all(), "nothing pruned is exactly nothing"


def test_batches_change_nothing_and_every_set_of_every_image_comes_once():
    model = vitscope.wrap(zoo.make("plain"))
    sets = [frozenset(ORDER[:k]) for k in (1, 3, 2)]
    whole = {answers.heads: answers.jsd for answers in answers_of_sets(model, PIXELS, sets)}
    parts: dict = {}
    for answers in answers_of_sets(model, PIXELS, sets, batch=2):
        parts.setdefault(answers.heads, np.full(5, np.nan))[answers.images] = answers.jsd
    assert parts.keys() == whole.keys() == {frozenset(), *sets}
    for heads, values in whole.items():
        assert_close(parts[heads], values, rtol=1e-9, atol=1e-14)


def test_answers_once_known_are_not_computed_again():
    model = vitscope.wrap(zoo.make("plain"))
    intact: list = []
    first = list(answers_of_sets(model, PIXELS, [frozenset(ORDER)], batch=2, intact=intact))
    again = list(answers_of_sets(model, PIXELS, [frozenset(ORDER)], batch=2, intact=intact))
    assert len(first) == 6
    assert len(again) == 3, "the empty set is left out"
    assert (again[0].jsd == first[1].jsd).all()


def test_nested_random_orders_are_seeded_permutations():
    three, two = random_orders((2, 3, 1), 3, 9), random_orders((2, 3, 1), 2, 9)
    assert three[:2] == two
    assert three != random_orders((2, 3, 1), 3, 8)
    every = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert all(sorted(order) == every for order in three)
    assert three[0] != three[1]


@pytest.mark.parametrize("kind", ["plain", "DINO-like, no classifier"])
def test_the_greedy_order_takes_the_least_step_each_time(kind):
    model = vitscope.wrap(zoo.make(kind))
    order = vitscope.greedy_order(model, PIXELS, 3)
    left = [(layer, head) for layer in range(3) for head in range(3)]
    expected: list = []
    for _ in range(3):
        moved = {
            head: (brute_force(model, [*expected, head], 9, LABELS)[2 if model.n_classes else 3]).mean()
            for head in left
        }
        best = min(left, key=moved.__getitem__)
        expected.append(best)
        left.remove(best)
    assert order == expected


@pytest.mark.parametrize(
    ("orders", "options", "words"),
    [
        ([(0, 0), (0, 0)], {}, "of which 1 are different"),
        ([(0, 9)], {}, "head 9 of layer 0"),
        ([(0, 0)], {"sizes": [99]}, "cannot prune 99 heads"),
        ([(0, 0)], {"sizes": []}, "cannot prune no heads"),
        ([(0, 0)], {"labels": [0, 1]}, "expected 5 classes"),
    ],
)
def test_what_does_not_fit_is_refused(orders, options, words):
    with pytest.raises(InvalidArgument, match=words):
        vitscope.pruning_curve(vitscope.wrap(zoo.make("plain")), PIXELS, orders, **options)


def test_a_search_on_nothing_is_refused():
    with pytest.raises(InvalidArgument, match="on 0 images"):
        vitscope.greedy_order(vitscope.wrap(zoo.make("plain")), PIXELS[:0])
