"""Slices of whole matrices in NumPy against the measures they are slices of."""

import numpy as np
import pytest
import torch

from vitscope import measures
from vitscope.answers.rows.matrices import of_token, pooled, rollout_of_token
from vitscope.errors import InvalidArgument
from vitscope.tokens import TokenLayout

PREFIXES = [(), ("cls",), ("cls", "dist"), ("reg1", "cls", "reg2", "reg3", "reg4")]


def attention(tokens, layers=4, heads=3, seed=0):
    random = np.random.default_rng(seed)
    n = tokens.n_tokens
    return random.dirichlet(np.full(n, 0.4), (layers, heads, n)).astype(np.float32)


def rolled(matrices, tokens, token, direction, **options):
    heads = [matrices.shape[1]] * len(matrices)
    return rollout_of_token(matrices, token, direction, n_heads=heads, cls=tokens.cls, **options)


@pytest.mark.parametrize("prefix", PREFIXES, ids=len)
@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("options", [{}, {"discard": 0.3}, {"residual": 0.0, "start": 1}, {"residual": 1.0},
                                     {"residual": 0.2, "discard": 0.7, "start": 3}], ids=str)  # fmt: skip
def test_rollout_is_the_measures_row_and_column(prefix, fusion, options):
    tokens = TokenLayout(prefix, rows=3, cols=5, patch=(4, 6))
    matrices = attention(tokens)
    start = options.get("start", 0)
    for token in {0, tokens.n_prefix + 7, tokens.n_tokens - 1}:
        rows = rolled(matrices, tokens, token, "from", fusion=fusion, **options)
        columns = rolled(matrices, tokens, token, "to", fusion=fusion, **options)
        assert rows.dtype == columns.dtype == np.float32
        assert np.isnan(rows[:start]).all()
        assert np.isnan(columns[:start]).all()
        for layer in range(start, 4):
            upto = torch.from_numpy(matrices[None, : layer + 1])
            whole = measures.rollout(upto, tokens, fusion=fusion, **options)[0].numpy()
            np.testing.assert_allclose(rows[layer], whole[token], atol=1e-5)
            np.testing.assert_allclose(columns[layer], whole[:, token], atol=1e-5)


@pytest.mark.parametrize("direction", ["from", "to"])
def test_a_row_without_weight_is_nan_where_the_measure_says_so(direction):
    tokens = TokenLayout(("cls",), rows=1, cols=3, patch=(4, 4))
    matrices = attention(tokens, layers=3, heads=2)
    matrices[1, :, 2] = [[1, 0, 0, 0], [0, 1, 0, 0]]  # nothing in common: the minimum of row 2 is 0
    for token in range(4):
        ours = rolled(matrices, tokens, token, direction, residual=0.0, fusion="min")
        for layer in range(3):
            upto = torch.from_numpy(matrices[None, : layer + 1])
            whole = measures.rollout(upto, tokens, residual=0.0, fusion="min")[0].numpy()
            expected = whole[token] if direction == "from" else whole[:, token]
            np.testing.assert_allclose(ours[layer], expected, atol=1e-5)


def test_heads_that_a_layer_does_not_have_are_not_looked_at():
    tokens = TokenLayout(("cls",), rows=2, cols=2, patch=(4, 4))
    matrices = attention(tokens)
    holed = matrices.copy()
    holed[1, 2] = np.nan
    ours = rollout_of_token(holed, 0, "from", n_heads=[3, 2, 3, 3], cls=0)
    assert np.isfinite(ours).all()


def test_half_precision_is_taken_as_it_is():
    tokens = TokenLayout(("cls",), rows=3, cols=5, patch=(4, 6))
    matrices = attention(tokens)
    half = rolled(matrices.astype(np.float16), tokens, 0, "from")
    np.testing.assert_allclose(half, rolled(matrices, tokens, 0, "from"), atol=1e-3)


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"residual": 1.1}, "shares in"), ({"discard": -0.1}, "shares in"), ({"residual": float("nan")}, "shares in"),
     ({"start": 4}, "layers 0..3"), ({"start": -1}, "layers 0..3")],
)  # fmt: skip
def test_options_outside_their_range_are_refused_as_by_the_measure(options, reason):
    tokens = TokenLayout(("cls",), rows=1, cols=3, patch=(4, 4))
    matrices = attention(tokens)
    with pytest.raises(InvalidArgument, match=reason) as ours:
        rolled(matrices, tokens, 0, "from", **options)
    with pytest.raises(InvalidArgument) as theirs:
        measures.rollout(torch.from_numpy(matrices[None]), tokens, **options)
    assert ours.value.message == theirs.value.message


def test_one_token_s_rows():
    matrices = attention(TokenLayout((), 2, 3, (4, 4)))
    np.testing.assert_array_equal(of_token(matrices, 2, "from"), matrices[:, :, 2])
    np.testing.assert_array_equal(of_token(matrices, 2, "to"), matrices[:, :, :, 2])


def test_pooling_is_the_mean_of_each_block():
    values = np.random.default_rng(1).uniform(size=(2, 11, 11)).astype(np.float32)
    blocks = pooled(values, 4)
    bounds = [0, 2, 5, 8, 11]
    for i in range(4):
        for j in range(4):
            block = values[:, bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]]
            np.testing.assert_allclose(blocks[:, i, j], block.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(pooled(values, 11), values)
    np.testing.assert_array_equal(pooled(values, 64), values)
