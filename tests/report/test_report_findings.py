"""Findings on planted values: the hidden head, the class exceptions, and what is not judged."""

import numpy as np
import pytest

from vitscope.report.classes import MIN_IMAGES, compare_classes
from vitscope.report.findings import hidden_heads, rank, real_heads
from vitscope.tokens import HeadRef

HEADS = real_heads((3, 3, 2))
NAMES = {0: "ant", 1: "bee", 2: "cat"}


def noise(n=90, seed=4):
    return np.random.default_rng(seed).uniform(0.01, 0.03, (n, len(HEADS)))


def test_heads_are_listed_layer_by_layer():
    assert tuple(HeadRef(*pair) for pair in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]) == HEADS


def test_order_top_and_equal_means():
    values = np.tile([0.1, 0.3, 0.3, np.nan, 0.0, -0.2, 0.05, 0.05], (4, 1))
    ranking = rank(values, HEADS, "jsd")
    assert ranking.top == HEADS[1]
    assert ranking.order == (1, 2, 0, 6, 7, 4, 5)
    assert rank(np.full((4, 8), np.nan), HEADS, "jsd") is None


def test_hidden_heads_are_low_on_output_and_high_on_layer_once_each():
    output, layer, patch = noise(), noise(seed=5), noise(seed=6)
    output[:, 4] = 0.001  # low on output, first on both layer metrics
    layer[:, 4] = patch[:, 4] = 0.9
    output[:, 7] = layer[:, 7] = 0.8  # high on both: not hidden
    output[:, 1] = 0.005  # low on both: not hidden
    layer[:, 1] = patch[:, 1] = 0.0
    found = hidden_heads(rank(output, HEADS, "jsd"), [rank(layer, HEADS, "cls_cos"), rank(patch, HEADS, "patch_cos")])
    assert found[0].head == HEADS[4]
    assert (found[0].output_rank, found[0].layer_rank, found[0].layer_metric) == (8, 1, "cls_cos")
    assert sum(hidden.head == HEADS[4] for hidden in found) == 1
    assert not {hidden.head for hidden in found} & {HEADS[7], HEADS[1]}


def test_a_class_with_another_top_head_is_found_and_only_that_one():
    classes, values = np.arange(90) % 3, noise()
    values[:, 2] += 0.5
    values[classes == 1, 6] += 1.0  # for bees another head matters most
    report = compare_classes(rank(values, HEADS, "jsd"), classes, NAMES, "label")
    assert [(top.name, top.head, top.usual, top.n) for top in report.other_tops] == [("bee", HEADS[6], HEADS[2], 30)]
    assert report.other_tops[0].p < 1e-6
    # Against the rest, the head is far up for bees, and so (the bees being in their rest) far down for the others.
    shifts = {(shift.name, shift.head): shift.mean > shift.rest for shift in report.shifts}
    assert shifts == {("bee", HEADS[6]): True, ("ant", HEADS[6]): False, ("cat", HEADS[6]): False}
    assert report.comparisons == 3 * len(HEADS)


def test_noise_alone_gives_no_exception():
    classes, values = np.arange(90) % 3, noise()
    report = compare_classes(rank(values, HEADS, "jsd"), classes, NAMES, "label")
    assert not report.other_tops and not report.shifts
    assert report.unclear_tops > 0  # the means do differ; the report says "not beyond chance"


def test_noise_is_seldom_an_exception_over_many_seeds():
    """Family-wise error: at most about 5 % of noise runs may show anything (here also kept down by the factor 2)."""
    classes = np.arange(60) % 3
    found = 0
    for seed in range(60):
        values = np.random.default_rng(seed).exponential(size=(60, len(HEADS)))
        report = compare_classes(rank(values, HEADS, "jsd"), classes, NAMES, "label")
        found += bool(report.other_tops or report.shifts)
    assert found <= 8


@pytest.mark.parametrize(
    ("classes", "reason"),
    [
        (np.full(90, -1), "no labels and no predictions"),
        (np.zeros(90, int), "all images are of one class"),
        (np.arange(90) % 45, f"45 classes, the largest has 2 images; a class is judged from {MIN_IMAGES} up"),
    ],
)
def test_classes_are_not_judged_without_enough_images(classes, reason):
    report = compare_classes(rank(noise(), HEADS, "jsd"), classes, NAMES, "label")
    assert report.reason is not None and reason in report.reason
    assert report.judged == 0


def test_small_classes_are_left_out_but_count_as_the_rest():
    classes = np.array([0] * 40 + [1] * 45 + [2] * 5)
    report = compare_classes(rank(noise(), HEADS, "jsd"), classes, NAMES, "label")
    assert (report.judged, report.present, report.comparisons) == (2, 3, 2 * len(HEADS))
