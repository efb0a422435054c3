"""The common matrix and the offset view against their slow twins, and what must hold on any grid."""

import pytest
import torch
from tests.attention_cases import LAYOUTS, random_attention
from tests.closeness import assert_close
from tests.reference import patterns as twin

from vitscope.errors import NotAttention
from vitscope.patterns import GRID, REACH, SIDE, common_matrix, offset_view
from vitscope.tokens import TokenLayout

GRIDS = LAYOUTS | {
    "larger than 8, not a multiple": TokenLayout(prefix=("cls",), rows=11, cols=9, patch=(16, 16)),
    "one side smaller, one larger": TokenLayout(prefix=("cls", "dist"), rows=5, cols=13, patch=(16, 8)),
    "8 x 8": TokenLayout(prefix=("cls",), rows=8, cols=8, patch=(16, 16)),
    "16 x 16, registers": TokenLayout(prefix=("cls", "reg1", "reg2", "reg3", "reg4"), rows=16, cols=16, patch=(16, 16)),
}


@pytest.mark.parametrize("layout", list(LAYOUTS) + ["larger than 8, not a multiple", "one side smaller, one larger"])
def test_both_equal_their_twins(layout):
    tokens = GRIDS[layout]
    attention = random_attention(2, tokens=tokens)
    for function, slow in ((common_matrix, twin.common_matrix), (offset_view, twin.offset_view)):
        expected = [slow(matrix, tokens) for matrix in attention.numpy()]
        assert_close(function(attention, tokens), expected, rtol=1e-9, atol=1e-13, what=function.__name__)
        assert_close(function(attention.float(), tokens), expected, rtol=1e-5, atol=1e-7, what=function.__name__)


@pytest.mark.parametrize("layout", GRIDS)
def test_rows_of_what_exists_sum_to_one_and_the_rest_is_empty(layout):
    tokens = GRIDS[layout]
    common = common_matrix(random_attention(3, 2, tokens=tokens), tokens)
    exists = torch.ones(SIDE, dtype=torch.bool)
    exists[0], exists[1] = tokens.cls is not None, bool(tokens.others)
    assert_close(common.sum(-1), exists.double().expand(3, 2, SIDE), atol=1e-12)
    assert not common[..., ~exists].any()


def test_an_8_x_8_grid_is_kept_as_it_is():
    tokens = GRIDS["8 x 8"]
    attention = random_attention(tokens=tokens)
    common = common_matrix(attention, tokens)
    kept = [i for i in range(SIDE) if i != 1]
    assert_close(common[kept][:, kept], attention, rtol=1e-12)


def test_on_16_x_16_a_cell_is_four_patches():
    tokens = GRIDS["16 x 16, registers"]
    attention = random_attention(tokens=tokens)
    common = common_matrix(attention, tokens)
    patches = attention[5:, 5:].reshape(8, 2, 8, 2, 8, 2, 8, 2)
    assert_close(common[2:, 2:], patches.sum((5, 7)).mean((1, 3)).reshape(64, 64), rtol=1e-12)
    assert_close(common[0, 1], attention[0, 1:5].sum())
    assert_close(common[1, 0], attention[1:5, 0].mean())


@pytest.mark.parametrize("layout", GRIDS)
def test_uniform_attention_gives_equal_cells(layout):
    tokens = GRIDS[layout]
    common = common_matrix(torch.full((tokens.n_tokens,) * 2, 1 / tokens.n_tokens, dtype=torch.float64), tokens)
    assert_close(common[2:, 2:], torch.full((64, 64), tokens.n_patches / tokens.n_tokens / GRID**2), rtol=1e-6)


@pytest.mark.parametrize("layout", GRIDS)
def test_offsets_sum_to_the_share_between_patches(layout):
    tokens = GRIDS[layout]
    attention = random_attention(2, tokens=tokens)
    share = attention[..., tokens.patches, tokens.patches].sum((-2, -1)) / tokens.n_patches
    assert_close(offset_view(attention, tokens).sum((-2, -1)), share, rtol=1e-12)


def test_a_shift_is_one_offset_whatever_the_grid():
    for rows, cols in ((14, 14), (9, 20), (3, 4)):
        tokens = TokenLayout(prefix=("cls",), rows=rows, cols=cols, patch=(16, 16))
        attention = torch.zeros(tokens.n_tokens, tokens.n_tokens)
        attention[:, 0] = 1
        for query in range(tokens.n_patches - cols - 2):
            if query % cols < cols - 2:  # one down, two right
                attention[1 + query, 0], attention[1 + query, 1 + query + cols + 2] = 0, 1
        view = offset_view(attention, tokens)
        assert view.nonzero().tolist() == [[REACH + 1, REACH + 2]]


def test_half_precision_is_widened_and_other_shapes_are_refused():
    tokens = GRIDS["8 x 8"]
    attention = random_attention(2, tokens=tokens)
    for function in (common_matrix, offset_view):
        assert function(attention.half(), tokens).dtype == torch.float32
        with pytest.raises(NotAttention, match="64 queries x 65 keys: the token layout has 65 tokens"):
            function(attention[:, 1:], tokens)
