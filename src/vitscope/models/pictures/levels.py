"""Pictures with more than 8 bits a channel: which of their values are black and white, and what has to be said of it.

Knows nothing about: files, models.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
from jaxtyping import Float32, Shaped
from PIL import Image

from vitscope.errors import ImageUnreadable, InvalidArgument
from vitscope.models.pictures.strips import in_strips, strips

PictureRange: TypeAlias = tuple[float, float]
"""The values of a picture with more than 8 bits a channel that are black and white; what lies outside is cut."""
_TOP: Final[dict[int, float]] = {16: 65535, 32: 2**32 - 1}
_FAINT: Final = 2**28
"""Below this a 32-bit picture uses less than a sixteenth of its range: anything could be meant."""


def parse_range(value: str | Sequence[float] | None) -> PictureRange | None:
    """A range as users give it: `0,4095`, `12-bit`, two numbers, or None.

    Raises
    ------
    InvalidArgument: anything else, or a range that is empty.
    """
    if value is None:
        return None
    words = [word for word in re.split(r"[,\s]+", value.strip()) if word] if isinstance(value, str) else list(value)
    bits = re.fullmatch(r"([0-9]+)-?bits?", "".join(map(str, words)).lower())
    if bits and 1 <= int(bits[1]) <= 32:
        return 0.0, float(2 ** int(bits[1]) - 1)
    try:
        low, high = (float(word) for word in words)
    except (TypeError, ValueError):
        low = high = float("nan")
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InvalidArgument(
            f"cannot take {value!r} as the range of pictures: expected two numbers, the values of black and white",
            "Give --range 0,4095 or --range 12-bit (Python: picture_range=(0, 4095)).",
        )
    return low, high


def in_eight_bits(image: Image.Image) -> Image.Image:
    """A picture of floats in 0..255 as grey of 8 bits, rounded."""
    return in_strips(
        image, "L", lambda strip: Image.fromarray(np.round(np.asarray(strip)).clip(0, 255).astype(np.uint8))
    )


def grey_levels(
    image: Image.Image, picture_range: PictureRange | None, notes: list[str], *, signed: bool = True
) -> Image.Image:
    """A grey picture of integers or floats as floats in 0..255 (mode F), without rounding.

    By the range that is given; else by the full range of the type, never by the range of this picture.
    `signed`: whether integers of 32 bits are, in the file.

    Raises
    ------
    ImageUnreadable: not finite, or values that have no plain meaning without a range.
    """

    def values(strip: Image.Image) -> np.ndarray:
        stored = np.asarray(strip)
        if strip.mode == "I" and not signed:
            stored = stored.view(np.uint32)  # Pillow keeps both kinds as signed
        return stored.astype(np.float64)

    def scaled(scale: Callable[[np.ndarray], np.ndarray]) -> Image.Image:
        return in_strips(image, "F", lambda strip: Image.fromarray(scale(values(strip)).astype(np.float32)))

    ends = np.array([(part.min(), part.max()) for part in (values(strip) for _, strip in strips(image))])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    if not np.isfinite(low + high):
        raise ImageUnreadable("damaged: some of its pixels are not finite numbers")
    bits = 0 if image.mode == "F" else 16 if high <= _TOP[16] else 32
    what = f"{bits}-bit grey" if bits else "grey in floats"
    if picture_range is not None:
        outside = sum(int(_outside(values(strip), picture_range).sum()) for _, strip in strips(image))
        notes.append(f"{what}, {_range_words(outside / (image.width * image.height), picture_range)}")
        return scaled(lambda part: within(part, picture_range))
    top = _top(low, high, bits)
    notes.append(what + (f" in 0 to {top:g}" if not bits else _use(high, bits)))
    return scaled(lambda part: part * (255 / top))


def _top(low: float, high: float, bits: int) -> float:
    """The white of values by their type (0 bits: floats). Raises ImageUnreadable where they have no plain meaning."""
    top = _TOP.get(bits, 1.0 if high <= 1 else 255.0)
    if low < 0 or high > top * 1.002 or (bits == 32 and high < _FAINT):
        raise ImageUnreadable(
            f"unclear: its pixels run from {low:.6g} to {high:.6g}; say which are black and white with --range"
        )
    return top


def array_levels(
    array: Shaped[np.ndarray, "row col channel"], picture_range: PictureRange | None, notes: list[str]
) -> Float32[np.ndarray, "row col channel"]:
    """The numbers of an array as floats in 0..255, by the same rules as those of a grey picture.

    8 bits have no other range than their own. Signed integers are of as many bits as they would be unsigned.

    Raises
    ------
    ImageUnreadable: not finite, or values that have no plain meaning without a range.
    """
    if array.dtype in (np.uint8, np.bool_):
        return array.astype(np.float32) * (255 if array.dtype == np.bool_ else 1)
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(low + high):
        raise ImageUnreadable("damaged: some of its pixels are not finite numbers")
    bits = 0 if array.dtype.kind == "f" else 16 if array.dtype.itemsize <= 2 else 32
    many = array.shape[-1]
    what = f"{many} channel{'' if many == 1 else 's'} of {f'{bits} bits' if bits else 'floats'}"
    if picture_range is not None:
        notes.append(f"{what}, {_range_words(float(_outside(array, picture_range).mean()), picture_range)}")
        low, high = picture_range
        scaled = array.astype(np.float32)
        return ((scaled - np.float32(low)) * np.float32(255 / (high - low))).clip(0, 255)
    top = _top(low, high, bits)
    notes.append(what + (f" in 0 to {top:g}" if not bits else _use(high, bits)))
    return array.astype(np.float32) * np.float32(255 / top)


def colour_levels(image: Image.Image, picture_range: PictureRange | None, notes: list[str]) -> Image.Image:
    """An RGB picture of which the decoder kept the upper 8 of 16 bits, brought to a range; coarse, and said so."""
    values = np.arange(256, dtype=np.float64) * 257  # of what the 8 bits say
    used = np.array(image.histogram()).reshape(-1, len(values)).sum(0)
    what = "16 bits a channel, the upper 8 read"
    if picture_range is None:
        notes.append(what + _use(float(values[used > 0].max()), 16))
        return image
    outside = float(used[_outside(values, picture_range)].sum() / used.sum())
    notes.append(f"{what}, {_range_words(outside, picture_range)}")
    table = np.round(within(values, picture_range)).astype(np.uint8)
    return image.point(table.tolist() * len(image.getbands()))


def within(values: np.ndarray, picture_range: PictureRange) -> np.ndarray:
    """Values as 0..255, black and white at the ends of the range and beyond."""
    low, high = picture_range
    return ((values - low) * (255 / (high - low))).clip(0, 255)


def _outside(values: np.ndarray, picture_range: PictureRange) -> np.ndarray:
    low, high = picture_range
    return (values < low) | (values > high)


def _range_words(outside: float, picture_range: PictureRange) -> str:
    low, high = picture_range
    cut = f", {_percent(outside)} of its pixels outside" if outside else ""
    return f"range {low:g} to {high:g}{cut}"


def _use(high: float, bits: int) -> str:
    """How much of its range a picture uses, in whole bits, so that pictures of one kind get one note."""
    used = max(8, int(high).bit_length())
    if used >= bits:
        return ""
    share = f", uses {_percent((2**used - 1) / _TOP[bits])} of its range"
    return share + (f": {used}-bit data? give --range {used}-bit" if used < bits - 1 else "")


def _percent(share: float) -> str:
    return "less than 1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %")
