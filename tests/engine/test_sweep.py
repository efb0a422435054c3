"""The exact sweep against the plain script with one hook per head, on every odd model, mode, metric and fill."""

import itertools

import numpy as np
import pytest
import torch
from tests.closeness import assert_effects_agree
from tests.reference import hooked
from tests.zoo import ZOO, make, pixels

import vitscope
from vitscope.engine import derangement
from vitscope.engine.importance.head_importance import sweep
from vitscope.errors import InvalidArgument
from vitscope.quantities import metrics_of
from vitscope.tokens import available_modes

from timm.layers import Attention  # isort: skip - zoo makes timm importable

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
    for metric in metrics_of("classes"):
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
    for metric in metrics_of("classes"):
        assert_effects_agree(data[metric].values, plain[metric], f"{name} {fill} {metric}", absolute=1e-8)


@pytest.mark.parametrize("fill", ["mean", "resample"])
def test_references_may_be_other_images(fill):
    module, images, references = make("grouped keys"), pixels(3), pixels(7)[3:] + 0.5
    data = vitscope.head_importance(vitscope.wrap(module), images, fill=fill, references=references, seed=5)
    other = references[torch.from_numpy(derangement(4, 5))][:3] if fill == "resample" else references
    plain = hooked.importance(
        module, images, data.target.values, modes=["head"], prefix=("cls",), fill=fill, other_images=other
    )
    for metric in metrics_of("classes"):
        assert_effects_agree(data[metric].values, plain[metric], f"{fill} {metric}", absolute=1e-8)


def test_a_fill_without_its_references_is_refused():
    with pytest.raises(InvalidArgument, match="needs references"):
        sweep(
            vitscope.wrap(make("plain")), pixels(2), np.zeros(2, np.int64), modes=["head"], fill="mean", micro_batch=9
        )


def test_layers_may_have_different_numbers_of_heads():
    module = make("plain")
    attn = Attention(24, num_heads=2, qkv_bias=True).double().eval()
    attn.load_state_dict(module.blocks[1].attn.state_dict())
    module.blocks[1].attn = attn
    model, images = vitscope.wrap(module), pixels(2)
    modes = available_modes(model.tokens)
    data = vitscope.head_importance(model, images, modes=modes)
    plain = hooked.importance(module, images, data.target.values, modes=modes, prefix=("cls",))
    for metric in metrics_of("classes"):
        assert_effects_agree(data[metric].values, plain[metric], metric, absolute=1e-8)
    assert data.jsd.isnull().sum(("image", "mode")).values.tolist() == [[0, 0, 0], [0, 0, 2 * len(modes)], [0, 0, 0]]


@pytest.mark.parametrize("labels", [[1], [1, 7], [-2, 0], [1, None], ["cat", "dog"], [0.5, 1.0]])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(InvalidArgument, match=r"expected 2 classes of 0\.\.6|labels of .*: expected a whole number"):
        vitscope.head_importance(vitscope.wrap(make("plain")), pixels(2), labels)


def test_modes_must_be_named_once_each():
    for modes in ([], ["cp+pc", "pc+cp"]):
        with pytest.raises(InvalidArgument, match="at least one mode and each once"):
            vitscope.head_importance(vitscope.wrap(make("plain")), pixels(2), modes=modes)


def test_all_fifteen_subsets_of_the_regions():
    module, images = make("registers, LayerScale, q/k norm"), pixels(2)
    model = vitscope.wrap(module)
    data = vitscope.head_importance(model, images, labels=[3, -1], modes=EVERY_SUBSET)
    plain = hooked.importance(module, images, data.target.values, modes=EVERY_SUBSET, prefix=model.tokens.prefix)
    for metric in metrics_of("classes"):
        assert_effects_agree(data[metric].values, plain[metric], metric, absolute=1e-8)
    assert data.target_source.values.tolist() == ["label", "prediction"]


def test_float32_agrees_with_float64():
    single = vitscope.head_importance(vitscope.wrap(make("plain", torch.float32)), pixels(N, torch.float32))
    double = vitscope.head_importance(vitscope.wrap(make("plain")), pixels(N))
    for metric in metrics_of("classes"):
        assert_effects_agree(single[metric].values, double[metric].values, metric, absolute=1e-7)


def test_result_does_not_depend_on_batches():
    model, images = vitscope.wrap(make("plain")), pixels(N)
    target = np.zeros(N, np.int64)
    modes = available_modes(model.tokens)
    small = sweep(model, images, target, modes=modes, micro_batch=1)
    large = sweep(model, images, target, modes=modes, micro_batch=100)
    for metric in metrics_of("classes"):
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
