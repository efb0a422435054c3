"""The comparison of input sizes that a run may carry: one document and one file of arrays, with its checksum.

Written by `vitscope resolution ... --run RUN`; a run is whole without it. Knows nothing about: models, torch, how the
numbers are computed.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from vitscope.errors import RunError
from vitscope.store.files.durable import (
    file_sha256,
    read_json,
    read_sealed,
    require_regular,
    write_atomically,
    write_sealed,
)

FOLDER: Final = "resolution"
DOCUMENT: Final = f"{FOLDER}/resolution.json"
ARRAYS: Final = f"{FOLDER}/arrays.npz"
FORMAT: Final = 2
"""2 added `distance_no_sinks`, which is NaN in a comparison of format 1, and the checksum of the document itself."""
COLUMNS: Final = ("probability", "correct", "distance", "distance_no_sinks", "entropy")
"""Arrays float32 over [size, image] or [size, image, layer, head]; NaN = unknown, or no such head."""
_LARGEST: Final = 2 * 2**30
"""Bytes of all arrays, unpacked."""
_AGAIN: Final = "Compute it again: `vitscope resolution MODEL IMAGES --sizes ... --run RUN`."


@dataclass(frozen=True)
class SizeInfo:
    """One input size in pixels, its patches, and whether learned positions had to be interpolated."""

    height: int
    width: int
    rows: int
    cols: int
    tokens: int
    diagonal: float
    interpolated: bool


@dataclass(frozen=True)
class Resolution:
    """What is kept of a comparison of sizes.

    Parameters
    ----------
    rows: of the images in the run's table, -1 = not in the run.
    shown: how many of the first images have maps of their own.
    own_size: (height, width) of the run.
    """

    model: str
    weights_sha256: str
    preprocessing: str
    own_size: tuple[int, int]
    sizes: tuple[SizeInfo, ...]
    paths: tuple[str, ...]
    rows: tuple[int, ...]
    labels: tuple[int, ...]
    targets: tuple[int, ...]
    shown: int
    arrays: Mapping[str, np.ndarray]
    """`COLUMNS`, `prediction` int32 [size, image], and for size i `mean_map_i` [layer, head, patch] and `map_i` [shown,
    layer, head, patch] in half precision, where the model has a CLS token."""


def write_resolution(run: Path, found: Resolution) -> None:
    """Write both files; the document comes last and names the checksum of the arrays, so that it is whole or not there.

    To be called with the run's lock held (`RunWriter.opened`).
    """
    (run / DOCUMENT).unlink(missing_ok=True)

    def save(beside: Path) -> None:
        with beside.open("wb") as file:
            np.savez_compressed(file, **dict[str, Any](found.arrays))

    write_atomically(run / ARRAYS, save)
    checksum = file_sha256(run / ARRAYS)
    write_sealed(run / DOCUMENT, {"format": FORMAT, "arrays": checksum, **_document(found)}, indent=1)


def _document(found: Resolution) -> dict[str, Any]:
    return {
        name: [asdict(size) for size in found.sizes] if name == "sizes" else value
        for name, value in vars(found).items()
        if name != "arrays"
    }


def resolution_stamp(run: Path) -> int | None:
    """Something that changes when the comparison is written anew; None where there is none."""
    try:
        return (run / DOCUMENT).stat().st_mtime_ns
    except OSError:
        return None


def read_resolution(run: Path) -> Resolution | None:
    """The comparison of a run; None where it has none.

    Raises
    ------
    RunError: it is damaged, or a newer vitscope wrote it.
    """
    if resolution_stamp(run) is None:
        return None
    try:
        document = read_json(run / DOCUMENT)
        checksum = document.get("sha256")
        if document["format"] > FORMAT:
            raise RunError(
                f"cannot read {run / DOCUMENT}: it is of format {document['format']}, this version knows {FORMAT}",
                "Install a newer vitscope: pip install --upgrade vitscope.",
            )
        if document["format"] > 1:
            document = read_sealed(run / DOCUMENT, indent=1)
            checksum = document["arrays"]
        require_regular(run / ARRAYS)
        if file_sha256(run / ARRAYS) != checksum:
            raise RunError(f"cannot read {run / ARRAYS}: its checksum is not the one that was written", _AGAIN)
        with zipfile.ZipFile(run / ARRAYS) as file:
            size = sum(part.file_size for part in file.infolist())
        if size > _LARGEST:
            raise RunError(
                f"cannot read {run / ARRAYS}: it unpacks to {size} bytes, expected at most {_LARGEST}", _AGAIN
            )
        with np.load(run / ARRAYS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        arrays.setdefault("distance_no_sinks", np.full_like(arrays["distance"], np.nan))
        return Resolution(
            model=document["model"],
            weights_sha256=document["weights_sha256"],
            preprocessing=document["preprocessing"],
            own_size=(document["own_size"][0], document["own_size"][1]),
            sizes=tuple(SizeInfo(**size) for size in document["sizes"]),
            paths=tuple(document["paths"]),
            rows=tuple(document["rows"]),
            labels=tuple(document["labels"]),
            targets=tuple(document["targets"]),
            shown=int(document["shown"]),
            arrays=arrays,
        )
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        zipfile.BadZipFile,
        MemoryError,
    ) as error:
        raise RunError(f"cannot read {run / DOCUMENT}: it is damaged ({type(error).__name__})", _AGAIN) from error
