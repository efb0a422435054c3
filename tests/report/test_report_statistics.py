"""Statistics against slow twins, exact small cases and scipy."""

from itertools import groupby

import numpy as np
import pytest
import scipy.stats

from vitscope.report import statistics

NAN = float("nan")


@pytest.fixture
def values():
    """17 images x 5 heads with ties, one head that does not exist and one image that was skipped."""
    rng = np.random.default_rng(11)
    drawn = rng.normal(size=(17, 5)).round(1)
    drawn[:, 3] = NAN
    drawn[4] = NAN
    return drawn


def slow_average_ranks(row):
    order = sorted(range(len(row)), key=lambda i: row[i])
    ranks, place = [0.0] * len(row), 1
    for _, group in groupby(order, key=lambda i: row[i]):
        members = list(group)
        for i in members:
            ranks[i] = place + (len(members) - 1) / 2
        place += len(members)
    return ranks


def slow_kendalls_w(rows):
    """From the definition: variance of rank sums over its largest possible value, ties taken out."""
    ranks = [slow_average_ranks(row) for row in rows]
    m, h = len(rows), len(rows[0])
    sums = [sum(rank[j] for rank in ranks) for j in range(h)]
    mean = sum(sums) / h
    ties = 0
    for row in rows:
        ties += sum(t**3 - t for t in (sum(1 for x in row if x == value) for value in set(row)))
    return 12 * sum((s - mean) ** 2 for s in sums) / (m * m * (h**3 - h) - m * ties)


def test_summarise_leaves_missing_values_out(values):
    summary = statistics.summarise(values)
    kept = np.delete(values, 4, axis=0)
    assert summary.n.tolist() == [16, 16, 16, 0, 16]
    for head in (0, 1, 2, 4):
        assert summary.mean[head] == pytest.approx(sum(kept[:, head]) / 16)
        assert summary.median[head] == pytest.approx(np.median(kept[:, head]))
        assert summary.lower_quartile[head] == pytest.approx(np.percentile(kept[:, head], 25))
        assert summary.upper_quartile[head] == pytest.approx(np.percentile(kept[:, head], 75))
    assert np.isnan([summary.mean[3], summary.median[3], summary.lower_quartile[3], summary.upper_quartile[3]]).all()


def test_bootstrap_means_equal_the_means_of_the_drawn_images(values, monkeypatch):
    kept = np.delete(values, 4, axis=0)
    kept[2, 0] = NAN  # a single missing value: its head has a smaller n in draws with that image
    picked = np.random.default_rng(5).integers(16, size=(40, 16))
    expected = np.array([[np.nanmean(kept[rows, h]) if h != 3 else NAN for h in range(5)] for rows in picked])
    np.testing.assert_allclose(statistics.bootstrap_means(kept, resamples=40, seed=5), expected, rtol=1e-12)
    monkeypatch.setattr(statistics, "_BLOCK", 50)  # three draws at a time: the same stream of draws
    np.testing.assert_allclose(statistics.bootstrap_means(kept, resamples=40, seed=5), expected, rtol=1e-12)


def test_mean_interval_is_seeded_and_near_the_normal_one():
    drawn = np.random.default_rng(0).normal(2.0, 1.0, size=(400, 3))
    interval = statistics.mean_interval(drawn, seed=1)
    again = statistics.mean_interval(drawn, seed=1)
    assert (interval.low == again.low).all()
    assert (interval.low != statistics.mean_interval(drawn, seed=2).low).any()
    half = 1.96 * drawn.std(axis=0, ddof=1) / 20
    np.testing.assert_allclose(interval.low, drawn.mean(axis=0) - half, atol=0.02)
    np.testing.assert_allclose(interval.high, drawn.mean(axis=0) + half, atol=0.02)


def test_the_interval_covers_the_true_mean_about_95_times_in_100():
    drawn = np.random.default_rng(7).normal(size=(50, 600))  # 600 heads = 600 experiments of 50 images
    interval = statistics.mean_interval(drawn)
    covered = ((interval.low <= 0) & (interval.high >= 0)).mean()
    assert 0.90 < covered < 0.98


def test_one_image_has_no_interval_no_consistency_and_no_agreement():
    one = np.array([[0.5, 0.1, NAN]])
    interval = statistics.mean_interval(one)
    assert np.isnan([*interval.low, *interval.high]).all()
    assert np.isnan(statistics.consistency(statistics.summarise(one))).all()
    assert np.isnan(statistics.kendalls_w(one))
    assert statistics.summarise(one).mean[:2].tolist() == [0.5, 0.1]


def test_no_image_at_all():
    none = np.full((3, 2), NAN)
    assert np.isnan(statistics.bootstrap_means(none, resamples=4)).all()
    assert np.isnan(statistics.summarise(none).mean).all()
    assert np.isnan(statistics.top_share(none)).all()


def test_descending_rank_gives_equals_the_better_rank():
    ranks = statistics.descending_rank(np.array([[0.1, 0.9, 0.9, NAN, -3.0], [5.0, 4.0, 3.0, 2.0, 1.0]]))
    np.testing.assert_equal(ranks, [[3, 1, 1, NAN, 4], [1, 2, 3, 4, 5]])


