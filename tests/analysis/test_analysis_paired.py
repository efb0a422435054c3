"""Accuracy before and after on the same images."""

import numpy as np
import pytest
from scipy import stats

from vitscope.analysis.statistics.paired import paired


def answers(kept: int, lost: int, won: int, wrong: int) -> tuple[np.ndarray, np.ndarray]:
    before = np.repeat([True, True, False, False], [kept, lost, won, wrong])
    after = np.repeat([True, False, True, False], [kept, lost, won, wrong])
    return before, after


def test_counts_and_exact_mcnemar():
    found = paired(*answers(60, 12, 4, 24))
    assert (found.n, found.before, found.after, found.lost, found.won) == (100, 0.72, 0.64, 12, 4)
    # McNemar's exact test written out: both tails of a fair coin tossed 16 times
    assert found.p == pytest.approx(2 * sum(stats.binom.pmf(k, 16, 0.5) for k in range(5)))
    # Agresti and Min (2005), half an image added to each cell
    n, minus, plus = 102, 12.5, 4.5
    half = 1.959963985 * np.sqrt((plus + minus) - (plus - minus) ** 2 / n) / n
    assert (found.low, found.high) == pytest.approx(((plus - minus) / n - half, (plus - minus) / n + half))


def test_no_change_and_no_image():
    same = paired(*answers(5, 0, 0, 3))
    assert (same.lost, same.won, same.p) == (0, 0, 1.0)
    assert same.low < 0 < same.high
    nothing = paired(*answers(0, 0, 0, 0))
    assert nothing.n == 0
    assert np.isnan([nothing.before, nothing.low, nothing.p]).all()


def test_the_interval_covers_what_it_says():
    """2,000 seeded draws of 80 images: 95 % intervals hold the true change nearly as often as that, or more."""
    random = np.random.default_rng(3)
    shares = np.array([0.7, 0.08, 0.03, 0.19])
    holds = 0
    for counts in random.multinomial(80, shares, 2000):
        found = paired(*answers(*counts))
        holds += found.low <= shares[2] - shares[1] <= found.high
    assert holds >= 0.935 * 2000
