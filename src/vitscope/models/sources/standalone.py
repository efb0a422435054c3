"""Load a Vision Transformer from which vitscope took attention heads out.

vitscope copies this file as `load.py` beside `model.safetensors` and `pruned.json`. It needs torch and timm, nothing of
vitscope:

    from load import load
    model = load()  # timm's VisionTransformer, in evaluation mode
"""

import json
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from timm.layers import Attention
from timm.models.vision_transformer import VisionTransformer
from torch import nn

CONFIG = "pruned.json"
WEIGHTS = "model.safetensors"


def load(folder: str | Path = Path(__file__).parent) -> nn.Module:
    """The model in a folder: built whole, the heads taken out, the weights read."""
    config = json.loads((Path(folder) / CONFIG).read_text(encoding="utf-8"))
    module = build(config)
    for block, heads in zip(module.blocks, config["kept_heads"], strict=True):
        keep_heads(block.attn, heads)
    state = load_file(Path(folder) / WEIGHTS)
    dtype = next(iter(state.values())).dtype
    module.to(dtype).load_state_dict(state)
    return module.eval()


def build(config: dict) -> Any:
    """The whole VisionTransformer, its parameters random."""
    if config["timm"] is not None:
        said = config.get("options", {})
        built = {name: said[name] for name in ("in_chans", "img_size") if name in said}
        return timm.create_model(config["timm"], pretrained=False, num_classes=config["num_classes"], **built)
    module = VisionTransformer(**config["architecture"])
    module.pretrained_cfg = config["preprocessing"]
    return module


def keep_heads(attention: Attention, heads: list[int]) -> None:
    """Take the parameters of all other heads out of timm's attention; with no head left its output is its bias."""
    if not hasattr(attention, "attn_dim"):
        raise RuntimeError(f"timm {timm.__version__} cannot run layers with fewer heads: install timm 1.0.31 or newer")
    size, whole = attention.head_dim, attention.attn_dim
    channels = [head * size + channel for head in heads for channel in range(size)]
    _keep(attention.qkv, rows=[part * whole + channel for part in range(3) for channel in channels])
    _keep(attention.proj, columns=channels)
    if attention.gate is not None:
        _keep(attention.gate, rows=channels)
    attention.num_heads, attention.attn_dim = len(heads), len(channels)


def _keep(linear: nn.Linear, rows: list[int] | None = None, columns: list[int] | None = None) -> None:
    """Cut a Linear down to some of its outputs (rows of its weight) or inputs (columns)."""
    with torch.no_grad():
        if rows is not None:
            linear.weight = nn.Parameter(linear.weight[rows], linear.weight.requires_grad)
            linear.out_features = len(rows)
            if linear.bias is not None:
                linear.bias = nn.Parameter(linear.bias[rows], linear.bias.requires_grad)
        if columns is not None:
            linear.weight = nn.Parameter(linear.weight[:, columns], linear.weight.requires_grad)
            linear.in_features = len(columns)
