"""Exact values and limits, independent of any twin: what a measure must give where the answer is known on paper."""

import itertools
import math

import pytest
import torch
from tests.attention_cases import LAYOUTS, random_attention
from tests.closeness import assert_close
from tests.reference import measures as twin

from vitscope import measures
from vitscope.measures.geometry import ring_sizes
from vitscope.tokens import TokenLayout

VIT = TokenLayout(prefix=("cls",), rows=14, cols=14, patch=(16, 16))
PATCHES = TokenLayout(prefix=(), rows=14, cols=14, patch=(16, 16))
RINGS_14 = [196, 1404, 2496, 3300, 3840, 4140, 4224, 4116, 3840, 3420, 2880, 2244, 1536, 780]


def uniform(tokens, *lead):
    return torch.full((*lead, tokens.n_tokens, tokens.n_tokens), 1 / tokens.n_tokens, dtype=torch.float64)


def looking_at(tokens, key):
    """Every query looks at one key and nothing else."""
    attention = torch.zeros(tokens.n_tokens, tokens.n_tokens, dtype=torch.float64)
    attention[:, key] = 1
    return attention


# Hand-computed cases --------------------------------------------------------------------------------------------------


def test_distance_of_uniform_attention():
    assert_close(measures.mean_distance(uniform(PATCHES), PATCHES), 116.492, rtol=0, atol=5e-4)
    assert_close(measures.mean_distance(uniform(VIT), VIT), 115.901, rtol=0, atol=5e-4)
    renormalised = measures.mean_distance(uniform(VIT), VIT, variant="renormalise")
    assert_close(renormalised, 116.492, rtol=0, atol=5e-4)


