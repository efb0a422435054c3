"""`timm:` names: a model with its pretrained weights, or with those of a local file.

Knows nothing about: how a model is taken apart.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from vitscope.errors import ModelLoadError
from vitscope.load_options import LoadOptions
from vitscope.models.sources.found import Found, refuse_what_is_known
from vitscope.models.sources.weights import file_sha256, first_line, fitted, load_state, read_weights
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
import timm  # noqa: E402 - it needs the line above
from timm.data import ImageNetInfo, infer_imagenet_subset  # noqa: E402

FAMILY: Final = "timm"
_STEM: Final = "patch_embed.proj.weight"
_HEAD: Final = "head.weight"
_HUB: Final = ("hf-hub:", "hf_hub:")
"""How timm names a model on the Hugging Face hub."""


def imagenet_classes(module: nn.Module) -> tuple[str, ...] | None:
    """ImageNet's class names where timm says that the module predicts them and it still has all those classes."""
    subset = infer_imagenet_subset(module)
    info = None if subset is None else ImageNetInfo(subset)
    if info is None or info.num_classes() != getattr(module, "num_classes", None):
        return None
    return tuple(info.index_to_description(i) for i in range(info.num_classes()))


def load(name: str, weights: Path | None, options: LoadOptions) -> Found:
    """Load a model of timm by its name, also `hf-hub:<id>`.

    Raises
    ------
    ModelLoadError: no such model, or weights that cannot be had or do not fit.
    """
    if name.startswith(_HUB):
        return _from_hub(name, weights, options)
    if not timm.is_model(name):
        close = timm.list_models(f"*{name.split('.')[0].split('_patch')[0]}*")[:3]
        raise ModelLoadError(
            f"cannot load timm:{name}: timm {timm.__version__} has no such model",
            f"Did you mean {', '.join(close)}?" if close else "See timm.list_models('*vit*').",
        )
    if weights is not None:
        return _from_file(name, weights, options)
    own = getattr(timm.get_pretrained_cfg(name), "num_classes", None)
    if options.num_classes not in (None, 0, own):  # timm gives such a model a classifier of random numbers
        raise ModelLoadError(
            f"cannot load timm:{name} with {options.num_classes} classes: its pretrained weights have {own}",
            "Give the file with your classifier: --weights FILE (Python: weights=...).",
        )
    built: dict[str, Any] = {
        key: getattr(options, key) for key in ("num_classes", "in_chans") if getattr(options, key) is not None
    }
    try:
        module = timm.create_model(name, pretrained=True, **built)
    except Exception as error:  # timm and its hub client raise many kinds for 'no weights' and 'no network'
        raise ModelLoadError(
            f"cannot load timm:{name}: its pretrained weights could not be had "
            f"({type(error).__name__}: {first_line(error)})",
            "Give a local file: --weights model.safetensors (Python: weights=...).",
        ) from error
    return Found(f"timm:{name}", module, imagenet_classes(module), options)


def is_folder(folder: Path) -> bool:
    """Whether timm's save_for_hf wrote a folder: its config.json names an architecture of timm."""
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and timm.is_model(str(config.get("architecture")))


def load_folder(folder: Path, options: LoadOptions) -> Found:
    """A model that timm's save_for_hf wrote.

    Raises
    ------
    ModelLoadError: weights that are missing or do not fit.
    InvalidArgument: options that its folder says already.
    """
    folder = folder.resolve()
    return _whole(f"hf:{folder}", f"local-dir:{folder}", options)


def _from_hub(name: str, weights: Path | None, options: LoadOptions) -> Found:
    if weights is not None:
        raise ModelLoadError(
            f"cannot load timm:{name} with other weights: it has its own", "Name the architecture: timm:<name>."
        )
    return _whole(f"timm:{name}", name, options)


def _whole(spec: str, name: str, options: LoadOptions) -> Found:
    """A model whose place says all of it, names of classes included."""
    refuse_what_is_known(spec, options, "its folder")
    try:
        module = timm.create_model(name, pretrained=True)
    except Exception as error:  # timm and its hub client raise many kinds
        raise ModelLoadError(
            f"cannot load {spec}: timm cannot make it ({type(error).__name__}: {first_line(error)})",
            "It needs config.json and model.safetensors, as timm's save_for_hf writes them.",
        ) from error
    names = getattr(module, "pretrained_cfg", {}).get("label_names")
    named = names if names and len(names) == getattr(module, "num_classes", 0) else None
    return Found(spec, module, tuple(named) if named else imagenet_classes(module), options)


def _from_file(name: str, weights: Path, options: LoadOptions) -> Found:
    """A timm model from a file of weights, which says how many classes and channels it has, and of what size it is."""
    state, part = read_weights(weights)
    says = fitted(state, (_STEM, _HEAD), weights).state
    head, stem = says.get(_HEAD), says.get(_STEM)
    sizes: dict[str, Any] = {"num_classes": len(head) if head is not None and head.ndim else 0}
    if stem is not None and stem.ndim == 4:
        sizes["in_chans"] = stem.shape[1]
    for option, size in sizes.items():
        said = getattr(options, option)
        if said not in (None, size) and not (option == "num_classes" and said == 0):
            what = "classes" if option == "num_classes" else "input channels"
            raise ModelLoadError(
                f"cannot load {weights.name} with {option} {said}: its weights have {size or 'no'} {what}",
                f"Leave --{option.replace('_', '-')} out.",
            )
    sizes |= {option: said for option in ("num_classes", "in_chans") if (said := getattr(options, option)) is not None}
    module = timm.create_model(name, pretrained=False, **sizes)
    fit = fitted(state, module.state_dict(), weights)
    if options.img_size and _other_size(module, fit.state):  # trained at this size, or at the architecture's own
        module = timm.create_model(name, pretrained=False, img_size=options.img_size, **sizes)
    own_head = [key for key in fit.left_out if key.startswith(f"{fit.place}head.")]
    if not sizes["num_classes"] and own_head and options.num_classes != 0:
        raise ModelLoadError(
            f"cannot load {weights.name} into {type(module).__name__}: its classifier is a module of your own "
            f"({own_head[0]})",
            "Build the model in Python and give it to vitscope.wrap, or leave the classifier out: --num-classes 0.",
        )
    load_state(module, fit.state, weights, fit.left_out)
    classes = imagenet_classes(module)
    return Found(f"timm:{name}", module, classes, options, file_sha256(weights), part, fit.note)


def _other_size(module: nn.Module, state: Mapping[str, Tensor]) -> bool:
    own = module.state_dict()
    return any(own[name].shape != value.shape for name, value in state.items())
