"""Weights: read from a file without running any code in it, brought to a module's names, told apart by a checksum.

Knows nothing about: which models there are, how they are analysed.
"""

import argparse
import difflib
import hashlib
import pathlib
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vitscope.errors import ModelLoadError
from vitscope.file_names import exists, is_file

HARMLESS: Final = (argparse.Namespace, pathlib.PosixPath)
"""Classes that training programs put beside the weights (their options); to make one runs no code of the file."""
PARTS: Final = (
    "state_dict_ema", "model_ema", "ema_state_dict", "state_dict", "model_state_dict", "model", "net", "teacher",
    "student",
)  # fmt: skip
"""Where training programs keep the weights, first come first; the running average (EMA) is preferred, as by timm."""
_NESTED: Final = 4
"""Containers that lie in each other, at most."""
_WRAPPERS: Final = ("_orig_mod", "module", "model", "backbone", "encoder", "base_model.model")
"""What may stand before a name, any of them in any order: DataParallel, torch.compile, Lightning, PEFT, own classes."""
_WITHIN: Final = re.compile(r"(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""What wrappers of single blocks write into a name; it never means anything else."""
_COUNTERS: Final = frozenset({"n_averaged"})
"""No weights: torch's AveragedModel counts its updates."""
_LONGEST: Final = 240
_SHOWN: Final = 3


class Weights(NamedTuple):
    """A state dict by the names of its file, and which part of a training checkpoint it is (None: the whole file)."""

    state: dict[str, Tensor]
    part: str | None


class Fitted(NamedTuple):
    """The weights of one model by its own names; names of the file that it has no use for, and those taken from beside.

    Parameters
    ----------
    place: what stands before the model's names in the file (`encoder.`).
    beside: names, as the file has them, that do not lie there but are the model's (`head.weight`).
    """

    state: dict[str, Tensor]
    place: str
    left_out: tuple[str, ...]
    beside: tuple[str, ...]

    @property
    def note(self) -> str | None:
        """What has to be said of it; None where the file holds these weights and nothing else."""
        parts = []
        if self.beside:
            parts.append(f"taken from beside the others: {_some(self.beside)}")
        if self.left_out:
            parts.append(f"{len(self.left_out)} not used: {_some(self.left_out)}")
        return "; ".join(parts) or None


def read_weights(path: Path) -> Weights:
    """Read a state dict without running any code in it.

    Of a training checkpoint the averaged weights are taken where it has some, a teacher before its student (`PARTS`).

    Raises
    ------
    ModelLoadError: no such file, a file that only running its code could open, or one without weights.
    """
    part, state = _part_of(_read(path), path)
    _require_plain(state, path)
    return Weights(state, part)


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
    """The state dict in what a file holds, and the keys that it lies under (None: at the top)."""
    keys: list[str] = []
    while len(keys) < _NESTED and isinstance(state, dict):
        key = next((key for key in PARTS if isinstance(state.get(key), dict) and state[key]), None)
        if key is None:
            break
        keys.append(key)
        state = state[key]
    if not isinstance(state, dict) or not state or not all(map(_is_named, state.items())):
        what = f"a dict of {', '.join(map(str, list(state)[:4]))}" if isinstance(state, dict) else type(state).__name__
        raise ModelLoadError(
            f"cannot load weights from {path.name}: expected a state dict of tensors, got {what or 'nothing'}",
            "Save it with torch.save(model.state_dict(), ...).",
        )
    return ".".join(keys) or None, state


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


def fitted(state: Mapping[str, Tensor], names: Collection[str], path: Path) -> Fitted:
    """The weights of the one model in a state dict, by the model's own names.

    Names lose what wrappers put before them: whatever stands before the first of the model's longer names, and any
    stack of `_WRAPPERS`. What lies beside a wrapped model (a projection head of DINO, a loss) is left out, but for what
    the model needs and has no other name for.

    Raises
    ------
    ModelLoadError: the file holds several (a student and its teacher), so that one has to be chosen.
    """
    plain = {name: _WITHIN.sub(r"\1", name) for name in state if name not in _COUNTERS}
    anchor = next((name for name in names if name.count(".") > 1), next(iter(names), ""))
    places = sorted({name.removesuffix(anchor) for name in plain.values() if f".{name}".endswith(f".{anchor}")})
    if len(places) > 1 and places[0]:
        raise ModelLoadError(
            f"cannot load weights from {path.name}: it holds {len(places)} Vision Transformers, at "
            f"{', '.join(place.rstrip('.') for place in places)}",
            "Save the state dict of one of them.",
        )
    place = places[0] if places else ""
    own = {name.removeprefix(place): key for key, name in plain.items() if name.startswith(place)}
    found = {name: own[name] for name in names if name in own}
    inside = set(found.values())
    beside: dict[str, list[str]] = {}
    for key, name in plain.items():
        if key not in inside:
            known = next((each for each in _unwrapped(name) if each in names and each not in found), "")
            beside.setdefault(known, []).append(key)
    taken = {name: keys[0] for name, keys in beside.items() if name and len(keys) == 1}  # two of a name: neither
    used = inside | {*taken.values()}
    return Fitted(
        {name: state[key] for name, key in (found | taken).items()},
        place,
        tuple(key for key in plain if key not in used),
        tuple(taken.values()) if found else (),
    )


def _unwrapped(name: str) -> list[str]:
    """A name, and what is left of it as one wrapper after the other is taken off."""
    found = [name]
    while (wrapper := next((each for each in _WRAPPERS if found[-1].startswith(f"{each}.")), None)) is not None:
        found.append(found[-1].removeprefix(f"{wrapper}."))
    return found


def load_state(module: nn.Module, state: Mapping[str, Tensor], path: Path, left_out: Sequence[str] = ()) -> None:
    """Put weights into a module, all of them. Raises ModelLoadError naming what does not fit.

    Parameters
    ----------
    left_out: other names of the file: what is missing may be there by another name.
    """
    expected = module.state_dict()
    missing = [name for name in expected if name not in state]
    unknown = [*(name for name in state if name not in expected), *left_out]
    wrong = sorted(name for name in expected.keys() & state.keys() if expected[name].shape != state[name].shape)
    if missing or wrong or len(unknown) > len(left_out):
        parts = [f"{len(missing)} missing (first {missing[0]}{_nearest(missing[0], unknown)})"] if missing else []
        parts += [f"{len(unknown)} unknown (first {unknown[0]})"] if unknown else []
        for name in wrong[:1]:
            shapes = f"{name}: file {list(state[name].shape)}, model {list(expected[name].shape)}"
            parts.append(f"{len(wrong)} of another shape ({shapes})")
        raise ModelLoadError(
            f"cannot load {path.name} into {type(module).__name__}: " + ", ".join(parts), _what_to_do(wrong, unknown)
        )
    module.load_state_dict(state)


def _what_to_do(wrong: Sequence[str], unknown: Sequence[str]) -> str:
    if any("lora_" in name for name in unknown):
        return "It holds LoRA layers: merge them first (merge_and_unload() of PEFT) and save that."
    if wrong and all("pos" in name for name in wrong):
        return "They may be of another input size: say which with --img-size (Python: img_size=)."
    return "Name the architecture that these weights were trained with; names must be its library's."


def _nearest(name: str, others: Sequence[str]) -> str:
    """Which names of the file are most like one that is missing."""
    bare = {_unwrapped(other)[-1]: other for other in others}
    close = difflib.get_close_matches(name, bare, _SHOWN, 0.75)
    return f"; most like it in the file: {', '.join(bare[each] for each in close)}" if close else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")


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
