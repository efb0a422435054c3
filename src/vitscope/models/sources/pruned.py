"""Reads the folder of a pruned model, which may be a stranger's: nothing in it is run, followed or fetched.

Its load.py is for those without vitscope and is not looked at here; what builds the model is vitscope's own copy.
Knows nothing about: how heads are chosen or taken out for the first time (`smaller`).
"""

import json
import re
import stat
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from safetensors.torch import load_file
from torch import nn

from vitscope.errors import ModelLoadError, VitscopeError
from vitscope.load_options import LoadOptions, load_options
from vitscope.models.sources import standalone
from vitscope.models.sources.bundled import demo_config
from vitscope.models.sources.weights import file_sha256, first_line, load_state

from timm.models.vision_transformer import VisionTransformer  # isort: skip - after the adapters (see `loading`)

PRUNED: Final = "pruned"
"""Family of models that `vitscope prune --save` wrote: `pruned:<folder>`."""
_LARGEST_CONFIG: Final = 16 * 2**20
"""Bytes; 22 thousand names of classes take one million."""
_MOST: Final = 10**6
"""Classes, or any other size of an architecture."""
_TIMM_NAME: Final = re.compile(r"\w{1,100}(\.\w{1,100})?")
"""A name of timm's own; with a colon or a slash it would be an address from which timm fetches."""


_FLOATS: Final = {torch.float16, torch.bfloat16, torch.float32, torch.float64}


class Saved(NamedTuple):
    """A pruned model as it was saved."""

    module: nn.Module
    classes: list[str] | None
    multi_label: bool
    sha256: str
    options: LoadOptions


def is_saved(folder: Path) -> bool:
    """Whether a folder holds a pruned model, or something that passes for one."""
    try:
        (folder / standalone.CONFIG).lstat()
    except (OSError, ValueError):
        return False
    return True


def read_saved(folder: Path) -> Saved:
    """Build a pruned model from its folder.

    Raises
    ------
    ModelLoadError: a file is missing, damaged, or not as `vitscope prune --save` writes it.
    """
    config = read_config(folder)
    weights = folder / standalone.WEIGHTS
    try:
        _require_regular(weights)
        state = load_file(weights)
        kinds = {value.dtype for value in state.values()}
        if len(kinds) != 1 or not kinds <= _FLOATS:
            raise ValueError(f"{standalone.WEIGHTS} holds {_words(kinds) or 'nothing'}, expected floats of one kind")
        module = standalone.build(config)
        if not isinstance(module, VisionTransformer):
            raise ValueError(f"{config['timm']} is no Vision Transformer of timm's")
        _take_heads_out(module, config["kept_heads"])
        module = module.to(kinds.pop())
        load_state(module, state, weights)
        return Saved(
            module.eval(),
            config["classes"],
            config.get("multi_label", False),
            file_sha256(weights),
            load_options(config.get("options", {})),
        )
    except Exception as error:  # timm, torch and safetensors raise many kinds for what does not fit
        raise _refused(folder, error) from error


def read_config(folder: Path) -> dict[str, Any]:
    """What pruned.json says, once all that is used of it is of the expected kind. Raises ModelLoadError."""
    try:
        path = folder / standalone.CONFIG
        size = _require_regular(path)
        if size > _LARGEST_CONFIG:
            raise ValueError(f"{standalone.CONFIG} has {size} bytes, expected at most {_LARGEST_CONFIG}")
        config = _parsed(path.read_bytes())
        if not isinstance(config, dict):
            raise ValueError(f"{standalone.CONFIG} is no JSON object")
        _check(config)
        return config
    except (OSError, ValueError, VitscopeError) as error:
        raise _refused(folder, error) from error


def _parsed(content: bytes) -> Any:  # noqa: ANN401 - JSON is any of its types
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError:
        reason = "is nested too deeply"
    except UnicodeDecodeError:
        reason = "is not text in UTF-8"
    except ValueError as error:
        reason = f"is no JSON: {first_line(error)}"
    raise ValueError(f"{standalone.CONFIG} {reason}")


def _check(config: dict[str, Any]) -> None:
    if "timm" not in config:
        raise ValueError(f"{standalone.CONFIG} names no model")
    name, classes, kept = config["timm"], config.get("classes", ()), config.get("kept_heads")
    if name is not None:
        if not (isinstance(name, str) and _TIMM_NAME.fullmatch(name)):
            raise ValueError(f"{str(name)[:80]!r} is no name of a timm model")
        if not _is_size(config.get("num_classes")):
            raise ValueError(f"num_classes is {str(config.get('num_classes'))[:80]}, expected a number of classes")
    else:  # of all other models only the demo is saved
        demo = demo_config()
        for part in ("architecture", "preprocessing"):
            if not _is_like(config.get(part), demo[part]):
                raise ValueError(f"its {part} is not one that vitscope writes")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(each, str) for each in classes)):
        raise ValueError("classes is no list of names")
    if not (isinstance(kept, list) and all(isinstance(heads, list) for heads in kept)):
        raise ValueError("kept_heads is no list of heads for each layer")
    if type(config.get("multi_label", False)) is not bool:
        raise ValueError("multi_label is neither true nor false")
    if not isinstance(config.get("options", {}), dict):
        raise ValueError("options is no JSON object")
    load_options(config.get("options", {}))


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _is_like(value: object, example: Any) -> bool:  # noqa: ANN401 - JSON is any of its types
    """Whether JSON has the same keys and kinds of values as an example."""
    if isinstance(example, dict):
        return (
            isinstance(value, dict)
            and value.keys() == example.keys()
            and all(_is_like(value[key], expected) for key, expected in example.items())
        )
    if isinstance(example, list):
        return isinstance(value, list) and len(value) == len(example) and all(map(_is_like, value, example))
    if isinstance(example, str):
        return isinstance(value, str)
    return _is_size(value) or (isinstance(example, float) and type(value) is float)


def _take_heads_out(module: Any, kept: list[list[int]]) -> None:  # noqa: ANN401 - timm's VisionTransformer
    if len(kept) != len(module.blocks):
        raise ValueError(f"kept_heads is of {len(kept)} layers, the model has {len(module.blocks)}")
    for layer, (block, heads) in enumerate(zip(module.blocks, kept, strict=True)):
        n_heads = block.attn.num_heads
        if not all(_is_size(head) and head < n_heads for head in heads) or sorted(set(heads)) != heads:
            raise ValueError(f"kept_heads of layer {layer} are {str(heads)[:80]}, expected some of 0 to {n_heads - 1}")
        standalone.keep_heads(block.attn, heads)


def _require_regular(path: Path) -> int:
    """The size of a file that is one: a link or a pipe may lead anywhere."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is {'a link' if stat.S_ISLNK(status.st_mode) else 'not a regular file'}")
    return status.st_size


def _words(kinds: set[Any]) -> str:
    return ", ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))


def _refused(folder: Path, error: Exception) -> ModelLoadError:
    if isinstance(error, FileNotFoundError):
        reason = f"there is no {Path(error.filename).name}"
    elif isinstance(error, OSError):
        reason = f"{Path(error.filename or folder).name} cannot be read ({error.strerror or first_line(error)})"
    elif isinstance(error, VitscopeError):
        reason = error.message
    else:
        reason = first_line(error) if type(error) is ValueError else f"{type(error).__name__}: {first_line(error)}"
    return ModelLoadError(
        f"cannot load the pruned model in {folder}: {reason}",
        f"It needs {standalone.WEIGHTS} and {standalone.CONFIG} as `vitscope prune --save` wrote them.",
    )
