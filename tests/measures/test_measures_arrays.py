"""Measures that take numpy arrays too: on awkward layouts the same numbers as of tensors, and as the slow twins."""

import inspect
import itertools

import numpy as np
import pytest
import torch
from tests.attention_cases import LAYOUTS, random_attention
from tests.closeness import assert_close
from tests.reference import measures as twin

from vitscope import measures
from vitscope.errors import InvalidArgument, NotAttention
from vitscope.measures.arrays import Array
from vitscope.measures.maps.rollout import rollout_of_token
from vitscope.tokens import TokenLayout

PRECISION = {"float64": {"rtol": 1e-9, "atol": 1e-12}, "float32": {"rtol": 1e-5, "atol": 1e-6}}
PRECISION["float16"] = {"rtol": 1e-2, "atol": 1e-2}  # the entries themselves are rounded


def by_layer(reference):
    """A twin that takes the heads of one layer, over [image, layer]."""
    return lambda a, t: np.array([[reference(layer, t) for layer in image] for image in a])


def by_matrix(reference):
    return by_layer(lambda layer, t: [reference(head, t) for head in layer])


def grid_of_cls(matrix, tokens):
    cls = twin.cls_index(tokens)
    row = [np.nan if cls is None else matrix[cls, j] for j in twin.patch_tokens(tokens)]
    return np.reshape(row, (tokens.rows, tokens.cols))


def cls_rows(attention, tokens):
    return attention[..., tokens.cls or 0, tokens.patches]


# Of attention [image, layer, head, query, key] and its layout, and the same by the twin.
CASES = {
    "focus": (measures.focus, by_matrix(twin.focus)),
    "coverage": (measures.coverage, by_matrix(twin.coverage)),
    "share_above_uniform": (measures.share_above_uniform, by_matrix(twin.share_above_uniform)),
    "key_shares": (measures.key_shares, by_matrix(twin.key_shares)),
    "few_keys": (measures.few_keys, by_matrix(twin.few_keys)),
    "corners": (measures.corners, by_matrix(twin.corners)),
    "border": (measures.border, by_matrix(twin.border)),
    "sink_keys": (measures.sink_keys, by_matrix(twin.sink_keys)),
    "cls_map": (measures.cls_map, by_matrix(grid_of_cls)),
    "fuse, mean": (lambda a, t: measures.fuse(a, 2), lambda a, t: a.mean(2)),
    "fuse, max": (lambda a, t: measures.fuse(a, 2, "max"), lambda a, t: a.max(2)),
    "fuse, min": (lambda a, t: measures.fuse(a, 2, "min"), lambda a, t: a.min(2)),
    "map_entropy": (
        lambda a, t: measures.map_entropy(cls_rows(a, t)),
        by_layer(lambda layer, t: twin.map_entropy(cls_rows(layer, t).tolist())),
    ),
    "linear_cka": (
        lambda a, t: measures.linear_cka(a[:, 0, :, 0]),
        lambda a, t: twin.linear_cka(a[:, 0, :, 0]),
    ),
    **{
        f"head_diversity, {variant}": (
            lambda a, t, variant=variant: measures.head_diversity(a, t, variant),
            by_layer(lambda layer, t, variant=variant: twin.head_diversity(layer, t, variant)),
        )
        for variant in ("cls", "full", "jensen-shannon")
    },
    **{
        f"head_similarity, {variant}": (
            lambda a, t, variant=variant: measures.head_similarity(a, t, variant),
            by_layer(lambda layer, t, variant=variant: twin.head_similarity(layer, t, variant)),
        )
        for variant in ("cls", "full")
    },
    **{
        f"rollout, {fusion}, {options}": (
            lambda a, t, o=options, f=fusion: measures.rollout(a, t, fusion=f, **o),
            lambda a, t, o=options, f=fusion: [twin.rollout(image, t, fusion=f, **o) for image in a],
        )
        for fusion, options in itertools.product(("mean", "max", "min"), ({}, {"discard": 0.6, "start": 1}))
    },
}
BY_HAND = {"check_attention", "spread_level"}
"""These have tests of their own below."""


def test_every_measure_that_takes_arrays_is_here():
    def takes(name):
        parameters = inspect.signature(getattr(measures, name)).parameters.values()
        return any(getattr(one.annotation, "array_type", None) is Array for one in parameters)

    functions = {name for name in measures.__all__ if inspect.isroutine(getattr(measures, name))}
    assert {name for name in functions if takes(name)} == {name.split(",")[0] for name in CASES} | BY_HAND


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CASES)
def test_arrays_give_what_tensors_give_and_the_twin(name, layout, dtype):
    measure, reference = CASES[name]
    tokens = LAYOUTS[layout]
    wide = random_attention(2, 3, 4, tokens=tokens)
    tensor = wide.to(getattr(torch, dtype))
    of_array, of_tensor = measure(tensor.numpy(), tokens), measure(tensor, tokens)
    assert isinstance(of_array, np.ndarray)
    assert of_array.dtype == of_tensor.numpy().dtype
    assert_close(of_array, of_tensor, rtol=1e-12 if dtype == "float64" else 2e-6, atol=1e-6, what="tensors")
    if dtype != "float16" or name.startswith(("rollout, mean", "head_", "map_entropy")):
        assert_close(of_array, reference(wide.numpy(), tokens), **PRECISION[dtype], what="twin")


