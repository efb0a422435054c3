"""A timm ViT with its weights in transformers' ViTForImageClassification, as its own conversion script does."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def as_transformers(module: Any, id2label: dict[int, str] | None = None) -> Any:
    """The same function as a timm VisionTransformer (CLS token, plain blocks), of another library."""
    import transformers

    n_classes, width = module.head.weight.shape
    config = transformers.ViTConfig(
        hidden_size=width,
        num_hidden_layers=len(module.blocks),
        num_attention_heads=module.blocks[0].attn.num_heads,
        intermediate_size=module.blocks[0].mlp.fc1.out_features,
        image_size=module.patch_embed.img_size[0],
        patch_size=module.patch_embed.patch_size[0],
        layer_norm_eps=module.norm.eps,
        num_labels=n_classes,
    )
    if id2label is not None:
        config.id2label = id2label
    other = transformers.ViTForImageClassification(config)
    for name, value in _by_parts(module.state_dict(), width).items():
        target = _target(other, name)
        assert target.shape == value.shape, (name, target.shape, value.shape)
        target.data = value.clone()
    return other.eval()


def _by_parts(state: dict[str, Tensor], width: int) -> dict[str, Tensor]:
    """timm's weights with q, k and v apart."""
    parts: dict[str, Tensor] = {}
    for name, value in state.items():
        if ".qkv." in name:
            parts |= {name.replace("qkv", one): value[i * width : (i + 1) * width] for i, one in enumerate("qkv")}
        else:
            parts[name] = value
    return parts


def _target(other: Any, name: str) -> torch.nn.Parameter:
    """Where a weight of timm's goes; transformers 5 names layers otherwise than 4.57."""
    embeddings = other.vit.embeddings
    whole = {
        "cls_token": embeddings.cls_token,
        "pos_embed": embeddings.position_embeddings,
        "patch_embed.proj.weight": embeddings.patch_embeddings.projection.weight,
        "patch_embed.proj.bias": embeddings.patch_embeddings.projection.bias,
        "norm.weight": other.vit.layernorm.weight,
        "norm.bias": other.vit.layernorm.bias,
        "head.weight": other.classifier.weight,
        "head.bias": other.classifier.bias,
    }
    if name in whole:
        return whole[name]
    _, index, part, kind = *name.split(".")[:2], ".".join(name.split(".")[2:-1]), name.split(".")[-1]
    layers = other.vit.layers if hasattr(other.vit, "layers") else other.vit.encoder.layer
    layer = layers[int(index)]
    named = dict(layer.named_modules())
    candidates = {
        "norm1": ["layernorm_before"],
        "norm2": ["layernorm_after"],
        "attn.q": ["attention.q_proj", "attention.attention.query"],
        "attn.k": ["attention.k_proj", "attention.attention.key"],
        "attn.v": ["attention.v_proj", "attention.attention.value"],
        "attn.proj": ["attention.o_proj", "attention.output.dense"],
        "mlp.fc1": ["mlp.fc1", "mlp.up_proj", "intermediate.dense"],
        "mlp.fc2": ["mlp.fc2", "mlp.down_proj", "output.dense"],
    }
    return getattr(next(named[path] for path in candidates[part] if path in named), kind)


def save(module: Any, folder: Path, size: int, mean: tuple[float, ...], std: tuple[float, ...], bicubic: bool) -> None:
    """save_pretrained with a processor that resizes to a square and normalises."""
    import transformers

    module.save_pretrained(folder)
    transformers.ViTImageProcessor(
        size={"height": size, "width": size}, image_mean=list(mean), image_std=list(std), resample=3 if bicubic else 2
    ).save_pretrained(folder)
