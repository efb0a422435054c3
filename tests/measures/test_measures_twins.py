"""Every measure against its slow twin, on awkward layouts, in float64 and float32."""

import inspect

import numpy as np
import pytest
import torch
from tests.attention_cases import LAYOUTS, random_attention
from tests.closeness import assert_close
from tests.reference import measures as twin

from vitscope import measures
from vitscope.quantities import names, of_kind
from vitscope.tokens import TokenLayout

LEAD = (2, 3)
PRECISION = {torch.float64: {"rtol": 1e-9, "atol": 1e-12}, torch.float32: {"rtol": 1e-5, "atol": 1e-6}}

MATRIX_MEASURES = {
    "ring_mass": (measures.ring_mass, twin.ring_mass),
    "ring_density": (measures.ring_density, twin.ring_density),
    "mass_to_cls": (measures.mass_to_cls, twin.mass_to_cls),
    "mass_to_others": (measures.mass_to_others, twin.mass_to_others),
    "mean_distance": (measures.mean_distance, twin.mean_distance),
    "mean_distance, renormalise": (
        lambda a, t: measures.mean_distance(a, t, variant="renormalise"),
        lambda a, t: twin.mean_distance(a, t, "renormalise"),
    ),
    "mean_distance, no sinks": (
        lambda a, t: measures.mean_distance(a, t, variant="no-sinks"),
        lambda a, t: twin.mean_distance(a, t, "no-sinks"),
    ),
    "key_shares": (measures.key_shares, twin.key_shares),
    "sink_keys": (lambda a, t: measures.sink_keys(a, t).to(a.dtype), twin.sink_keys),
    "few_keys": (measures.few_keys, twin.few_keys),
    "corners": (measures.corners, twin.corners),
    "border": (measures.border, twin.border),
    "step": (lambda a, t: torch.stack(measures.step(a, t), -1), twin.step),
    "neighbour": (measures.neighbour, twin.neighbour),
    "entropy": (lambda a, t: measures.entropy(a), lambda a, t: twin.entropy(a)),
    "cls_entropy": (measures.cls_entropy, twin.cls_entropy),
    "focus": (measures.focus, twin.focus),
    "coverage": (measures.coverage, twin.coverage),
    "coverage of 0.95": (lambda a, t: measures.coverage(a, t, mass=0.95), lambda a, t: twin.coverage(a, t, 0.95)),
    "share_above_uniform": (measures.share_above_uniform, twin.share_above_uniform),
    "nmi": (measures.nmi, twin.nmi),
    "sink, column sums": (lambda a, t: measures.sink(a).column_sums, lambda a, t: twin.column_sums(a)),
    "sink, concentration": (lambda a, t: measures.sink(a).concentration, twin.concentration),
    "sink, token": (lambda a, t: measures.sink(a).token, lambda a, t: int(np.argmax(twin.column_sums(a)))),
    "region_sums": (lambda a, t: torch.stack(measures.region_sums(a, t), -1), twin.region_sums),
}


def each(function, attention, *args):
    """A twin over all leading axes."""
    matrices = attention.double().numpy()
    lead = matrices.shape[:-2]
    values = [function(matrices[index], *args) for index in np.ndindex(*lead)]
    return np.array(values).reshape(*lead, *np.shape(values[0]))


