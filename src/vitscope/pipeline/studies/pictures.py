"""The readable pictures among listed files, one after the other, the next one decoded meanwhile.

Knows nothing about: what is computed from them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from vitscope.errors import BadInput, ImageUnreadable
from vitscope.models.pictures.arrays import AnyPicture
from vitscope.models.pictures.images import decode_picture
from vitscope.pipeline.plan.listing import Listing
from vitscope.pipeline.work.loading import ahead


class Listed(NamedTuple):
    """A picture, its row in the listing and its label (-1 = none)."""

    row: int
    label: int
    image: AnyPicture


class Preprocessed(NamedTuple):
    """What is kept of a picture while a batch of them is gathered: its size (width, height) and the model's pixels."""

    row: int
    label: int
    size: tuple[int, int]
    pixels: Float[Tensor, "color row col"]


def pictures(listing: Listing, channels: int) -> Iterator[Listed]:
    """Decode the listed files in their order; those that cannot be read are left out.

    Raises
    ------
    BadInput: none can be read.
    """
    found = False

    def read(row: int) -> AnyPicture | None:
        try:
            content = listing.read(row)
            return decode_picture(content, channels=channels, picture_range=listing.picture_range).image
        except ImageUnreadable:
            return None

    for row, image in ahead(range(len(listing)), read):
        if image is not None:
            found = True
            yield Listed(row, listing.labels[row], image)
    if not found:
        raise BadInput(f"cannot use these images: none of the {len(listing)} can be read", "Check the files.")


def in_batches(
    items: Iterator[Listed], size: int, preprocess: Callable[[AnyPicture], Tensor]
) -> Iterator[Sequence[Preprocessed]]:
    """Lists of `size` preprocessed pictures, the last one of what is left."""
    batch: list[Preprocessed] = []
    for row, label, image in items:
        batch.append(Preprocessed(row, label, image.size, preprocess(image)))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
