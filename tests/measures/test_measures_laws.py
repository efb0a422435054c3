"""Laws that hold for every attention matrix, on drawn layouts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attention_cases import random_attention
from tests.closeness import assert_close

from vitscope import measures
from vitscope.quantities import names, of_kind, quantity
from vitscope.tokens import TokenLayout

PREFIXES = [(), ("cls",), ("cls", "dist"), ("reg1", "cls"), ("cls", "reg1", "reg2", "reg3", "reg4")]

layouts = st.builds(
    TokenLayout,
    prefix=st.sampled_from(PREFIXES),
    rows=st.integers(1, 5),
    cols=st.integers(1, 5),
    patch=st.tuples(st.integers(1, 32), st.integers(1, 32)),
)
seeds = st.integers(0, 2**32 - 1)
sharpnesses = st.sampled_from([0.0, 0.5, 3.0, 30.0])
few = settings(max_examples=25, deadline=None)


@few
@given(layouts, seeds, sharpnesses)
def test_every_weight_is_counted_once(tokens, seed, sharpness):
    attention = random_attention(2, tokens=tokens, seed=seed, sharpness=sharpness)
    to_cls = 0 if tokens.cls is None else measures.mass_to_cls(attention, tokens)
    mass = measures.ring_mass(attention, tokens).sum(-1)
    assert_close(mass + to_cls + measures.mass_to_others(attention, tokens), [1, 1], rtol=1e-9)
    assert_close(measures.region_sums(attention, tokens).patches_to_patches, mass * tokens.n_patches, rtol=1e-9)
    assert_close(measures.sink(attention).column_sums.sum(-1), [tokens.n_tokens] * 2, rtol=1e-9)


@few
@given(layouts, seeds, sharpnesses, st.sampled_from([torch.float32, torch.float64]))
def test_values_stay_in_their_range(tokens, seed, sharpness, dtype):
    attention = random_attention(3, tokens=tokens, seed=seed, sharpness=sharpness, dtype=dtype)
    slack = 1e-5
    summary = measures.summarise(attention, tokens)
    of_layout = {
        "distance": (0, measures.image_diagonal(tokens)),
        "entropy": (0, math.log(tokens.n_tokens)),
        "cls_entropy": (0, math.log(tokens.n_tokens)),
        "coverage": (1 / tokens.n_patches, 1),
        "patches_to_cls": (0, tokens.n_patches),
        "patches_to_patches": (0, tokens.n_patches),
        "distance_rescaled": (0, measures.image_diagonal(tokens)),
        "distance_no_sinks": (0, measures.image_diagonal(tokens)),
        "few_keys": (1, (tokens.n_tokens + 1) // 2),
    }
    bounds = {row.name: of_layout.get(row.name, (row.low, row.high)) for row in of_kind("spread")}
    assert set(summary.spread) == set(bounds)
    for name, (low, high) in bounds.items():
        value = summary.spread[name][~summary.spread[name].isnan()]
        assert ((value >= low - slack) & (value <= high + slack)).all(), (name, value)
        assert quantity(name).low <= low and high <= quantity(name).high, name
    assert (summary.spread["corners"] <= summary.spread["border"] + slack).all()
    if summary.mass.shape[-1] > 1:
        assert (summary.spread["neighbour"] <= summary.mass[..., 1] + slack).all()
    for value in (summary.mass, summary.density):
        assert ((value >= 0) & (value <= 1 + slack)).all()
    diversity = measures.head_diversity(attention, tokens, variant="full")
    assert -slack <= diversity.item() <= 1 + slack


@few
@given(layouts, seeds)
def test_distance_grows_when_prefix_tokens_are_left_out(tokens, seed):
    attention = random_attention(2, tokens=tokens, seed=seed)
    drop = measures.mean_distance(attention, tokens)
    assert (measures.mean_distance(attention, tokens, variant="renormalise") >= drop - 1e-9).all()
    if not tokens.n_prefix:
        assert_close(measures.mean_distance(attention, tokens, variant="renormalise"), drop, rtol=1e-9, atol=1e-12)


@few
@given(layouts, seeds, st.floats(0, 1), st.sampled_from(["mean", "max", "min"]), st.integers(0, 2))
def test_rollout_stays_stochastic(tokens, seed, residual, fusion, start):
    attention = random_attention(2, 3, 2, tokens=tokens, seed=seed)
    rolled = measures.rollout(attention, tokens, residual=residual, fusion=fusion, start=start)
    assert (rolled >= 0).all()
    assert_close(rolled.sum(-1), torch.ones(2, tokens.n_tokens), rtol=1e-9)


@few
@given(layouts, seeds, st.permutations(range(4)))
def test_permuting_heads_permutes_results(tokens, seed, order):
    attention = random_attention(2, 4, tokens=tokens, seed=seed)
    before, after = measures.summarise(attention, tokens), measures.summarise(attention[:, order], tokens)
    assert_close(after.density, before.density[:, order], rtol=1e-9, atol=1e-15)
    for name in names("spread"):
        assert_close(after.spread[name], before.spread[name][:, order], rtol=1e-9, atol=1e-9, what=name)
    for variant in ("cls", "full", "jensen-shannon"):
        value = measures.head_diversity(attention[:, order], tokens, variant=variant)
        assert_close(value, measures.head_diversity(attention, tokens, variant=variant), rtol=1e-9, atol=1e-12)


@few
@given(seeds, st.integers(2, 7), st.floats(-50, 50))
def test_effects_do_not_see_a_constant_added_to_the_logits(seed, n_classes, constant):
    generator = torch.Generator().manual_seed(seed)
    intact, pruned = torch.randn(2, 3, n_classes, generator=generator, dtype=torch.float64)
    target = torch.zeros(3, dtype=torch.int64)
    assert_close(measures.jsd(intact + constant, pruned), measures.jsd(intact, pruned), rtol=1e-6, atol=1e-14)
    assert_close(measures.jsd(pruned, intact), measures.jsd(intact, pruned), rtol=1e-9)
    drop = measures.prob_drop(intact, pruned, target)
    assert_close(measures.prob_drop(intact, pruned + constant, target), drop, rtol=1e-6, atol=1e-12)
    assert_close(measures.prob_drop(pruned, intact, target), -drop)
    scaled = measures.cosine_distance(intact * (1 + abs(constant)), pruned)
    assert_close(scaled, measures.cosine_distance(intact, pruned), rtol=1e-9)


@few
@given(seeds, st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_the_order_of_the_images_does_not_matter(seed, values):
    entropies = torch.tensor(values, dtype=torch.float64)
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))
    assert_close(measures.spread_level(entropies[order]), measures.spread_level(entropies)[order])


@pytest.mark.parametrize("lead", [(), (5,), (2, 3, 5), (0,), (2, 0)])
def test_any_leading_axes(lead):
    tokens = TokenLayout(prefix=("cls",), rows=2, cols=3, patch=(16, 16))
    attention = random_attention(*lead, tokens=tokens)
    summary = measures.summarise(attention, tokens)
    assert summary.mass.shape == summary.density.shape == (*lead, 3)
    assert {value.shape for value in summary.spread.values()} == {lead}
    assert measures.entropy(attention).shape == (*lead, 7)
    assert measures.nmi(attention, tokens).shape == lead
