"""Small odd models, randomly initialised in float64: every kind of thing that we claim to handle."""

from collections.abc import Callable

import torch
from torch import nn

from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from timm.models.beit import Beit  # noqa: E402
from timm.models.deit import VisionTransformerDistilled  # noqa: E402
from timm.models.eva import Eva  # noqa: E402
from timm.models.vision_transformer import ResPostBlock, VisionTransformer  # noqa: E402

# 3 x 5 patches of 4 x 6 pixels, 3 heads of 8 channels, 3 layers, 7 classes: no two axes alike.
SIZE = {"img_size": (12, 30), "patch_size": (4, 6), "embed_dim": 24, "depth": 3, "num_heads": 3, "num_classes": 7}
HEADLESS = SIZE | {"num_classes": 0}
ROTARY = SIZE | {"use_rot_pos_emb": True}


def with_gates(module: nn.Module) -> nn.Module:
    """A sigmoid gate on z in every block (timm offers it for attention, its VisionTransformer does not pass it on)."""
    for block in module.blocks:
        block.attn.gate = nn.Linear(24, 24)
    return module


ZOO: dict[str, Callable[[], nn.Module]] = {
    "plain": lambda: VisionTransformer(**SIZE),
    "registers, LayerScale, q/k norm": lambda: VisionTransformer(**SIZE, reg_tokens=4, init_values=0.3, qk_norm=True),
    "CLIP-like pre-norm, average pooling": lambda: VisionTransformer(**SIZE, pre_norm=True, global_pool="avg"),
    "SigLIP-like, no CLS, no classifier": lambda: VisionTransformer(**HEADLESS, class_token=False, global_pool="map"),
    "DINO-like, no classifier": lambda: VisionTransformer(**HEADLESS),
    "inner norm": lambda: VisionTransformer(**SIZE, scale_attn_norm=True),
    "post-norm": lambda: VisionTransformer(**SIZE, block_fn=ResPostBlock),
    "distilled": lambda: VisionTransformerDistilled(**SIZE),
    "EVA-02": lambda: Eva(**ROTARY, swiglu_mlp=True, scale_mlp=True, qkv_fused=False),
    "EVA inner norm": lambda: Eva(**ROTARY, scale_attn_inner=True, init_values=0.4),
    "EVA post-norm": lambda: Eva(**SIZE, use_post_norm=True),
    "gated": lambda: with_gates(VisionTransformer(**SIZE)),
    "DINOv3-like": lambda: Eva(
        **ROTARY,
        rope_type="dinov3",
        rope_rotate_half=True,
        num_reg_tokens=4,
        use_abs_pos_emb=False,
        no_embed_class=True,
        init_values=0.5,
        global_pool="token",
        use_fc_norm=False,
        dynamic_img_size=True,
    ),
    "mixed rotary": lambda: Eva(**ROTARY, rope_type="mixed"),
    "grouped keys": lambda: Eva(**ROTARY, attn_type="rope", qkv_fused=False, num_kv_heads=1, qk_norm=True),
    "BEiT": lambda: Beit(**SIZE, use_rel_pos_bias=True, use_abs_pos_emb=False, init_values=0.1),
    "BEiT, shared bias": lambda: Beit(**SIZE, use_shared_rel_pos_bias=True, global_pool="token"),
}


def make(name: str, dtype: torch.dtype = torch.float64) -> nn.Module:
    """A model of the zoo with every parameter random, norms and biases too: right and wrong never agree by symmetry."""
    return randomised(ZOO[name](), len(name)).to(dtype).eval()


def randomised(module: nn.Module, seed: int) -> nn.Module:
    """The module with other parameters."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data = 1 + 0.3 * noise if parameter.ndim == 1 and bool((parameter == 1).all()) else 0.25 * noise
    return module


def pixels(n: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Random images for the zoo."""
    return torch.randn(n, 3, 12, 30, generator=torch.Generator().manual_seed(7), dtype=torch.float64).to(dtype)
