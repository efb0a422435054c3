"""The images that were dropped on the page: the last few, under keys that follow the run's own rows.

Knows nothing about: HTTP, pixels.
"""

import threading
from collections import OrderedDict
from typing import Final

from vitscope.errors import NotAvailable
from vitscope.results import Dropped

HELD: Final = 8
MAX_BYTES: Final = 32 * 2**20
"""Size of the largest file that may be dropped."""


class Drops:
    """Dropped images by key; all but the last `HELD` are forgotten."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, Dropped] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, dropped: Dropped) -> None:
        """Hold one more, forget the oldest."""
        with self._lock:
            self._held[dropped.image] = dropped
            while len(self._held) > HELD:
                self._held.popitem(last=False)

    def get(self, image: int, n_images: int) -> Dropped:
        """The dropped image of a key that is no row of the run.

        Raises
        ------
        NotAvailable: there is none, or it was forgotten.
        """
        with self._lock:
            dropped, newest = self._held.get(image), max(self._held, default=-1)
        if dropped is not None:
            return dropped
        if image < newest:
            raise NotAvailable(f"image {image} was dropped too long ago", "Drop it again.")
        raise NotAvailable(f"there is no image {image}: this run has {n_images}, counted from 0")
