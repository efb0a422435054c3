"""Planted backups: heads that stand in for each other, beside pairs that add up."""

import numpy as np
import xarray

from vitscope.analysis.heads.backups import backups, backups_text, simultaneous


def planted(n: int) -> xarray.Dataset:
    """Four heads: a and b stand in for each other, c and d add up with everything."""
    random = np.random.default_rng(0)
    alone = np.array([0.01, 0.02, 0.2, 0.1]) + 0.005 * random.standard_normal((n, 4))
    together = alone[:, :, None] + alone[:, None, :] + 0.01 * random.standard_normal((n, 4, 4))
    together = (together + together.transpose(0, 2, 1)) / 2
    together[:, 0, 1] += 0.3
    together[:, 1, 0] += 0.3
    together[:, 2, 3] += 0.1  # more than the sum, but not twice
    together[:, 3, 2] += 0.1
    names = list("abcd")
    return xarray.Dataset(
        {
            "alone": (("image", "head"), alone),
            "together": (("image", "head", "other"), together),
            "interaction": (("image", "head", "other"), alone[:, :, None] + alone[:, None, :] - together),
        },
        coords={"head": names, "other": names},
    )


def test_the_planted_pair_is_found_and_no_other():
    found = backups(planted(50))
    assert [(pair.head, pair.other) for pair in found] == [("a", "b")]
    pair = found[0]
    assert (round(pair.alone, 2), round(pair.other_alone, 2), round(pair.together, 1)) == (0.01, 0.02, 0.3)
    assert pair.low < -0.3 < pair.high < 0
    assert pair.n == 50


def test_of_many_pairs_that_add_up_none_is_named_by_chance():
    """36 heads, 630 pairs whose interaction has mean 0 and is skewed: one by one 2.5 % of them would be named."""
    random, named = np.random.default_rng(3), 0
    for _ in range(6):
        interaction = 0.01 * (random.exponential(1.0, (40, 630)) - 1)
        low, high = simultaneous(interaction)
        assert (low < high).all()
        named += bool((high < 0).any() or (low > 0).any())
    assert named <= 1


def test_a_pair_that_never_varies_has_an_interval_of_no_width():
    values = np.stack([np.full(9, -0.5), np.random.default_rng(0).standard_normal(9)], 1)
    low, high = simultaneous(values)
    assert low[0] == high[0] == -0.5
    assert low[1] < values[:, 1].mean() < high[1]


def test_one_image_says_nothing_about_the_others():
    assert backups(planted(1)) == []


def test_without_numbers_there_are_no_pairs():
    nothing = planted(5) * np.nan
    assert backups(nothing) == []


def test_what_is_said_of_pairs():
    found = backups(planted(50))
    text = backups_text(found, "prob_drop", 4, 50)
    assert text.startswith("of 6 pairs 1: a and b 0.3")
    assert "n = 50, 95 % intervals simultaneous over the pairs, too narrow where images are few" in text
    assert "too narrow" not in backups_text(found, "prob_drop", 4, 100)
    assert backups_text([], "prob_drop", 36, 300).startswith(
        "of 630 pairs none is found that does at least 2 times what its heads do alone (Probability drop"
    )
    assert backups_text([], "prob_drop", 4, 1).startswith("not known")