@pytest.mark.parametrize("dtype", PRECISION, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", MATRIX_MEASURES)
def test_equals_its_twin(name, layout, dtype):
    measure, reference = MATRIX_MEASURES[name]
    tokens = LAYOUTS[layout]
    attention = random_attention(*LEAD, tokens=tokens, dtype=dtype)
    value = measure(attention, tokens)
    if value.is_floating_point():
        assert value.dtype == dtype
    assert_close(value, each(reference, attention, tokens), **PRECISION[dtype], what=name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_summary_equals_the_measures_one_by_one(layout):
    tokens = LAYOUTS[layout]
    attention = random_attention(*LEAD, tokens=tokens)
    summary = measures.summarise(attention, tokens)
    assert_close(summary.mass, measures.ring_mass(attention, tokens), what="mass")
    assert_close(summary.density, measures.ring_density(attention, tokens), what="density")
    expected = {
        "distance": measures.mean_distance(attention, tokens),
        "entropy": measures.entropy(attention).mean(-1),
        "cls_entropy": measures.cls_entropy(attention, tokens),
        "focus": measures.focus(attention, tokens),
        "coverage": measures.coverage(attention, tokens),
        "nmi": measures.nmi(attention, tokens),
        "sink": measures.sink(attention).concentration,
        **measures.region_sums(attention, tokens)._asdict(),
        "to_cls": measures.mass_to_cls(attention, tokens),
        "to_other": measures.mass_to_others(attention, tokens),
        "distance_rescaled": measures.mean_distance(attention, tokens, variant="renormalise"),
        "distance_no_sinks": measures.mean_distance(attention, tokens, variant="no-sinks"),
        "few_keys": measures.few_keys(attention, tokens),
        "corners": measures.corners(attention, tokens),
        "border": measures.border(attention, tokens),
        "step_down": measures.step(attention, tokens).down,
        "step_right": measures.step(attention, tokens).right,
        "neighbour": measures.neighbour(attention, tokens),
    }
    assert tuple(summary.spread) == tuple(expected) == names("spread")
    for name, value in expected.items():
        assert_close(summary.spread[name], value, atol=1e-12, what=name)


@pytest.mark.parametrize("variant", ["cls", "full", "jensen-shannon"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_head_diversity_equals_its_twin(layout, variant):
    tokens = LAYOUTS[layout]
    attention = random_attention(2, 3, 5, tokens=tokens)
    expected = [[twin.head_diversity(layer, tokens, variant) for layer in image] for image in attention.numpy()]
    assert_close(measures.head_diversity(attention, tokens, variant=variant), expected, rtol=1e-9)
    assert_close(measures.head_diversity(attention.float(), tokens, variant=variant), expected, rtol=1e-5)


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize(("residual", "discard", "start"), [(0.5, 0.0, 0), (0.3, 0.7, 1), (0.0, 0.4, 0), (1.0, 0.9, 2)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rollout_equals_its_twin(layout, residual, discard, start, fusion):
    tokens = LAYOUTS[layout]
    attention = random_attention(2, 3, 5, tokens=tokens)
    options = {"residual": residual, "discard": discard, "start": start, "fusion": fusion}
    # Without residual a row may lose all its weight; then the twin has no rollout either.
    with np.errstate(invalid="ignore"):
        expected = [twin.rollout(image, tokens, **options) for image in attention.numpy()]
    assert_close(measures.rollout(attention, tokens, **options), expected, rtol=1e-9, atol=1e-15)
    if not discard:
        assert_close(measures.rollout(attention, **options), expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cls_map_is_the_cls_row_on_the_grid(layout):
    tokens = LAYOUTS[layout]
    attention = random_attention(*LEAD, tokens=tokens)
    maps = measures.cls_map(attention, tokens)
    assert maps.shape == (*LEAD, tokens.rows, tokens.cols)
    cls = twin.cls_index(tokens)
    for token, row, col in twin.grid(tokens):
        expected = torch.full(LEAD, torch.nan) if cls is None else attention[..., cls, token]
        assert_close(maps[..., row, col], expected, what=f"patch {row},{col}")


def test_map_entropy_and_spread_level_equal_their_twins():
    generator = torch.Generator().manual_seed(5)
    rows = torch.rand(13, 3, 5, 7, generator=generator, dtype=torch.float64)
    rows[:, 1, 4] = torch.nan  # a layer with fewer heads
    rows[2] = torch.nan  # an image without a CLS row
    entropies = measures.map_entropy(rows)
    assert_close(entropies, [[twin.map_entropy(layer) for layer in image] for image in rows.tolist()], rtol=1e-12)
    levels = np.array([twin.spread_level(column) for column in entropies.T.tolist()]).T
    assert_close(measures.spread_level(entropies), levels)
    overall = entropies.mean(-1)
    assert_close(measures.spread_level(overall), twin.spread_level(overall.tolist()))


def test_grids_summed_in_parts_give_the_same(monkeypatch):
    tokens = LAYOUTS["cls and dist, 2 x 3"]
    attention = random_attention(3, tokens=tokens)
    whole = measures.summarise(attention, tokens)
    monkeypatch.setattr("vitscope.measures.geometry._WEIGHT_BUDGET", 100)
    monkeypatch.setattr("vitscope.measures.matrices._CPU_BLOCK", 100)
    parts = measures.summarise(attention, tokens)
    assert_close(parts.density, whole.density, rtol=1e-12)
    for name in names("spread"):
        assert_close(parts.spread[name], whole.spread[name], rtol=1e-12, what=name)


# Effects --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def logits():
    """Intact [image, 1, class] and pruned [image, variant, class], the pruned ones near the intact ones."""
    generator = torch.Generator().manual_seed(3)
    intact = 3 * torch.randn(5, 1, 7, generator=generator, dtype=torch.float64)
    return intact, intact + torch.randn(5, 3, 7, generator=generator, dtype=torch.float64)


def pairs(intact, pruned):
    return [[(a[0], b) for b in variants] for a, variants in zip(intact.tolist(), pruned.tolist(), strict=True)]


@pytest.mark.parametrize("name", [row.name for row in of_kind("metric") if "features" not in row.readouts])
def test_effects_equal_their_twins(name, logits):
    measure, classes = getattr(measures, name), [6, 0, 3, 1, 5]
    targeted = "target" in inspect.signature(measure).parameters
    expected = [
        [getattr(twin, name)(a, b, *([y] if targeted else [])) for a, b in row]
        for y, row in zip(classes, pairs(*logits), strict=True)
    ]
    found = measure(*logits, torch.tensor(classes)[:, None]) if targeted else measure(*logits)
    assert_close(found, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("dtype", PRECISION, ids=str)
def test_cosine_distance_equals_its_twin(dtype):
    generator = torch.Generator().manual_seed(4)
    intact = torch.randn(3, 1, 11, generator=generator, dtype=torch.float64).to(dtype)
    pruned = torch.randn(3, 5, 11, generator=generator, dtype=torch.float64).to(dtype)
    expected = [[1 - twin.cosine(a, b) for a, b in row] for row in pairs(intact, pruned)]
    assert_close(measures.cosine_distance(intact, pruned), expected, **PRECISION[dtype])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layer_cosines_equal_their_twins(layout):
    tokens = LAYOUTS[layout]
    generator = torch.Generator().manual_seed(4)
    intact, pruned = torch.randn(2, 3, tokens.n_tokens, 7, generator=generator, dtype=torch.float64)
    patches, cls = twin.patch_tokens(tokens), twin.cls_index(tokens)
    a, b = intact.tolist(), pruned.tolist()
    expected = [sum(1 - twin.cosine(a[n][i], b[n][i]) for i in patches) / len(patches) for n in range(3)]
    assert_close(measures.patch_cos(intact, pruned, tokens), expected, rtol=1e-9)
    expected = [np.nan if cls is None else 1 - twin.cosine(a[n][cls], b[n][cls]) for n in range(3)]
    assert_close(measures.cls_cos(intact, pruned, tokens), expected, rtol=1e-9)


def test_the_twins_see_a_wrong_axis():
    """A transposed grid must not pass: rows and columns of the layouts differ."""
    tokens = LAYOUTS["no prefix, 3 x 5"]
    swapped = TokenLayout(prefix=(), rows=5, cols=3, patch=(11, 7))
    attention = random_attention(tokens=tokens)
    for name in ("ring_mass", "ring_density", "mean_distance"):
        expected = getattr(twin, name)(attention, tokens)
        with pytest.raises(AssertionError, match="worst at"):
            assert_close(getattr(measures, name)(attention, swapped), expected)


@pytest.mark.parametrize("dtype", PRECISION, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("variant", ["cls", "full"])
def test_head_similarity_equals_its_twin(variant, layout, dtype):
    tokens = LAYOUTS[layout]
    attention = random_attention(2, 5, tokens=tokens, dtype=dtype)
    value = measures.head_similarity(attention, tokens, variant)
    expected = [twin.head_similarity(heads.double().numpy(), tokens, variant) for heads in attention]
    assert value.dtype == dtype
    assert_close(value, expected, **PRECISION[dtype], what=variant)


@pytest.mark.parametrize("variant", ["cls", "full"])
def test_diversity_is_what_is_left_of_similarity(variant):
    tokens = LAYOUTS["cls and registers, 3 x 2"]
    attention = random_attention(3, 4, tokens=tokens)
    pairs = torch.triu_indices(4, 4, 1)
    alike = measures.head_similarity(attention, tokens, variant)[:, pairs[0], pairs[1]].mean(-1)
    assert_close(measures.head_diversity(attention, tokens, variant), 1 - alike, rtol=1e-9)


@pytest.mark.parametrize("dtype", PRECISION, ids=str)
def test_linear_cka_equals_its_twin(dtype):
    random = torch.Generator().manual_seed(4)
    outputs = torch.randn(13, 5, 3, generator=random, dtype=torch.float64)
    outputs[:, 3] = outputs[:, 1] + 0.5 * outputs[:, 2]
    outputs[:, 4] = 7 - 1e3 * outputs[:, 0].flip(-1)  # rotated, shifted, scaled
    value = measures.linear_cka(outputs.to(dtype))
    assert value.dtype == dtype
    assert_close(value, twin.linear_cka(outputs.numpy()), **PRECISION[dtype])
    assert_close(value[0, 4], 1.0, rtol=1e-5)
    outputs[:, 2] = 3.0
    assert measures.linear_cka(outputs)[2].isnan().all()
