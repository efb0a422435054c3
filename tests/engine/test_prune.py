"""Pruning any set of heads at once: against the sweep, against hooks, and the laws it must keep."""

import pytest
import torch
from tests.closeness import assert_close
from tests.reference import hooked
from tests.zoo import ZOO, make, pixels

import vitscope
from vitscope.engine import derangement
from vitscope.errors import InvalidArgument


def hooked_logits(module, images, heads, prefix):
    """Several heads at once, by stacking the plain script's hooks."""
    handles = []
    with hooked.unfused(module), torch.inference_mode():
        n_tokens = module.forward_features(images).shape[1]
        for (layer, head), mode in heads.items():
            hook = hooked.edited_weights(head, hooked.region_mask(mode, prefix, n_tokens), "zero")
            handles.append(module.blocks[layer].attn.attn_drop.register_forward_hook(hook))
        logits = module(images)
        for handle in handles:
            handle.remove()
    return logits


@pytest.mark.parametrize("name", [name for name in ZOO if "no classifier" not in name])
def test_a_set_of_heads_equals_hooks(name):
    module, images = make(name), pixels(3)
    model = vitscope.wrap(module)
    heads = {(0, 1): "head", (0, 2): "cp+pc", (2, 0): "cc+pp", (1, 1): "pc"}
    ours = vitscope.prune(model, images, heads)
    assert_close(ours, hooked_logits(module, images, heads, model.tokens.prefix), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ZOO)
def test_pruning_nothing_is_bitwise_the_intact_model(name):
    module, images = make(name, torch.float32), pixels(3, torch.float32)
    with torch.inference_mode():
        reference = vitscope.wrap(module).architecture.reference(images)
    assert torch.equal(vitscope.prune(vitscope.wrap(module), images, {}), reference)


@pytest.mark.parametrize("fill", ["mean", "resample"])
def test_replacing_a_set_of_heads_by_given_references_equals_hooks(fill):
    module, images, references = make("inner norm"), pixels(3), pixels(7)[3:] + 0.5
    heads = {(0, 1): "head", (0, 2): "head", (2, 0): "head"}
    ours = vitscope.prune(vitscope.wrap(module), images, heads, fill=fill, references=references, seed=5)
    if fill == "resample":
        references = references[torch.from_numpy(derangement(4, 5))][:3]
    z = {layer: hooked.z_of(module, references, layer) for layer in (0, 2)}
    handles = []
    for layer, head in heads:
        other, columns = z[layer] if fill == "resample" else z[layer].mean(0), slice(8 * head, 8 * head + 8)

        def replace(_m, args, other=other, columns=columns):
            return (
                torch.cat(
                    [
                        args[0][..., : columns.start],
                        other.expand_as(args[0])[..., columns],
                        args[0][..., columns.stop :],
                    ],
                    -1,
                ),
            )

        handles.append(hooked.z_entrance(module.blocks[layer].attn).register_forward_pre_hook(replace))
    with torch.inference_mode():
        expected = module(images)
    for handle in handles:
        handle.remove()
    assert_close(ours, expected, rtol=1e-7, atol=1e-9)


def test_no_images_give_no_rows():
    model, heads = vitscope.wrap(make("plain")), {(0, 1): "head", (1, 0): "pp"}
    assert vitscope.prune(model, pixels(0), heads).shape == (0, 7)
    assert vitscope.head_importance(model, pixels(0), modes=["head", "pp"]).sizes["image"] == 0
    assert vitscope.attention(model, pixels(0)).shape == (0, 3, 3, 16, 16)


