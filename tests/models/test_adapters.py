"""Every family: parity with the library's own forward, token layout, refusals, other input sizes, preprocessing."""

import threading

import pytest
import torch
from PIL import Image
from tests.zoo import SIZE, ZOO, make, pixels
from torch import nn

import vitscope
from vitscope.errors import InvalidArgument, ParityError, UnsupportedModel
from vitscope.models import Evaluation
from vitscope.models.adapters.adapting import REFUSED, adapt
from vitscope.models.parity import parity

import timm.models  # isort: skip - zoo makes timm importable
from timm.models.vision_transformer import VisionTransformer  # isort: skip

PREFIX = {
    "registers, LayerScale, q/k norm": ("cls", "reg1", "reg2", "reg3", "reg4"),
    "SigLIP-like, no CLS, no classifier": (),
    "distilled": ("cls", "dist"),
    "DINOv3-like": ("cls", "reg1", "reg2", "reg3", "reg4"),
}


@pytest.mark.parametrize("name", ZOO)
def test_parity_and_layout(name):
    model = vitscope.wrap(make(name))
    assert model.parity < 1e-12
    assert model.tokens.prefix == PREFIX.get(name, ("cls",))
    assert (model.tokens.rows, model.tokens.cols, model.tokens.patch) == (3, 5, (4, 6))
    assert (model.n_layers, model.n_heads, model.input_size) == (3, (3, 3, 3), (3, 12, 30))
    assert model.n_classes == (None if "no classifier" in name else 7)


@pytest.mark.parametrize("name", ZOO)
def test_another_input_size_is_the_librarys_own(name):
    model = vitscope.wrap(make(name)).at_size(16, 24)
    assert model.parity < 1e-12
    assert (model.tokens.rows, model.tokens.cols) == (4, 4)
    assert vitscope.attention(model, torch.zeros(1, 3, 16, 24)).shape == (
        1,
        3,
        3,
        model.tokens.n_tokens,
        model.tokens.n_tokens,
    )


def test_a_size_that_is_no_multiple_of_the_patch_is_refused():
    with pytest.raises(InvalidArgument, match="multiples of the patch"):
        vitscope.wrap(make("plain")).at_size(16, 25)


@pytest.mark.parametrize(
    "part", ["blocks.1.attn.proj.weight", "blocks.2.attn.qkv.bias", "blocks.0.mlp.fc2.weight", "norm.bias"]
)
def test_parity_sees_a_broken_weight(part):
    module = make("plain")
    architecture = adapt(module)
    whole = make("plain")
    architecture.reference = lambda images: whole(images)  # the library's answer with the weight still right
    assert parity(architecture) < 1e-12
    with torch.no_grad():
        module.get_parameter(part).view(-1)[3] += 0.5
    assert parity(architecture) > 1e-4


def test_a_broken_weight_changes_importance():
    module = make("plain")
    before = vitscope.head_importance(vitscope.wrap(module), pixels(2)).jsd.values
    with torch.no_grad():
        module.blocks[1].attn.proj.weight[0, 0] += 0.5
    assert abs(vitscope.head_importance(vitscope.wrap(module), pixels(2)).jsd.values - before).max() > 1e-6


def test_a_model_whose_forward_does_something_else_is_refused():
    module = make("plain")
    module.pos_drop.register_forward_hook(
        lambda _m, _i, out: out * torch.linspace(0.5, 1.5, out.shape[1], dtype=out.dtype)[:, None]
    )
    vitscope.wrap(module)  # the hook is in both paths: still the model's own output
    module.blocks[0].register_forward_hook(lambda _m, _i, out: out * 1.01)  # only in the library's path
    with pytest.raises(ParityError, match="relative difference"):
        vitscope.wrap(module)


class Mixing(nn.Module):
    """An MLP that mixes tokens."""

    def forward(self, x):
        return x - x.mean(1, keepdim=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda block: block.attn.proj.register_forward_hook(lambda _m, _i, out: 1.5 * out),
        lambda block: block.ls1.register_forward_hook(lambda _m, _i, out: out.tanh()),
        lambda block: setattr(block, "mlp", Mixing()),
    ],
    ids=["hook on the projection", "hook on LayerScale", "MLP that mixes tokens"],
)
def test_a_block_that_cannot_be_taken_apart_is_refused(change):
    """Whole, these blocks agree with the library; by heads and tokens, as the sweep takes them, they would not."""
    module = make("registers, LayerScale, q/k norm")
    change(module.blocks[1])
    assert parity(adapt(module)) < 1e-12
    with pytest.raises(ParityError, match="taken apart"):
        vitscope.wrap(module)


class LowRank(nn.Linear):
    """A projection with an added low-rank term, as LoRA puts it: `weight` is not all of it."""

    def forward(self, x):
        return super().forward(x) + 0.1 * x.sum(-1, keepdim=True)


def test_lora_on_the_projection_is_part_of_each_heads_weight():
    module, merged = make("registers, LayerScale, q/k norm"), make("registers, LayerScale, q/k norm")
    added = LowRank(24, 24, dtype=torch.float64)
    added.load_state_dict(module.blocks[1].attn.proj.state_dict())
    module.blocks[1].attn.proj = added
    with torch.no_grad():
        merged.blocks[1].attn.proj.weight += 0.1
    ours, expected = (
        vitscope.head_importance(vitscope.wrap(m), pixels(2), modes=("head", "pp")) for m in (module, merged)
    )
    for metric in ("jsd", "cls_cos"):
        assert abs(ours[metric].values - expected[metric].values).max() < 1e-12


@pytest.mark.parametrize("kind", REFUSED)
def test_every_refusal_by_name_meets_a_class_of_timm(kind):
    assert any(name.startswith(kind) for name in dir(timm.models))


