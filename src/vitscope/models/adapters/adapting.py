"""Which adapter sees a module, and why none does: kinds that are refused by name, wrappers, weights without values.

Knows nothing about: names of models, files, preprocessing.
"""

from types import ModuleType
from typing import Final

import torch
from torch import nn

from vitscope.errors import ModelLoadError, UnsupportedModel
from vitscope.models.adapters import timm_beit, timm_eva, timm_vit
from vitscope.models.block import Architecture

ADAPTERS: Final[tuple[ModuleType, ...]] = (timm_vit, timm_eva, timm_beit)
"""Each has NAME, KINDS (the classes it knows) and adapt(module) -> Architecture. To support another family, add one."""

REFUSED: Final = {
    "Swin": "its attention is windowed, so there is no single query x key matrix over the image",
    "Cait": "its talking heads mix heads before and after the softmax, so no head can be pruned alone",
    "Xcit": "its attention is between channels, not between tokens",
    "MaxxVit": "its stages mix convolutions and attention, in windows or on grids of different sizes",
    "MultiScaleVit": "its attention pools queries and keys, so layers have different grids",
    "ResNet": "it is a convolutional network without attention heads",
}
_OWN: Final = "To support a plain Vision Transformer, write an adapter file like vitscope/models/adapters/timm_vit.py."


def adapt(module: nn.Module) -> Architecture:
    """See a module as an Architecture with the first adapter that fits.

    A subclass of a known class is tried as that class: whether it computes the same is for parity to say.

    Raises
    ------
    UnsupportedModel: no adapter fits, or a part is of a kind that is refused by name.
    ModelLoadError: weights that have no values, or values that are not finite.
    """
    adapter = _adapter_of(module)
    if adapter is None:
        raise _unknown(module)
    _require_values(module)
    if type(module) in adapter.KINDS:
        architecture = adapter.adapt(module)
    else:
        try:
            architecture = adapter.adapt(module)
        except AttributeError as error:
            raise UnsupportedModel(
                f"cannot adapt a {_name(module)}: it descends from {adapter.NAME}, but {error}", _OWN
            ) from error
    if not architecture.blocks:
        raise UnsupportedModel(
            f"cannot adapt this {_name(module)}: it has no blocks, so no attention to look at",
            "Give a model with a depth of at least 1.",
        )
    return architecture


def _adapter_of(module: nn.Module) -> ModuleType | None:
    exact = (adapter for adapter in ADAPTERS if type(module) in adapter.KINDS)
    users = type(module).__module__.partition(".")[0] != "timm"  # timm's own subclasses are other architectures
    alike = (adapter for adapter in ADAPTERS if users and isinstance(module, adapter.KINDS))
    return next(exact, None) or next(alike, None)


def _unknown(module: nn.Module) -> UnsupportedModel:
    """Why no adapter fits, and what to give instead."""
    name, package = _name(module), type(module).__module__.partition(".")[0]
    reason = next((why for kind, why in REFUSED.items() if name.startswith(kind)), None)
    if reason is not None:
        return UnsupportedModel(f"cannot adapt a {name} of {package}: {reason}", _OWN)
    inside = inner_modules(module)
    if len(inside) == 1:
        ((path, kind),) = inside.items()
        return UnsupportedModel(
            f"cannot adapt a {name} of {package}: it wraps a {kind} at `.{path}`",
            f"Give that: vitscope.wrap(module.{path}). A classifier outside of it is given as classifier=...",
        )
    if inside:
        found = ", ".join(f"`.{path}`" for path in inside)
        return UnsupportedModel(
            f"cannot adapt a {name} of {package}: it holds {len(inside)} Vision Transformers, at {found}",
            f"Give one of them, such as vitscope.wrap(module.{next(iter(inside))}).",
        )
    if package == "transformers":
        return UnsupportedModel(
            f"cannot adapt a {name} of {package}: models of transformers come with a later version", "Use a timm model."
        )
    known = ", ".join(adapter.NAME for adapter in ADAPTERS)
    return UnsupportedModel(
        f"cannot adapt a {name} of {package}: no adapter knows this class (looked for {known})", _OWN
    )


def inner_modules(module: nn.Module) -> dict[str, str]:
    """Modules inside that an adapter would take, not those inside of them: {path: class name}."""
    found: dict[str, str] = {}
    for path, inner in module.named_modules():
        inside = any(path.startswith(f"{outer}.") for outer in found)
        if path and not inside and _adapter_of(inner) is not None:
            found[path] = _name(inner)
    return found


def _require_values(module: nn.Module) -> None:
    """Refuse weights that attention cannot be computed from, naming the first."""
    for where, part in module.named_modules():
        if ".quantized" in type(part).__module__:
            raise UnsupportedModel(
                f"cannot adapt this {_name(module)}: {where} is a quantised {_name(part)} ({type(part).__module__}), "
                "whose weights are not plain numbers",
                "Give the model as it was before it was quantised.",
            )
    for name, value in module.named_parameters():
        if value.is_meta:
            raise ModelLoadError(
                f"cannot adapt this {_name(module)}: its weights have no values, {name} is on the meta device",
                "Put it on a device (module.to_empty(device='cpu')) and load its weights first.",
            )
        if not value.is_floating_point():
            raise UnsupportedModel(
                f"cannot adapt this {_name(module)}: {name} is {value.dtype}, expected floating-point weights",
                "Give the model as it was before it was quantised.",
            )
        with torch.inference_mode():
            wrong = int((~torch.isfinite(value)).sum())
        if wrong:
            raise ModelLoadError(
                f"cannot adapt this {_name(module)}: {wrong} of {value.numel()} values of its parameter {name} are not "
                "finite (NaN or infinity)",
                "Its training diverged, or its file is damaged: use an earlier checkpoint.",
            )


def _name(module: nn.Module) -> str:
    return type(module).__name__
