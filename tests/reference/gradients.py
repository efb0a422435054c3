"""Gradients with respect to attention by hooks on the library's own unfused attention, and maps from formulas by loops.

Shares no code with vitscope's engine or measures.
"""

import numpy as np
import torch
from tests.reference.hooked import unfused
from torch import nn


def gradients(module: nn.Module, pixels: torch.Tensor, targets, *, score: str) -> tuple[np.ndarray, np.ndarray]:
    """(A, dA), both [image, layer, head, query, key]; `score` output, layer_mean or layer."""
    weights, after = [], []
    handles = []
    for block in module.blocks:
        handles.append(block.attn.attn_drop.register_forward_hook(lambda _m, _i, a: _follow(weights, a)))
        handles.append(block.register_forward_hook(lambda _m, _i, x: after.append(x)))
    try:
        with unfused(module), torch.enable_grad():
            logits = module(pixels)
            if score == "output":
                found = torch.autograd.grad(_of(logits, targets), weights)
            else:
                if score == "layer_mean":
                    after = [_each_the_mean(x) for x in after]
                found = [
                    torch.autograd.grad(_of(module.forward_head(module.norm(x)), targets), [a], retain_graph=True)[0]
                    for a, x in zip(weights, after, strict=True)
                ]
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(weights, 1).detach().numpy(), torch.stack(list(found), 1).numpy()


def _each_the_mean(x: torch.Tensor) -> torch.Tensor:
    """All tokens replaced by their mean: whatever the module reads, it reads that."""
    mean = sum(x[:, token] for token in range(x.shape[1])) / x.shape[1]
    return torch.stack([mean] * x.shape[1], 1)


def _follow(seen: list, a: torch.Tensor) -> torch.Tensor:
    a = a if a.requires_grad else a.requires_grad_()
    seen.append(a)
    return a


def _of(logits: torch.Tensor, targets) -> torch.Tensor:
    return sum(logits[i, int(target)] for i, target in enumerate(targets))


def logits_with(module: nn.Module, pixels: torch.Tensor, entry: tuple[int, int, int, int], change: float):
    """Logits when one weight (layer, head, query, key) of every image is moved by `change`."""
    layer, head, query, key = entry

    def move(_module, _inputs, a):
        a = a.clone()
        a[:, head, query, key] += change
        return a

    handle = module.blocks[layer].attn.attn_drop.register_forward_hook(move)
    try:
        with unfused(module), torch.inference_mode():
            return module(pixels)
    finally:
        handle.remove()


def weighted(attention, gradient, residual: float | None, start: int = 0) -> np.ndarray:
    """Gradient rollout of one image [layer][head, query, key]; with residual None generic relevance."""
    n = attention[0].shape[-1]
    product = np.eye(n)
    for layer in range(start, len(attention)):
        fused = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                fused[i, j] = np.mean(
                    [max(a[i, j] * g[i, j], 0.0) for a, g in zip(attention[layer], gradient[layer], strict=True)]
                )
        if residual is None:
            product = product + np.einsum("ik,kj->ij", fused, product)
            continue
        mixed = (1 - residual) * fused + residual * np.eye(n)
        mixed = np.stack([row / row.sum() for row in mixed])
        product = np.einsum("ik,kj->ij", mixed, product)
    return product


def legrad(gradient: np.ndarray, layout) -> np.ndarray:
    """[layer, head, query, key] of one image, only the layers that take part -> [row, col]."""
    n_prefix = len(layout.prefix)
    result = np.zeros((layout.rows, layout.cols))
    n_layers, n_heads, n_queries, _ = gradient.shape
    for row in range(layout.rows):
        for col in range(layout.cols):
            key = n_prefix + row * layout.cols + col
            for layer in range(n_layers):
                total = sum(
                    max(gradient[layer, head, query, key], 0.0) for head in range(n_heads) for query in range(n_queries)
                )
                result[row, col] += total / (n_heads * n_queries) / n_layers
    return result


def area(scores, sizes) -> float:
    """Trapezoids over the share of patches."""
    return sum((scores[i] + scores[i + 1]) / 2 * (sizes[i + 1] - sizes[i]) / sizes[-1] for i in range(len(sizes) - 1))