def test_a_border_that_no_patch_covers_does_not_stretch_the_patches():
    model = vitscope.wrap(VisionTransformer(**SIZE | {"img_size": (15, 35)}))
    assert (model.tokens.rows, model.tokens.cols, model.tokens.patch) == (3, 5, (4, 6))


def test_training_flags_come_back_when_the_last_of_several_evaluations_ends():
    module = make("plain").train()
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()

    def first():
        with Evaluation(module):
            entered.set()
            leave.wait(10)
        left.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(10)
    with Evaluation(module):
        leave.set()
        assert left.wait(10)
        assert not any(m.training for m in module.modules())
    thread.join()
    assert all(m.training for m in module.modules())


def test_unknown_kinds_are_refused_by_name():
    class Own(nn.Module):
        pass

    with pytest.raises(UnsupportedModel, match="Own.*timm VisionTransformer"):
        vitscope.wrap(Own())
    with pytest.raises(UnsupportedModel, match="expected a torch.nn.Module"):
        vitscope.wrap("vit")
    swin = type("SwinTransformer", (nn.Module,), {})()
    with pytest.raises(UnsupportedModel, match="windowed"):
        vitscope.wrap(swin)


def test_an_unknown_block_or_attention_is_named():
    module = make("plain")
    module.blocks[1].attn = nn.MultiheadAttention(24, 3)
    with pytest.raises(UnsupportedModel, match=r"blocks\.1\.attn is a MultiheadAttention"):
        vitscope.wrap(module)
    module = VisionTransformer(**SIZE, attn_layer="diff")
    with pytest.raises(UnsupportedModel, match="DiffAttention"):
        adapt(module)


def test_no_pooling_is_refused():
    with pytest.raises(UnsupportedModel, match="global_pool"):
        vitscope.wrap(VisionTransformer(**SIZE | {"global_pool": ""}))


@pytest.mark.parametrize("architecture", ["vit_base_patch16_clip_224", "vit_pe_core_base_patch16_224"])
def test_a_projection_into_a_text_space_is_not_a_classifier(architecture):
    module = VisionTransformer(**SIZE)
    module.pretrained_cfg = {"architecture": architecture, "tag": "openai", "num_classes": 7}
    model = vitscope.wrap(module)
    assert model.n_classes is None
    named = vitscope.wrap(
        module, classes=["a", "b"], classifier=torch.randn(2, 7, generator=torch.Generator().manual_seed(0))
    )
    assert named.n_classes == 2
    assert vitscope.prune(named, pixels(2, torch.float32), {}).shape == (2, 2)


def test_a_classifier_may_be_given_and_must_fit():
    module = make("DINO-like, no classifier")
    model = vitscope.wrap(module, classifier=nn.Linear(24, 5).double())
    assert not vitscope.head_importance(model, pixels(2)).jsd.isnull().any()
    other = vitscope.wrap(module, classifier=torch.ones(5, 24))
    assert len({vitscope.wrap(module).weights_sha256, model.weights_sha256, other.weights_sha256}) == 3
    single = vitscope.wrap(module, classifier=nn.Linear(24, 5))  # float32 on a float64 model
    assert vitscope.prune(single, pixels(2), {}).shape == (2, 5)
    for wrong in (nn.Linear(23, 5), torch.zeros(5, 23), "linear"):
        with pytest.raises(InvalidArgument, match="classifier"):
            vitscope.wrap(module, classifier=wrong)


def test_class_names_must_fit():
    with pytest.raises(InvalidArgument, match="7 classes, got 2"):
        vitscope.wrap(make("plain"), classes=["cat", "dog"])


def test_pixels_must_fit():
    model = vitscope.wrap(make("plain"))
    with pytest.raises(InvalidArgument, match=r"\[image, 3, 12, 30\], got \[2, 3, 30, 12\]"):
        vitscope.prune(model, torch.zeros(2, 3, 30, 12), {})
    with pytest.raises(InvalidArgument, match=r"got \[2, 3, 12, 30\] of torch.uint8"):
        model.place(torch.zeros(2, 3, 12, 30, dtype=torch.uint8))
    with pytest.raises(InvalidArgument, match="got a ndarray"):
        model.place(pixels(2).numpy())


@pytest.mark.parametrize("channels", [2, 4, 13])
def test_other_numbers_of_channels_need_a_transform(channels):
    module = VisionTransformer(**SIZE | {"in_chans": channels})
    picture = Image.effect_mandelbrot((60, 24), (-2, -1.5, 1, 1.5), 20).convert("RGB")
    with pytest.raises(InvalidArgument, match=f"a model with {channels} input channels: its own preprocessing is for"):
        vitscope.wrap(module).preprocess(picture)
    modes = []

    def bands(image):
        modes.append(image.mode)
        return torch.rand(channels, 12, 30)

    model = vitscope.wrap(module, transform=bands)
    shown = model.to_picture(model.preprocess(picture.convert("L")))
    assert modes == ["RGB"]
    assert (shown.mode, shown.size) == ("L", (30, 12))


def test_preprocessing_is_the_modules_own_and_can_be_undone():
    model = vitscope.wrap(make("plain"))
    picture = Image.effect_mandelbrot((60, 24), (-2, -1.5, 1, 1.5), 20).convert("RGB")
    seen = model.preprocess(picture)
    assert seen.shape == (3, 12, 30)
    assert model.to_picture(seen).size == (30, 12)
    assert "Normalize" in model.transform_text
    grey = vitscope.wrap(VisionTransformer(**SIZE | {"in_chans": 1}))
    assert grey.preprocess(picture).shape == (1, 12, 30)
    own = vitscope.wrap(make("plain"), transform=lambda image: torch.zeros(3, 12, 30))
    assert own.to_picture(own.preprocess(picture)).size == (30, 12)
