"""The families that the README promises, as timm builds them by name, random weights: layout, classifier, parity."""

import pytest
import torch
from tests.zoo import randomised

import vitscope
from vitscope.errors import UnsupportedModel
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
import timm  # noqa: E402

REGISTERS = ("cls", "reg1", "reg2", "reg3", "reg4")
NAMED = {  # name: (prefix tokens, grid, classes)
    "deit_tiny_patch16_224": (("cls",), (14, 14), 1000),
    "deit_tiny_distilled_patch16_224": (("cls", "dist"), (14, 14), 1000),
    "deit3_small_patch16_224": (("cls",), (14, 14), 1000),
    "vit_small_patch16_224.dino": (("cls",), (14, 14), None),
    "vit_base_patch16_224.mae": (("cls",), (14, 14), None),
    "vit_small_patch14_reg4_dinov2": (REGISTERS, (37, 37), None),
    "vit_base_patch16_clip_224.openai": (("cls",), (14, 14), None),
    "vit_base_patch16_siglip_224": ((), (14, 14), None),
    "eva02_tiny_patch14_224": (("cls",), (16, 16), None),
    "vit_small_patch16_dinov3": (REGISTERS, (16, 16), None),
    "beit_base_patch16_224": (("cls",), (14, 14), 1000),
    "beitv2_base_patch16_224": (("cls",), (14, 14), 1000),
}


@pytest.mark.parametrize(("name", "n_heads"), [("vit_base_patch16_xp_224", 12), ("vit_small_patch16_18x2_224", 12)])
def test_parallel_blocks(name, n_heads):
    module = randomised(timm.create_model(name, depth=2, img_size=32, init_values=0.3), 1).double().eval()
    model = vitscope.wrap(module)
    assert model.n_heads == (n_heads, n_heads)
    assert model.parity < 1e-12
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    heads = {(1, 2): "head", (0, n_heads - 1): "head"}
    ours = vitscope.prune(model, x, heads)
    for layer, head in heads:
        block = module.blocks[layer]
        parts = [part.attn.proj for part in block.attns] if hasattr(block, "attns") else [block.attn_out_proj]
        size = 64
        part, head = parts[head * size // parts[0].in_features], head % (parts[0].in_features // size)
        with torch.no_grad():  # a head that the projection does not read
            part.weight[:, head * size : (head + 1) * size] = 0
    with torch.inference_mode():
        assert (ours - module(x)).abs().max() < 1e-12


@pytest.mark.parametrize("name", NAMED)
def test_promised_families(name):
    model = vitscope.wrap(timm.create_model(name, depth=2))  # prefix, grid, head and parity do not ask for more
    tokens = model.tokens
    assert (tokens.prefix, (tokens.rows, tokens.cols), model.n_classes) == NAMED[name]
    assert model.parity < 1e-5


ONE = {"depth": 1}


@pytest.mark.parametrize(
    ("name", "why", "options"),
    [
        ("vit_dwee_patch16_reg1_gap_256", "DiffAttention", ONE),
        ("swin_tiny_patch4_window7_224", "windowed", {"depths": (1, 1, 1, 1), "embed_dim": 24}),
        ("cait_xxs24_224", "talking heads", ONE),
        ("xcit_nano_12_p8_224", "between channels", ONE),
    ],
)
def test_other_kinds_are_refused_by_name(name, why, options):
    with pytest.raises(UnsupportedModel, match=why):
        vitscope.wrap(timm.create_model(name, **options))
