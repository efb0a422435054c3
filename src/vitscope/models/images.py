"""From the bytes of an image file to a picture: odd kinds are handled and noted, broken ones refused.

Knows nothing about: models, tensors. Nothing is executed or downloaded, only the formats below are tried, and no
warning of the decoder gets out.
"""

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from vitscope.errors import ImageUnreadable
from vitscope.models.levels import PictureRange, colour_levels, grey_levels

SUFFIXES: Final = frozenset(
    f".{ending}"
    for ending in (
        "jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "gif", "bmp", "dib", "tif", "tiff", "webp", "ppm", "pgm",
        "pbm", "pnm", "jp2", "j2k", "avif", "tga", "ico",
    )
)  # fmt: skip
"""Names by which a file in a folder is taken for an image."""
MAX_PIXELS: Final = 89_478_485
"""Width x height of the largest picture that is decoded (Pillow's own bound): 268 MB as RGB."""
MAX_ASPECT: Final = 200
"""Longer over shorter side; a thin strip would grow beyond all bounds when its short side is resized to the model's."""
MAX_BYTES: Final = 512 * 2**20
"""Size of the largest file that is read."""

_FORMATS: Final = (
    "JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "TGA", "ICO",
)  # fmt: skip
"""Tried where this Pillow has them; no format whose decoder runs another program (EPS)."""
_UNSIGNED: Final = re.compile(r"'I;32[BLN]?'")
_GREY: Final = "grey converted to RGB"
_LOUD = threading.Lock()  # `warnings.catch_warnings` changes the whole process: one decoder at a time


@dataclass(frozen=True)
class Picture:
    """A decoded picture, turned upright: RGB, or grey floats in 0..255 (mode F) where the file has more than 8 bits.

    `Model.preprocess` takes both. `note` says what was unusual about the file, None where nothing was.
    """

    image: Image.Image
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
    transparency (on white), animations (first frame).

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
    with _quiet():
        try:
            with Image.open(io.BytesIO(content), formats=_formats()) as opened:
                _check_size(opened.size)
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


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageUnreadable(f"damaged: its size is {width} x {height} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageUnreadable(
            f"too narrow: {width} x {height} pixels, one side is more than {MAX_ASPECT} times the other"
        )
    if width * height > MAX_PIXELS:
        raise ImageUnreadable(
            f"too large: {width} x {height} = {width * height / 1e6:.0f} million pixels, "
            f"the limit is {MAX_PIXELS / 1e6:.0f} million"
        )


def _odd_tiff(content: bytes) -> str | None:
    """What a TIFF holds that the decoder does not know, in words; None for anything else."""
    if content[:4] not in (b"II*\0", b"MM\0*"):
        return None
    try:
        file = io.BytesIO(content)
        tags = ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        bands, bits, kind = (tags.get(tag, 1) for tag in (277, 258, 339))
    except Exception:  # damaged beyond its first bytes
        return None
    bits, kind = (value[0] if isinstance(value, tuple) else value for value in (bits, kind))
    numbers = f"{bits}-bit {'floats' if kind == 3 else 'numbers'}"
    if bands not in (1, 3, 4):
        return f"a TIFF of {bands} bands: vitscope reads 1, 3 or 4"
    return f"a TIFF of {numbers} in {bands} band{'' if bands == 1 else 's'}: vitscope reads 8 or 16 bits, or grey of 32"


def _upright(opened: Image.Image, channels: int, picture_range: PictureRange | None) -> Picture:
    notes: list[str] = []
    frames = getattr(opened, "n_frames", 1)
    if frames > 1:
        notes.append(f"first of {frames} frames")
    stored = " ".join(str(tile) for tile in getattr(opened, "tile", ()))  # how the file keeps a pixel, as in RGB;16B
    opened.load()
    image = _turned(opened, notes)
    if image.mode.startswith("I") or image.mode == "F":
        image = grey_levels(image, picture_range, notes, signed=_UNSIGNED.search(stored) is None)
    else:
        image = _rgb(image, notes)
        if ";16" in stored:
            image = colour_levels(image, picture_range, notes)
    worth_saying = [note for note in notes if channels != 1 or note != _GREY]
    return Picture(image, ", ".join(worth_saying) or None)


def _turned(image: Image.Image, notes: list[str]) -> Image.Image:
    try:
        orientation = image.getexif().get(0x0112, 1)
        turned = ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF is common and says nothing about the pixels
        notes.append("EXIF not readable")
        return image
    if orientation in range(2, 9):
        notes.append("turned upright by its EXIF orientation")
    return turned


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
    rgba = image.convert("RGBA")
    if rgba.getchannel("A").getextrema() != (255, 255):
        notes.append("transparency put on white")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _kind_of_damage(error: Exception) -> str:
    words = str(error).lower()
    truncated = isinstance(error, EOFError) or any(word in words for word in ("truncated", "not enough", "incomplete"))
    return "truncated" if truncated else "damaged"


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]


@contextmanager
def _quiet() -> Iterator[None]:
    with _LOUD, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
