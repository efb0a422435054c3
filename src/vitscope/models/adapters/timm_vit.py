"""Adapter for timm's VisionTransformer: ViT, DeiT (distilled), AugReg, MAE, DINO, DINOv2 with registers, CLIP, SigLIP.

Also the base of the other timm adapters: embedding, pooling and classifier are shared, blocks differ.
Knows nothing about: pruning, files.
"""

import copy
import warnings
from collections.abc import Sequence
from typing import Any, Final, cast

from jaxtyping import Float
from torch import Tensor, nn

from vitscope.errors import UnsupportedModel
from vitscope.models.adapters import timm_parallel
from vitscope.models.block import Block, Evaluation, Projections, join_heads, per_head_weight, split_heads
from vitscope.tokens import TokenLayout
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from timm.layers import Attention, PatchEmbed, global_pool_nlc  # noqa: E402 - timm needs the line above
from timm.models.deit import VisionTransformerDistilled  # noqa: E402
from timm.models.vision_transformer import Block as TimmBlock  # noqa: E402
from timm.models.vision_transformer import (  # noqa: E402
    ParallelScalingBlock,
    ParallelThingsBlock,
    ResPostBlock,
    VisionTransformer,
)

NAME: Final = "timm VisionTransformer"
KINDS: Final = (VisionTransformer, VisionTransformerDistilled)
"""The classes whose attribute names and order of work this adapter knows."""


def adapt(module: Any) -> "TimmArchitecture":
    """See the module as an Architecture. Raises UnsupportedModel naming the part that is not known."""
    blocks = [_block(block, f"blocks.{i}") for i, block in enumerate(module.blocks)]
    return TimmArchitecture(NAME, module, blocks)


def _block(block: Any, where: str) -> Block:
    if type(block) is ParallelThingsBlock:
        for i, part in enumerate(cast(Any, block).attns):
            require(part.attn, (Attention,), f"{where}.attns.{i}.attn")
        return timm_parallel.ParallelThingsBlock(block)
    return timm_parallel.ParallelScalingBlock(block) if type(block) is ParallelScalingBlock else ViTBlock(block, where)


def require(part: nn.Module, known: tuple[type, ...], where: str) -> None:
    """Refuse a submodule whose exact class is not known: a subclass may compute something else."""
    if type(part) not in known:
        names = " or ".join(cls.__name__ for cls in known)
        raise UnsupportedModel(
            f"cannot adapt this model: {where} is a {type(part).__name__}, expected {names}",
            "Write an adapter (see vitscope/models/adapters/timm_vit.py) or open an issue with the model's name.",
        )


