"""Small random models of each library's plain encoders: what vitscope claims to load, one line each.

Read by the tests of adapters and by `make models`, which writes docs/models.md.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()

WIDTH = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
PLAIN: dict[str, Any] = WIDTH | {"image_size": 32, "patch_size": 8}
CLASSES: dict[str, Any] = PLAIN | {"num_labels": 5}
N_HEADS = 4


@dataclass(frozen=True)
class Family:
    """A model class, its config class where it has one, and the arguments that make it small."""

    model: str
    config: str
    arguments: dict[str, Any]

    @property
    def label(self) -> str:
        """A name for tables and test ids; what differs from the plain one in brackets."""
        plain = {**CLASSES, "vision_config": PLAIN}
        own = {key: value for key, value in self.arguments.items() if plain.get(key) != value}
        return self.model + (f" ({', '.join(own)})" if own else "")

    def make(self, attention: str | None = None, seed: int = 0) -> nn.Module:
        """The model with every parameter scrambled, so that right and wrong never agree by symmetry.

        `attention` is transformers' implementation (sdpa, eager); None takes its default.
        """
        torch.manual_seed(seed)
        config = found(self.config)(**self.arguments)
        kind = found(self.model)
        module = kind(config) if attention is None else kind._from_config(config, attn_implementation=attention)
        return scrambled(module.eval())


TRANSFORMERS = [
    Family("ViTForImageClassification", "ViTConfig", CLASSES),
    Family("ViTModel", "ViTConfig", PLAIN),
    Family("DeiTForImageClassification", "DeiTConfig", CLASSES),
    Family("DeiTForImageClassificationWithTeacher", "DeiTConfig", CLASSES),
    Family("DeiTModel", "DeiTConfig", PLAIN),
    Family("BeitForImageClassification", "BeitConfig", CLASSES | {"use_relative_position_bias": True}),
    Family(
        "BeitForImageClassification",
        "BeitConfig",
        CLASSES | {"use_shared_relative_position_bias": True, "use_mean_pooling": False},
    ),
    Family("BeitModel", "BeitConfig", PLAIN | {"use_absolute_position_embeddings": True}),
    Family("Data2VecVisionForImageClassification", "Data2VecVisionConfig", CLASSES),
    Family("Data2VecVisionModel", "Data2VecVisionConfig", PLAIN | {"use_relative_position_bias": True}),
    Family("Dinov2ForImageClassification", "Dinov2Config", CLASSES),
    Family("Dinov2Model", "Dinov2Config", PLAIN | {"use_swiglu_ffn": True}),
    Family("Dinov2WithRegistersForImageClassification", "Dinov2WithRegistersConfig", CLASSES),
    Family("Dinov2WithRegistersModel", "Dinov2WithRegistersConfig", PLAIN | {"num_register_tokens": 2}),
    Family("DINOv3ViTModel", "DINOv3ViTConfig", PLAIN | {"num_register_tokens": 4}),
    Family("DINOv3ViTModel", "DINOv3ViTConfig", PLAIN | {"num_register_tokens": 0, "use_gated_mlp": True}),
    Family("CLIPForImageClassification", "CLIPConfig", {"vision_config": PLAIN, "num_labels": 5}),
    Family("CLIPVisionModel", "CLIPVisionConfig", PLAIN),
    Family("CLIPVisionModelWithProjection", "CLIPVisionConfig", PLAIN | {"projection_dim": 24}),
    Family("MetaClip2ForImageClassification", "MetaClip2Config", {"vision_config": PLAIN, "num_labels": 5}),
    Family("MetaClip2VisionModel", "MetaClip2VisionConfig", PLAIN),
    Family("SiglipForImageClassification", "SiglipConfig", {"vision_config": PLAIN, "num_labels": 5}),
    Family("SiglipVisionModel", "SiglipVisionConfig", PLAIN),
    Family("Siglip2VisionModel", "Siglip2VisionConfig", WIDTH | {"num_patches": 16, "patch_size": 8}),
    Family("Aimv2VisionModel", "Aimv2VisionConfig", PLAIN),
    Family("ViTMSNForImageClassification", "ViTMSNConfig", CLASSES),
    Family("ViTMSNModel", "ViTMSNConfig", PLAIN),
    Family("ViTMAEModel", "ViTMAEConfig", PLAIN | {"mask_ratio": 0.0}),
    Family("IJepaForImageClassification", "IJepaConfig", CLASSES),
    Family("IJepaModel", "IJepaConfig", PLAIN),
    Family("BlipVisionModel", "BlipVisionConfig", PLAIN),
    Family("Blip2VisionModel", "Blip2VisionConfig", PLAIN),
    Family("FlavaImageModel", "FlavaImageConfig", PLAIN),
    Family("AltCLIPVisionModel", "AltCLIPVisionConfig", PLAIN),
    Family("ChineseCLIPVisionModel", "ChineseCLIPVisionConfig", PLAIN),
    Family("OwlViTVisionModel", "OwlViTVisionConfig", PLAIN),
    Family("Owlv2VisionModel", "Owlv2VisionConfig", PLAIN),
    Family("Kosmos2VisionModel", "Kosmos2VisionConfig", PLAIN),
    Family("GitVisionModel", "GitVisionConfig", PLAIN),
    Family("CLIPSegVisionModel", "CLIPSegVisionConfig", PLAIN),
    Family("InstructBlipVisionModel", "InstructBlipVisionConfig", PLAIN),
    Family("JanusVisionModel", "JanusVisionConfig", PLAIN | {"projection_dim": 32}),
    Family("MLCDVisionModel", "MLCDVisionConfig", PLAIN | {"num_key_value_groups": 1}),
    Family(
        "InternVLVisionModel",
        "InternVLVisionConfig",
        WIDTH | {"image_size": [32, 32], "patch_size": [8, 8], "use_qk_norm": True},
    ),
    Family("PixioModel", "PixioConfig", PLAIN),
    Family("RadioModel", "RadioConfig", PLAIN),
    Family("Tipsv2VisionModel", "Tipsv2VisionConfig", PLAIN),
    Family("Sapiens2Model", "Sapiens2Config", PLAIN),
]
"""Of transformers 4.57 to 5; a version has those whose classes it has."""

REFUSED = [
    Family(
        "YolosForObjectDetection",
        "YolosConfig",
        WIDTH | {"image_size": [32, 32], "patch_size": 8, "num_detection_tokens": 5},
    ),
    Family("ViTMAEModel", "ViTMAEConfig", PLAIN),
    Family(
        "SwinForImageClassification",
        "SwinConfig",
        {"image_size": 32, "patch_size": 2, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4},
    ),
]
"""Not plain: tokens behind the patches, random masking, windows."""


def has(family: Family) -> bool:
    """Whether the installed version of transformers has this family."""
    try:
        found(family.model), found(family.config)
    except LookupError:
        return False
    return True


def found(name: str) -> Any:
    """A class of transformers by its name, also one that it does not export at the top."""
    import transformers

    if hasattr(transformers, name):
        return getattr(transformers, name)
    for module in _modeling_files(name):
        if hasattr(module, name):
            return getattr(module, name)
    raise LookupError(f"transformers {transformers.__version__} has no {name}")


def _modeling_files(name: str) -> Iterator[Any]:
    """Modules of the family whose folder's name begins the name of a class."""
    import transformers.models

    wanted = name.lower()
    for path in transformers.models.__path__:
        from pathlib import Path

        for folder in Path(path).iterdir():
            if folder.is_dir() and wanted.startswith(folder.name.replace("_", "")[:4]):
                for kind in ("modeling", "configuration"):
                    full = f"transformers.models.{folder.name}.{kind}_{folder.name}"
                    if importlib.util.find_spec(full) is not None:
                        yield importlib.import_module(full)


