"""Gradient-weighted maps and faithfulness against slow twins, on awkward layouts; exact values; what is refused."""

import math

import numpy as np
import pytest
import torch
from tests.attention_cases import LAYOUTS, random_attention
from tests.closeness import assert_close
from tests.reference import gradients as twin

from vitscope import measures
from vitscope.errors import InvalidArgument, NotAttention
from vitscope.tokens import TokenLayout

TOKENS = LAYOUTS["cls and dist, 2 x 3"]


def random_gradients(*lead, tokens, seed=1):
    shape = (*lead, tokens.n_tokens, tokens.n_tokens)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weighted_maps_equal_their_twins(layout):
    tokens = LAYOUTS[layout]
    attention = random_attention(2, 3, 5, tokens=tokens)
    gradients = random_gradients(2, 3, 5, tokens=tokens)
    for i in range(2):
        a, g = attention[i].numpy(), gradients[i].numpy()
        for residual, start in ((0.5, 0), (0.2, 1)):
            rolled = measures.gradient_rollout(attention, gradients, tokens, residual=residual, start=start)
            assert_close(rolled[i], twin.weighted(a, g, residual, start), rtol=1e-9, atol=1e-15)
        assert_close(measures.relevance(attention, gradients)[i], twin.weighted(a, g, None), rtol=1e-9, atol=1e-15)
        assert_close(measures.relevance(attention, gradients, 2)[i], twin.weighted(a, g, None, 2), rtol=1e-9)
        assert_close(measures.legrad(gradients, tokens)[i], twin.legrad(g[-2:], tokens), rtol=1e-9)
        for layers, part in ((1, g[-1:]), (3, g), (7, g), (None, g)):
            assert_close(measures.legrad(gradients, tokens, layers)[i], twin.legrad(part, tokens), rtol=1e-9)


def test_gradients_of_1_and_of_0():
    attention = random_attention(2, 3, 5, tokens=TOKENS)
    ones, nothing = torch.ones_like(attention), -torch.ones_like(attention)
    identity = torch.eye(TOKENS.n_tokens, dtype=torch.float64).expand(2, -1, -1)
    for options in ({}, {"discard": 0.4}, {"fusion": "max"}, {"fusion": "min", "start": 1}):
        rolled = measures.gradient_rollout(attention, ones, TOKENS, **options)
        assert torch.equal(rolled, measures.rollout(attention, TOKENS, **options))
    assert torch.equal(measures.gradient_rollout(attention, nothing), identity)
    assert torch.equal(measures.relevance(attention, nothing), identity)
    assert not measures.legrad(nothing, TOKENS).any()


def test_heads_that_a_layer_lacks_are_left_out():
    attention, gradients = (f(2, 3, 5, tokens=TOKENS) for f in (random_attention, random_gradients))
    for values in (attention, gradients):
        values[:, 1, 3:] = torch.nan
    a, g = attention[0].numpy(), gradients[0].numpy()
    a, g = ([layer[: 3 if i == 1 else 5] for i, layer in enumerate(values)] for values in (a, g))
    assert_close(measures.gradient_rollout(attention, gradients)[0], twin.weighted(a, g, 0.5), rtol=1e-9)
    assert_close(measures.relevance(attention, gradients)[0], twin.weighted(a, g, None), rtol=1e-9)
    attention[:, 1] = gradients[:, 1] = torch.nan  # a layer without any head hands on what it gets
    some = [0, 2]
    assert torch.equal(measures.rollout(attention), measures.rollout(attention[:, some]))
    assert torch.equal(
        measures.relevance(attention, gradients), measures.relevance(attention[:, some], gradients[:, some])
    )
    whole, known = (measures.legrad(values, TOKENS, None) for values in (gradients, gradients[:, some]))
    assert_close(whole, known * 2 / 3, rtol=1e-12)


