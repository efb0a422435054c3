"""Findings on planted values: the hidden head, the class exceptions, and what is not judged."""

import numpy as np
import pytest
import scipy.stats

from vitscope.analysis.classes import MIN_IMAGES, compare_classes
from vitscope.analysis.findings import hidden_heads, rank, real_heads
from vitscope.analysis.statistics.permutation import evidence
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
    assert report.other_tops[0].p == 1 / 1000  # the least that 999 shuffles can show
    # Against the rest, the head is far up for bees, and so (the bees being in their rest) far down for the others.
    shifts = {(shift.name, shift.head): shift.mean > shift.rest for shift in report.shifts}
    assert shifts == {("bee", HEADS[6]): True, ("ant", HEADS[6]): False, ("cat", HEADS[6]): False}
    assert report.comparisons == 3 * (2 * len(HEADS) - 1)  # each head, and its lead over the top head
    assert report.permutations == 999


def test_noise_alone_gives_no_exception():
    classes, values = np.arange(90) % 3, noise()
    report = compare_classes(rank(values, HEADS, "jsd"), classes, NAMES, "label")
    assert not report.other_tops and not report.shifts
    assert report.unclear_tops > 0  # the means do differ; the report says "not beyond chance"


def skewed(rng, n, heads=9):
    """Effects as real ones: long tails, some heads tiny, images that feel all heads more than others."""
    scale = np.exp(rng.normal(-4, 1.3, heads))
    return np.minimum(scale * np.exp(0.5 * rng.normal(size=(n, 1)) + 1.1 * rng.normal(size=(n, heads))), 1)


def test_shuffled_labels_seldom_name_an_exception():
    """Nominal 5 %: 60 runs of classes of about 10 images. t-tests named one in most of them."""
    rng, heads = np.random.default_rng(3), real_heads((3, 3, 3))
    found = 0
    for _ in range(60):
        report = compare_classes(rank(skewed(rng, 120), heads, "jsd"), rng.integers(12, size=120), {}, "label")
        found += bool(report.other_tops or report.shifts)
    assert found <= 6


def test_one_class_that_feels_one_head_more_is_found():
    """One standard deviation more, in 30 images: a power of at least 0.8."""
    rng, found = np.random.default_rng(4), 0
    for _ in range(20):
        values, classes, head = skewed(rng, 300), np.repeat(np.arange(10), 30), int(rng.integers(9))
        values[classes == 3, head] += values[:, head].std()
        evidently = evidence(values, [classes == index for index in range(10)], threshold=0.05)
        found += bool(evidently.p[3, head] < 0.05 and evidently.z[3, head] > 0)
    assert found >= 16


def test_rank_sums_and_shuffles_are_those_of_the_slow_way():
    rng = np.random.default_rng(5)
    values = rng.integers(4, size=(23, 3)).astype(float)  # many ties
    members = [np.arange(23) % 4 == group for group in (1, 3)]
    found = evidence(values, members, threshold=1.0, permutations=200, seed=6)
    for group, inside in enumerate(members):
        for column in range(3):
            ranks = scipy.stats.rankdata(values[:, column])
            n, total = int(inside.sum()), len(ranks)
            variance = n * (total - n) / (total * (total - 1)) * ((ranks - ranks.mean()) ** 2).sum()
            expected = (ranks[inside].sum() - n * ranks.mean()) / np.sqrt(variance)
            assert found.z[group, column] == pytest.approx(expected)
    generator, counts = np.random.default_rng(6), np.zeros_like(found.z)
    for _ in range(200):
        shuffled = generator.permutation(23)[: sum(inside.sum() for inside in members)]
        again = []
        for inside, part in zip(members, np.split(shuffled, [members[0].sum()]), strict=True):
            moved = np.zeros(23, bool)
            moved[part] = True
            assert moved.sum() == inside.sum()
            again.append(evidence(values, [moved], threshold=0.05, permutations=1).z)
        counts += np.abs(again).max() >= np.abs(found.z) - 1e-9
    np.testing.assert_allclose(found.p, (1 + counts) / 201)


def test_nothing_is_judged_where_no_head_comes_first():
    report = compare_classes(rank(np.zeros((90, 8)), HEADS, "jsd"), np.arange(90) % 3, NAMES, "label")
    assert report.reason == "jsd of all heads is the same"


def test_a_class_whose_lead_is_doubtful_has_no_other_top():
    """The class differs from the rest beyond chance, but its own images leave open which head comes first."""
    rng = np.random.default_rng(8)
    values, classes = noise(120, seed=9), np.repeat([0, 1, 1, 1], 30)
    values[:, 2] += 0.5
    values[classes == 0, 2] = 0.3 + rng.normal(0, 0.1, 30)
    values[classes == 0, 5] = 0.305 + rng.normal(0, 0.1, 30)
    report = compare_classes(rank(values, HEADS, "jsd"), classes, NAMES, "label")
    assert not report.other_tops
    assert report.unclear_tops == 1 or values[classes == 0, 5].mean() < values[classes == 0, 2].mean()


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
    assert (report.judged, report.present, report.comparisons) == (2, 3, 2 * (2 * len(HEADS) - 1))
