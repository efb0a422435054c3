"""Adapter for timm's Beit: BEiT and BEiT v2 (relative position bias on the attention logits).

Knows nothing about: pruning, files.
"""

from collections.abc import Callable
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from vitscope.models.adapters.timm_vit import TimmArchitecture, require
from vitscope.models.block import Projections, join_heads, per_head_weight, split_heads
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from timm.models.beit import Attention, Beit, Block  # noqa: E402 - timm needs the line above

NAME: Final = "timm Beit"
KINDS: Final = (Beit,)
"""The classes whose attribute names and order of work this adapter knows."""


def adapt(module: Any) -> "BeitArchitecture":
    """See the module as an Architecture. Raises UnsupportedModel naming the part that is not known."""
    shared = module.rel_pos_bias if module.rel_pos_bias is not None else lambda: None
    blocks = [BeitBlock(block, shared, f"blocks.{i}") for i, block in enumerate(module.blocks)]
    return BeitArchitecture(NAME, module, blocks)


class BeitArchitecture(TimmArchitecture):
    """Beit has one CLS token and writes its embedding out in its forward."""

    def embed(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image token width"]:
        """Patch embedding, CLS token, position embedding where there is one."""
        module = self.module
        patches = module.patch_embed(pixels)
        tokens = torch.cat((module.cls_token.expand(len(patches), -1, -1), patches), dim=1)
        return tokens if module.pos_embed is None else tokens + module.pos_embed


class BeitBlock:
    """timm's Beit block: bias per layer, shared by all layers, both, or none."""

    linear_in_z = True

    def __init__(self, block: Any, shared_bias: Callable[[], Tensor | None], where: str) -> None:
        require(block, (Block,), where)
        require(block.attn, (Attention,), f"{where}.attn")
        self.block = block
        self.attn = block.attn
        self.shared_bias = shared_bias
        self.n_heads: int = block.attn.num_heads

    def attend(self, x: Float[Tensor, "image token width"]) -> Projections:
        """q, k, v per head and the relative position bias."""
        attn = self.attn
        bias = None if attn.q_bias is None else torch.cat((attn.q_bias, attn.k_bias, attn.v_bias))
        qkv = F.linear(self.block.norm1(x), attn.qkv.weight, bias)
        q, k, v = (split_heads(part, attn.num_heads) for part in qkv.chunk(3, -1))
        return Projections(q * attn.scale, k, v, self._position_bias())

    def _position_bias(self) -> Float[Tensor, "1 head query key"] | None:
        shared = self.shared_bias()
        if self.attn.relative_position_bias_table is None:
            return None if shared is None else shared[None]
        own = self.attn._get_rel_pos_bias()
        return own if shared is None else own + shared

    def branch(
        self, x: Float[Tensor, "image token width"], z: Float[Tensor, "image head token channel"]
    ) -> Float[Tensor, "image token width"]:
        """Projection, then LayerScale."""
        out = self.attn.proj(join_heads(z))
        return out if self.block.gamma_1 is None else self.block.gamma_1 * out

    def output_weight(self) -> Float[Tensor, "head channel width"]:
        """Projection weight per head, LayerScale's gamma included."""
        return per_head_weight(self.attn.proj, self.n_heads, self.block.gamma_1)

    def mlp(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The second half of the block, residual included."""
        block = self.block
        out = block.mlp(block.norm2(x))
        return x + (out if block.gamma_2 is None else block.gamma_2 * out)

    def __call__(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The library's own block."""
        return self.block(x, shared_rel_pos_bias=self.shared_bias())