def test_pruning_a_head_is_subtracting_its_projected_output():
    module, images = make("registers, LayerScale, q/k norm"), pixels(2)
    block, captured = module.blocks[-1], {}
    handle = block.attn.proj.register_forward_pre_hook(lambda _m, args: captured.update(z=args[0]))
    hidden = block.norm2.register_forward_pre_hook(lambda _m, args: captured.update(middle=args[0]))
    module(images)
    handle.remove()
    hidden.remove()
    z, weight = captured["z"][..., 8:16], block.attn.proj.weight[:, 8:16]
    middle = captured["middle"] - block.ls1.gamma * (z @ weight.T)
    out = middle + block.ls2(block.mlp(block.norm2(middle)))
    expected = module.forward_head(module.norm(out))
    assert_close(vitscope.prune(vitscope.wrap(module), images, {(2, 1): "head"}), expected, rtol=1e-9, atol=1e-12)


def test_all_heads_of_a_block_leave_only_the_projection_bias():
    module, images = make("plain"), pixels(2)
    expected = module
    x = expected.norm_pre(expected._pos_embed(expected.patch_embed(images)))
    x = expected.blocks[0](x)
    block = expected.blocks[1]
    x = x + block.attn.proj.bias
    x = x + block.mlp(block.norm2(x))
    logits = expected.forward_head(expected.norm(expected.blocks[2](x)))
    ours = vitscope.prune(vitscope.wrap(module), images, {(1, head): "head" for head in range(3)})
    assert_close(ours, logits, rtol=1e-9, atol=1e-12)


def test_order_of_the_set_does_not_matter():
    model, images = vitscope.wrap(make("plain")), pixels(2)
    heads = {(0, 1): "pp", (2, 0): "head", (1, 2): "cc"}
    assert torch.equal(
        vitscope.prune(model, images, heads), vitscope.prune(model, images, dict(reversed(heads.items())))
    )


def test_prune_one_head_gives_the_sweeps_logit_drop():
    model, images = vitscope.wrap(make("EVA-02")), pixels(3)
    drops = vitscope.head_importance(model, images, labels=[1, 2, 3], modes=["cp+pc"], fill="renormalise").logit_drop
    intact = vitscope.prune(model, images, {})
    pruned = vitscope.prune(model, images, {(1, 2): "cp+pc"}, fill="renormalise")
    expected = (intact - pruned)[range(3), [1, 2, 3]]
    assert_close(drops.values[:, 0, 1, 2], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_the_module_is_left_as_it_was_also_after_an_error(training):
    module = make("plain").train(training)
    module.blocks[1].eval()
    flags = [m.training for m in module.modules()]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    model = vitscope.wrap(module)
    vitscope.head_importance(model, pixels(2))
    with pytest.raises(InvalidArgument):
        vitscope.prune(model, pixels(2)[:, :, :8], {})
    assert [m.training for m in module.modules()] == flags
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


@pytest.mark.parametrize(
    ("heads", "fill", "words"),
    [
        ({(3, 0): "head"}, "zero", "layer 3"),
        ({(0, 3): "head"}, "zero", "head 3 of layer 0"),
        ({(0, -1): "head"}, "zero", "head -1"),
        ({(0, 0): "all"}, "zero", "mode 'all'"),
        ({(0, 0): "cc+cc"}, "zero", "each once"),
        ({(0, 0): "pp"}, "mean", "whole head"),
        ({(0, 0): "head"}, "noise", "fill"),
    ],
)
def test_bad_requests_say_what_is_wrong(heads, fill, words):
    with pytest.raises(InvalidArgument, match=words):
        vitscope.prune(vitscope.wrap(make("plain")), pixels(2), heads, fill=fill)


def test_regions_with_cls_are_refused_where_there_is_no_cls():
    model = vitscope.wrap(make("SigLIP-like, no CLS, no classifier"))
    with pytest.raises(InvalidArgument, match="no CLS"):
        vitscope.prune(model, pixels(2), {(0, 0): "cp+pc"})


def test_resampling_needs_a_second_image():
    with pytest.raises(InvalidArgument, match="at least two"):
        vitscope.prune(vitscope.wrap(make("plain")), pixels(1), {(0, 0): "head"}, fill="resample")
