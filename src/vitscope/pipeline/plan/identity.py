"""What must be the same for the same bits: the files, the model, the versions, the options; and how to say what is not.

Knows nothing about: how anything is computed.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Final

import torch

from vitscope._version import __version__
from vitscope.errors import ImageUnreadable, RunError
from vitscope.models import Model
from vitscope.models.sources.loading import feature_width
from vitscope.pipeline.plan.listing import Listing
from vitscope.store import Manifest, ModelInfo
from vitscope.store.files.durable import file_sha256

_SHOWN: Final = 12
"""Hexadecimal digits of a checksum that a message shows."""


def file_ids(listing: Listing) -> list[str]:
    """The sha256 of each picture's bytes; empty where they cannot be read (its row will say why)."""
    if listing.held is not None:
        return [_held_id(listing, row) for row in range(len(listing))]
    return [_file_id(listing.root / path) for path in listing.paths]


def _held_id(listing: Listing, row: int) -> str:
    try:
        return hashlib.sha256(listing.read(row)).hexdigest()
    except ImageUnreadable:
        return ""


def _file_id(path: Path) -> str:
    try:
        return file_sha256(path) if path.is_file() else ""  # a pipe or a device would never end
    except OSError:
        return ""


def fingerprint(ids: Sequence[str], listing: Listing) -> str:
    """The sha256 of names, bytes, labels and order of the images."""
    digest = hashlib.sha256()
    for row in zip(ids, listing.paths, listing.labels, listing.class_names, strict=True):
        digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()


def model_info(model: Model, weights_file: str | None) -> ModelInfo:
    """The model as run.json keeps it."""
    return ModelInfo(
        id=model.id,
        name=model.id.rpartition(":")[2],
        adapter=model.adapter,
        weights=weights_file,
        weights_sha256=model.weights_sha256,
        parity=float(model.parity),
        n_layers=model.n_layers,
        n_heads=tuple(model.n_heads),
        n_classes=model.n_classes,
        n_features=feature_width(model.architecture),
        classes=model.classes,
        input_size=model.input_size,
        device=device_name(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        readout=model.readout,
        n_logits=model.n_logits,
        options=replace(model.options, class_names=None),
        read_by=model.read_by,
    )


def device_name(device: torch.device) -> str:
    """`cpu`, or the kind of GPU: another kind sums in another order."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


def versions() -> dict[str, str]:
    """Versions of everything that could change a bit, the processor's instruction set among them."""
    return {
        "vitscope": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        **{name: metadata.version(name) for name in ("torchvision", "timm", "numpy", "pillow")},
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }


def require_same(run: str, kept: Manifest, now: Manifest, changed_files: str | None) -> None:
    """Refuse to resume a run under other conditions.

    Raises
    ------
    RunError: names every difference.
    """
    differences = [
        *_model_differences(kept.model, now.model),
        *_plain_differences(kept, now),
        *([f"the image set ({changed_files})"] if changed_files else []),
        *_version_differences(kept.versions, now.versions),
    ]
    if differences:
        raise RunError(
            f"cannot resume {run}: different from when it was started: {'; '.join(differences)}",
            "Its results would mix two analyses. Use the inputs and options of the start, or choose another --out.",
        )


def _model_differences(kept: ModelInfo, now: ModelInfo) -> list[str]:
    found = [
        f"{name.replace('_', ' ')} ({getattr(kept, name)} in the run, {getattr(now, name)} now)"
        for name in ("id", "device", "dtype", "input_size", "readout", "read_by")
        if getattr(kept, name) != getattr(now, name)
    ]
    if kept.classes != now.classes:
        found.append("the names of its classes")
    if kept.weights_sha256 != now.weights_sha256:
        shown = [(info.weights_sha256 or "unknown")[:_SHOWN] for info in (kept, now)]
        found.append(f"the weights (sha256 {shown[0]}… in the run, {shown[1]}… now)")
    return found


def _plain_differences(kept: Manifest, now: Manifest) -> list[str]:
    found = [
        f"option {name} ({_words(getattr(kept.options, name))} in the run, {_words(getattr(now.options, name))} now)"
        for name in ("modes", "fill", "limit", "partial_images", "patterns", "picture_range", "seed", "threads")
        if getattr(kept.options, name) != getattr(now.options, name)
    ]
    if kept.transform != now.transform:
        found.append(f"the preprocessing ({kept.transform} in the run, {now.transform} now)")
    return found


def _version_differences(kept: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{name} ({kept.get(name, 'none')} in the run, {version} now)"
        for name, version in now.items()
        if name != "python" and kept.get(name) != version
    ]


def _words(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
