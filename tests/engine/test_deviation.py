"""Deviation from the mean and energy against loops in float64; planted heads at both ends of content dependence."""

import numpy as np
import pytest
import torch
from tests.closeness import assert_close
from tests.zoo import make, pixels

import vitscope
from vitscope.analysis.patterns.of_run import content_dependence
from vitscope.engine import MeanAttention, compare_with_mean, deviation, mean_common_attention
from vitscope.errors import InvalidArgument
from vitscope.models import Model
from vitscope.patterns import FEATURES, common_matrix, features, offset_view
from vitscope.tokens import TokenLayout

LAYOUTS = [
    "plain",
    "registers, LayerScale, q/k norm",
    "SigLIP-like, no CLS, no classifier",
    "distilled",
    "BEiT, shared bias",
]


def squares(one: np.ndarray, other: np.ndarray) -> float:
    """|one - other|^2, entry by entry."""
    return sum(float(a - b) ** 2 for a, b in zip(one.ravel(), other.ravel(), strict=True))


@pytest.mark.parametrize("name", LAYOUTS)
def test_deviation_and_energy_are_those_of_a_loop(name):
    model, images = vitscope.wrap(make(name)), pixels(5)
    attention = vitscope.attention(model, images).numpy()
    mean = attention.mean(0)
    sampled = np.array([False, True, False, True, True])
    found = compare_with_mean(model, images, MeanAttention(mean), sampled, batch=2)
    uniform = np.full(mean.shape[-2:], 1 / model.tokens.n_tokens)
    for image, layer, head in ((0, 0, 1), (3, 2, 0), (4, 1, 2)):
        own = attention[image, layer, head]
        assert found.deviation[image, layer, head] == pytest.approx(squares(own, mean[layer, head]), rel=1e-5)
        assert found.energy[image, layer, head] == pytest.approx(squares(own, uniform), rel=1e-5)
    kept = torch.from_numpy(attention[sampled]).flatten(0, 2)
    assert found.matrices.shape == (3 * 9, 66, 66)
    assert found.matrices.dtype == found.offsets.dtype == np.float16
    assert_close(found.matrices, common_matrix(kept, model.tokens), rtol=1e-3, atol=1e-4)
    assert_close(found.offsets, offset_view(kept, model.tokens), rtol=1e-3, atol=1e-4)
    assert found.features.shape[1] == len(FEATURES)
    assert_close(found.features, features(kept, model.tokens), rtol=1e-4, atol=1e-5)


def test_nothing_of_the_batch_shows():
    model, images = vitscope.wrap(make("plain", torch.float32)), pixels(5, torch.float32)
    mean = MeanAttention(vitscope.attention(model, images).mean(0).numpy())
    none = np.zeros(5, bool)
    one, other = (compare_with_mean(model, images, mean, none, batch=batch) for batch in (1, 5))
    assert_close(one.deviation, other.deviation, rtol=1e-4)
    assert_close(one.energy, other.energy, rtol=1e-4)
    assert len(one.matrices) == len(one.features) == 0


@pytest.mark.parametrize("name", LAYOUTS[1:3])
def test_at_the_common_size_the_mean_is_of_common_matrices(name):
    model, images = vitscope.wrap(make(name)), pixels(5)
    matrices = common_matrix(vitscope.attention(model, images), model.tokens).numpy()
    mean = mean_common_attention(model, [images[:2], images[2:]])
    assert_close(mean, matrices.mean(0), rtol=1e-6, atol=1e-9)
    found = compare_with_mean(model, images, MeanAttention(mean, common=True), np.zeros(5, bool), batch=3)
    n_tokens = model.tokens.n_tokens
    uniform = common_matrix(torch.full((n_tokens, n_tokens), 1 / n_tokens, dtype=torch.float64), model.tokens).numpy()
    assert found.deviation[2, 1, 2] == pytest.approx(squares(matrices[2, 1, 2], mean[1, 2]), rel=1e-5)
    assert found.energy[2, 1, 2] == pytest.approx(squares(matrices[2, 1, 2], uniform), rel=1e-5)


def test_a_mean_that_does_not_fit_is_refused():
    model = vitscope.wrap(make("plain"))
    with pytest.raises(InvalidArgument, match=r"expected \(3, 3, 16, 16\)"):
        compare_with_mean(model, pixels(1), MeanAttention(np.zeros((3, 3, 66, 66))), np.zeros(1, bool), batch=1)
    with pytest.raises(InvalidArgument, match="no images given"):
        mean_common_attention(model, [])


def planted(model: Model, n_images: int) -> torch.Tensor:
    """Head 0 looks at the patch on the left whatever the image, head 1 at one random key of each image, 2 at all."""
    tokens: TokenLayout = model.tokens
    generator = torch.Generator().manual_seed(3)
    attention = torch.full((n_images, 3, tokens.n_tokens, tokens.n_tokens), 1e-3)
    for query in range(tokens.n_tokens):
        attention[:, 0, query, max(query - 1, 0)] = 1
    keys = torch.randperm(tokens.n_tokens, generator=generator)[:n_images]
    attention[torch.arange(n_images), 1, :, keys] = 1
    attention[:, 2] += torch.rand(attention[:, 2].shape, generator=generator) * 1e-3
    return attention / attention.sum(-1, keepdim=True)


def test_planted_heads_lie_at_both_ends(monkeypatch):
    """Positional: near 0. Content: near 1 (1 - 1/n for keys that never repeat). Noise around uniform: the image."""
    model = vitscope.wrap(make("plain", torch.float32))
    n = 12
    attention = planted(model, n)
    images = torch.arange(n).float()[:, None, None, None].expand(n, 3, 12, 30)
    monkeypatch.setattr(
        deviation, "attention_by_layer", lambda model, part: iter([attention[part[:, 0, 0, 0].long()]] * 3)
    )
    mean = attention.mean(0).expand(3, 3, -1, -1).numpy()
    found = compare_with_mean(model, images, MeanAttention(mean), np.zeros(n, bool), batch=5)
    dependence = content_dependence(found.deviation, found.energy)
    assert (dependence[:, 0] < 1e-8).all()
    assert (abs(dependence[:, 1] - 1) < 0.05).all()
    assert (dependence[:, 2] > 0.9).all()
    assert ((dependence >= 0) & (dependence <= 1)).all()
