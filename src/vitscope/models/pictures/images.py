"""From the bytes of an image file to a picture: odd kinds are handled and noted, broken ones refused.

Knows nothing about: models, tensors. Nothing is executed or downloaded, only the formats below are tried, and no
warning of the decoder gets out.
"""

import io
import logging
import re
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from vitscope.errors import ImageUnreadable
from vitscope.models.pictures.arrays import MAGIC, MOST, AnyPicture, Bands, Ready, decode_array, from_array
from vitscope.models.pictures.levels import PictureRange, colour_levels, grey_levels
from vitscope.models.pictures.strips import in_strips
from vitscope.models.pictures.tiff import first_page, many_bands, read_bands

SUFFIXES: Final = frozenset(
    f".{ending}"
    for ending in (
        "jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "gif", "bmp", "dib", "tif", "tiff", "webp", "ppm", "pgm",
        "pbm", "pnm", "jp2", "j2k", "avif", "tga", "ico",
    )
)  # fmt: skip
"""Names by which a file in a folder is taken for an image."""
ARRAYS: Final = frozenset({".npy"})
"""Names of arrays; in a folder they are taken for images only where nothing else is one."""
MAX_PIXELS: Final = 89_478_485
"""Width x height of the largest picture that is decoded (Pillow's own bound), at no more than 12 bytes a pixel."""
WHOLE: Final = frozenset({"JPEG2000", "WEBP", "AVIF"})
"""Formats whose decoders hold a whole picture several times, 25 bytes a pixel: half as many pixels are decoded."""
_IN_PYTHON: Final = frozenset({"ppm", "ppm_plain"})
"""Decoders of PPM as text or of odd ranges, which Pillow has in Python, 42 bytes a pixel: a quarter is decoded."""
MAX_SECONDS: Final = 120.0
"""Computing time (of the thread) after which a decoder that asks for more of the file gets none."""
MAX_ASPECT: Final = 200
"""Longer over shorter side; a thin strip would grow beyond all bounds when its short side is resized to the model's."""
MAX_BYTES: Final = 512 * 2**20
"""Size of the largest file that is read."""