def test_ring_sizes_of_a_square_grid():
    assert ring_sizes(VIT).sum(0).tolist() == RINGS_14 == twin.ring_pairs(14, 14)
    assert_close(measures.ring_mass(uniform(PATCHES), PATCHES), torch.tensor(RINGS_14) / 196.0**2, rtol=1e-6)
    assert_close(measures.ring_density(uniform(VIT), VIT), [1 / 197] * 14, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rollout_of_uniform_attention(dtype):
    attention = uniform(VIT, 1, 12, 1).expand(2, -1, 3, -1, -1).to(dtype)
    expected = (1 - 2.0**-12) / 197 + 2.0**-12 * torch.eye(197, dtype=torch.float64)
    assert_close(
        measures.rollout(attention), expected.expand(2, -1, -1), rtol=1e-5 if dtype == torch.float32 else 1e-12
    )


def test_entropy_of_uniform_and_one_hot_rows():
    assert_close(measures.entropy(uniform(VIT)), [math.log(197)] * 197)
    one_hot = measures.entropy(torch.eye(197))
    assert one_hot.tolist() == [0.0] * 197
    assert not one_hot.signbit().any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nmi_of_uniform_identity_and_stripe(dtype):
    assert_close(measures.nmi(uniform(VIT).to(dtype), VIT), 0, atol=1e-6)
    assert_close(measures.nmi(torch.eye(197, dtype=dtype), VIT), 1, rtol=1e-6)
    assert measures.nmi(looking_at(VIT, 5).to(dtype), VIT).item() == 0
    # The same stripe with most of the weight on CLS: rescaling is not exact in floating point, the answer still is 0.
    faint = 0.3 * looking_at(VIT, 5) + 0.7 * looking_at(VIT, 0)
    assert measures.nmi(faint.to(dtype), VIT).item() == 0


# Limits of section 6 --------------------------------------------------------------------------------------------------


def test_no_patch_mass_is_undefined():
    on_cls = looking_at(VIT, 0)
    for measure in (measures.focus, measures.coverage, measures.share_above_uniform, measures.nmi):
        assert math.isnan(measure(on_cls, VIT)), measure.__name__
    assert math.isnan(measures.mean_distance(on_cls, VIT, variant="renormalise"))
    assert measures.mean_distance(on_cls, VIT).item() == 0
    for variant in ("cls", "jensen-shannon"):
        heads = torch.stack([on_cls, uniform(VIT)])
        assert math.isnan(measures.head_diversity(heads, VIT, variant=variant))


@pytest.mark.parametrize("mass", [1e-12, 1e-20, 1e-30])
def test_little_patch_mass_is_measured_like_any_other(mass):
    """A head whose queries all but look at CLS: rescaling undoes it, float32 or not."""
    tokens = LAYOUTS["cls, 5 x 2"]
    attention = random_attention(3, tokens=tokens)
    faint = torch.cat([1 - mass * attention[..., 1:].sum(-1, keepdim=True), mass * attention[..., 1:]], -1).float()
    for measure in (measures.focus, measures.coverage, measures.share_above_uniform, measures.nmi):
        assert_close(measure(faint, tokens), measure(attention, tokens), rtol=1e-4, atol=1e-6, what=measure.__name__)
    expected = measures.mean_distance(attention, tokens, variant="renormalise")
    assert_close(measures.mean_distance(faint, tokens, variant="renormalise"), expected, rtol=1e-5)
    for variant in ("cls", "jensen-shannon"):
        expected = measures.head_diversity(attention, tokens, variant=variant)
        assert_close(measures.head_diversity(faint, tokens, variant=variant), expected, rtol=1e-4)


def test_too_little_patch_mass_to_rescale_is_none():
    """Subnormal weights have lost their digits: NaN, not an entropy of rounding."""
    tokens = LAYOUTS["cls, 5 x 2"]
    attention = torch.full((11, 11), 1e-40)
    attention[:, 0] = 1
    for measure in (measures.focus, measures.coverage, measures.share_above_uniform, measures.nmi):
        assert math.isnan(measure(attention, tokens)), measure.__name__
    assert math.isnan(measures.mean_distance(attention, tokens, variant="renormalise"))
    assert math.isnan(measures.head_diversity(attention.expand(2, -1, -1), tokens))


def test_queries_without_patch_mass_are_left_out():
    tokens = LAYOUTS["cls, 5 x 2"]
    attention = random_attention(tokens=tokens)
    attention[3] = looking_at(tokens, 0)[3]
    for value, reference in (
        (measures.nmi(attention, tokens), twin.nmi(attention, tokens)),
        (
            measures.mean_distance(attention, tokens, variant="renormalise"),
            twin.mean_distance(attention, tokens, "renormalise"),
        ),
    ):
        assert not math.isnan(reference)
        assert_close(value, reference, rtol=1e-9)


def test_without_cls_what_needs_it_is_nan():
    tokens = LAYOUTS["registers only, 3 x 3"]
    attention = random_attention(2, tokens=tokens)
    for measure in (
        measures.mass_to_cls,
        measures.cls_entropy,
        measures.focus,
        measures.coverage,
        measures.share_above_uniform,
        measures.cls_map,
    ):
        assert measure(attention, tokens).isnan().all(), measure.__name__
    regions = measures.region_sums(attention, tokens)
    assert all(value.isnan().all() for value in regions[:3])
    assert not regions.patches_to_patches.isnan().any()
    undefined = {"cls_entropy", "focus", "coverage", "cls_self", "cls_to_patches", "patches_to_cls", "to_cls"}
    spread = measures.summarise(attention, tokens).spread
    assert {name for name, value in spread.items() if value.isnan().any()} == undefined
    assert measures.head_diversity(attention, tokens).isnan()
    assert not measures.head_diversity(attention, tokens, variant="full").isnan()


def test_one_head_has_no_diversity():
    attention = random_attention(2, 1, tokens=VIT)
    for variant in ("cls", "full", "jensen-shannon"):
        assert measures.head_diversity(attention, VIT, variant=variant).isnan().all()


@pytest.mark.parametrize("variant", ["cls", "full", "jensen-shannon"])
def test_equal_heads_have_diversity_0_and_disjoint_ones_1(variant):
    same = random_attention(1, tokens=VIT).expand(3, -1, -1)
    assert_close(measures.head_diversity(same, VIT, variant=variant), 0, atol=1e-12)
    disjoint = torch.stack([looking_at(VIT, 1), looking_at(VIT, 2), looking_at(VIT, 196)])
    assert_close(measures.head_diversity(disjoint, VIT, variant=variant), 1, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_patches", [10, 97, 1369])
def test_coverage_cuts_with_tolerance(n_patches, dtype):
    tokens = TokenLayout(prefix=("cls",), rows=1, cols=n_patches, patch=(1, 1))
    attention = uniform(tokens).to(dtype)
    for mass in (0.1, 0.5, 0.6, 0.9, 1.0):
        expected = math.ceil(mass * n_patches - 1e-4) / n_patches
        assert_close(measures.coverage(attention, tokens, mass=mass), expected, what=f"mass {mass}")
    assert_close(measures.coverage(looking_at(tokens, 1).to(dtype), tokens), 1 / n_patches)
    assert_close(measures.share_above_uniform(attention, tokens), 0)


def test_focus_of_even_and_single_patch_rows():
    assert_close(measures.focus(uniform(VIT), VIT), 0, atol=1e-12)
    assert measures.focus(looking_at(VIT, 7), VIT).item() == 1
    single = TokenLayout(prefix=("cls",), rows=1, cols=1, patch=(16, 16))
    assert math.isnan(measures.focus(uniform(single), single))


def test_sinks():
    assert_close(measures.sink(uniform(VIT)).concentration, 1)
    striped = measures.sink(0.5 * looking_at(VIT, 7) + 0.5 * uniform(VIT))
    assert striped.token.item() == 7
    assert_close(striped.concentration, (197 / 2 + 0.5) / 0.5, rtol=1e-12)
    assert measures.sink(looking_at(VIT, 7)).concentration.item() == math.inf


def rolled(tokens, down, right):
    """Every patch attends to the one at an offset; where there is none, to itself. Prefix tokens to themselves."""
    attention = torch.eye(tokens.n_tokens, dtype=torch.float64)
    for row, col in itertools.product(range(tokens.rows), range(tokens.cols)):
        to = (row + down, col + right)
        if 0 <= to[0] < tokens.rows and 0 <= to[1] < tokens.cols:
            query = tokens.n_prefix + row * tokens.cols + col
            attention[query] = 0
            attention[query, tokens.n_prefix + to[0] * tokens.cols + to[1]] = 1
    return attention


@pytest.mark.parametrize(("down", "right"), [(0, -1), (0, 1), (-1, 0), (1, 0), (1, -1), (-1, -1)])
def test_a_shift_by_one_patch_has_its_direction(down, right):
    tokens = TokenLayout(("cls",), 5, 7, (16, 16))
    attention = rolled(tokens, down, right)
    there = (5 - abs(down)) * (7 - abs(right)) / 35  # the others have no such neighbour
    assert_close(measures.neighbour(attention, tokens), there)
    assert_close(torch.stack(measures.step(attention, tokens)), [down * there, right * there])
    even = (attention + rolled(tokens, -down, -right)) / 2  # as much to the other side
    assert_close(torch.stack(measures.step(even, tokens)), [0.0, 0.0], atol=1e-12)


def test_attention_beyond_two_hops_has_no_step():
    tokens = TokenLayout((), 1, 7, (16, 16))
    far = torch.eye(7, dtype=torch.float64)[[4, 5, 6, 0, 0, 1, 2]]
    assert all(value.isnan() for value in measures.step(far, tokens))
    assert_close(measures.neighbour(far, tokens), 0.0)


def test_keys_of_uniform_attention():
    tokens = TokenLayout(("cls",), 14, 14, (16, 16))
    attention = uniform(tokens)
    assert_close(measures.few_keys(attention, tokens), 99.0)  # of 197, an odd number
    assert_close(measures.corners(attention, tokens), 4 / 197)
    assert_close(measures.border(attention, tokens), 52 / 197)
    assert not measures.sink_keys(attention, tokens).any()
    assert_close(measures.mean_distance(attention, tokens, variant="no-sinks"), 116.492, rtol=1e-5)


@pytest.mark.parametrize(("grid", "n_corners", "n_border"), [((3, 4), 4, 10), ((1, 5), 2, 5), ((1, 1), 1, 1)])
def test_corners_and_border_of_small_grids(grid, n_corners, n_border):
    tokens = TokenLayout((), *grid, (16, 16))
    attention = uniform(tokens)
    assert_close(measures.corners(attention, tokens), n_corners / tokens.n_patches)
    assert_close(measures.border(attention, tokens), n_border / tokens.n_patches)


def test_four_corners_that_draw_the_patches_are_sinks_and_do_not_make_a_head_global():
    """79 % on the corners, the rest on each patch itself: 4 keys, far in pixels, and local without them."""
    tokens = TokenLayout(("cls",), 14, 14, (16, 16))
    attention = 0.21 * torch.eye(197, dtype=torch.float64)
    at_corners = [1, 14, 183, 196]
    attention[:, at_corners] += 0.79 / 4
    assert_close(measures.corners(attention, tokens), 0.79 + 0.21 * 4 / 196)
    assert measures.sink_keys(attention, tokens).nonzero().squeeze(-1).tolist() == at_corners
    assert measures.few_keys(attention, tokens) == 3
    assert measures.mean_distance(attention, tokens, variant="renormalise") > 110
    assert_close(measures.mean_distance(attention, tokens, variant="no-sinks"), 0.0)


@pytest.mark.parametrize(("share", "is_sink"), [(0.16, True), (0.05, True), (0.049, False)])
def test_a_key_is_a_sink_from_its_share(share, is_sink):
    tokens = TokenLayout(("cls",), 14, 14, (16, 16))
    attention = torch.full((197, 197), (1 - share) / 196, dtype=torch.float64)
    attention[:, 57] = share
    assert bool(measures.sink_keys(attention, tokens)[57]) is is_sink
    assert measures.sink_keys(attention, tokens).sum() == is_sink


def test_where_all_keys_are_sinks_no_distance_is_left():
    tokens = TokenLayout((), 3, 5, (16, 16))
    assert measures.mean_distance(looking_at(tokens, 7), tokens, variant="no-sinks").isnan()


def test_spread_levels_are_quartiles_of_the_set():
    values = torch.arange(12.0)[torch.randperm(12, generator=torch.Generator().manual_seed(0))]
    assert measures.spread_level(values).tolist() == [1 + int(value) // 3 for value in values.tolist()]
    assert measures.spread_level(torch.full((5,), 2.0)).tolist() == [1.0] * 5
    assert measures.spread_level(torch.empty(0, 3)).shape == (0, 3)


# Rollout options ------------------------------------------------------------------------------------------------------


def test_rollout_applies_layers_from_the_first_up():
    """Layer 0 sends everything to token 1, layer 1 to token 2: read from the top, query 0 -> token 2 -> token 1."""
    first, second = (torch.eye(3, dtype=torch.float64)[[key] * 3] for key in (1, 2))
    attention = torch.stack([first, second])[None, :, None]
    assert measures.rollout(attention, residual=0.0)[0, 0].tolist() == [0, 1, 0]
    assert measures.rollout(attention, residual=0.0, start=1)[0, 0].tolist() == [0, 0, 1]
    assert torch.equal(measures.rollout(attention, residual=1.0)[0], torch.eye(3, dtype=torch.float64))


def test_rollout_discards_exactly_the_share_outside_the_cls_column():
    tokens = TokenLayout(prefix=("reg1", "cls"), rows=1, cols=3, patch=(16, 16))
    attention = random_attention(2, 1, 1, tokens=tokens)
    kept = measures.rollout(attention, tokens, residual=0.0, discard=0.35)
    assert ((kept == 0).flatten(1).sum(1) == math.floor(0.35 * 5 * 4)).all()
    assert (kept[..., 1] > 0).all()
    only_cls = measures.rollout(attention, tokens, residual=0.0, discard=1.0)
    assert_close(only_cls, looking_at(tokens, 1).expand(2, -1, -1))
    assert_close(measures.rollout(attention, tokens, discard=0.01), measures.rollout(attention))


def test_rollout_treats_images_one_by_one():
    tokens = LAYOUTS["cls and dist, 2 x 3"]
    attention = random_attention(3, 4, 2, tokens=tokens)
    together = measures.rollout(attention, tokens, discard=0.5, fusion="max")
    alone = [measures.rollout(image[None], tokens, discard=0.5, fusion="max")[0] for image in attention]
    assert_close(together, torch.stack(alone), rtol=1e-12)


# Effects --------------------------------------------------------------------------------------------------------------


def test_effects_of_doing_nothing_are_exactly_0():
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 4, 2])
    assert measures.prob_drop(logits, logits, target).tolist() == [0] * 3
    assert measures.logit_drop(logits, logits, target).tolist() == [0] * 3
    for measure in (measures.jsd, measures.flip, measures.cosine_distance):
        assert measure(logits, logits).tolist() == [0] * 3


def test_divergence_is_in_bits_and_between_0_and_1():
    sure = torch.tensor([1000.0, 0.0, -1000.0])
    assert_close(measures.jsd(sure, sure.flip(0)), 1)
    half = torch.tensor([0.0, 0.0])
    # H(3/4, 1/4) - (1 + 0) / 2 bits, for a fair coin against a certain one
    expected = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)) - 0.5
    assert_close(measures.jsd(half, torch.tensor([1000.0, 0.0])), expected, rtol=1e-12)


