"""Modules as users write them that no adapter takes apart: the second engine's. Tests edit their attention."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE = (12, 30)


class HandAttention(nn.Module):
    """Softmax and product by hand; `edit(weights)` changes the matrix, which is how a test prunes without vitscope."""

    def __init__(self, width: int, heads: int, inner_norm: bool) -> None:
        super().__init__()
        self.heads, self.edit = heads, None
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.inner = nn.LayerNorm(width) if inner_norm else nn.Identity()
        self.to_out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend."""
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.to_qkv(x).chunk(3, -1))
        weights = None if self.edit is None else self.edit((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1))
        z = self.product(q, k, v) if weights is None else weights @ v
        return self.to_out(self.inner(z.transpose(1, 2).flatten(2)))

    def product(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As vit-pytorch writes it."""
        return torch.matmul(torch.matmul(q, k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(dim=-1), v)


class Fused(HandAttention):
    """By torch's own function."""

    def product(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)


class Einsum(HandAttention):
    """In a way that cannot be seen."""

    def product(self, q, k, v):
        return torch.einsum("bhij,bhjc->bhic", (q @ k.mT / 3).softmax(-1), v)


class Causal(HandAttention):
    """As a text model."""

    def product(self, q, k, v):
        scores = q @ k.mT + torch.full((q.shape[-2],) * 2, -torch.inf, dtype=q.dtype).triu(1)
        return scores.softmax(-1) @ v


class Channels(HandAttention):
    """Between channels, as XCiT."""

    def product(self, q, k, v):
        return ((q.mT @ k / 4).softmax(-1) @ v.mT).mT


class Windows(HandAttention):
    """Within rows of patches; without a CLS token."""

    def product(self, q, k, v):
        rows = [t.unflatten(2, (3, 5)).transpose(1, 2).flatten(0, 1) for t in (q, k, v)]
        z = F.scaled_dot_product_attention(*rows)
        return z.unflatten(0, (-1, 3)).transpose(1, 2).flatten(2, 3)


class Sampling(HandAttention):
    """Deformable: a softmax over 4 points that each query chooses."""

    def product(self, q, k, v):
        weights = q[..., :4].softmax(-1)
        return sum(weights[..., i, None] * v.roll(i, 2) for i in range(4))


class PairsViT(nn.Module):
    """vit-pytorch's form: patches by a Linear, pairs of [attention, feed-forward], no size in any attribute."""

    def __init__(
        self,
        kind: type[HandAttention] = HandAttention,
        *,
        inner_norm: bool = False,
        side_by_side: int = 1,
        cls: bool = True,
        depth: int = 3,
    ) -> None:
        super().__init__()
        width = 24
        self.to_patch = nn.Linear(3 * 4 * 6, width)
        self.cls = nn.Parameter(torch.zeros(1, int(cls), width))
        self.positions = nn.Parameter(torch.zeros(1, 15 + cls, width))
        self.layers = nn.ModuleList()
        for _ in range(depth):
            attentions = nn.ModuleList(kind(width, 3, inner_norm) for _ in range(side_by_side))
            feed = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 40), nn.GELU(), nn.Linear(40, width))
            self.layers.append(nn.ModuleList([nn.LayerNorm(width), attentions, feed]))
        self.mlp_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 7))

    @property
    def attentions(self) -> list[HandAttention]:
        """In the order in which they are computed."""
        return [attention for _, side, _ in self.layers for attention in side]

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [image, class]."""
        patches = pixels.unflatten(3, (5, 6)).unflatten(2, (3, 4)).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        x = torch.cat((self.cls.expand(len(pixels), -1, -1), self.to_patch(patches)), 1) + self.positions
        for norm, attentions, feed in self.layers:
            y = norm(x)
            x = x + sum(attention(y) for attention in attentions)
            x = x + feed(x)
        return self.mlp_head(x.mean(1))


class TorchEncoder(nn.Module):
    """torch.nn.TransformerEncoder behind a Linear; there is no list with attention under a name of ours."""

    def __init__(self, norm_first: bool = False) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(24, 3, 40, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.to_patch = nn.Linear(3 * 4 * 6, 24)
        self.positions = nn.Parameter(torch.zeros(1, 15, 24))
        self.fc = nn.Linear(24, 7)

    def tokens(self, pixels: Tensor) -> Tensor:
        """What enters the encoder."""
        patches = pixels.unflatten(3, (5, 6)).unflatten(2, (3, 4)).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        return self.to_patch(patches) + self.positions

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [image, class]."""
        return self.fc(self.encoder(self.tokens(pixels)).mean(1))

    def by_formulas(self, pixels: Tensor, edit) -> Tensor:
        """The same written out; `edit(layer, weights)` changes the matrices."""
        x = self.tokens(pixels)
        for layer, block in enumerate(self.encoder.layers):
            first = block.norm_first

            def attend(y, attn=block.self_attn, layer=layer):
                q, k, v = F.linear(y, attn.in_proj_weight, attn.in_proj_bias).chunk(3, -1)
                q, k, v = (t.unflatten(-1, (3, 8)).transpose(1, 2) for t in (q, k, v))
                z = edit(layer, (q @ k.mT / 8**0.5).softmax(-1)) @ v
                return attn.out_proj(z.transpose(1, 2).flatten(2))

            def feed(y, block=block):
                return block.linear2(F.relu(block.linear1(y)))

            x = x + attend(block.norm1(x)) if first else block.norm1(x + attend(x))
            x = x + feed(block.norm2(x)) if first else block.norm2(x + feed(x))
        return self.fc(x.mean(1))