def test_rank_interval_tells_a_clear_head_from_a_tie():
    rng = np.random.default_rng(2)
    drawn = np.stack([rng.normal(9, 0.1, 80), rng.normal(1, 1, 80), rng.normal(1, 1, 80)], axis=1)
    ranks = statistics.rank_interval(statistics.bootstrap_means(drawn), statistics.summarise(drawn).n)
    assert (ranks.low[0], ranks.high[0]) == (1, 1)
    assert ranks.low[1] == ranks.low[2] == 2
    assert ranks.high[1] == ranks.high[2] == 3


def test_consistency_by_hand():
    columns = np.array([[1.0, 0.0, -4.0, 0.0], [2.0, 0.0, -4.0, 1.0], [3.0, 0.0, -4.0, 0.0], [4.0, 0.0, -4.0, -1.0]])
    # quartiles of 1..4 are 1.75 and 3.25, median 2.5; 0/0 is not defined; a constant is 1; median 0 gives 0
    np.testing.assert_allclose(statistics.consistency(statistics.summarise(columns)), [1 - 1.5 / 4.0, NAN, 1.0, 0.0])


def test_top_share_counts_ties_for_each_and_zeros_for_none():
    rows = np.array([[0.3, 0.3, 0.1], [0.5, 0.2, NAN], [0.0, 0.0, 0.0], [NAN, NAN, NAN], [0.1, 0.2, 0.3]])
    np.testing.assert_allclose(statistics.top_share(rows), [2 / 4, 1 / 4, 1 / 4])


def test_average_ranks_agree_with_scipy_and_the_slow_twin(values):
    kept = np.delete(np.delete(values, 4, axis=0), 3, axis=1)
    kept[0] = 1.0
    np.testing.assert_array_equal(statistics.average_ranks(kept), scipy.stats.rankdata(kept, axis=1))
    np.testing.assert_array_equal(statistics.average_ranks(kept), [slow_average_ranks(row) for row in kept.tolist()])


def test_kendalls_w_agrees_with_the_slow_twin_and_with_friedman(values):
    kept = np.delete(np.delete(values, 4, axis=0), 3, axis=1).round()
    images, heads = kept.shape
    w = statistics.kendalls_w(values.round())
    assert w == pytest.approx(slow_kendalls_w(kept.tolist()))
    assert w == pytest.approx(scipy.stats.friedmanchisquare(*kept.T).statistic / (images * (heads - 1)))


def test_kendalls_w_of_identical_and_of_unrelated_rankings():
    rng = np.random.default_rng(1)
    same = np.sort(rng.normal(size=(13, 7)), axis=1)
    assert statistics.kendalls_w(same) == pytest.approx(1.0)
    assert statistics.kendalls_w(rng.normal(size=(1000, 7))) == pytest.approx(0, abs=0.01)
    assert statistics.kendalls_w(np.array([[1.0, 1.0, 2.0], [3.0, 3.0, 9.0]])) == pytest.approx(1.0)  # ties alike
    assert np.isnan(statistics.kendalls_w(np.ones((4, 3))))


def test_spearman_agrees_with_scipy(values):
    a, b = values[:, 0], values[:, 1]
    kept = np.isfinite(a)
    assert statistics.spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a[kept], b[kept]).statistic)
    assert np.isnan(statistics.spearman(np.ones(4), np.arange(4.0)))


def test_t_tests_agree_with_scipy(values):
    inside, outside = values[:7], values[7:]
    p = statistics.welch_p(statistics.moments(inside), statistics.moments(outside))
    for head in (0, 1, 2, 4):
        a, b = inside[:, head], outside[:, head]
        expected = scipy.stats.ttest_ind(a[np.isfinite(a)], b, equal_var=False).pvalue
        assert p[head] == pytest.approx(expected)
    assert np.isnan(p[3])
    differences = values[5:, 0] - values[5:, 1]
    assert statistics.paired_p(differences) == pytest.approx(scipy.stats.ttest_1samp(differences, 0).pvalue)
    assert np.isnan(statistics.paired_p(differences[:1]))


def test_moments_of_the_rest_need_no_second_look(values):
    whole, part, rest = (statistics.moments(rows) for rows in (values, values[:7], values[7:]))
    found = whole.without(part)
    assert (found.n == rest.n).all()
    np.testing.assert_allclose(found.mean, rest.mean, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.squares, rest.squares, rtol=1e-10)
    nothing = whole.without(whole)
    assert (nothing.n == 0).all() and np.isnan(nothing.mean).all() and (nothing.squares == 0).all()


def test_welch_without_variance_is_decided_at_once():
    def constant(value, n):
        return statistics.moments(np.full((n, 1), float(value)))

    assert statistics.welch_p(constant(1, 3), constant(1, 4))[0] == 1
    assert statistics.welch_p(constant(1, 3), constant(0, 4))[0] == 0


def test_holm_by_hand():
    p = np.array([[0.01, 0.04], [0.03, NAN], [0.02, 0.9]])
    # sorted .01 .02 .03 .04 .9 times 5 4 3 2 1 = .05 .08 .09 .08 .9, made monotone
    np.testing.assert_allclose(statistics.holm(p), [[0.05, 0.09], [0.09, NAN], [0.08, 0.9]])
