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


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be of any size: a decompression bomb without its charge."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.fromarray(pixels()), "JPEG", exif=exif)


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
    "sixteen.png": (encoded(Image.fromarray(pixels(0, 1, 65536, np.uint16)), "PNG"), "16-bit grey scaled to 8 bits"),
    "sixteen.tif": (encoded(Image.fromarray(pixels(0, 1, 65536, np.uint16)), "TIFF"), "16-bit grey scaled to 8 bits"),
    "float.tif": (encoded(Image.fromarray(pixels(0, 1, 2, np.float32)), "TIFF"), "float in 0..1 scaled to 8 bits"),
    "lab.tif": (encoded(RGB.convert("YCbCr"), "TIFF"), "YCbCr converted to RGB"),
    "alpha.png": (encoded(half_clear(), "PNG"), "transparency put on white"),
    "opaque alpha.png": (encoded(RGB.convert("RGBA"), "PNG"), None),
    "grey alpha.png": (encoded(half_clear().convert("LA"), "PNG"), "grey converted to RGB, transparency put on white"),
    "rotated.jpg": (rotated(), "turned upright by its EXIF orientation"),
    "animated.gif": (animation("GIF"), "first of 3 frames"),
    "animated.webp": (animation("WEBP"), "first of 3 frames"),
    "animated.png": (animation("PNG"), "first of 3 frames"),
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
    "thread.png": (png_header(20_000, 1), "too narrow: 20000 x 1 pixels"),
    "postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", "not an image: "),
}
"""Bytes and how the reason begins."""


def write_all(folder: Path) -> None:
    """Write every odd file to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (content, _) in (READABLE | UNREADABLE).items():
        (folder / name).write_bytes(content)
