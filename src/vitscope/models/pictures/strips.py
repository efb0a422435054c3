"""Pictures worked on strip by strip, so that no second or larger copy of a whole one is made on the way.

Knows nothing about: files, what is done to a strip.
"""

from collections.abc import Callable, Iterator
from typing import Final

from PIL import Image

_PIXELS: Final = 2**20
"""About so many in a strip: as floats of 64 bits it takes 8 MB."""


def strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The strips of a picture from top to bottom, each with the row where it begins."""
    rows = max(1, _PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def in_strips(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """A picture of another mode, by a function that makes each pixel of the same pixel alone."""
    made = Image.new(mode, image.size)
    for top, strip in strips(image):
        made.paste(convert(strip), (0, top))
    return made
