"""What the server asks of a loaded model. The command line hands one in; routes never import torch.

Knows nothing about: models, tensors, HTTP.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Dropped(Protocol):
    """An image that is in no run, as the model sees it. Its pixels stay with the live model."""

    @property
    def image(self) -> int:
        """Its key: the run's number of images + how many were dropped before it."""
        ...

    @property
    def name(self) -> str:
        """File name as given."""
        ...

    @property
    def digest(self) -> str:
        """The sha256 of the file: after a restart the same key may stand for another image."""
        ...

    @property
    def top(self) -> tuple[tuple[int, float], ...]:
        """(class, probability) of the most probable classes, best first, at most 5; empty without a classifier."""
        ...

    @property
    def note(self) -> str | None:
        """An oddity of the file that was handled."""
        ...

    @property
    def preview(self) -> tuple[str, bytes]:
        """The picture as the model sees it: (`png` or `webp`, its bytes)."""
        ...


class Live(Protocol):
    """A run's model, loaded and proven to be the one the run was made with."""

    def matrices(self, image_row: int, /) -> NDArray[np.float16]:
        """Whole attention of one image, of the run or dropped: float16 [layer, head, query, key].

        Heads a layer does not have are NaN.
        """
        ...

    def drop(self, data: bytes, name: str, /) -> Dropped:
        """Look at the bytes of an image file; the last `drops.HELD` of them are kept for `matrices`.

        Raises ImageUnreadable with the reason.
        """
        ...
