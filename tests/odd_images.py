"""One file of every odd kind that a folder of photos may hold, and what must be said about it."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (40, 24)


def pixels(seed: int = 0, channels: int = 3, top: int = 256, dtype: type = np.uint8) -> np.ndarray:
    shape = (SIZE[1], SIZE[0], channels) if channels > 1 else (SIZE[1], SIZE[0])
    return np.random.default_rng(seed).integers(0, top, shape).astype(dtype)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be of any size: a decompression bomb without its charge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def png16(values: np.ndarray) -> bytes:
    """A PNG with 16 bits a channel [row, col, 2 to 4 channels], which Pillow cannot write."""
    height, width, channels = values.shape
    kind = {2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(values: np.ndarray) -> bytes:
    """An uncompressed little-endian TIFF of any type and number of bands [row, col, band], as Pillow cannot write."""
    height, width, bands = values.shape
    bits, kind = values.dtype.itemsize * 8, {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    content = values.tobytes()
    lists = struct.pack(f"<{2 * bands}H", *[bits] * bands, *[kind] * bands)

    def entry(tag: int, value: int, count: int = 1) -> bytes:
        return struct.pack("<HHII", tag, 3 if count > 1 else 4, count, value)

    def each_band(tag: int, value: int, place: int) -> bytes:
        return entry(tag, value) if bands == 1 else entry(tag, place, bands)

    after = 8 + len(content)
    if bands == 2:  # two shorts stand in the entry itself
        sizes, kinds = (struct.pack("<HHIHH", tag, 3, 2, value, value) for tag, value in ((258, bits), (339, kind)))
    else:
        sizes, kinds = each_band(258, bits, after), each_band(339, kind, after + 2 * bands)
    entries = [entry(256, width), entry(257, height), sizes, entry(259, 1), entry(262, 2 if bands > 2 else 1)]
    entries += [entry(273, 8), entry(277, bands), entry(278, height), entry(279, len(content)), entry(284, 1), kinds]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", after + len(lists)) + content + lists + directory


def turned(orientation: int = 6) -> Image.Exif:
    """EXIF that says how a camera was held."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def rotated() -> bytes:
    return encoded(Image.fromarray(pixels()), "JPEG", exif=turned())


def tile_bomb() -> bytes:
    """A TIFF of 16 x 16 pixels in one tile of 40000 x 30000."""
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 322: 40_000, 323: 30_000, 324: 8, 325: 8}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)


def animation(kind: str) -> bytes:
    frames = [Image.fromarray(pixels(seed)) for seed in range(3)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)


def palette_with_transparency() -> bytes:
    image = Image.fromarray(pixels()).quantize(7)
    return encoded(image, "PNG", transparency=bytes([0, 128, 255]))


def half_clear() -> Image.Image:
    image = Image.fromarray(pixels()).convert("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, SIZE[0]).astype(np.uint8), (SIZE[1], 1))))
    return image


RGB = Image.fromarray(pixels())
JPEG = encoded(RGB, "JPEG")

READABLE: dict[str, tuple[bytes, str | None]] = {
    "plain.png": (encoded(RGB, "PNG"), None),
    "plain.jpg": (JPEG, None),
    "plain.webp": (encoded(RGB, "WEBP"), None),
    "misnamed.png": (JPEG, None),
    "cmyk.jpg": (encoded(RGB.convert("CMYK"), "JPEG"), "CMYK converted to RGB"),
    "palette.png": (encoded(RGB.quantize(9), "PNG"), "palette converted to RGB"),
    "palette transparent.png": (palette_with_transparency(), "palette converted to RGB, transparency put on white"),
    "grey.png": (encoded(RGB.convert("L"), "PNG"), "grey converted to RGB"),
    "black and white.png": (encoded(RGB.convert("1"), "PNG"), "black and white converted to RGB"),
    "sixteen.png": (encoded(Image.fromarray(pixels(0, 1, 65536, np.uint16)), "PNG"), "16-bit grey"),
    "sixteen.tif": (encoded(Image.fromarray(pixels(0, 1, 65536, np.uint16)), "TIFF"), "16-bit grey"),
    "float.tif": (encoded(Image.fromarray(pixels(0, 1, 2, np.float32)), "TIFF"), "grey in floats in 0 to 1"),
    "twelve.png": (
        encoded(Image.fromarray(pixels(0, 1, 4096, np.uint16)), "PNG"),
        "16-bit grey, uses 6 % of its range: 12-bit data? give --range 12-bit",
    ),
    "colour sixteen.png": (png16(pixels(0, 3, 65536, np.uint16)), "16 bits a channel, the upper 8 read"),
    "lab.tif": (encoded(RGB.convert("YCbCr"), "TIFF"), "YCbCr converted to RGB"),
    "alpha.png": (encoded(half_clear(), "PNG"), "transparency put on white"),
    "opaque alpha.png": (encoded(RGB.convert("RGBA"), "PNG"), None),
    "grey alpha.png": (encoded(half_clear().convert("LA"), "PNG"), "grey converted to RGB, transparency put on white"),
    "rotated.jpg": (rotated(), "turned upright by its EXIF orientation"),
    "animated.gif": (animation("GIF"), "first of several frames"),
    "animated.webp": (animation("WEBP"), "first of several frames"),
    "animated.png": (animation("PNG"), "first of several frames"),
}
"""Bytes and note; a GIF's note may go on about its palette."""

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "empty.jpg": (b"", "empty: the file has 0 bytes"),
    "truncated.jpg": (JPEG[: len(JPEG) // 2], "truncated: "),
    "truncated.png": (encoded(RGB, "PNG")[:-900], "truncated: "),
    "letter.jpg": (b"Dear all,\nno picture here.\n", "not an image: "),
    "page.png": (b"<html><body>404</body></html>", "not an image: "),
    "only magic.png": (b"\x89PNG\r\n\x1a\n", "not an image: "),
    "bomb.png": (png_header(60_000, 60_000), "too large: "),
    "enormous.png": (png_header(10_000, 10_000), "too large: 10000 x 10000 = 100 million pixels"),
    "tile.tif": (tile_bomb(), "damaged: a tile of 40000 x 30000 pixels in a picture of 16 x 16"),
    "thread.png": (png_header(20_000, 1), "too narrow: 20000 x 1 pixels"),
    "bands.tif": (tiff(pixels(0, 13)), "a TIFF of 13 bands: vitscope reads 1, 3 or 4"),
    "two bands.tif": (tiff(pixels(0, 2)), "a TIFF of 2 bands: vitscope reads 1, 3 or 4"),
    "colour floats.tif": (tiff(pixels(0, 3, 2, np.float32)), "a TIFF of 32-bit floats in 3 bands: vitscope reads"),
    "doubles.tif": (tiff(pixels(0, 1, 2, np.float64)[..., None]), "a TIFF of 64-bit floats in 1 band: vitscope reads"),
    "faint.tif": (
        encoded(Image.fromarray(pixels(0, 1, 255_000, np.int32)), "TIFF"),
        "unclear: its pixels run from",
    ),
    "ct.tif": (tiff(pixels(0, 1, 4096, np.int16)[..., None] - 1024), "unclear: its pixels run from -1023 to 3064; say"),
    "postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", "not an image: "),
}
"""Bytes and how the reason begins."""


def write_all(folder: Path) -> None:
    """Write every odd file to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (content, _) in (READABLE | UNREADABLE).items():
        (folder / name).write_bytes(content)