@pytest.mark.parametrize("n_images", [0, 1, 2, 13])
def test_levels_of_arrays(n_images):
    entropies = np.random.default_rng(n_images).uniform(0, 3, (n_images, 3)).astype(np.float32)
    entropies[:2, 1] = np.nan
    entropies[3:9, 2] = 1.5
    levels = measures.spread_level(entropies)
    assert levels.dtype == np.float32
    np.testing.assert_array_equal(levels, measures.spread_level(torch.from_numpy(entropies)).numpy())
    expected = np.array([twin.spread_level(column) for column in entropies.T.astype(float).tolist()]).T
    np.testing.assert_array_equal(levels, expected.reshape(levels.shape))


def test_heads_that_are_missing_and_rows_without_mass():
    rows = np.random.default_rng(0).dirichlet(np.ones(7), (2, 3, 5)).astype(np.float16)
    rows[:, 1, 2:] = np.nan
    rows[1, 2] = 0
    rows[0, 2] = [1, 0, 0, 0, 0, 0, 0]
    values = measures.map_entropy(rows)
    assert_close(values, measures.map_entropy(torch.from_numpy(rows)), rtol=1e-6)
    assert np.isnan(values[1, 2])
    assert values[0, 2] == 0
    assert np.isfinite(values[:, 1]).all()


def test_arrays_that_are_no_attention_are_refused_by_index():
    attention = random_attention(3, 2, tokens=LAYOUTS["cls, 5 x 2"]).numpy()
    measures.check_attention(attention)
    attention[2, 1, 4] *= 1.001
    with pytest.raises(NotAttention, match=r"row \(2, 1, 4\) sums to"):
        measures.check_attention(attention)
    with pytest.raises(InvalidArgument, match="a tensor or a numpy array"):
        measures.check_attention(attention.tolist())
    with pytest.raises(InvalidArgument, match=r"an array \[11\] as attention of check_attention"):
        measures.check_attention(attention[0, 0, 0])


# Rollout of one token -------------------------------------------------------------------------------------------------


def kinds(attention):
    return attention.numpy(), attention


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("options", [{}, {"discard": 0.3}, {"residual": 0.0, "start": 1}, {"residual": 1.0},
                                     {"residual": 0.2, "discard": 0.7, "start": 3}], ids=str)  # fmt: skip
def test_rollout_of_a_token_is_a_row_and_a_column_of_the_rollout(layout, fusion, options):
    tokens, start = LAYOUTS[layout], options.get("start", 0)
    options = {"tokens": tokens, "fusion": fusion, **options}
    wide = random_attention(4, 3, tokens=tokens)
    whole = [measures.rollout(wide[: layer + 1], **options).numpy() for layer in range(start, 4)]
    for attention in kinds(wide.float()):
        for token in {0, tokens.n_tokens // 2, tokens.n_tokens - 1}:
            row = rollout_of_token(attention, token, "from", n_heads=[3] * 4, **options)
            column = rollout_of_token(attention, token, "to", n_heads=[3] * 4, **options)
            assert type(row) is type(column) is type(attention)
            assert row.dtype == column.dtype == attention.dtype
            for rolled, expected in ((row, [w[token] for w in whole]), (column, [w[:, token] for w in whole])):
                assert np.isnan(np.asarray(rolled[:start])).all()
                assert_close(rolled[start:], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("direction", ["from", "to"])
def test_a_row_without_weight_is_nan_where_the_rollout_says_so(direction):
    tokens = TokenLayout(("cls",), rows=1, cols=3, patch=(4, 4))
    wide = random_attention(3, 2, tokens=tokens)
    wide[1, :, 2] = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])  # nothing in common: the minimum of row 2 is 0
    options = {"residual": 0.0, "fusion": "min"}
    for attention, token in itertools.product(kinds(wide), range(4)):
        ours = rollout_of_token(attention, token, direction, n_heads=[2, 2, 2], **options)
        for layer in range(3):
            whole = measures.rollout(wide[: layer + 1], tokens, **options)
            assert_close(ours[layer], whole[token] if direction == "from" else whole[:, token], rtol=1e-9)


def test_heads_that_a_layer_does_not_have_are_not_looked_at():
    holed = random_attention(4, 3, tokens=LAYOUTS["cls, 5 x 2"]).numpy()
    holed[1, 2] = np.nan
    assert np.isfinite(rollout_of_token(holed, 0, "from", n_heads=[3, 2, 3, 3])).all()


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_half_precision_is_taken_as_it_is(fusion):
    attention = random_attention(4, 3, tokens=LAYOUTS["cls, 5 x 2"]).float().numpy()
    given = {"token": 0, "direction": "from", "n_heads": [3] * 4, "fusion": fusion}
    half = rollout_of_token(attention.astype(np.float16), **given)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, rollout_of_token(attention, **given), atol=1e-3)


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"residual": 1.1}, "shares in"), ({"discard": -0.1}, "shares in"), ({"residual": float("nan")}, "shares in"),
     ({"start": 4}, "layers 0..3"), ({"start": -1}, "layers 0..3")],
)  # fmt: skip
def test_options_outside_their_range_are_refused(options, reason):
    tokens = LAYOUTS["cls, 5 x 2"]
    attention = random_attention(4, 3, tokens=tokens).numpy()
    with pytest.raises(InvalidArgument, match=reason):
        rollout_of_token(attention, 0, "from", tokens=tokens, n_heads=[3] * 4, **options)
