"""Adapter for timm's Eva: EVA, EVA-02 and DINOv3 (rotary position embedding, SwiGLU, inner norms, gates, registers).

Knows nothing about: pruning, files.
"""

from functools import partial
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from vitscope.models.adapters.timm_vit import TimmArchitecture, is_identity, project, require
from vitscope.models.block import Projections, per_head_weight, split_heads
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from timm.layers import AttentionRope, apply_rot_embed_cat  # noqa: E402 - timm needs the line above
from timm.models.eva import Eva, EvaAttention, EvaBlock, EvaBlockPostNorm  # noqa: E402

NAME: Final = "timm Eva"
KINDS: Final = (Eva,)
"""The classes whose attribute names and order of work this adapter knows."""


def adapt(module: Any) -> TimmArchitecture:
    """See the module as an Architecture. Raises UnsupportedModel naming the part that is not known."""
    blocks = [
        EvaBlockAdapter(block, partial(rotary, module, i), f"blocks.{i}") for i, block in enumerate(module.blocks)
    ]
    return TimmArchitecture(NAME, module, blocks)


def rotary(module: Any, layer: int) -> Float[Tensor, "... patch channel"] | None:
    """The rotary embedding of a layer's patches, as Eva computes it for its grid; None where there is none."""
    if module.rope is None:
        return None
    if module.dynamic_img_size or not hasattr(module.rope, "feat_shape"):
        embedding = module.rope.get_embed(shape=module.patch_embed.grid_size)
    else:
        embedding = module.rope.get_embed()
    return embedding[layer] if module.rope_mixed else embedding


class EvaBlockAdapter:
    """timm's EvaBlock and EvaBlockPostNorm, with EvaAttention or AttentionRope."""

    def __init__(self, block: Any, rope: Any, where: str) -> None:
        require(block, (EvaBlock, EvaBlockPostNorm), where)
        require(block.attn, (EvaAttention, AttentionRope), f"{where}.attn")
        self.block = block
        self.attn = block.attn
        self.rope = rope
        self.post_norm = type(block) is EvaBlockPostNorm
        self.n_heads: int = block.attn.num_heads
        self.linear_in_z = is_identity(self.attn.norm) and self.attn.gate is None and not self.post_norm

    def attend(self, x: Float[Tensor, "image token width"]) -> Projections:
        """q, k, v per head: biases, q/k norm, rotary embedding on the patches, grouped keys repeated, scale."""
        attn = self.attn
        q, k, v = self._project(x if self.post_norm else self.block.norm1(x))
        q, k = attn.q_norm(q), attn.k_norm(k)
        rope = self.rope()
        if rope is not None:
            q, k = self._rotate(q, rope).type_as(v), self._rotate(k, rope).type_as(v)
        groups = getattr(attn, "num_kv_groups", 1)
        if groups > 1:
            k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        return Projections(q * attn.scale, k, v)

    def _project(self, x: Float[Tensor, "image token width"]) -> tuple[Tensor, Tensor, Tensor]:
        attn = self.attn
        if attn.qkv is None:
            n_keys = getattr(attn, "num_kv_heads", attn.num_heads)
            return (
                split_heads(attn.q_proj(x), attn.num_heads),
                split_heads(attn.k_proj(x), n_keys),
                split_heads(attn.v_proj(x), n_keys),
            )
        q_bias = getattr(attn, "q_bias", None)  # AttentionRope keeps the bias inside qkv
        bias = attn.qkv.bias if q_bias is None else torch.cat((q_bias, attn.k_bias, attn.v_bias))
        q, k, v = F.linear(x, attn.qkv.weight, bias).chunk(3, -1)
        return split_heads(q, attn.num_heads), split_heads(k, attn.num_heads), split_heads(v, attn.num_heads)

    def _rotate(self, x: Float[Tensor, "image head token channel"], rope: Tensor) -> Tensor:
        n = self.attn.num_prefix_tokens
        half = getattr(self.attn, "rotate_half", False)
        return torch.cat([x[:, :, :n], apply_rot_embed_cat(x[:, :, n:], rope, half=half)], dim=2)

    def branch(
        self, x: Float[Tensor, "image token width"], z: Float[Tensor, "image head token channel"]
    ) -> Float[Tensor, "image token width"]:
        """Inner norm, gate, projection, then LayerScale (or the norm after attention)."""
        attn, block = self.attn, self.block
        gate = None if attn.gate is None else attn.gate(x if self.post_norm else block.norm1(x))
        out = project(attn, z, gate)
        if self.post_norm:
            return block.norm1(out)
        return out if block.gamma_1 is None else block.gamma_1 * out

    def output_weight(self) -> Float[Tensor, "head channel width"]:
        """Projection weight per head, LayerScale's gamma included."""
        return per_head_weight(self.attn.proj, self.n_heads, self.block.gamma_1)

    def mlp(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The second half of the block, residual included."""
        block = self.block
        if self.post_norm:
            return x + block.norm2(block.mlp(x))
        out = block.mlp(block.norm2(x))
        return x + (out if block.gamma_2 is None else block.gamma_2 * out)

    def __call__(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The library's own block."""
        return self.block(x, rope=self.rope())