@pytest.mark.parametrize("lead", [1, 5, 20, 36, 37, 40, 100, 300, 800])
def test_divergence_of_nearly_certain_predictions(lead):
    """Two classes, the winner ahead by `lead` logits, against the other way round: 1 - H(p) bits."""
    p = math.exp(-lead) / (1 + math.exp(-lead))  # 0 for the largest
    entropy = -(p * math.log2(p) if p else 0.0) - (1 - p) * math.log1p(-p) / math.log(2)
    winner = torch.tensor([lead, 0.0], dtype=torch.float64)
    assert_close(measures.jsd(winner, winner.flip(0)), 1 - entropy, rtol=1e-12)


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9])
def test_small_divergences_keep_their_digits(size):
    """Second order: JSD = (1/8) sum_c p_c (d log p_c)^2 / ln 2, here with p = (1/2, 1/2) and d log p = +- size / 2."""
    intact = torch.tensor([0.0, 0.0], dtype=torch.float64)
    moved = torch.tensor([size / 2, -size / 2], dtype=torch.float64)
    assert_close(measures.jsd(intact, moved), size**2 / 32 / math.log(2), rtol=max(size, 1e-6))


@pytest.mark.parametrize("angle", [1e-2, 1e-3, 1e-4])
def test_small_cosine_distances_keep_their_digits_in_float32(angle):
    """The plain 1 - cos has no digit left at 1e-4: 5e-9 is below the spacing of float32 around 1."""
    intact, moved = torch.tensor([3.0, 0.0]), torch.tensor([math.cos(angle), math.sin(angle)])
    assert_close(measures.cosine_distance(intact, moved), 1 - math.cos(angle), rtol=1e-3)


def test_cosine_distance_of_a_zero_vector_is_nan():
    zero, one = torch.zeros(2), torch.ones(2)
    assert all(math.isnan(measures.cosine_distance(*pair)) for pair in ((zero, one), (one, zero), (zero, zero)))


def test_a_target_that_does_not_exist_gives_nan():
    intact, pruned = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([-1, 2, 5])
    for measure in (measures.prob_drop, measures.logit_drop):
        assert measure(intact, pruned, target).isnan().tolist() == [True, False, True]
