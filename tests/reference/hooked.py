"""The plain way to prune a head: one hook and one full forward of the library's own module for each head and mode.

Shares no code with vitscope's engine. Attention runs unfused, so that the library hands its weights to `attn_drop`,
where a hook edits them; z is edited where it enters the inner norm or the projection.
"""

import inspect
import itertools
from contextlib import contextmanager

import numpy as np
import torch
from tests.reference import labels, measures
from torch import nn

from vitscope.quantities import of_kind

ANSWERS = tuple(row.name for row in of_kind("metric") if row.readouts == ("classes", "labels"))
"""Metrics of what logits say: each has its formula under this name in `measures`, and in `labels`."""


def region_mask(mode: str, prefix: tuple[str, ...], n_tokens: int) -> torch.Tensor:
    """True where a mode prunes, written entry by entry."""
    mask = torch.zeros(n_tokens, n_tokens, dtype=torch.bool)
    for query, key in itertools.product(range(n_tokens), repeat=2):
        kinds = ["p" if i >= len(prefix) else "c" if prefix[i] == "cls" else "other" for i in (query, key)]
        mask[query, key] = mode == "head" or "".join(kinds) in mode.split("+")
    return mask


@contextmanager
def unfused(module: nn.Module):
    for block in module.blocks:
        block.attn.fused_attn = False
    try:
        yield
    finally:
        for block in module.blocks:
            block.attn.fused_attn = True


def edited_weights(head: int, mask: torch.Tensor, fill: str):
    def hook(_module, _inputs, weights):
        weights = weights.clone()
        row = weights[:, head].masked_fill(mask, 0)
        if fill == "renormalise":
            total = row.sum(-1, keepdim=True)
            row = torch.where(total > 0, row / torch.where(total > 0, total, 1), 0)
        weights[:, head] = row
        return weights

    return hook


def z_entrance(attn: nn.Module) -> nn.Module:
    """The submodule whose input is the concatenated z."""
    return attn.norm if hasattr(attn, "norm") else attn.proj


@torch.inference_mode()
def outputs(module: nn.Module, pixels: torch.Tensor, layer: int) -> dict[str, torch.Tensor]:
    """Logits, pooled features, and the residual stream after one block, by the module's own forward."""
    seen = {}
    handle = module.blocks[layer].register_forward_hook(lambda _m, _i, out: seen.update(hidden=out))
    tokens = module.forward_features(pixels)
    handle.remove()
    distilled = hasattr(module, "dist_token")
    seen["features"] = tokens[:, :2].flatten(1) if distilled else module.forward_head(tokens, pre_logits=True)
    seen["logits"] = module.forward_head(tokens) if isinstance(module.head, nn.Linear) else None
    return seen


@torch.inference_mode()
def z_of(module: nn.Module, pixels: torch.Tensor, layer: int) -> torch.Tensor:
    """z [image, token, head * channel] of one layer."""
    seen = {}
    handle = z_entrance(module.blocks[layer].attn).register_forward_pre_hook(lambda _m, args: seen.update(z=args[0]))
    module(pixels)
    handle.remove()
    return seen["z"]


