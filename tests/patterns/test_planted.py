"""The planted matrices are what they claim: attention, of every layout, the same for a seed."""

import numpy as np
import pytest
from tests.patterns import planted


@pytest.mark.parametrize("tokens", planted.LAYOUTS[:5], ids=lambda t: f"{t.rows}x{t.cols}+{t.n_prefix}")
def test_every_kind_is_attention_and_reproducible(tokens):
    for kind in planted.KINDS:
        if kind == "CLS sink" and tokens.cls is None:
            continue
        made = planted.matrices(kind, tokens, 2, seed=3)
        assert made.shape == (2, tokens.n_tokens, tokens.n_tokens)
        assert made.min() >= 0
        np.testing.assert_allclose(made.sum(-1), 1, atol=1e-5)
        np.testing.assert_array_equal(made, planted.matrices(kind, tokens, 2, seed=3))
        assert np.abs(made - planted.matrices(kind, tokens, 2, seed=4)).max() > 0


def test_planted_heads_depend_on_the_image_or_not():
    tokens = planted.layout(7, 7)

    def dependence(head):
        return ((head - head.mean(0)) ** 2).sum() / ((head - 1 / tokens.n_tokens) ** 2).sum()

    assert dependence(planted.positional_head(tokens, 40)) < 0.02
    assert dependence(planted.content_head(tokens, 200)) > 0.9
