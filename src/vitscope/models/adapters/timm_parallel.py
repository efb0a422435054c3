"""timm's blocks with parallel parts: attention beside the MLP (ViT-22B), and several attentions side by side.

Knows nothing about: whole models.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.models.block import Projections, join_heads, per_head_weight, split_heads


class ParallelScalingBlock:
    """Attention and MLP read the same norm, and their sum is added at once.

    So the MLP belongs to what attention adds (`branch`), and no second half is left.
    """

    linear_in_z = True

    def __init__(self, block: Any) -> None:
        self.block = block
        self.n_heads: int = block.num_heads

    def attend(self, x: Float[Tensor, "image token width"]) -> Projections:
        """q, k, v per head, q/k norm and scale included."""
        block = self.block
        _, *qkv = self._projected(x)
        q, k, v = (split_heads(part, block.num_heads) for part in qkv)
        return Projections(block.q_norm(q) * block.scale, block.k_norm(k), v)

    def branch(
        self, x: Float[Tensor, "image token width"], z: Float[Tensor, "image head token channel"]
    ) -> Float[Tensor, "image token width"]:
        """Both projections, then LayerScale."""
        block = self.block
        hidden = self._projected(x)[0]
        hidden = block.mlp_act(hidden if block.mlp_bias is None else hidden + block.mlp_bias)
        if block.out_proj is not None:
            return block.ls(block.out_proj(torch.cat((join_heads(z), hidden), -1)))
        return block.ls(block.attn_out_proj(join_heads(z)) + block.mlp_out_proj(hidden))

    def output_weight(self) -> Float[Tensor, "head channel width"]:
        """Projection weight per head, LayerScale's gamma included."""
        block = self.block
        gamma = getattr(block.ls, "gamma", None)
        if block.out_proj is None:
            return per_head_weight(block.attn_out_proj, self.n_heads, gamma)
        weight = block.out_proj.weight[:, : self.n_heads * block.head_dim]
        return (weight if gamma is None else weight * gamma[:, None]).T.unflatten(0, (self.n_heads, -1))

    def mlp(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """Nothing is left to do."""
        return x

    def __call__(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The library's own block."""
        return self.block(x)

    def _projected(self, x: Float[Tensor, "image token width"]) -> tuple[Tensor, ...]:
        return self.block.in_proj(self.block.in_norm(x)).split(self.block.in_split, -1)


class ParallelThingsBlock:
    """Several attentions, each with its own norm and projection, then several MLPs; their heads lie side by side."""

    def __init__(self, block: Any) -> None:
        self.block = block
        self.attns = [part.attn for part in block.attns]
        self.n_heads: int = sum(attn.num_heads for attn in self.attns)
        self.linear_in_z = all(isinstance(attn.norm, torch.nn.Identity) and attn.gate is None for attn in self.attns)

    def attend(self, x: Float[Tensor, "image token width"]) -> Projections:
        """q, k, v per head, those of the first attention first."""
        parts = [self._attend(part, x) for part in self.block.attns]
        q, k, v = (torch.cat(tensors, 1) for tensors in zip(*parts, strict=True))
        return Projections(q, k, v)

    def branch(
        self, x: Float[Tensor, "image token width"], z: Float[Tensor, "image head token channel"]
    ) -> Float[Tensor, "image token width"]:
        """The sum of what each attention adds."""
        zs = z.split([attn.num_heads for attn in self.attns], 1)
        outs = (
            part.ls(part.attn.proj(part.attn.norm(join_heads(z)))) for part, z in zip(self.block.attns, zs, strict=True)
        )
        return torch.stack(list(outs)).sum(0)

    def output_weight(self) -> Float[Tensor, "head channel width"]:
        """Projection weights per head, LayerScale's gamma included."""
        return torch.cat(
            [
                per_head_weight(part.attn.proj, part.attn.num_heads, getattr(part.ls, "gamma", None))
                for part in self.block.attns
            ]
        )

    def mlp(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The sum of the MLPs, residual included."""
        return x + torch.stack([ffn(x) for ffn in self.block.ffns]).sum(0)

    def __call__(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The library's own block."""
        return self.block(x)

    def _attend(self, part: Any, x: Float[Tensor, "image token width"]) -> tuple[Tensor, Tensor, Tensor]:
        attn = part.attn
        q, k, v = (split_heads(t, attn.num_heads, attn.head_dim) for t in attn.qkv(part.norm(x)).chunk(3, -1))
        return attn.q_norm(q) * attn.scale, attn.k_norm(k), v
