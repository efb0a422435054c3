"""Pictures that are arrays [row, col, channel]: any number of channels, any kind of numbers; and pixels made already.

Knows nothing about: models, files but their bytes.
"""

import io
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Shaped
from PIL import Image
from torch import Tensor

from vitscope.errors import ImageUnreadable
from vitscope.models.pictures.levels import PictureRange, array_levels

MAGIC: Final = b"\x93NUMPY"
"""How a `.npy` file begins."""
_READY: Final = np.dtype([("pixels", "<f4")])
"""Marks pixels [color, row, col] that a model reads as they are: no user's file has numbers of this kind."""
_COLOURS: Final = {1: "L", 3: "RGB", 4: "RGBA"}
MOST: Final = 3 * 89_478_485
"""Numbers in the largest array that is read: as many as the largest picture of three colours has."""


@dataclass(frozen=True)
class Bands:
    """A picture of any number of channels, floats in 0..255; `shown` is the same for transforms of pictures."""

    values: Float[np.ndarray, "row col channel"]
    shown: Image.Image | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), as of a picture."""
        return self.values.shape[1], self.values.shape[0]

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.values.shape[1]

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.values.shape[0]


@dataclass(frozen=True)
class Ready:
    """Pixels that a data set of the user's has prepared: resized, cropped, normalised."""

    pixels: Float[Tensor, "color row col"]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), as of a picture."""
        return self.pixels.shape[2], self.pixels.shape[1]

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.pixels.shape[2]

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.pixels.shape[1]


AnyPicture = Image.Image | Bands | Ready
"""What a picture is once it is decoded."""


def as_bytes(array: Shaped[np.ndarray, "..."], *, ready: bool = False) -> bytes:
    """An array as the bytes of a `.npy` file, which `decode_array` reads; `ready`: as pixels."""
    kept = np.ascontiguousarray(array, dtype=np.float32).view(_READY) if ready else np.ascontiguousarray(array)
    file = io.BytesIO()
    np.lib.format.write_array(file, kept, allow_pickle=False)
    return file.getvalue()


def decode_array(content: bytes, channels: int, picture_range: PictureRange | None, notes: list[str]) -> AnyPicture:
    """What the bytes of a `.npy` file are: a picture of 8 bits in 1, 3 or 4 channels, grey floats, or bands.

    Raises
    ------
    ImageUnreadable: no picture, channels that the model does not read, or values without a plain meaning.
    """
    array = _read(content)
    if array.dtype == _READY:
        return Ready(torch.from_numpy(array.view(np.float32)))
    return from_array(array, channels, picture_range, notes)


def from_array(
    array: Shaped[np.ndarray, "..."], channels: int, picture_range: PictureRange | None, notes: list[str]
) -> Image.Image | Bands:
    """The picture that an array [row, col] or [row, col, channel] is. Raises as `decode_array`."""
    if array.ndim == 2:
        array = array[..., None]
    bands = array.shape[-1]
    if bands != channels and not {bands, channels} <= {*_COLOURS}:
        first = " (its first axis has as many: expected [row, col, channel])" if array.shape[0] == channels else ""
        raise ImageUnreadable(f"an array {list(array.shape)} of {bands} channels, the model reads {channels}{first}")
    if array.dtype == np.uint8 and bands in _COLOURS and (bands, channels) != (4, 4):
        return Image.fromarray(array[..., 0] if bands == 1 else array, _COLOURS[bands])
    levels = array_levels(array, picture_range, notes)
    if bands == channels and bands != 1:
        return Bands(levels)
    if bands == 1:
        return Image.fromarray(levels[..., 0])  # grey floats, mode F
    if bands == 3 and channels == 1:
        notes.append("colours converted to grey")
        return Image.fromarray(levels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))
    raise ImageUnreadable(f"an array of {bands} channels of {array.dtype}, the model reads {channels}")


def _read(content: bytes) -> Any:  # noqa: ANN401 - an array of any kind
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, kind = header(file)
        ready = kind == _READY
        plain = ready or kind.kind in "buif"
        if not plain or len(shape) not in ((3,) if ready else (2, 3)) or 0 in shape:
            raise ImageUnreadable(
                f"no picture: an array {list(shape)} of {kind}, expected [row, col, channel] of numbers"
            )
        if int(np.prod(shape, dtype=np.float64)) > MOST:
            raise ImageUnreadable(f"too large: an array {list(shape)}, the limit is {MOST / 1e6:.0f} million numbers")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    except ImageUnreadable:
        raise
    except Exception as error:  # numpy raises many kinds for files that are damaged
        raise ImageUnreadable(
            f"damaged: {str(error).strip().splitlines()[0] if str(error).strip() else 'no array'}"
        ) from error