_FORMATS: Final = (
    "JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "TGA", "ICO",
)  # fmt: skip
"""Tried where this Pillow has them; no format whose decoder runs another program (EPS)."""
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes an orientation of EXIF."""
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else what it logs of odd files is printed
_UNSIGNED: Final = re.compile(r"'I;32[BLN]?'")
_FOUR: Final = 4
_COLOURS: Final = (1, 3)
"""Channels of the models that read plain pictures."""
_FOUR_BANDS: Final = frozenset({"RGBA", "RGBX", "CMYK"})
"""Modes in which Pillow has four channels of 8 bits, whatever they mean to a model that reads four."""
_GREY: Final = "grey converted to RGB"


@dataclass(frozen=True)
class Picture:
    """A decoded picture, turned upright: RGB, or grey floats in 0..255 (mode F) where the file has more than 8 bits.

    Arrays, and four channels for a model that reads four, are `Bands`; a data set may hold pixels that are `Ready`.
    `Model.preprocess` takes all of them. `note` says what was unusual about the file, None where nothing was.
    """

    image: AnyPicture
    note: str | None


def read_picture(path: Path, *, channels: int = 3, picture_range: PictureRange | None = None) -> Picture:
    """Read and decode an image file.

    Raises
    ------
    ImageUnreadable: the file is missing, not a file, too large, empty, truncated, damaged, or not an image.
    """
    return decode_picture(read_bytes(path), channels=channels, picture_range=picture_range)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file that may be an image. Raises ImageUnreadable."""
    try:
        if not path.is_file():
            raise ImageUnreadable("missing: there is no such file" if not path.exists() else "not a file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ImageUnreadable(f"too large: {size / 2**20:.0f} MB, the limit is {MAX_BYTES // 2**20} MB")
        return path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"cannot be opened: {error.strerror}") from error


def decode_picture(content: bytes, *, channels: int = 3, picture_range: PictureRange | None = None) -> Picture:
    """Decode the bytes of an image file.

    Handled, with a note: EXIF rotation, CMYK and other colour spaces, palettes, grey, 16 and 32 bits a channel,
    transparency (on white), animations (first frame), arrays (`.npy`: [row, col] or [row, col, channel]).

    Parameters
    ----------
    channels: input channels of the model; to one that reads 1 channel, a grey picture is nothing to note.
    picture_range: values of black and white for pictures with more than 8 bits a channel, whatever lies outside is
        cut; None: the full range of the type, nothing is cut.

    Raises
    ------
    ImageUnreadable: see `read_picture`.
    """
    if not content:
        raise ImageUnreadable("empty: the file has 0 bytes")
    if content.startswith(MAGIC):
        return _from_array(content, channels, picture_range)
    if (tags := many_bands(content)) is not None and channels not in _COLOURS:
        notes: list[str] = []
        return _noted(from_array(read_bands(content, tags, MOST), channels, picture_range, notes), notes, channels)
    with _QUIET:
        try:
            with Image.open(_Bounded(content), formats=_formats()) as opened:
                _check_size(opened)
                return _upright(opened, channels, picture_range)
        except ImageUnreadable:
            raise
        except Image.DecompressionBombError as error:
            raise ImageUnreadable(f"too large: {_sentence(error)}") from error
        except UnidentifiedImageError as error:
            raise ImageUnreadable(_odd_tiff(content) or "not an image: no known format fits its content") from error
        except MemoryError as error:
            raise ImageUnreadable("too large: there is not enough memory to decode it") from error
        except Exception as error:  # decoders fed with damaged files raise nearly anything; all of it means the same
            raise ImageUnreadable(f"{_kind_of_damage(error)}: {_sentence(error)}") from error


def _from_array(content: bytes, channels: int, picture_range: PictureRange | None) -> Picture:
    notes: list[str] = []
    image = decode_array(content, channels, picture_range, notes)
    if not isinstance(image, Ready):
        _check_size(image)
    if isinstance(image, Image.Image) and image.mode != "F":
        image = _rgb(image, notes)
    return _noted(image, notes, channels)


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


class _Bounded(io.BytesIO):
    """The bytes of a file, in which a decoder cannot read for ever: nothing else ends one."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._end = time.thread_time() + MAX_SECONDS

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._end:
            raise ImageUnreadable(f"too slow: not decoded after {MAX_SECONDS:.0f} s of computing")
        return super().read(size)


def _check_size(opened: Image.Image | Bands) -> None:
    width, height = opened.size
    if width < 1 or height < 1:
        raise ImageUnreadable(f"damaged: its size is {width} x {height} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageUnreadable(
            f"too narrow: {width} x {height} pixels, one side is more than {MAX_ASPECT} times the other"
        )
    in_python = any(tile[0] in _IN_PYTHON for tile in getattr(opened, "tile", ()))
    kind = getattr(opened, "format", None)
    limit = MAX_PIXELS // (4 if in_python else 2 if kind in WHOLE else 1)
    if width * height > limit:
        of = f" of such {kind}" if in_python else f" of {kind}" if kind in WHOLE else ""
        raise ImageUnreadable(
            f"too large: {width} x {height} = {width * height / 1e6:.0f} million pixels, "
            f"the limit{of} is {limit / 1e6:.0f} million"
        )
    tile = [getattr(opened, "tag_v2", {}).get(tag, 1) for tag in (322, 323)]  # of a TIFF: its size is its own affair
    if tile[0] * tile[1] > MAX_PIXELS:
        raise ImageUnreadable(f"damaged: a tile of {tile[0]} x {tile[1]} pixels in a picture of {width} x {height}")


def _odd_tiff(content: bytes) -> str | None:
    """What a TIFF holds that the decoder does not know, in words; None for anything else."""
    tags = first_page(content)
    if tags is None:
        return None
    bands, bits, kind = (tags.get(tag, 1) for tag in (277, 258, 339))
    bits, kind = (value[0] if isinstance(value, tuple) else value for value in (bits, kind))
    numbers = f"{bits}-bit {'floats' if kind == 3 else 'numbers'}"
    if bands not in (1, 3, 4):
        return f"a TIFF of {bands} bands: vitscope reads 1, 3 or 4"
    return f"a TIFF of {numbers} in {bands} band{'' if bands == 1 else 's'}: vitscope reads 8 or 16 bits, or grey of 32"


def _upright(opened: Image.Image, channels: int, picture_range: PictureRange | None) -> Picture:
    notes: list[str] = []
    if getattr(opened, "is_animated", False):  # `n_frames` would read all of them
        notes.append("first of several frames")
    stored = " ".join(str(tile) for tile in getattr(opened, "tile", ()))  # how the file keeps a pixel, as in RGB;16B
    opened.load()
    _check_size(opened)  # an icon may hold a larger picture than it says
    image = _turned(opened, notes)
    if channels == _FOUR and image.mode in _FOUR_BANDS:
        values = np.asarray(image, dtype=np.float32)
        return _noted(Bands(values, _rgb(image, notes)), notes[:0], channels)
    if image.mode.startswith("I") or image.mode == "F":
        image = grey_levels(image, picture_range, notes, signed=_UNSIGNED.search(stored) is None)
    else:
        image = _rgb(image, notes)
        if ";16" in stored:
            image = colour_levels(image, picture_range, notes)
    return _noted(image, notes, channels)


def _noted(image: AnyPicture, notes: Sequence[str], channels: int) -> Picture:
    worth_saying = [note for note in notes if channels != 1 or note != _GREY]
    return Picture(image, ", ".join(worth_saying) or None)


def _turned(image: Image.Image, notes: list[str]) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(0x0112, 1))
    except Exception:  # damaged EXIF is common and says nothing about the pixels
        notes.append("EXIF not readable")
        return image
    if turn is None:
        return image
    notes.append("turned upright by its EXIF orientation")
    return image.transpose(turn)


def _rgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """Convert by mode; the mode decides what has to be said."""
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _on_white(image, notes)
    if image.mode == "RGB":
        return image.convert("RGB")
    names = {"P": "palette", "1": "black and white"}
    notes.append(_GREY if image.mode == "L" else f"{names.get(image.mode, image.mode)} converted to RGB")
    return image.convert("RGB")


def _on_white(image: Image.Image, notes: list[str]) -> Image.Image:
    if image.mode in ("P", "PA"):
        notes.append("palette converted to RGB")
    elif image.mode in ("L", "LA", "La", "1"):
        notes.append(_GREY)
    opaque = True

    def on_white(strip: Image.Image) -> Image.Image:
        nonlocal opaque
        rgba = strip.convert("RGBA")
        opaque = opaque and rgba.getchannel("A").getextrema() == (255, 255)
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")

    shown = in_strips(image, "RGB", on_white)
    if not opaque:
        notes.append("transparency put on white")
    return shown


def _kind_of_damage(error: Exception) -> str:
    words = str(error).lower()
    truncated = isinstance(error, EOFError) or any(word in words for word in ("truncated", "not enough", "incomplete"))
    return "truncated" if truncated else "damaged"


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]


class _Quiet:
    """No warning of a decoder gets out. The filters are the process's: the first sets them, the last restores them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoders = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._decoders:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._decoders += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._decoders -= 1
            if not self._decoders:
                self._filters.__exit__(None, None, None)


_QUIET: Final = _Quiet()
