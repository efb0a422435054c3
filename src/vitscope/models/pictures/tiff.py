"""TIFF files of any number of channels, as satellites' pictures are kept, which Pillow does not decode.

Read is what needs no decoder of its own: stored plainly or by deflate, in strips or tiles, chunky or planar, with or
without the difference to the left neighbour (predictor 2). Knows nothing about: models.
"""

import io
import itertools
import zlib
from typing import Any, Final

import numpy as np
from jaxtyping import Shaped
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from vitscope.errors import ImageUnreadable

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _BANDS, _PLANAR, _PREDICTOR, _KIND = 256, 257, 258, 259, 277, 284, 317, 339
_STRIPS, _STRIP_ROWS, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_PLAIN: Final = 1
_DEFLATE: Final = (8, 32946)
_LETTERS: Final = {1: "u", 2: "i", 3: "f"}


def first_page(content: bytes) -> ImageFileDirectory_v2 | None:
    """The tags of the first page of a TIFF; None for anything else, and where it is damaged: Pillow says so."""
    if content[:4] not in (b"II*\0", b"MM\0*"):
        return None
    try:
        file = io.BytesIO(content)
        tags = ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
    except Exception:  # damaged beyond its first bytes
        return None
    return tags


def many_bands(content: bytes) -> ImageFileDirectory_v2 | None:
    """The tags of the first page of a TIFF of several channels, but 3 or 4 of 8 bits; None for anything else."""
    tags = first_page(content)
    if tags is None:
        return None
    bands = int(tags.get(_BANDS, 1))
    return tags if bands > 1 and (bands not in (3, 4) or _first(tags.get(_BITS, 8)) != 8) else None


def read_bands(content: bytes, tags: ImageFileDirectory_v2, most: int) -> Shaped[np.ndarray, "row col channel"]:
    """The numbers of such a file.

    Raises
    ------
    ImageUnreadable: more than `most` numbers, damaged, or stored in another way.
    """
    width, height, bands = (int(tags.get(tag, 0)) for tag in (_WIDTH, _HEIGHT, _BANDS))
    if min(width, height) < 1 or width * height * bands > most:
        raise ImageUnreadable(f"too large: {width} x {height} pixels of {bands} channels")
    bits, kind = _first(tags.get(_BITS, 8)), _LETTERS.get(_first(tags.get(_KIND, 1)))
    compression, predictor = int(tags.get(_COMPRESSION, _PLAIN)), int(tags.get(_PREDICTOR, 1))
    plain = compression in (_PLAIN, *_DEFLATE) and (predictor == 1 or (predictor == 2 and kind != "f"))
    if kind is None or bits not in (8, 16, 32, 64) or (kind == "f" and bits == 8) or not plain:
        raise ImageUnreadable(
            f"a TIFF of {bands} channels stored in a way that is not read (compression {compression}, predictor "
            f"{predictor}, {bits} bits): save it plainly or by deflate, or as .npy [row, col, channel]"
        )
    numbers = np.dtype(f"{'<' if content[:2] == b'II' else '>'}{kind}{bits // 8}")
    tiled = _TILES in tags
    down, across = (int(tags.get(tag, 0)) for tag in (_TILE_HEIGHT, _TILE_WIDTH)) if tiled else (0, width)
    down = down if tiled else min(int(tags.get(_STRIP_ROWS, height)), height)
    if min(down, across) < 1 or down * across * bands > most:
        raise ImageUnreadable(f"damaged: parts of {across} x {down} pixels in a picture of {width} x {height}")
    planes, depth = (bands, 1) if int(tags.get(_PLANAR, 1)) == 2 else (1, bands)
    starts, sizes = (_all(tags.get(tag, ())) for tag in ((_TILES, _TILE_BYTES) if tiled else (_STRIPS, _STRIP_BYTES)))
    expected = planes * -(-height // down) * -(-width // across)
    if not len(starts) == len(sizes) == expected:
        raise ImageUnreadable(f"damaged: {len(starts)} parts in the file, expected {expected}")
    places = itertools.product(range(planes), range(0, height, down), range(0, width, across))
    image = np.zeros((height, width, bands), numbers.newbyteorder("="))
    for (plane, top, left), start, size in zip(places, starts, sizes, strict=True):
        rows = down if tiled else min(down, height - top)
        part = _part(content[start : start + size], compression, rows * across * depth * numbers.itemsize)
        values = np.frombuffer(part, numbers).reshape(rows, across, depth).astype(image.dtype)
        if predictor == 2:
            values = np.cumsum(values, axis=1, dtype=image.dtype)
        channels = slice(plane, plane + 1) if planes > 1 else slice(None)
        into = image[top : top + down, left : left + across, channels]
        into[...] = values[: into.shape[0], : into.shape[1]]
    return image


def _part(stored: bytes, compression: int, wanted: int) -> bytes:
    """One strip or tile, no longer than it may be: a few bytes of deflate may stand for any number."""
    try:
        part = stored if compression == _PLAIN else zlib.decompressobj().decompress(stored, wanted)
    except zlib.error as error:
        raise ImageUnreadable(f"damaged: {error}") from error
    if len(part) < wanted:
        raise ImageUnreadable(f"truncated: a part of {len(part)} bytes, expected {wanted}")
    return part[:wanted]


def _first(value: Any) -> int:  # noqa: ANN401 - a tag is a number or several
    return int(value[0] if isinstance(value, tuple) else value)


def _all(value: Any) -> list[int]:  # noqa: ANN401
    return [int(one) for one in (value if isinstance(value, tuple) else (value,))]