class ViTBlock:
    """timm's Block (pre-norm) and ResPostBlock (norm after attention, so not linear in z)."""

    def __init__(self, block: Any, where: str) -> None:
        require(block, (TimmBlock, ResPostBlock), where)
        require(block.attn, (Attention,), f"{where}.attn")
        self.block = block
        self.attn = block.attn
        self.post_norm = type(block) is ResPostBlock
        self.n_heads: int = block.attn.num_heads
        self.linear_in_z = is_identity(self.attn.norm) and self.attn.gate is None and not self.post_norm

    def attend(self, x: Float[Tensor, "image token width"]) -> Projections:
        """q, k, v per head, q/k norm and scale included."""
        attn = self.attn
        qkv = attn.qkv(x if self.post_norm else self.block.norm1(x))
        q, k, v = (split_heads(part, attn.num_heads, attn.head_dim) for part in qkv.chunk(3, -1))
        return Projections(attn.q_norm(q) * attn.scale, attn.k_norm(k), v)

    def branch(
        self, x: Float[Tensor, "image token width"], z: Float[Tensor, "image head token channel"]
    ) -> Float[Tensor, "image token width"]:
        """Inner norm, gate, projection, then LayerScale (or the norm after attention)."""
        attn, block = self.attn, self.block
        gate = None if attn.gate is None else attn.gate(x if self.post_norm else block.norm1(x))
        out = project(attn, z, gate)
        return block.norm1(out) if self.post_norm else block.ls1(out)

    def output_weight(self) -> Float[Tensor, "head channel width"]:
        """Projection weight per head, LayerScale's gamma included."""
        return per_head_weight(self.attn.proj, self.n_heads, getattr(self.block.ls1, "gamma", None), self.attn.head_dim)

    def mlp(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The second half of the block, residual included."""
        block = self.block
        if self.post_norm:
            return x + block.norm2(block.mlp(x))
        return x + block.ls2(block.mlp(block.norm2(x)))

    def __call__(self, x: Float[Tensor, "image token width"]) -> Float[Tensor, "image token width"]:
        """The library's own block."""
        return self.block(x)


def project(
    attn: Any, z: Float[Tensor, "image head token channel"], gate: Float[Tensor, "image token head_channel"] | None
) -> Float[Tensor, "image token width"]:
    """From z to the output of timm's attention modules: inner norm, gate (before its sigmoid), projection."""
    out = attn.norm(join_heads(z))
    return attn.proj(out if gate is None else out * gate.sigmoid())


class TimmArchitecture:
    """Embedding, token layout, pooling and classifier of timm's plain Vision Transformers (ViT, Eva, Beit alike)."""

    def __init__(self, adapter: str, module: Any, blocks: Sequence[Block]) -> None:
        self.adapter = adapter
        self.module = module
        self.blocks: Sequence[Block] = blocks
        self.width: int = module.embed_dim
        self.distilled = isinstance(module, VisionTransformerDistilled)
        height, width = module.patch_embed.img_size
        rows, cols = module.patch_embed.grid_size
        self.input_size: tuple[int, int, int] = (module.in_chans, height, width)
        # A convolutional stem's own patch_size is in cells of its feature map, and a plain one may leave a border out.
        plain = type(module.patch_embed) is PatchEmbed
        patch = module.patch_embed.patch_size if plain else (height // rows, width // cols)
        self.tokens = TokenLayout(self._prefix(), rows, cols, tuple(patch))
        self.reads = self._reads()
        self.projection_head = is_projection(module)
        self.n_classes: int | None = self._n_classes()

    def _n_classes(self) -> int | None:
        """Classes of the head, a Linear or any module that makes logits of the pooled features."""
        head = self.module.head
        if isinstance(head, nn.Identity) or self.projection_head:
            return None
        if isinstance(head, nn.Linear):
            return head.out_features
        if self.distilled:
            raise UnsupportedModel(
                f"cannot adapt this model: a distilled one with a {type(head).__name__} as head, expected Linear",
                "Give timm's own two classifiers, head and head_dist.",
            )
        with Evaluation(self.module):
            parameter = next(self.module.parameters())
            n_read = len(range(*self.reads.indices(self.tokens.n_tokens)))
            logits = head(self.pool(parameter.new_zeros(1, n_read, self.width)))
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            raise UnsupportedModel(
                f"cannot adapt this model: its head, a {type(head).__name__}, makes no logits [image, class]",
                "Set module.head = torch.nn.Identity() and give yours: vitscope.wrap(module, classifier=...).",
            )
        return logits.shape[1]

    def _prefix(self) -> tuple[str, ...]:
        if self.distilled:
            return ("cls", "dist")
        cls = ("cls",) if self.module.cls_token is not None else ()
        return cls + tuple(f"reg{i + 1}" for i in range(self.module.num_prefix_tokens - len(cls)))

    def _reads(self) -> slice:
        module = self.module
        if not module.global_pool:
            raise UnsupportedModel(
                "cannot adapt this model: global_pool is '', so it has no single output to measure an effect on",
                "Create it with global_pool='token', 'avg' or 'map'.",
            )
        if self.distilled:
            return slice(0, 2)
        if module.global_pool == "token":
            return slice(0, 1)
        everything = getattr(module, "pool_include_prefix", False) or (
            # Eva's attention pooling looks at all tokens, VisionTransformer's at the patches
            module.global_pool == "map" and not isinstance(module, VisionTransformer)
        )
        return slice(0, self.tokens.n_tokens) if everything else self.tokens.patches

    def embed(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image token width"]:
        """Patch and position embedding with prefix tokens, and CLIP's norm before the blocks."""
        tokens = self.module._pos_embed(self.module.patch_embed(pixels))
        return self.module.norm_pre(tokens[0] if isinstance(tokens, tuple) else tokens)

    def pool(self, tokens: Float[Tensor, "image read width"]) -> Float[Tensor, "image feature"]:
        """Final norm, pooling and norm after pooling; for the distilled DeiT the CLS and dist features side by side."""
        module = self.module
        tokens = module.norm(tokens)
        if self.distilled:
            return tokens.flatten(1)
        if getattr(module, "attn_pool", None) is not None:
            pooled = module.attn_pool(tokens)
        else:
            pooled = global_pool_nlc(tokens, module.global_pool, num_prefix_tokens=0, reduce_include_prefix=True)
        pooled = module.fc_norm(pooled)
        return module.head(pooled) if self.projection_head else pooled

    def logits(self, features: Float[Tensor, "image feature"]) -> Float[Tensor, "image class"]:
        """The classifier; the distilled DeiT averages its two."""
        if self.distilled:
            cls, dist = features.chunk(2, -1)
            return (self.module.head(cls) + self.module.head_dist(dist)) / 2
        return self.module.head(features)

    def reference(self, pixels: Float[Tensor, "image color row col"]) -> Float[Tensor, "image output"]:
        """The library's own forward; a headless distilled DeiT averages its two features, we keep both."""
        if self.distilled and self.n_classes is None:
            return self.module.forward_features(pixels)[:, :2].flatten(1)
        return self.module(pixels)

    def resize(self, height: int, width: int) -> nn.Module:
        """A copy at another input size: timm interpolates the position embedding."""
        module = copy.deepcopy(self.module)
        with warnings.catch_warnings(action="ignore"):  # of timm's interpolation, about torch's future and speed
            module.set_input_size(img_size=(height, width))
        return module


def is_identity(part: nn.Module | None) -> bool:
    """True for a part that does nothing."""
    return part is None or isinstance(part, nn.Identity)


def is_projection(module: Any) -> bool:
    """True where timm's `head` is a projection into a text space (CLIP, Perception Encoder), not a classifier.

    timm gives such models num_classes = the width of that space (512, ...); fine-tuned ones have `_ft_` in their tag.
    """
    config = getattr(module, "pretrained_cfg", None) or {}
    return (
        any(family in config.get("architecture", "") for family in ("clip", "pe_core"))
        and "_ft_" not in config.get("tag", "")
        and isinstance(module.head, nn.Linear)
        and module.head.out_features == config.get("num_classes")
    )