def scrambled(module: nn.Module, by: float = 0.1) -> nn.Module:
    """The module with noise on every parameter."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += by * torch.randn_like(parameter)
    return module


def torchvision_vit(**more: Any) -> nn.Module:
    """A small VisionTransformer of torchvision."""
    from torchvision.models import VisionTransformer

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"num_layers": 2, "num_heads": 3, "hidden_dim": 24, "mlp_dim": 48, "num_classes": 7}
    return scrambled(VisionTransformer(image_size=32, patch_size=8, **sizes, **more)).eval()


OPEN_CLIP: dict[str, dict[str, Any]] = {
    "plain": {},
    "LayerScale": {"ls_init_value": 0.1},
    "mean of patches": {"pool_type": "avg"},
    "patch dropout": {"patch_dropout": 0.3},
    "attention pooling": {"attentional_pool": True, "attn_pooler_heads": 3},
}


def open_clip_tower(**more: Any) -> nn.Module:
    """A small visual tower of open_clip."""
    from open_clip.transformer import VisionTransformer

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"width": 24, "layers": 2, "heads": 3, "mlp_ratio": 2.0, "output_dim": 12}
    return scrambled(VisionTransformer(image_size=32, patch_size=8, **sizes, **more)).eval()


def _timm(name: str, **more: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import timm

        torch.manual_seed(0)
        return scrambled(timm.create_model(name, depth=2, **more)).eval()

    return make


_SMALL = {"embed_dim": 48, "num_heads": 3, "num_classes": 7}
_ENCODER = {"embed_dim": 48, "num_heads": 3, "img_size": 96}
_SIZE = {"input_size": (3, 96, 96)}  # of models that take any: what their configuration says
TIMM_BY_EXPERIMENT: dict[str, Callable[[], nn.Module]] = {
    "NaFlexVit, average": _timm("naflexvit_base_patch16_gap", **_SMALL),
    "NaFlexVit, attention pooling": _timm("naflexvit_base_patch16_map", **_SMALL),
    "ViT as NaFlexVit": _timm("vit_tiny_patch16_224", use_naflex=True),
    "relative positions": _timm("vit_relpos_small_patch16_224", **_SMALL | {"img_size": 96}),
    "relative positions, shared": _timm("vit_srelpos_small_patch16_224", **_SMALL | {"img_size": 96}),
    "relative positions, norm after": _timm("vit_relpos_base_patch32_plus_rpn_256", **_SMALL | {"img_size": 96}),
    "Qwen3 classifier": _timm("qwen3_vit_88m", **_SMALL | {"img_size": 96}),
    "Qwen3 encoder": _timm("qwen3_vit_88m_enc", **_ENCODER),
    "Deepseek classifier": _timm("deepseek_vit_412m", **_SMALL | {"img_size": 84}),
    "Deepseek encoder": _timm("deepseek_vit_412m_enc", **_ENCODER | {"img_size": 84}),
    "Gemma 4 classifier": _timm("gemma4_vit_167m", **_SMALL, head_dim=16, pretrained_cfg_overlay=_SIZE),
    "Gemma 4 encoder": _timm(
        "gemma4_vit_167m_enc", embed_dim=48, num_heads=3, head_dim=16, pretrained_cfg_overlay=_SIZE
    ),
}
