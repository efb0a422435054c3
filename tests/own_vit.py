"""A Vision Transformer as a user writes it: no library's class, attention by torch's own function or by hand."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class OwnAttention(nn.Module):
    """q, k, v of one matrix, heads side by side; `by_hand` computes softmax and product itself."""

    def __init__(self, width: int, heads: int, by_hand: bool) -> None:
        super().__init__()
        self.heads = heads
        self.by_hand = by_hand
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend."""
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.to_qkv(x).chunk(3, -1))
        if self.by_hand:
            z = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1) @ v
        else:
            z = F.scaled_dot_product_attention(q, k, v)
        return self.to_out(z.transpose(1, 2).flatten(2))


class OwnLayer(nn.Module):
    """Pre-norm, with a scale of its own."""

    def __init__(self, width: int, heads: int, by_hand: bool) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = OwnAttention(width, heads, by_hand)
        self.scale = nn.Parameter(torch.full((width,), 0.7))
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """One layer."""
        x = x + self.scale * self.attention(self.ln_1(x))
        return x + self.feed_forward(self.ln_2(x))


class OwnViT(nn.Module):
    """3 x 5 patches of 4 x 6 pixels, as the zoo's, if nothing else is said."""

    def __init__(
        self, by_hand: bool = False, image_size: tuple[int, int] = (12, 30), patch: tuple[int, int] = (4, 6)
    ) -> None:
        super().__init__()
        width, n_patches = 24, (image_size[0] // patch[0]) * (image_size[1] // patch[1])
        self.image_size = image_size
        self.to_patches = nn.Conv2d(3, width, patch, patch)
        self.cls = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 1 + n_patches, width))
        self.layers = nn.ModuleList(OwnLayer(width, 3, by_hand) for _ in range(3))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 7)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [image, class]."""
        x = self.to_patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(len(x), -1, -1), x), 1) + self.positions
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x[:, 0]))