def test_what_is_no_attention_or_has_other_shapes_is_refused():
    attention, gradients = random_attention(1, 2, 3, tokens=TOKENS), random_gradients(1, 2, 3, tokens=TOKENS)
    for function in (measures.gradient_rollout, measures.relevance):
        with pytest.raises(NotAttention):
            function(attention * 1.1, gradients)
        with pytest.raises(InvalidArgument, match="Axes of the same name"):
            function(attention, gradients[:, :1])
        with pytest.raises(InvalidArgument, match=r"layers 0\.\.1"):
            function(attention, gradients, start=2)
    partly = attention.clone()
    partly[0, 1, 2, 3] = torch.nan  # not a missing head
    with pytest.raises(NotAttention):
        measures.gradient_rollout(partly, gradients)
    with pytest.raises(InvalidArgument, match="which column is CLS"):
        measures.gradient_rollout(attention, gradients, discard=0.5)
    with pytest.raises(InvalidArgument, match="token layout has 15 tokens"):
        measures.legrad(gradients, LAYOUTS["no prefix, 3 x 5"])
    with pytest.raises(InvalidArgument, match="last 0 layers"):
        measures.legrad(gradients, TOKENS, 0)


def test_order_is_by_value_and_seeded_among_equals():
    maps = torch.tensor([[[0.1, 0.5, 0.0], [0.5, 0.9, 0.0]], [[0.0] * 3, [0.0] * 3]])
    order = measures.patch_order(maps, seed=4)
    assert order[0, 0] == 4
    assert sorted(order[0, 1:3].tolist()) == [1, 3]
    assert order[0, 3] == 0
    assert sorted(order[1].tolist()) == list(range(6))
    assert torch.equal(order, measures.patch_order(maps, seed=4))
    firsts = {int(measures.patch_order(maps[1:], seed)[0, 0]) for seed in range(40)}
    assert firsts == set(range(6))  # no corner is favoured
    with pytest.raises(InvalidArgument, match="NaN"):
        measures.patch_order(torch.full((1, 2, 2), torch.nan))


@pytest.mark.parametrize(("n", "steps"), [(15, 4), (196, 14), (7, 7), (5, 9), (3, 1)])
def test_steps_go_from_none_to_all_by_nearly_equal_parts(n, steps):
    sizes = measures.step_sizes(n, steps)
    assert (sizes[0], sizes[-1], len(sizes)) == (0, n, min(n, steps) + 1)
    parts = np.diff(sizes)
    assert parts.min() >= 1
    assert parts.max() - parts.min() <= 1
    scores = torch.randn(2, len(sizes), generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    assert_close(measures.curve_area(scores, sizes), [twin.area(row, sizes) for row in scores.tolist()], rtol=1e-12)
    assert_close(measures.curve_area(torch.full((len(sizes),), 0.3, dtype=torch.float64), sizes), 0.3, rtol=1e-12)


def test_removed_patches_are_the_first_of_the_order():
    order = torch.tensor([[5, 0, 3, 1, 2, 4], [0, 1, 2, 3, 4, 5]])
    gone = measures.removed(order, 2, rows=2)
    assert gone.tolist() == [
        [[True, False, False], [False, False, True]],
        [[True, True, False], [False, False, False]],
    ]
    assert not measures.removed(order, 0, rows=2).any()
    assert measures.removed(order, 6, rows=3).all()


def test_pointing_and_mass():
    maps = torch.tensor([[[0.0, 2.0, 2.0]], [[1.0, 1.0, 1.0]], [[0.0, 0.0, 0.0]], [[0.2, 0.0, 0.6]]])
    inside = torch.tensor([[[False, True, False]]]).expand(4, -1, -1)
    assert_close(measures.pointing_hit(maps, inside), [0.5, 1 / 3, 1 / 3, 0.0], rtol=1e-6)
    covered = torch.tensor([[[0.5, 1.0, 0.25]]]).expand(4, -1, -1)
    assert_close(measures.mass_inside(maps, covered), [0.625, 1.75 / 3, math.nan, 0.25 / 0.8], rtol=1e-6)
    with pytest.raises(InvalidArgument, match="negative"):
        measures.mass_inside(maps - 1, covered)


def test_steps_and_scores_that_do_not_fit_are_refused():
    with pytest.raises(InvalidArgument, match="0 steps"):
        measures.step_sizes(9, 0)
    with pytest.raises(InvalidArgument, match="2 scores at 3 steps"):
        measures.curve_area(torch.zeros(2), [0, 1, 2])


def test_the_centre_is_the_middle_of_any_grid():
    centre = measures.centre_map(3, 5)
    assert centre.argmax() == 7
    assert_close(centre, centre.flip(0).flip(1), rtol=1e-6)
    assert TokenLayout(("cls",), 3, 5, (1, 1)).n_patches == centre.numel()
