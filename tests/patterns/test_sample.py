"""The images that patterns are learned from: every class has its share, and the draw can be repeated."""

import numpy as np
import pytest

from vitscope.errors import BadInput, InvalidArgument
from vitscope.patterns import Sample, choose_images

STRATA = ["b"] * 50 + ["a"] * 30 + [None] * 15 + [7] * 5


def test_each_class_has_its_share_up_to_one_image():
    for seed in range(20):
        chosen = choose_images(STRATA, 20, seed)
        counts = [np.isin(chosen, [i for i, s in enumerate(STRATA) if s == stratum]).sum() for stratum in ("b", "a")]
        assert len(chosen) == 20
        assert abs(counts[0] - 10) <= 1
        assert abs(counts[1] - 6) <= 1


def test_the_choice_is_ascending_seeded_and_grows_with_the_budget():
    chosen = choose_images(STRATA, 20, 3)
    assert np.array_equal(chosen, np.unique(chosen))
    assert np.array_equal(chosen, choose_images(STRATA, 20, 3))
    assert not np.array_equal(chosen, choose_images(STRATA, 20, 4))
    assert set(chosen) < set(choose_images(STRATA, 40, 3))


def test_every_image_has_about_the_same_chance():
    times = np.bincount(np.concatenate([choose_images(STRATA, 20, seed) for seed in range(2000)]), minlength=100)
    assert abs(times / 2000 - 0.2).max() < 0.05  # 5 standard deviations of a share of 0.2 over 2000 draws


def test_limits():
    assert list(choose_images([], 5, 0)) == []
    assert list(choose_images(["a", "b"], 0, 0)) == []
    assert list(choose_images(["a", "b"], 5, 0)) == [0, 1]
    assert len(set(choose_images(range(7), 3, 0))) == 3  # more classes than budget
    with pytest.raises(InvalidArgument, match="cannot draw -1 images"):
        choose_images(["a"], -1, 0)


def test_a_sample_has_one_entry_a_matrix():
    image = np.arange(2)
    arrays = (np.zeros((2, 66, 66), np.float16), np.zeros((2, 15, 15), np.float16), np.zeros((2, 24), np.float32))
    assert len(Sample(*arrays, image, image, image)) == 2
    with pytest.raises(BadInput, match="'head': 1"):
        Sample(*arrays, image, image, image[:1])
