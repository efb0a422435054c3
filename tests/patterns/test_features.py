"""Every feature against its slow twin, exact values, and what must hold on any grid."""

import numpy as np
import pytest
import torch
from tests.attention_cases import LAYOUTS, random_attention
from tests.closeness import assert_close
from tests.reference import patterns as twin

from vitscope.measures import summarise
from vitscope.patterns import FEATURES, features
from vitscope.tokens import TokenLayout

GRIDS = LAYOUTS | {
    "more than eight hops, 2 x 11": TokenLayout(prefix=("cls",), rows=2, cols=11, patch=(16, 8)),
    "near is two hops, 11 x 11": TokenLayout(prefix=("cls", "dist"), rows=11, cols=11, patch=(16, 16)),
    "one patch": TokenLayout(prefix=("cls",), rows=1, cols=1, patch=(16, 16)),
    "one patch, no prefix": TokenLayout(prefix=(), rows=1, cols=1, patch=(16, 16)),
}

UNBOUNDED = ("sink", "step_down", "step_right")
SIGNED = (
    "near", "row", "column", "same_map", "same_region", "eight_keys", "corners", "border", "profile_region", "wide",
    "cross", "ring", "ring_inside", "step_down", "step_right", "cls_region",
)  # fmt: skip


def value(found, name):
    return found[..., FEATURES.index(name)]


@pytest.mark.parametrize("layout", [name for name in GRIDS if "one patch" not in name])
def test_each_equals_its_twin(layout):
    tokens = GRIDS[layout]
    attention = random_attention(2, tokens=tokens)
    expected = [twin.features(matrix, tokens, FEATURES) for matrix in attention.numpy()]
    expected = np.array([list(numbers.values()) for numbers in expected])
    for dtype, rtol, atol in ((torch.float64, 1e-9, 1e-12), (torch.float32, 1e-5, 2e-6)):
        found = features(attention.to(dtype), tokens)
        assert found.dtype == dtype
        for column, name in enumerate(FEATURES):
            assert_close(found[:, column], expected[:, column], rtol=rtol, atol=atol, what=name)


@pytest.mark.parametrize("layout", GRIDS)
def test_they_are_finite_and_in_range_also_where_nothing_varies(layout):
    tokens = GRIDS[layout]
    n = tokens.n_tokens
    one_key = torch.zeros(n, n)
    one_key[:, -1] = 1
    matrices = torch.stack([torch.eye(n), one_key, torch.full((n, n), 1 / n), random_attention(tokens=tokens).float()])
    found = features(matrices, tokens)
    assert found.isfinite().all()
    shares = [i for i, name in enumerate(FEATURES) if name not in UNBOUNDED]
    assert found[:, shares].max() <= 1 + 1e-5
    signed = [i for i, name in enumerate(FEATURES) if name in SIGNED]
    assert found[:, [i for i in range(len(FEATURES)) if i not in signed]].min() >= 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_uniform_is_chance_on_any_grid(layout):
    tokens = LAYOUTS[layout]
    n = tokens.n_tokens
    found = features(torch.full((n, n), 1 / n, dtype=torch.float64), tokens)
    none = ("near", "row", "column", "wide", "cross", "ring", "eight_keys", "corners", "border", "place", "cls_place")
    for name in (*none, "equivariance", "same_map", "same_region", "nmi", "sink", "by_offset", "by_key", "structure"):
        assert_close(value(found, name), 0, atol=1e-9, what=name)
    for name in ("entropy", "breadth"):
        assert_close(value(found, name), 1, what=name)
    assert_close(value(found, "largest_key"), 1 / n)


def test_exact_values():
    tokens = TokenLayout(prefix=("cls",), rows=4, cols=6, patch=(16, 16))
    row, col = np.divmod(np.arange(24), 6)
    n = tokens.n_tokens
    identity = features(torch.eye(n), tokens)
    for name in ("self", "near", "row", "column", "equivariance", "nmi"):
        assert_close(value(identity, name), 1, rtol=1e-6, what=name)

    own_row = np.zeros((n, n))
    own_row[0, 0] = 1
    own_row[1:, 1:] = (row[:, None] == row) / 6
    found = features(torch.tensor(own_row), tokens)
    assert_close(value(found, "row"), 1)
    assert_close(value(found, "column"), (1 / 6 - 4 / 25) / (1 - 4 / 25))
    assert value(found, "row") > value(found, "near") > 0
    assert_close(value(found, "equivariance"), 1)

    halves = np.zeros((n, n))  # the left half looks at the left half, the right one at the right one
    halves[0, 0] = 1
    halves[1:, 1:] = ((col < 3)[:, None] == (col < 3)) / 12
    found = features(torch.tensor(halves), tokens)
    assert_close(value(found, "same_map"), 3 / 5)  # 5 pairs of neighbours in a row, of which one lies across the border
    assert_close(value(found, "same_region"), 3 / 5)
    assert value(found, "equivariance") < 0.7

    black = (row + col) % 2
    checkerboard = np.zeros((n, n))
    checkerboard[:, 1:] = black / black.sum()
    found = features(torch.tensor(checkerboard), tokens)
    assert_close(value(found, "same_map"), 1)
    assert_close(value(found, "same_region"), -1)


def test_cls_is_no_largest_key_but_a_register_is():
    tokens = TokenLayout(prefix=("reg1", "cls"), rows=2, cols=3, patch=(16, 16))
    attention = torch.zeros(8, 8)
    attention[:, 0], attention[:, 1], attention[:, 5] = 0.3, 0.6, 0.1
    found = features(attention, tokens)
    assert_close(torch.stack([value(found, name) for name in ("largest_key", "second_key")]), [0.3, 0.1], rtol=1e-6)
    assert_close(value(found, "to_cls"), 0.6, rtol=1e-6)


def test_a_summary_at_hand_gives_the_same():
    tokens = LAYOUTS["cls and dist, 2 x 3"]
    attention = random_attention(2, 3, tokens=tokens)
    found = features(attention, tokens)
    assert found.shape == (2, 3, len(FEATURES))
    assert torch.equal(features(attention, tokens, summarise(attention, tokens)), found)


def test_a_step_is_told_by_its_direction_and_what_decides_by_its_part():
    """On a 5 x 7 grid: 2 up and 1 left; the corners; the query's own half."""
    tokens = TokenLayout(prefix=("cls",), rows=5, cols=7, patch=(16, 16))
    row, col = np.divmod(np.arange(35), 7)

    def of(weights):
        whole = np.full((36, 36), 1 / 36)
        whole[1:] = 0
        whole[1:, 1:] = weights / weights.sum(-1, keepdims=True)
        found = features(torch.tensor(whole), tokens)
        return {name: float(value(found, name)) for name in FEATURES}

    shift = np.full((35, 35), 1e-12)
    for query in range(35):
        key = (row[query] - 2) * 7 + col[query] - 1
        shift[query, key if row[query] >= 2 and col[query] >= 1 else query] = 1
    found = of(shift)
    assert (found["step"], found["step_down"], found["step_right"]) == (pytest.approx(1), -2, -1)
    assert found["by_offset"] > 0.95

    corners = np.tile(np.isin(row, (0, 4)) & np.isin(col, (0, 6)), (35, 1)).astype(float)
    found = of(corners)
    assert found["corners"] == found["eight_keys"] + (1 - found["eight_keys"]) == pytest.approx(1)
    assert found["place"] == pytest.approx(1 - 4 / 35)
    assert found["by_key"] > 0.9

    halves = ((col < 3)[:, None] == (col < 3)).astype(float)
    assert of(halves)["by_query"] > 0.25
