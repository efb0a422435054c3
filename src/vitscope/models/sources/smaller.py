"""Really smaller models: the parameters of heads taken out of a copy, saved with a loader that needs no vitscope.

What is left out is exactly what pruning whole heads with fill zero masks. Heads that stay close up: their numbers count
from 0 again; `kept_heads` in the saved configuration has the old ones.
Knows nothing about: images, accuracy, why these heads.
"""

import copy
import errno
import json
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from vitscope.arguments import checked, whole_heads
from vitscope.errors import InvalidArgument, UnsupportedModel
from vitscope.models.adapters import timm_vit
from vitscope.models.adapters.adapting import adapt
from vitscope.models.model import Model
from vitscope.models.proof import prove
from vitscope.models.sources import standalone
from vitscope.models.sources.bundled import demo_config
from vitscope.models.sources.pruned import PRUNED, read_config
from vitscope.models.sources.weights import parameters_sha256

LOADER: Final = "load.py"
Heads = Iterable[tuple[int, int]] | Mapping[tuple[int, int], str]


@checked
def without_heads(model: Model, heads: Heads) -> Model:
    """A copy of the model without some heads: fewer parameters, the same outputs as with those heads pruned to zero.

    Parameters
    ----------
    heads: (layer, head) pairs, or {(layer, head): "head"}, counted from 0. A layer may
        lose all of them, and then adds its projection's bias only.

    Raises
    ------
    InvalidArgument: no head, or one that the model does not have.
    UnsupportedModel: not timm's VisionTransformer, or a norm between the heads and their projection, whose statistics
        would change; or a layer whose weights are not its own (LoRA, a parametrisation).

    Example
    -------
    >>> smaller = without_heads(load_model("demo"), [(0, 1), (3, 2)])  # doctest: +SKIP
    >>> smaller.n_heads  # doctest: +SKIP
    (3, 4, 4, 3, 4, 4)
    """
    removed = _checked(model, heads)
    module = copy.deepcopy(model.module)
    for layer, kept in enumerate(_kept(model, removed)):
        if len(kept) < model.n_heads[layer]:
            standalone.keep_heads(module.blocks[layer].attn, list(kept))  # type: ignore[union-attr, operator, arg-type]
    architecture = adapt(module)
    return replace(
        model,
        id=f"{model.id} without {len(removed)} heads",
        architecture=architecture,
        proof=prove(architecture, model.id),
        weights_sha256=parameters_sha256(module),
        resizer=lambda height, width: without_heads(model.at_size(height, width), removed),
    )


def save_without_heads(model: Model, heads: Heads, folder: Path) -> None:
    """Write model.safetensors, pruned.json and load.py into a new or empty folder, all at once.

    Raises
    ------
    InvalidArgument, UnsupportedModel: as `without_heads`; or a wrapped module, which load.py could not build.
    """
    removed = _checked(model, heads)
    config = _config(model)
    before = config.get("kept_heads") or [list(range(n)) for n in model.n_heads]
    config["kept_heads"] = [
        [old[head] for head in kept] for old, kept in zip(before, _kept(model, removed), strict=True)
    ]
    state = without_heads(model, removed).module.state_dict()
    beside = folder.with_name(f".vitscope-{folder.name[:100]}-{secrets.token_hex(8)}.partial")
    beside.mkdir(parents=True)
    try:
        tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
        save_file(tensors, beside / standalone.WEIGHTS)
        (beside / standalone.CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        shutil.copyfile(standalone.__file__, beside / LOADER)
        if folder.is_dir():
            folder.rmdir()  # empty, or it would not be ours to replace
        beside.rename(folder)
    except SafetensorError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise OSError(errno.ENOSPC, f"the weights cannot be written ({error})") from error
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _checked(model: Model, heads: Heads) -> frozenset[tuple[int, int]]:
    removed = frozenset(whole_heads(heads, "heads to take out"))
    if not removed:
        raise InvalidArgument(f"cannot take heads out of {model.id}: none is named", "Name some, e.g. L2.H0,L4.H2.")
    for layer, head in sorted(removed):
        if not (0 <= layer < model.n_layers and 0 <= head < model.n_heads[layer]):
            counts = sorted(set(model.n_heads))
            raise InvalidArgument(
                f"cannot take head {head} out of layer {layer} of {model.id}: it has {model.n_layers} layers of "
                f"{' to '.join(map(str, counts))} heads, counted from 0",
                "`vitscope doctor MODEL` lists layers and heads.",
            )
    if model.adapter != timm_vit.NAME:
        raise UnsupportedModel(
            f"cannot take heads out of {model.id}: that is done for {timm_vit.NAME} only, this is {model.adapter}",
            "vitscope.prune masks heads in every supported model.",
        )
    for layer in sorted({layer for layer, _ in removed}):
        if not timm_vit.is_identity(model.blocks[layer].attn.norm):  # type: ignore[attr-defined]
            raise UnsupportedModel(
                f"cannot take heads out of layer {layer} of {model.id}: a norm over all heads stands before their "
                "projection, and would see fewer",
                "vitscope.prune masks heads in every supported model.",
            )
        _require_plain(model, layer)
    return removed


def _require_plain(model: Model, layer: int) -> None:
    """Refuse layers whose weight is made of others: cut to fewer heads, they would make it of the wrong ones."""
    attention = model.blocks[layer].attn  # type: ignore[attr-defined]
    for name in ("qkv", "proj", "gate"):
        part = getattr(attention, name, None)
        if part is not None and (type(part) is not nn.Linear or "weight" not in part._parameters):
            raise UnsupportedModel(
                f"cannot take heads out of layer {layer} of {model.id}: its {name} is a {type(part).__name__} "
                "whose weight is made of others (LoRA, a parametrisation)",
                "Merge them first: merge_and_unload() of PEFT, torch.nn.utils.parametrize.remove_parametrizations, "
                "torch.nn.utils.prune.remove.",
            )


def _kept(model: Model, removed: frozenset[tuple[int, int]]) -> list[list[int]]:
    return [[head for head in range(n) if (layer, head) not in removed] for layer, n in enumerate(model.n_heads)]


def _config(model: Model) -> dict[str, Any]:
    """How load.py builds the whole model."""
    family, _, name = model.id.partition(":")
    if family == PRUNED:
        return read_config(Path(name)) | {"multi_label": model.readout == "labels"}
    common: dict[str, Any] = {"classes": model.classes, "of": model.id, "of_sha256": model.weights_sha256}
    common["multi_label"] = model.readout == "labels"
    if family == "timm":
        options = model.options.said() | {"in_chans": model.input_size[0], "img_size": model.input_size[1:]}
        options.pop("num_classes", None)
        return {"timm": name, "num_classes": model.n_logits or 0, "options": options, **common}
    if model.id == "demo":
        config = demo_config()
        return {
            "timm": None,
            "architecture": config["architecture"],
            "preprocessing": config["preprocessing"],
            **common,
        }
    raise InvalidArgument(
        f"cannot save {model.id} without heads: it was wrapped, so its loader would not know how to build it",
        "Save the module of vitscope.without_heads(model, heads) yourself.",
    )
