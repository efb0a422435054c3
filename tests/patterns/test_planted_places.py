"""Planted heads of the second family are named right, and none of the wrong names is a confident one."""

import numpy as np
import pytest
import torch
from tests.patterns import planted_places as places
from tests.patterns.planted import layout

from vitscope.patterns import PATTERNS, common_matrix, constancy, features, name_matrices

RIGHT, CONFIDENT, IMAGES = 0.95, 0.7, 6
UNDECIDED = ("mixed", "blob")
"""Names that claim nothing: none of the rules, or regions of which it is not said what decides."""
GRIDS = {"7x7": layout(7, 7, 1), "14x14": layout(14, 14, 1), "16x16+5": layout(16, 16, 5), "12x20+0": layout(12, 20, 0)}


def named(kind, tokens, seed):
    """Names and confidences of the images of one head, whose share of noise follows from the seed: up to a half."""
    rng = np.random.default_rng([seed, 5])
    made = torch.tensor(places.head(kind, tokens, IMAGES, seed, rng.uniform(0.5, 0.97), rng.uniform(0.2, 1.3)))
    alike = constancy(common_matrix(made, tokens).numpy(), np.zeros(IMAGES, int), np.zeros(IMAGES, int))
    codes, sure = name_matrices(features(made, tokens).numpy(), alike)
    return [(PATTERNS[code], float(how)) for code, how in zip(codes, sure, strict=True)]


def campaign(tokens, seeds, kinds=tuple(places.KINDS)):
    """(share named right, [(kind, seed, wrong name, confidence)] of the confidently wrong, share right by kind)."""
    by_kind, wrong = {}, []
    for kind in kinds:
        if not places.KINDS[kind].fits(tokens):
            continue
        right = places.KINDS[kind].right
        found = [(seed, *each) for seed in seeds for each in named(kind, tokens, seed)]
        by_kind[kind] = float(np.mean([name in right for _, name, _ in found]))
        wrong += [(kind, *each) for each in found if each[1] not in (*right, *UNDECIDED) and each[2] > CONFIDENT]
    return float(np.mean(list(by_kind.values()))), wrong, by_kind


def test_planted_heads_are_named_right():
    share, wrong, by_kind = campaign(GRIDS["7x7"], range(2))
    assert wrong == []
    assert share >= RIGHT, {kind: right for kind, right in by_kind.items() if right < 1}


@pytest.mark.parametrize("grid", ["14x14", "16x16+5", "12x20+0"])
def test_so_they_are_on_other_grids(grid):
    """Kinds in turn: the whole campaign is the slow test."""
    kinds = list(places.KINDS)[list(GRIDS).index(grid) :: 4]
    share, wrong, by_kind = campaign(GRIDS[grid], [7], kinds)
    assert wrong == []
    assert share >= RIGHT, by_kind


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("grid", GRIDS)
def test_the_whole_campaign(grid):
    share, wrong, by_kind = campaign(GRIDS[grid], range(10))
    assert wrong == []
    assert share >= RIGHT, {kind: right for kind, right in by_kind.items() if right < 1}


def test_one_image_alone_never_says_what_decides():
    tokens = GRIDS["7x7"]
    for kind in ("half", "content blob"):
        made = torch.tensor(places.head(kind, tokens, 1, 3, 0.8, 0.5))
        alike = constancy(common_matrix(made, tokens).numpy(), np.zeros(1, int), np.zeros(1, int))
        assert np.isnan(alike).all()
        assert PATTERNS[name_matrices(features(made, tokens).numpy(), alike)[0][0]] == "blob"


def test_constancy_is_the_correlation_with_the_other_images():
    """Against loops, of two heads in one sample; a head of three images has none."""
    tokens = layout(8, 8, 1)  # the common matrix is the matrix itself
    made = np.concatenate([places.head(kind, tokens, 5, 1, 0.8, 0.5) for kind in ("half", "content blob")])
    common = common_matrix(torch.tensor(made).double(), tokens).numpy()
    heads = np.repeat([0, 1], 5)
    found = constancy(common, np.zeros(10, int), heads)
    for head in (0, 1):
        shapes = [_shape(made[row].astype(np.float64)) for row in np.flatnonzero(heads == head)]
        alike = []
        for at, own in enumerate(shapes):
            others = np.mean([shape for place, shape in enumerate(shapes) if place != at], axis=0)
            alike.append((own * others).sum() / np.sqrt((own**2).sum() * (others**2).sum()))
        np.testing.assert_allclose(found[heads == head], np.mean(alike), atol=1e-6)
    assert np.isnan(constancy(common[:3], np.zeros(3, int), np.zeros(3, int))).all()


def _shape(matrix):
    """Roots between 4 x 4 coarse cells of an 8 x 8 grid with CLS, minus the query's mean, minus the mean by offset."""
    coarse = np.zeros((16, 16))
    for query in range(64):
        for key in range(64):
            cell = [patch // 16 * 4 + patch % 8 // 2 for patch in (query, key)]
            coarse[cell[0], cell[1]] += matrix[1 + query, 1 + key] / 4
    varying = np.sqrt(coarse) - np.sqrt(coarse).mean(1, keepdims=True)
    by_offset: dict = {}
    for query in range(16):
        for key in range(16):
            offset = (key // 4 - query // 4, key % 4 - query % 4)
            by_offset.setdefault(offset, []).append((query, key))
    for pairs in by_offset.values():
        mean = np.mean([varying[pair] for pair in pairs])
        for pair in pairs:
            varying[pair] -= mean
    return varying
