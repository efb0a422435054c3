"""The exact sweep against the plain script with one hook per head, on every odd model, mode, metric and fill."""

import itertools

import numpy as np
import pytest
import torch

import vitscope
from closeness import assert_effects_agree
from reference import hooked
from vitscope.engine import METRICS, derangement, sweep
from vitscope.tokens import available_modes
from zoo import ZOO, make, pixels

N = 5
EVERY_SUBSET = ["+".join(c) for n in range(1, 5) for c in itertools.combinations(("cc", "cp", "pc", "pp"), n)]


@pytest.mark.parametrize("fill", ["zero", "renormalise"])
@pytest.mark.parametrize("name", ZOO)
def test_every_mode_and_metric_equals_the_plain_script(name, fill):
    module, images = make(name), pixels(N)
    model = vitscope.wrap(module)
    modes = available_modes(model.tokens)
    data = vitscope.head_importance(model, images, modes=modes, fill=fill)
    plain = hooked.importance(module, images, data.target.values, modes=modes, prefix=model.tokens.prefix, fill=fill)
    for metric in METRICS:
        assert_effects_agree(data[metric].values, plain[metric], f"{name} {fill} {metric}", absolute=1e-8)


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("fill", ["mean", "resample"])
def test_replacing_fills_equal_the_plain_script(name, fill):
    module, images = make(name), pixels(N)
    model = vitscope.wrap(module)
    data = vitscope.head_importance(model, images, fill=fill, seed=3)
    other = images[torch.from_numpy(derangement(N, 3))] if fill == "resample" else images
    plain = hooked.importance(
        module, images, data.target.values, modes=["head"], prefix=model.tokens.prefix, fill=fill, other_images=other
    )
    for metric in METRICS:
        assert_effects_agree(data[metric].values, plain[metric], f"{name} {fill} {metric}", absolute=1e-8)


def test_all_fifteen_subsets_of_the_regions():
    module, images = make("registers, LayerScale, q/k norm"), pixels(2)
    model = vitscope.wrap(module)
    data = vitscope.head_importance(model, images, labels=[3, -1], modes=EVERY_SUBSET)
    plain = hooked.importance(module, images, data.target.values, modes=EVERY_SUBSET, prefix=model.tokens.prefix)
    for metric in METRICS:
        assert_effects_agree(data[metric].values, plain[metric], metric, absolute=1e-8)
    assert data.target_source.values.tolist() == ["label", "prediction"]


def test_float32_agrees_with_float64():
    single = vitscope.head_importance(vitscope.wrap(make("plain", torch.float32)), pixels(N, torch.float32))
    double = vitscope.head_importance(vitscope.wrap(make("plain")), pixels(N))
    for metric in METRICS:
        assert_effects_agree(single[metric].values, double[metric].values, metric, absolute=1e-7)


def test_result_does_not_depend_on_batches():
    model, images = vitscope.wrap(make("plain")), pixels(N)
    target = np.zeros(N, np.int64)
    modes = available_modes(model.tokens)
    small = sweep(model, images, target, modes=modes, micro_batch=1)
    large = sweep(model, images, target, modes=modes, micro_batch=100)
    for metric in METRICS:
        np.testing.assert_allclose(small[metric], large[metric], rtol=1e-6, atol=1e-12)


def test_cls_rows_and_patch_rows_are_exactly_untouched_where_the_mode_leaves_them():
    data = vitscope.head_importance(vitscope.wrap(make("plain")), pixels(2), modes=["cc", "pp"])
    assert (data.patch_cos.sel(mode="cc") == 0).all()
    assert (data.cls_cos.sel(mode="pp") == 0).all()
    assert (data.cls_cos.sel(mode="cc") > 0).all()


def test_heads_permute_with_their_weights():
    module, images = make("plain"), pixels(2)
    before = vitscope.head_importance(vitscope.wrap(module), images).jsd.values
    order = [2, 0, 1]
    attn = module.blocks[1].attn
    with torch.no_grad():
        for part in (attn.qkv.weight, attn.qkv.bias):
            part.copy_(part.unflatten(0, (3, 3, 8))[:, order].flatten(0, 2))
        attn.proj.weight.copy_(attn.proj.weight.unflatten(1, (3, 8))[:, order].flatten(1))
    after = vitscope.head_importance(vitscope.wrap(module), images).jsd.values
    np.testing.assert_allclose(after[:, :, 1], before[:, :, 1][..., order], rtol=1e-9)
    np.testing.assert_allclose(after[:, :, [0, 2]], before[:, :, [0, 2]], rtol=1e-9)
