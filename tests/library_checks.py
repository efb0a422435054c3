"""A model of transformers seen by vitscope, held against the library itself: read by tests and by `make models`."""

import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import vitscope
from vitscope.models import Model

PROJECTION = re.compile(
    r"(o_proj|out_proj|attention\.output\.dense|(self_attn|attn|attention)\.proj(ection(_layer)?)?)(\.linear)?$"
)
"""Names of the output projections of attention, in transformers and timm."""


@dataclass(frozen=True)
class Agreement:
    """Largest relative differences to the library's own numbers; `attention` is None where it gives no matrices."""

    parity: float
    blocks: float
    seen: float
    prune: float
    effect: float
    attention: float | None


def agreement(module: nn.Module, model: Model, eager: nn.Module | None = None) -> Agreement:
    """Compare parity, one pruned head, and all matrices with those of the same weights under eager attention."""
    x = torch.randn(3, *model.input_size, generator=torch.Generator().manual_seed(1))
    n_heads = model.n_heads[1]
    with torch.inference_mode():
        whole = model.architecture.reference(x)
        ours = vitscope.prune(model, x, {(1, n_heads - 2): "head"})
        theirs = hooked(module, 1, n_heads - 2, n_heads, lambda: model.architecture.reference(x))
        matrices = None if eager is None else given_matrices(eager, x)
        attention = None
        if matrices is not None:
            seen = vitscope.attention(model, x)
            attention = max(float((seen[:, i] - matrices[i]).abs().max()) for i in range(model.n_layers))
    scale = float(whole.abs().max())
    return Agreement(
        parity=model.parity,
        blocks=max(model.proof.blocks),
        seen=max(difference if difference is not None else torch.inf for difference in model.proof.attention),
        prune=float((ours - theirs).abs().max()) / scale,
        effect=float((theirs - whole).abs().max()) / scale,
        attention=attention,
    )


def projections_of(module: nn.Module) -> list[nn.Module]:
    """The output projections of the layers, by their names in the libraries; not those of pooling heads."""
    named = ((name, part) for name, part in module.named_modules() if PROJECTION.search(name))
    return [part for name, part in named if hasattr(part, "weight") and not name.startswith(("head.", "attn_pool."))]


def hooked(module: nn.Module, layer: int, head: int, n_heads: int, run: Any) -> Tensor:
    """What a forward of the library says with a head's channels zeroed where the projection reads them."""
    part: Any = projections_of(module)[layer]
    size = part.weight.shape[1] // n_heads

    def zero(_module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor]:
        z = args[0].clone()
        z[..., head * size : (head + 1) * size] = 0
        return (z,)

    handle = part.register_forward_pre_hook(zero)
    out = run()
    handle.remove()
    return out


def given_matrices(module: Any, x: Tensor) -> Any:
    """The attention matrices that transformers gives under eager attention; None where a class gives none."""
    if "Siglip2" in type(module).__name__:  # it takes patches
        return None
    more = {"noise": torch.arange(16.0).expand(len(x), -1)} if "MAE" in type(module).__name__ else {}
    try:
        return module(pixel_values=x, output_attentions=True, **more).attentions
    except TypeError:  # InternVL of 4.57 knows no such argument
        return None


def hooks_of(module: nn.Module) -> int:
    """How many hooks there are in a module; transformers puts its own where it records attention."""
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())
