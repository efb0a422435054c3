"""Recorded attention: rows, agreement with the library's own weights, reductions that stream."""

import numpy as np
import pytest
import torch
from tests.closeness import assert_close
from tests.reference import hooked
from tests.zoo import ZOO, make, pixels

import vitscope
from vitscope.engine import reduce_attention
from vitscope.errors import InvalidArgument
from vitscope.measures.summary import summarise


@pytest.mark.parametrize("name", ZOO)
def test_attention_is_what_the_library_computes(name):
    module, images = make(name), pixels(2)
    seen = []
    with hooked.unfused(module), torch.inference_mode():
        handles = [
            block.attn.attn_drop.register_forward_hook(lambda _m, _i, weights: seen.append(weights))
            for block in module.blocks
        ]
        module(images)
        for handle in handles:
            handle.remove()
    ours = vitscope.attention(vitscope.wrap(module), images)
    assert_close(ours, torch.stack(seen, 1), rtol=1e-9, atol=1e-12)
    assert_close(ours.sum(-1), torch.ones(ours.shape[:-1]), rtol=1e-9)


def test_chosen_layers_come_in_the_order_asked():
    model, images = vitscope.wrap(make("plain")), pixels(2)
    everything = vitscope.attention(model, images)
    assert torch.equal(vitscope.attention(model, images, layers=[2, 0]), everything[:, [2, 0]])
    with pytest.raises(InvalidArgument, match="layer 3"):
        vitscope.attention(model, images, layers=[3])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rows_of_half_precision_models_sum_to_1_as_the_measures_require(dtype):
    attention = vitscope.attention(vitscope.wrap(make("BEiT", dtype)), pixels(2, dtype))
    assert_close(attention.sum(-1), torch.ones(attention.shape[:-1]), rtol=1e-6)
    assert vitscope.measures.entropy(attention).isfinite().all()


def test_torchs_default_device_does_not_decide_where_anything_runs():
    module, images = make("plain"), pixels(2)
    with torch.device("meta"):  # stands for a GPU that the model is not on
        model = vitscope.wrap(module)
        attention = vitscope.attention(model, images)
        jsd = vitscope.head_importance(model, images, modes=["head", "pp"]).jsd
        logits = vitscope.prune(model, images, {(0, 1): "head"}, fill="mean")
    assert attention.device.type == logits.device.type == "cpu"
    assert jsd.notnull().all()


@pytest.mark.parametrize("name", ["registers, LayerScale, q/k norm", "SigLIP-like, no CLS, no classifier"])
def test_reduction_is_the_measures_of_the_recorded_matrices(name):
    model, images = vitscope.wrap(make(name, torch.float32)), pixels(5, torch.float32)
    attention = vitscope.attention(model, images)
    summary = summarise(attention, model.tokens)
    reduced = reduce_attention(model, images, batch=2)
    assert_close(reduced.mass, summary.mass, rtol=1e-5, atol=1e-7)
    assert_close(reduced.density, summary.density, rtol=1e-5, atol=1e-7)
    for key, values in summary.spread.items():
        assert_close(reduced.spread[key], values, rtol=2e-5, atol=1e-5, what=key)
    assert_close(reduced.attention_sum, attention.sum(0), rtol=1e-5, atol=1e-6)
    if model.tokens.cls is None:
        assert reduced.cls_rows is None
    else:
        rows = attention[:, :, :, model.tokens.cls, model.tokens.patches]
        assert reduced.cls_rows.dtype == np.float16
        assert_close(reduced.cls_rows, rows, rtol=1e-3, atol=1e-6)
