"""`torchvision:` its Vision Transformers by name, with local weights or those that torchvision offers.

Knows nothing about: how a model is taken apart.
"""

from pathlib import Path
from typing import Any, Final

from vitscope.errors import ModelLoadError
from vitscope.load_options import LoadOptions
from vitscope.models.pictures.processor import NoTransform
from vitscope.models.sources.found import Found, refuse_what_is_known
from vitscope.models.sources.weights import file_sha256, first_line, fitted, load_state, read_weights
from vitscope.torchvision_ops import make_torchvision_importable

make_torchvision_importable()
from torchvision import models  # noqa: E402 - see above

FAMILY: Final = "torchvision"
_HEAD: Final = ("heads.head.weight", "heads.weight")


def load(name: str, weights: Path | None, options: LoadOptions) -> Found:
    """Load a Vision Transformer of torchvision.

    Of a local file the number of classes is its own. Preprocessing is that of torchvision's own weights; class names
    are too where there are as many classes.

    Raises
    ------
    ModelLoadError: no such model, or weights that cannot be had or do not fit.
    InvalidArgument: options that torchvision says itself.
    """
    known = models.list_models(include="vit_*")
    if name not in known:
        raise ModelLoadError(
            f"cannot load torchvision:{name}: torchvision has no such Vision Transformer", f"It has {', '.join(known)}."
        )
    refuse_what_is_known(f"{FAMILY}:{name}", options, "torchvision")
    offered = models.get_model_weights(name)["IMAGENET1K_V1"]
    names = tuple(offered.meta["categories"])
    transform = offered.transforms()
    if weights is None:
        try:
            module = models.get_model(name, weights=offered)
        except Exception as error:  # the client of its host raises many kinds
            raise ModelLoadError(
                f"cannot load torchvision:{name}: its weights could not be had ({first_line(error)})",
                "Give a local file: --weights FILE (Python: weights=...).",
            ) from error
        return Found(f"{FAMILY}:{name}", module, names, options, transform=transform)
    state, part = read_weights(weights)
    head = next((value for key in _HEAD if (value := state.get(key)) is not None), None)
    sizes: dict[str, Any] = {} if head is None else {"num_classes": len(head)}
    positions = state.get("encoder.pos_embedding")
    patch = _patch_of(name)
    if positions is not None and positions.ndim == 3:
        sizes["image_size"] = round((positions.shape[1] - 1) ** 0.5) * patch
    module = models.get_model(name, weights=None, **sizes)
    fit = fitted(state, module.state_dict(), weights)
    load_state(module, fit.state, weights, fit.left_out)
    classes = names if head is not None and len(head) == len(names) else None
    if sizes.get("image_size", transform.crop_size[0]) != transform.crop_size[0]:
        transform = NoTransform(
            f"torchvision:{name} at {sizes['image_size']} pixels",
            "Build it in Python and give its transform: vitscope.wrap(module, transform=...).",
        )
    return Found(
        f"{FAMILY}:{name}", module, classes, options, file_sha256(weights), part, fit.note, transform=transform
    )


def _patch_of(name: str) -> int:
    """The last part of torchvision's names: vit_b_16 has patches of 16 pixels."""
    return int(name.rpartition("_")[2])
