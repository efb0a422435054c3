"""One item of a data set: which part is the picture and which the label, and the picture as the bytes of a file.

Knows nothing about: data sets, models, what labels mean.
"""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from vitscope.errors import BadInput
from vitscope.models.pictures.arrays import as_bytes
from vitscope.models.pictures.images import read_bytes

Label = int | str | None
_IMAGE_KEYS: Final = ("image", "img", "picture", "pixel_values")
LABEL_KEYS: Final = ("label", "labels", "target", "fine_label", "class")
_AS_PNG: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
"""Modes of Pillow that PNG keeps to the bit; others go into TIFF."""
HINT: Final = (
    "Give pairs (picture, label): pictures of Pillow, arrays [row, col, channel], or paths; labels are class numbers "
    "or names."
)


def picture_of(item: Any, number: int) -> Any:  # noqa: ANN401
    """The picture of an item: a pair, a mapping with a known key, or a picture alone. Raises BadInput."""
    if isinstance(item, Mapping):
        key = next((key for key in _IMAGE_KEYS if key in item), None)
        if key is None:
            raise BadInput(
                f"cannot analyse item {number}: it has {', '.join(map(str, list(item)[:6])) or 'nothing'}, expected "
                f"one of {', '.join(_IMAGE_KEYS)}",
                HINT,
            )
        return item[key]
    if isinstance(item, list | tuple) and item:
        return item[0]
    return item


def label_of(item: Any) -> Any:  # noqa: ANN401
    """What an item has for a label; None where it has nothing."""
    if isinstance(item, Mapping):
        return next((item[key] for key in LABEL_KEYS if key in item), None)
    return item[1] if isinstance(item, list | tuple) and len(item) > 1 else None


def as_label(value: Any) -> tuple[Label, str | None]:  # noqa: ANN401
    """A class number or name, or nothing and why."""
    if value is None or isinstance(value, str):
        return value or None, None
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, int) and not isinstance(value, bool):
        return value, None
    return None, f"a {type(value).__name__} is no class number or name"


def encoded(picture: Any, number: int) -> bytes:  # noqa: ANN401
    """A picture as the bytes of a file that keeps it to the bit.

    A tensor of floats is pixels that the model reads as they are; whole numbers [color, row, col] are a picture.
    """
    if isinstance(picture, str | os.PathLike):
        return read_bytes(Path(picture))
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, Image.Image):
        return _file_of(picture)
    kind = type(picture).__module__.partition(".")[0]
    if isinstance(picture, np.ndarray):
        if picture.dtype.kind in "buif" and picture.ndim in (2, 3):
            return as_bytes(picture)
    elif kind == "torch" and getattr(picture, "ndim", 0) in (2, 3):
        array = picture.detach().cpu()
        if array.is_floating_point() and array.ndim == 3:
            return as_bytes(array.float().numpy(), ready=True)
        return as_bytes(array.numpy() if array.ndim == 2 else array.permute(1, 2, 0).numpy())
    shape = f" {list(picture.shape)}" if hasattr(picture, "shape") else ""
    raise BadInput(f"cannot analyse item {number}: a {type(picture).__name__}{shape} is no picture", HINT)


def _file_of(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    exif = picture.getexif()
    if picture.mode in _AS_PNG:
        picture.save(file, "PNG", compress_level=1, exif=exif)
    else:
        plain = picture if picture.mode in ("I", "F", "CMYK", "YCbCr", "LAB") else picture.convert("RGBA")
        plain.save(file, "TIFF", exif=exif)
    return file.getvalue()
