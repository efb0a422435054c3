"""Intervals, ranks and "clearly first" against the slow reference (tests/shared/descriptive.json), and their limits."""

import json

import numpy as np
import pytest
from tests.reference import statistics as reference

from vitscope.analysis.findings import HiddenHead, rank, real_heads
from vitscope.analysis.quadrant import Quadrant, quadrant, tail
from vitscope.analysis.statistics import descriptive, intervals, resampling
from vitscope.analysis.statistics.intervals import ANY, LENGTH, SHARE, UNIT, Range, mean_interval
from vitscope.tokens import HeadRef

NAN = float("nan")
SHARED = json.loads(reference.FILE.read_text(encoding="utf-8"))


def numbers(rows):
    return np.array(rows, float)  # None becomes NaN


def named(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


def test_the_shared_cases_are_what_the_slow_reference_gives():
    for case, given in zip(SHARED["cases"], reference.cases(), strict=True):
        assert {key: case[key] for key in given} == given
    few = next(case for case in SHARED["cases"] if case["name"] == "signed, n = 4")  # the others take seconds
    again = reference.answered(few)
    assert (again["rank"], again["clear"], again["median"]) == (few["rank"], few["clear"], few["median"])
    np.testing.assert_allclose(numbers(again["interval"]), numbers(few["interval"]), rtol=1e-12)
    for case in SHARED["quadrants"]:
        again = reference.quadrant(case["output"], case["layers"])
        assert again == pytest.approx({key: case[key] for key in again})


def test_draws_are_those_of_the_reference_and_spread_over_the_images():
    for case in SHARED["draws"]:
        draws = range(case["draw"], case["draw"] + 1)
        assert resampling.drawn(case["n"], draws, seed=case["seed"])[0].tolist() == case["rows"]
    many = resampling.drawn(101, range(999))
    times = np.bincount(many.ravel(), minlength=101)
    assert abs(times - 999).max() < 5 * np.sqrt(999)
    alone = np.array([len(set(row)) for row in many.tolist()]) / 101
    assert alone.mean() == pytest.approx(1 - (1 - 1 / 101) ** 101, abs=0.005)  # with replacement: 63 % are drawn
    together = np.corrcoef(many[:200])
    assert abs(together[np.triu_indices(200, 1)]).mean() == pytest.approx(np.sqrt(2 / np.pi / 101), rel=0.1)


@pytest.mark.parametrize("case", named(SHARED["cases"]))
def test_intervals_ranks_and_agreement_are_those_of_the_reference(case):
    values = numbers(case["values"])
    low, high = (-np.inf if case["low"] is None else case["low"], np.inf if case["high"] is None else case["high"])
    found = mean_interval(values, Range(low, high, share=case["share"]))
    np.testing.assert_allclose(np.stack([found.low, found.high], 1), numbers(case["interval"]), rtol=1e-9, atol=1e-12)
    summary, drawn = descriptive.summarise(values), resampling.resample(values)
    ranks = intervals.rank_interval(summary, drawn)
    np.testing.assert_array_equal(np.stack([ranks.low, ranks.high], 1), numbers(case["rank"]))
    assert intervals.clearly_first(summary, drawn, int(np.nanargmax(summary.mean))) == case["clear"]
    np.testing.assert_allclose(descriptive.consistency(summary), numbers(case["consistency"]), rtol=1e-9)
    if case["agreement"] is not None:
        agreed = descriptive.agreement(values)
        assert {"n": agreed.n, "w": agreed.w, "chance": agreed.chance, "spearman": agreed.spearman} == pytest.approx(
            case["agreement"]
        )


@pytest.mark.parametrize("case", named(SHARED["quadrants"]))
def test_the_quadrant_and_what_chance_gives_are_those_of_the_reference(case):
    heads = real_heads((len(case["output"]),))
    output = rank(numbers([case["output"]] * 2), heads, "jsd")
    layers = [
        rank(numbers([layer] * 2), heads, metric)
        for layer, metric in zip(case["layers"], ("cls_cos", "patch_cos"), strict=False)
    ]
    found = quadrant(output, layers)
    assert (len(found.heads), found.expected) == (case["found"], pytest.approx(case["expected"]))
    assert found.p == pytest.approx(case["p"], nan_ok=True)


def test_draws_in_parts_are_the_draws(monkeypatch):
    values = np.random.default_rng(3).normal(size=(17, 5))
    values[2, 0] = NAN
    whole = resampling.resample(values)
    monkeypatch.setattr(resampling, "_BLOCK", 50)  # two draws at a time
    parts = resampling.resample(values)
    np.testing.assert_allclose(whole.mean, parts.mean, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(whole.error, parts.error, rtol=1e-9)


def test_an_interval_is_seeded_and_near_the_normal_one():
    drawn = np.random.default_rng(0).normal(2.0, 1.0, size=(400, 3))
    found, again, other = (mean_interval(drawn, ANY, seed=seed) for seed in (1, 1, 2))
    assert (found.low == again.low).all()
    assert (found.low != other.low).any()
    half = 1.96 * drawn.std(axis=0, ddof=1) / 20
    np.testing.assert_allclose(found.low, drawn.mean(axis=0) - half, atol=0.02)
    np.testing.assert_allclose(found.high, drawn.mean(axis=0) + half, atol=0.02)


@pytest.mark.parametrize(("n", "least"), [(10, 0.87), (30, 0.88), (100, 0.90)])
def test_intervals_of_skewed_effects_cover(n, least):
    """400 heads = 400 experiments. Percentiles of resampled means hold 0.79, 0.86 and 0.92 of these."""
    generator = np.random.default_rng(7)
    found = mean_interval(generator.gamma(0.4, size=(n, 400)) * 0.05, UNIT)
    assert ((found.low <= 0.02) & (found.high >= 0.02)).mean() > least


def test_intervals_of_signed_quantities_cover():
    found = mean_interval(np.random.default_rng(8).normal(size=(10, 400)), ANY)
    assert 0.92 < ((found.low <= 0) & (found.high >= 0)).mean() <= 1


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("within", [ANY, UNIT, LENGTH])
def test_few_images_have_an_interval_that_is_finite_and_holds_the_mean(n, within):
    values = np.random.default_rng(n).exponential(size=(n, 40)) * 0.01
    found, mean = mean_interval(values, within), values.mean(axis=0)
    assert np.isfinite([*found.low, *found.high]).all()
    assert (found.low < mean).all() and (found.high > mean).all()
    assert (found.low >= within.low).all() and (found.high <= within.high).all()


def test_draws_without_spread_do_not_end_an_interval_at_the_mean():
    values = np.zeros((10, 2))
    values[0] = 0.5  # nine of ten are 0: a third of the draws are all 0
    values[1:, 1] = 1e-7 * np.arange(9)  # as good as alike
    found = mean_interval(values, UNIT)
    assert (found.high > 0.1).all() and (found.high < 0.2).all() and (found.low == 0).all()


def test_alike_is_a_point_one_is_a_dash_and_a_share_is_never_a_point():
    values = np.array([[0.1, NAN, 0.0], [0.1, 0.3, 0.0], [0.1, NAN, 0.0]])
    found = mean_interval(values, UNIT)
    np.testing.assert_allclose([found.low, found.high], [[0.1, NAN, 0.0], [0.1, NAN, 0.0]])
    shares = mean_interval(values[:, 2:], SHARE)
    assert shares.low[0] == 0 and shares.high[0] == pytest.approx(0.5615, abs=1e-4)
    one = mean_interval(values[1:2], UNIT)
    assert np.isnan([*one.low, *one.high]).all()
    assert np.isnan(mean_interval(np.full((3, 2), NAN), UNIT).low).all()


def test_ranks_tell_a_clear_head_from_a_tie():
    rng = np.random.default_rng(2)
    drawn = np.stack([rng.normal(9, 0.1, 80), rng.normal(1, 1, 80), rng.normal(1, 1, 80)], axis=1)
    ranks = intervals.rank_interval(descriptive.summarise(drawn), resampling.resample(drawn))
    assert (ranks.low[0], ranks.high[0]) == (1, 1)
    assert ranks.low[1] == ranks.low[2] == 2
    assert ranks.high[1] == ranks.high[2] == 3


def test_a_head_is_clearly_first_only_beyond_doubt():
    heads, rng = real_heads((3,)), np.random.default_rng(1)
    near = 0.1 + 0.01 * rng.normal(size=(20, 3))
    assert not rank(near, heads, "jsd").clear
    assert rank(near + [0.0, 0.05, 0.0], heads, "jsd").clear
    assert not rank(np.repeat(near[:, :1], 3, axis=1), heads, "jsd").clear  # all the same head
    assert not rank(np.array([[0.1, 0.9, 0.1]]), heads, "jsd").clear  # one image says nothing about the others


def test_nothing_comes_first_where_all_heads_are_alike():
    heads = real_heads((2, 2))
    assert rank(np.zeros((5, 4)), heads, "jsd").flat
    assert not rank(np.eye(4)[:3], heads, "jsd").flat
    assert not rank(np.zeros((5, 1)), real_heads((1,)), "jsd").flat  # the only head is the first


def hidden(n):
    return tuple(HiddenHead(HeadRef(0, i), 9, 0.0, "cls_cos", 1, 1.0) for i in range(n))


def test_a_count_is_a_finding_only_beyond_chance():
    fewer, more, many = Quadrant(hidden(4), 16, 18, 36), Quadrant(hidden(5), 9, 18, 36), Quadrant(hidden(9), 9, 18, 36)
    assert (fewer.expected, fewer.verdict) == (8.0, "fewer than chance, no finding")
    assert (more.expected, more.verdict) == (4.5, "more than expected, but not beyond chance, no finding")
    assert many.beyond_chance and many.verdict == "more than chance"
    assert tail(9, 9, 18, 36) == pytest.approx(np.prod([(18 - i) / (36 - i) for i in range(9)]))
    assert Quadrant((), 0, 0, 4).verdict == "no more than chance, no finding"
