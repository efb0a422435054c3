"""Weights: read from a file without running any code in it, brought to a module's names, told apart by a checksum.

Knows nothing about: which models there are, how they are analysed.
"""

import argparse
import hashlib
import pathlib
import re
import warnings
from pathlib import Path
from typing import Final, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vitscope.errors import ModelLoadError
from vitscope.file_names import exists, is_file

HARMLESS: Final = (argparse.Namespace, pathlib.PosixPath)
"""Classes that training programs put beside the weights (their options); to make one runs no code of the file."""
PARTS: Final = ("state_dict_ema", "model_ema", "ema_state_dict", "state_dict", "model", "teacher")
"""Where training programs keep the weights, first come first; the running average (EMA) is preferred, as by timm."""
_WRAPPERS: Final = ("module", "_orig_mod")  # DataParallel, DDP, ModelEma; torch.compile
_BEGINS: Final = "patch_embed.proj.weight"
"""Every Vision Transformer of timm's kind has it: what stands before it is the name of the module that holds it."""
_LONGEST: Final = 240


class Weights(NamedTuple):
    """A state dict, names as the bare model has them, and which part of a training checkpoint it is (None: all)."""

    state: dict[str, Tensor]
    part: str | None


def read_weights(path: Path) -> Weights:
    """Read a state dict without running any code in it.

    Of a training checkpoint the averaged weights are taken where it has some (see `PARTS`). Names lose what wrappers
    put before them (`module.`, `backbone.`, `model.`, ...); what lies beside a wrapped Vision Transformer (a projection
    head of DINO, a loss) is left out.

    Raises
    ------
    ModelLoadError: no such file, a file that only running its code could open, or one without weights.
    """
    part, state = _part_of(_read(path), path)
    _require_plain(state, path)
    return Weights(_bare_names(state, path), part)


def _read(path: Path) -> object:
    if not is_file(path):
        what = f"{path} is not a file" if exists(path) else f"no file {path}"
        raise ModelLoadError(f"cannot load weights: {what}", "Give a .safetensors, .pth, .pt or .bin file.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings(action="ignore"), torch.serialization.safe_globals(list(HARMLESS)):
            return torch.load(path, map_location="cpu", weights_only=True)  # torch warns of odd pickles, then refuses
    except Exception as error:  # torch and safetensors raise nearly anything for files that are not weights
        unsafe = _unsafe(path)
        if unsafe:
            raise ModelLoadError(
                f"cannot load weights from {path.name}: not a safe weights file, it holds Python objects "
                f"({', '.join(unsafe[:3])}) that only running its code could restore",
                "Load it in Python where you trust it, then save its state dict: torch.save(model.state_dict(), ...).",
            ) from error
        raise ModelLoadError(
            f"cannot load weights from {path.name}: not a safe weights file ({first_line(error)})",
            "Save a plain state dict: torch.save(model.state_dict(), ...) or safetensors.torch.save_file.",
        ) from error


def _unsafe(path: Path) -> list[str]:
    """Names of the classes in a torch file that are not known to be harmless; none where it is no torch file."""
    try:
        with torch.serialization.safe_globals(list(HARMLESS)):
            return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # damaged files: torch raises many kinds, and the reason is told elsewhere
        return []


def _part_of(state: object, path: Path) -> tuple[str | None, dict[str, Tensor]]:
    """The state dict in what a file holds, and the key that it lies under (None: at the top)."""
    found = None
    for key in PARTS:
        if isinstance(state, dict) and isinstance(state.get(key), dict) and state[key]:
            found, state = key, state[key]
            break
    if not isinstance(state, dict) or not state or not all(map(_is_named, state.items())):
        what = f"a dict of {', '.join(map(str, list(state)[:4]))}" if isinstance(state, dict) else type(state).__name__
        raise ModelLoadError(
            f"cannot load weights from {path.name}: expected a state dict of tensors, got {what or 'nothing'}",
            "Save it with torch.save(model.state_dict(), ...).",
        )
    return found, state


def _is_named(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], Tensor)


def _require_plain(state: dict[str, Tensor], path: Path) -> None:
    """Refuse tensors that are not their own numbers: a few bytes of a file may stand for any amount of memory."""
    for name, value in state.items():
        kinds = {
            "sparse": value.layout != torch.strided,
            "quantised": value.is_quantized,
            "without values (on the meta device)": value.is_meta,
            "complex": value.is_complex(),
        }
        kind = next((kind for kind, true in kinds.items() if true), None)
        if kind is None and value.untyped_storage().nbytes() < value.nbytes:
            kind = f"{list(value.shape)} in size, more than the file holds of it"
        if kind is not None:
            raise ModelLoadError(
                f"cannot load weights from {path.name}: its {name} is {kind}", "Save plain tensors, each of its size."
            )


def _bare_names(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The weights of the one Vision Transformer in a state dict, by its own names.

    Raises
    ------
    ModelLoadError: the file holds several (a student and its teacher), so that one has to be chosen.
    """
    for wrapper in 2 * _WRAPPERS:  # a wrapper may lie in another, in either order
        state = {name.removeprefix(f"{wrapper}."): value for name, value in state.items()}
    state.pop("n_averaged", None)  # torch's AveragedModel counts its updates
    places = sorted({name.removesuffix(_BEGINS) for name in state if name.endswith(_BEGINS)})
    if not places or places[0] == "":
        return state
    if len(places) > 1:
        raise ModelLoadError(
            f"cannot load weights from {path.name}: it holds {len(places)} Vision Transformers, at "
            f"{', '.join(place.rstrip('.') for place in places)}",
            "Save the state dict of one of them.",
        )
    return {name.removeprefix(places[0]): value for name, value in state.items() if name.startswith(places[0])}


def load_state(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Put weights into a module, all of them. Raises ModelLoadError naming what does not fit."""
    expected = module.state_dict()
    missing = sorted(expected.keys() - state.keys())
    unknown = sorted(state.keys() - expected.keys())
    wrong = [name for name in expected.keys() & state.keys() if expected[name].shape != state[name].shape]
    if missing or unknown or wrong:
        parts = [f"{len(missing)} missing (first {missing[0]})"] if missing else []
        parts += [f"{len(unknown)} unknown (first {unknown[0]})"] if unknown else []
        for name in sorted(wrong)[:1]:
            shapes = f"{name}: file {list(state[name].shape)}, model {list(expected[name].shape)}"
            parts.append(f"{len(wrong)} of another shape ({shapes})")
        own_head = unknown and all(name.startswith("head.") for name in unknown)
        raise ModelLoadError(
            f"cannot load {path.name} into {type(module).__name__}: " + ", ".join(parts),
            "Its classifier is a module of your own: build the model in Python and give it to vitscope.wrap."
            if own_head
            else "Name the architecture that these weights were trained with; names must be timm's.",
        )
    module.load_state_dict(state)


def file_sha256(path: Path) -> str:
    """Checksum of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parameters_sha256(module: nn.Module) -> str:
    """Checksum of names, shapes and bytes of all parameters and buffers: the identity of weights that have no file."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def first_line(error: Exception) -> str:
    """What an error says first, without terminal codes, short enough for one sentence."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", str(error)).strip()
    line = (plain or type(error).__name__).splitlines()[0].strip()
    return line if len(line) <= _LONGEST else line[:_LONGEST].rpartition(" ")[0] + " ..."
