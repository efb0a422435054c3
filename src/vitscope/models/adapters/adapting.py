"""Which adapter sees a module, and why none does: kinds that are refused by name, wrappers, weights without values.

Knows nothing about: names of models, files, preprocessing.
"""

from typing import Final

import torch
from torch import nn

from vitscope.errors import ModelLoadError, NoAdapter, UnsupportedModel, VitscopeError
from vitscope.models.adapters import (
    open_clip_vit,
    timm_beit,
    timm_eva,
    timm_others,
    timm_vit,
    torchvision_vit,
    transformers_vit,
    unknown_vit,
)
from vitscope.models.adapters.registry import Adapter, of_kinds, others
from vitscope.models.block import Architecture

ADAPTERS: Final[tuple[Adapter, ...]] = (
    *(of_kinds(file.NAME, file.KINDS, file.adapt) for file in (timm_vit, timm_eva, timm_beit, timm_others)),
    of_kinds(torchvision_vit.NAME, torchvision_vit.KINDS, torchvision_vit.adapt),
    Adapter(open_clip_vit.NAME, open_clip_vit.fits, open_clip_vit.adapt),
    Adapter(transformers_vit.NAME, transformers_vit.fits, transformers_vit.adapt),
)
"""To support another family, add a file, or register an adapter (`vitscope.register_adapter`, docs/models.md)."""
_UNKNOWN: Final = Adapter(unknown_vit.NAME, lambda module: False, unknown_vit.adapt)

REFUSED: Final = {
    "Swin": "its attention is windowed, so there is no single query x key matrix over the image",
    "Cait": "its talking heads mix heads before and after the softmax, so no head can be pruned alone",
    "Xcit": "its attention is between channels, not between tokens",
    "MaxxVit": "its stages mix convolutions and attention, in windows or on grids of different sizes",
    "MultiScaleVit": "its attention pools queries and keys, so layers have different grids",
    "ResNet": "it is a convolutional network without attention heads",
}
REFUSED_PARTS: Final = {
    "DiffAttention": "its attention is the difference of two softmaxes, so no single matrix says where a head looks"
}
_OWN: Final = (
    "To support a plain Vision Transformer, register an adapter (vitscope.register_adapter, see docs/models.md)."
)


def adapt(module: nn.Module) -> Architecture:
    """See a module as an Architecture with the first adapter that fits.

    A subclass of a known class is tried as that class: whether it computes the same is for parity to say.

    Raises
    ------
    NoAdapter: no adapter fits.
    UnsupportedModel: it is of a kind that is refused by name, or wraps a module that an adapter takes.
    ModelLoadError: weights that have no values, or values that are not finite.
    """
    reason = next((why for kind, why in REFUSED.items() if _name(module).startswith(kind)), None)
    parts = (_name(part) for part in module.modules())
    reason = reason or next((f"with {name}, {REFUSED_PARTS[name]}" for name in parts if name in REFUSED_PARTS), None)
    if reason is not None:
        package = type(module).__module__.partition(".")[0]
        raise UnsupportedModel(f"cannot adapt a {_name(module)} of {package}: {reason}", _OWN)
    adapter = _adapter_of(module) or _by_experiment(module)
    if adapter is None:
        raise _unknown(module)
    require_values(module)
    try:
        architecture = adapter.adapt(module)
    except UnsupportedModel as error:
        raise NoAdapter(error.message, error.hint) from error
    except VitscopeError:
        raise
    except Exception as error:  # of modules that are not what their class says
        raise NoAdapter(
            f"cannot adapt a {_name(module)}: it is looked at as {adapter.name}, but that fails with "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}",
            _OWN,
        ) from error
    if not architecture.blocks:
        raise UnsupportedModel(
            f"cannot adapt this {_name(module)}: it has no blocks, so no attention to look at",
            "Give a model with a depth of at least 1.",
        )
    return architecture


def adapts(module: nn.Module) -> bool:
    """Whether an adapter would try this module, which it may still refuse."""
    return _adapter_of(module) is not None


def _adapter_of(module: nn.Module) -> Adapter | None:
    adapters = (*others(), *ADAPTERS)
    exact = next((adapter for adapter in adapters if adapter.fits(module)), None)
    return exact or next((adapter for adapter in adapters if adapter.subclass_of(module)), None)


def _by_experiment(module: nn.Module) -> Adapter | None:
    """For a module of the user's own: taken apart by experiment, where its input size and its patches can be found."""
    libraries = {"timm", "torch", "torchvision", "transformers", "open_clip"}
    own = type(module).__module__.partition(".")[0] not in libraries and not inner_modules(module)
    return _UNKNOWN if own and unknown_vit.described(module) is not None else None


def _unknown(module: nn.Module) -> UnsupportedModel:
    """Why no adapter fits, and what to give instead."""
    name, package = _name(module), type(module).__module__.partition(".")[0]
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
    known = ", ".join(adapter.name for adapter in ADAPTERS)
    return NoAdapter(f"cannot adapt a {name} of {package}: no adapter knows this class (looked for {known})", _OWN)


def inner_modules(module: nn.Module) -> dict[str, str]:
    """Modules inside that an adapter would take, not those inside of them: {path: class name}."""
    found: dict[str, str] = {}
    for path, inner in module.named_modules():
        inside = any(path.startswith(f"{outer}.") for outer in found)
        if path and not inside and _adapter_of(inner) is not None:
            found[path] = _name(inner)
    return found


def require_values(module: nn.Module) -> None:
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
