"""Heads together against brute force: every set pruned by its own, independent pass."""

import itertools
import math

import numpy as np
import pytest
from tests import zoo
from tests.closeness import assert_close

import vitscope
from vitscope.engine.head_sets.together import SET_METRICS, interactions, set_effects, shapley
from vitscope.errors import InvalidArgument

HEADS = [(0, 2), (1, 0), (1, 1), (2, 0)]
LABELS = [3, -1, 5]
PIXELS = zoo.pixels(3)


def by_hand(model, heads, metric):
    """The effect of pruning a set, from `vitscope.prune` alone, in float64, one image after the other."""
    intact = vitscope.prune(model, PIXELS, {}).double().numpy()
    pruned = vitscope.prune(model, PIXELS, dict.fromkeys(heads, "head")).double().numpy()
    found = []
    for i, (a, b) in enumerate(zip(intact, pruned, strict=True)):
        if metric.startswith("value"):
            change = a - b if metric == "value_drop" else np.abs(a - b)
            found.append(change.mean())
            continue
        if metric == "out_cos":  # of a model without classifier: its outputs are the features
            found.append(1 - a @ b / math.sqrt((a @ a) * (b @ b)))
            continue
        p, q = (np.exp(v - v.max()) / np.exp(v - v.max()).sum() for v in (a, b))
        y = LABELS[i] if LABELS[i] >= 0 else int(a.argmax())
        entropy = lambda v: -float((v * np.log2(v)).sum())  # noqa: E731
        found.append(
            {
                "prob_drop": p[y] - q[y],
                "logit_drop": a[y] - b[y],
                "jsd": entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2,
                "flip": float(a.argmax() != b.argmax()),
            }[metric]
        )
    return np.array(found)


KINDS = ["registers, LayerScale, q/k norm", "inner norm", "EVA-02", "BEiT"]


@pytest.mark.parametrize(
    ("kind", "metric"), [*[("plain", metric) for metric in SET_METRICS], *[(k, "jsd") for k in KINDS]]
)
def test_effects_of_sets_equal_independent_passes(kind, metric):
    kind = "DINO-like, no classifier" if metric == "out_cos" else kind
    values = metric.startswith("value")
    model = vitscope.wrap(zoo.make(kind), readout=(lambda out: out.square()) if values else None)
    sets = [frozenset(chosen) for k in range(len(HEADS) + 1) for chosen in itertools.combinations(HEADS, k)]
    labels = None if values or metric == "out_cos" else LABELS
    found = set_effects(model, PIXELS, sets, labels, metric=metric)
    for heads, values in zip(sets, found, strict=True):
        assert_close(values, by_hand(model, heads, metric), rtol=1e-8, atol=1e-11, what=str(sorted(heads)))
    assert (found[0] == 0).all(), "nothing pruned is exactly nothing"


def test_interactions_are_what_is_missing_to_the_sum():
    model = vitscope.wrap(zoo.make("plain"))
    found = interactions(model, PIXELS, HEADS, LABELS, metric="logit_drop")
    assert list(found["head"].values) == ["L0·H2", "L1·H0", "L1·H1", "L2·H0"]
    for i, j in itertools.product(range(4), repeat=2):
        value = found["interaction"].values[:, i, j]
        if i == j:
            assert np.isnan(value).all()
            continue
        one, other, both = (
            by_hand(model, heads, "logit_drop") for heads in ([HEADS[i]], [HEADS[j]], [HEADS[i], HEADS[j]])
        )
        assert_close(value, one + other - both, rtol=1e-7, atol=1e-10)
    assert_close(found["interaction"].values, found["interaction"].values.transpose(0, 2, 1))


def exact_shapley(model, heads, metric):
    """By the formula over subsets."""
    n = len(heads)
    effect = {
        frozenset(chosen): by_hand(model, chosen, metric).mean()
        for k in range(n + 1)
        for chosen in itertools.combinations(heads, k)
    }
    values = []
    for head in heads:
        others = [other for other in heads if other != head]
        total = 0.0
        for k in range(n):
            weight = math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n)
            for chosen in itertools.combinations(others, k):
                total += weight * (effect[frozenset(chosen) | {head}] - effect[frozenset(chosen)])
        values.append(total)
    return np.array(values), effect[frozenset(heads)]


def test_shapley_values_of_few_heads_are_exact():
    model = vitscope.wrap(zoo.make("plain"))
    found = shapley(model, PIXELS, HEADS, LABELS)
    expected, together = exact_shapley(model, HEADS, "prob_drop")
    assert_close(found["value"].values, expected, rtol=1e-7, atol=1e-10)
    assert (found["low"].values == found["high"].values).all()
    assert found.attrs["together"] == pytest.approx(together)
    assert float(found["value"].sum()) == pytest.approx(together)


def test_sampled_shapley_values_lie_in_their_intervals():
    model = vitscope.wrap(zoo.make("plain"))
    heads = [(layer, head) for layer in range(3) for head in range(3)][:7]
    found = shapley(model, PIXELS, heads, LABELS, metric="logit_drop", permutations=40, seed=2)
    expected, together = exact_shapley(model, heads, "logit_drop")
    inside = (found["low"].values <= expected) & (expected <= found["high"].values)
    assert inside.sum() >= 6  # of 7 intervals of 95 %: fewer than 6 happens once in 20 draws, and this draw is fixed
    assert (found["high"].values - found["low"].values < 0.5 * np.abs(expected).max()).all(), "and they are narrow"
    assert float(found["value"].sum()) == pytest.approx(together), "every order shares out the whole effect"
    again = shapley(model, PIXELS, heads, LABELS, metric="logit_drop", permutations=40, seed=2)
    assert again.identical(found)


def test_without_classifier_there_is_only_the_turn_of_the_output():
    model = vitscope.wrap(zoo.make("DINO-like, no classifier"))
    assert np.isnan(interactions(model, PIXELS, HEADS)["alone"]).all()
    assert np.isfinite(interactions(model, PIXELS, HEADS, metric="out_cos")["alone"]).all()


@pytest.mark.parametrize(
    ("heads", "options", "words"),
    [
        ([(0, 0)], {}, "at least 2 heads"),
        ([(0, 0), (0, 0)], {}, "each once"),
        ([(0, 0), (0, 9)], {}, "head 9 of layer 0"),
        ([(0, 0), (0, 1)], {"metric": "cls_cos"}, "expected one of prob_drop"),
        ([(0, 0), (0, 1)], {"labels": [0]}, "expected 3, one for each image"),
    ],
)
def test_what_does_not_fit_is_refused(heads, options, words):
    with pytest.raises(InvalidArgument, match=words):
        interactions(vitscope.wrap(zoo.make("plain")), PIXELS, heads, **options)


def test_too_few_permutations_are_refused():
    heads = [(layer, head) for layer in range(3) for head in range(3)]
    with pytest.raises(InvalidArgument, match="at least 4"):
        shapley(vitscope.wrap(zoo.make("plain")), PIXELS, heads, permutations=2)
