"""Statistics against slow twins, exact small cases and scipy."""

from itertools import groupby

import numpy as np
import pytest
import scipy.stats

from vitscope.analysis.statistics import descriptive

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
    summary = descriptive.summarise(values)
    kept = np.delete(values, 4, axis=0)
    assert summary.n.tolist() == [16, 16, 16, 0, 16]
    for head in (0, 1, 2, 4):
        assert summary.mean[head] == pytest.approx(sum(kept[:, head]) / 16)
        assert summary.median[head] == pytest.approx(np.median(kept[:, head]))
        assert summary.lower_quartile[head] == pytest.approx(np.percentile(kept[:, head], 25))
        assert summary.upper_quartile[head] == pytest.approx(np.percentile(kept[:, head], 75))
    assert np.isnan([summary.mean[3], summary.median[3], summary.lower_quartile[3], summary.upper_quartile[3]]).all()


def test_one_image_has_no_consistency_and_no_agreement():
    one = np.array([[0.5, 0.1, NAN]])
    assert np.isnan(descriptive.consistency(descriptive.summarise(one))).all()
    agreed = descriptive.agreement(one)
    assert np.isnan([agreed.w, agreed.chance, agreed.spearman]).all()
    assert descriptive.summarise(one).mean[:2].tolist() == [0.5, 0.1]


def test_no_image_at_all():
    none = np.full((3, 2), NAN)
    assert np.isnan(descriptive.summarise(none).mean).all()
    assert np.isnan(descriptive.top_share(none)).all()


def test_descending_rank_gives_equals_the_better_rank():
    ranks = descriptive.descending_rank(np.array([[0.1, 0.9, 0.9, NAN, -3.0], [5.0, 4.0, 3.0, 2.0, 1.0]]))
    np.testing.assert_equal(ranks, [[3, 1, 1, NAN, 4], [1, 2, 3, 4, 5]])


def test_consistency_by_hand():
    columns = np.array([[1.0, 0.0, -4.0, 0.0], [2.0, 0.0, -4.0, 1.0], [3.0, 0.0, -4.0, 0.0], [4.0, 0.0, -4.0, -1.0]])
    # quartiles of 1..4 are 1.75 and 3.25, median 2.5; 0/0 is not defined; a constant is 1; median 0 gives 0
    np.testing.assert_allclose(descriptive.consistency(descriptive.summarise(columns)), [1 - 1.5 / 4.0, NAN, 1.0, 0.0])


def test_top_share_counts_ties_for_each_and_zeros_for_none():
    rows = np.array([[0.3, 0.3, 0.1], [0.5, 0.2, NAN], [0.0, 0.0, 0.0], [NAN, NAN, NAN], [0.1, 0.2, 0.3]])
    np.testing.assert_allclose(descriptive.top_share(rows), [2 / 4, 1 / 4, 1 / 4])


def test_average_ranks_agree_with_scipy_and_the_slow_twin(values):
    kept = np.delete(np.delete(values, 4, axis=0), 3, axis=1)
    kept[0] = 1.0
    np.testing.assert_array_equal(descriptive.average_ranks(kept), scipy.stats.rankdata(kept, axis=1))
    np.testing.assert_array_equal(descriptive.average_ranks(kept), [slow_average_ranks(row) for row in kept.tolist()])


def test_kendalls_w_agrees_with_the_slow_twin_and_with_friedman(values):
    kept = np.delete(np.delete(values, 4, axis=0), 3, axis=1).round()
    images, heads = kept.shape
    w = descriptive.agreement(values.round()).w
    assert w == pytest.approx(slow_kendalls_w(kept.tolist()))
    assert w == pytest.approx(scipy.stats.friedmanchisquare(*kept.T).statistic / (images * (heads - 1)))


def test_kendalls_w_of_identical_and_of_unrelated_rankings():
    rng = np.random.default_rng(1)
    same = np.sort(rng.normal(size=(13, 7)), axis=1)
    assert descriptive.agreement(same).w == descriptive.agreement(same).spearman == pytest.approx(1.0)
    assert descriptive.agreement(np.array([[1.0, 1.0, 2.0], [3.0, 3.0, 9.0]])).w == pytest.approx(1.0)  # ties alike
    assert np.isnan(descriptive.agreement(np.ones((4, 3))).w)
    unrelated = [descriptive.agreement(rng.normal(size=(5, 31))) for _ in range(200)]
    assert np.mean([agreed.w for agreed in unrelated]) == pytest.approx(unrelated[0].chance, abs=0.01)  # 1/5, not 0
    assert np.mean([agreed.spearman for agreed in unrelated]) == pytest.approx(0, abs=0.01)


def test_spearman_agrees_with_scipy(values):
    a, b = values[:, 0], values[:, 1]
    kept = np.isfinite(a)
    assert descriptive.spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a[kept], b[kept]).statistic)
    assert np.isnan(descriptive.spearman(np.ones(4), np.arange(4.0)))
