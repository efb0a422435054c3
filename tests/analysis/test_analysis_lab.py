"""Counting what pruning did, against counts by hand."""

import math

import numpy as np
import pytest
from tests.synthetic_run import synthetic_run

from vitscope.analysis.lab import CurveCount, ScopeCount
from vitscope.analysis.statistics.paired import paired


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("lab") / "run", n_images=12)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("lab") / "bare", prefix=(), classifier=False)


def values(n, **given):
    return {name: given.get(name, np.full(n, 0.5)) for name in ("jsd", "out_cos", "prob_drop")}


def test_flips_both_ways_and_the_interval(run):
    images = run.images
    rows = [row for row in range(12) if images.at[row, "done"] and images.at[row, "problem"] is None]
    label, before = images["label"].to_numpy()[rows], images["prediction"].to_numpy()[rows]
    after = np.where(np.array(rows) % 3 == 0, (before + 1) % 5, before)
    count = ScopeCount(run, {(0, 1): "head", (1, 0): "head"}, "zero")
    for part in (slice(0, 4), slice(4, len(rows))):
        count.add(rows[part], after[part], values(len(rows[part])), skipped=0)
    found = count.counted()
    assert found.n == count.seen == len(rows)
    assert found.accuracy == paired(before == label, after == label)
    known = label >= 0
    assert list(found.lost) == [
        r for r, k, a, b, y in zip(rows, known, after, before, label, strict=True) if k and b == y != a
    ]
    assert list(found.won) == [
        r for r, k, a, b, y in zip(rows, known, after, before, label, strict=True) if k and a == y != b
    ]
    changed = {row for row, a, b in zip(rows, after, before, strict=True) if a != b}
    assert changed == {*found.lost, *found.won, *found.moved}
    assert found.means == {"jsd": 0.5, "out_cos": 0.5, "prob_drop": 0.5}
    singles = run.effect("prob_drop", "head")
    expected = np.mean([singles[row, 0, 1] + singles[row, 1, 0] for row in rows])
    assert found.alone.total == pytest.approx(expected)
    assert (found.alone.together, found.alone.n, found.alone.reason) == (0.5, len(rows), "")


def test_sums_of_single_effects_are_over_images_that_have_all_of_them(run):
    rows = [row for row in range(12) if run.images.at[row, "problem"] is None]
    partial = run.effect("prob_drop", "pp")[:, 0, 0]
    there = [row for row in rows if np.isfinite(partial[row])]
    assert 0 < len(there) < len(rows)
    drops = np.arange(len(rows)) / 10
    count = ScopeCount(run, {(0, 0): "pp"}, "zero")
    count.add(rows, [0] * len(rows), values(len(rows), prob_drop=drops), skipped=1)
    found = count.counted()
    assert found.alone.n == len(there)
    assert found.alone.total == pytest.approx(partial[there].mean())
    assert found.alone.together == pytest.approx(np.mean([drops[rows.index(row)] for row in there]))
    assert found.skipped == 1
    assert count.seen == len(rows) + 1


@pytest.mark.parametrize(
    ("heads", "fill", "reason"),
    [
        ({(0, 0): "head"}, "mean", "with fill zero"),
        ({(0, 0): "pc"}, "zero", "mode pc"),
    ],
)
def test_no_sum_says_why(run, heads, fill, reason):
    alone = ScopeCount(run, heads, fill).counted().alone
    assert math.isnan(alone.total)
    assert reason in alone.reason


def test_without_classifier_there_is_no_accuracy(bare):
    count = ScopeCount(bare, {(0, 0): "head"}, "zero")
    count.add([0, 2], [-1, -1], values(2, jsd=np.full(2, np.nan), prob_drop=np.full(2, np.nan)), skipped=0)
    found = count.counted()
    assert found.accuracy is None
    assert found.lost == found.won == found.moved == ()
    assert math.isnan(found.means["jsd"])
    assert found.means["out_cos"] == 0.5
    assert "no classifier" in found.alone.reason


class TestCurve:
    labels = (0, 1, -1, 2)
    sizes = (0, 2)
    lines = (("mine", ((0, 0), (0, 1))), ("random 0", ((1, 0), (0, 0))), ("random 1", ((0, 1), (1, 0))))

    def counted(self):
        count = CurveCount(self.labels, self.lines, self.sizes, 1)
        every, half = slice(0, 4), slice(0, 2)
        count.add([(0, 0), (1, 0), (2, 0)], every, np.array([0, 1, 4, 0]), np.zeros(4), intact=True)
        count.add([(0, 1)], every, np.array([0, 0, 4, 2]), np.array([0.1, 0.2, 0.3, 0.4]), intact=False)
        count.add([(1, 1)], every, np.array([3, 3, 3, 3]), np.full(4, 0.9), intact=False)
        count.add([(2, 1)], half, np.array([0, 1]), np.full(2, 0.1), intact=False)
        return count

    def test_accuracy_with_its_interval_is_over_labelled_images(self):
        (line,) = self.counted().lines()
        assert line.name == "mine"
        assert line.accuracy == pytest.approx((2 / 3, 2 / 3))
        change = paired(np.array([True, True, False]), np.array([True, False, True]))
        assert (line.low[1], line.high[1]) == (change.low, change.high)
        assert line.moved == pytest.approx((0, 0.25))
        assert line.n == (4, 4)

    def test_the_band_is_over_draws_on_the_images_that_all_have(self):
        band = self.counted().band()
        assert (band.draws, band.n) == (2, (4, 2))
        assert band.accuracy["low"][1] == pytest.approx(np.percentile([0, 1], 5))
        assert band.accuracy["median"] == pytest.approx((2 / 3, 0.5))
        assert band.moved["high"][1] == pytest.approx(np.percentile([0.9, 0.1], 95))

    def test_without_random_orders_there_is_no_band(self):
        count = CurveCount(self.labels, self.lines[:1], self.sizes, 1)
        count.add([(0, 0)], slice(0, 4), np.zeros(4, int), np.zeros(4), intact=True)
        band = count.band()
        assert band.draws == 0
        assert all(math.isnan(value) for value in band.accuracy["low"])