def cosine(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    unit = [w / np.linalg.norm(w, axis=-1, keepdims=True) for w in (u, v)]
    return ((unit[0] - unit[1]) ** 2).sum(-1) / 2


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    m = (p + q) / 2
    return sum(
        0.5 * a * np.log2(a / c) + 0.5 * b * np.log2(b / c) if a > 0 and b > 0 else 0
        for a, b, c in zip(p, q, m, strict=True)
    )


def of_answers(intact, pruned, targets, readout="classes") -> dict[str, np.ndarray]:
    """Every metric of what logits say [image], from lists of logits and a target each."""
    found, rows = {}, list(zip(intact, pruned, targets, strict=True))
    for name in ANSWERS:
        formula = getattr(labels if readout == "labels" else measures, name)
        takes = len(inspect.signature(formula).parameters)  # the target where it needs one
        found[name] = np.array([formula(*row[:takes]) for row in rows])
    return found


def effects(intact, pruned, targets, prefix, readout="classes") -> dict[str, np.ndarray]:
    """Every metric [image], loops and formulas."""
    array = {k: None if v is None else v.double().numpy() for k, v in intact.items()}
    other = {k: None if v is None else v.double().numpy() for k, v in pruned.items()}
    n = len(array["features"])
    result = {"out_cos": cosine(array["features"], other["features"])}
    distances = cosine(array["hidden"], other["hidden"])
    result["cls_cos"] = distances[:, prefix.index("cls")] if "cls" in prefix else np.full(n, np.nan)
    result["patch_cos"] = distances[:, len(prefix) :].mean(-1)
    if array["logits"] is None:
        return result | {name: np.full(n, np.nan) for name in ANSWERS}
    return result | of_answers(array["logits"].tolist(), other["logits"].tolist(), list(targets), readout)


def importance(
    module, pixels, targets, *, modes, prefix, fill="zero", other_images=None, readout="classes"
) -> dict[str, np.ndarray]:
    """Effects [image, mode, layer, head]; `other_images` are the references of mean (a set) or resample (aligned)."""
    heads_of = [block.attn.num_heads for block in module.blocks]
    found: dict[str, np.ndarray] = {}
    with unfused(module):
        for layer, n_heads in enumerate(heads_of):
            attn = module.blocks[layer].attn
            intact = outputs(module, pixels, layer)
            n_tokens = intact["hidden"].shape[1]
            for (m, mode), head in itertools.product(enumerate(modes), range(n_heads)):
                if fill in ("mean", "resample"):
                    z = z_of(module, other_images, layer)
                    z = z.mean(0, keepdim=True) if fill == "mean" else z
                    columns = slice(head * z.shape[-1] // n_heads, (head + 1) * z.shape[-1] // n_heads)

                    def replace(_m, args, z=z, columns=columns):
                        changed = args[0].clone()
                        changed[..., columns] = z[..., columns]
                        return (changed,)

                    handle = z_entrance(attn).register_forward_pre_hook(replace)
                else:
                    mask = region_mask(mode, prefix, n_tokens)
                    handle = attn.attn_drop.register_forward_hook(edited_weights(head, mask, fill))
                pruned = outputs(module, pixels, layer)
                handle.remove()
                for name, values in effects(intact, pruned, targets, prefix, readout).items():
                    shape = (len(pixels), len(modes), len(heads_of), max(heads_of))
                    found.setdefault(name, np.full(shape, np.nan))[:, m, layer, head] = values
    return found


@torch.inference_mode()
def streams(module: nn.Module, pixels: torch.Tensor) -> np.ndarray:
    """The residual stream after every block [layer, image, token, width], by the module's own forward."""
    seen = []
    handles = [
        block.register_forward_hook(lambda _m, _i, out: seen.append(out.double().numpy())) for block in module.blocks
    ]
    module.forward_features(pixels)
    for handle in handles:
        handle.remove()
    return np.stack(seen)


def depth(module, pixels, *, modes, prefix, fill="zero") -> dict[str, np.ndarray]:
    """Means over images of cls_cos and patch_cos [mode, layer, head, observed] after every later block, all tokens."""
    heads_of, n_layers = [block.attn.num_heads for block in module.blocks], len(module.blocks)
    shape = (len(modes), n_layers, max(heads_of), n_layers)
    found = {"cls_cos_at": np.full(shape, np.nan), "patch_cos_at": np.full(shape, np.nan)}
    with unfused(module):
        intact = streams(module, pixels)
        for layer, n_heads in enumerate(heads_of):
            for (m, mode), head in itertools.product(enumerate(modes), range(n_heads)):
                mask = region_mask(mode, prefix, intact.shape[2])
                attn = module.blocks[layer].attn
                handle = attn.attn_drop.register_forward_hook(edited_weights(head, mask, fill))
                pruned = streams(module, pixels)
                handle.remove()
                for observed in range(layer, n_layers):
                    place, distances = (m, layer, head, observed), cosine(intact[observed], pruned[observed])
                    found["patch_cos_at"][place] = distances[:, len(prefix) :].mean()
                    if "cls" in prefix:
                        found["cls_cos_at"][place] = distances[:, prefix.index("cls")].mean()
    return found
