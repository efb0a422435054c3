"""What was expensive to compute, kept while it is new, and never computed twice at the same time.

Knows nothing about: what is kept.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Entry(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    held: tuple[T] | None = None


class Kept(Generic[T]):
    """The `size` values asked for last, by key. Safe to use from several threads; different keys do not wait."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key; who asks while it is being made waits for it. What `make` raises is not kept."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
        with entry.lock:
            if entry.held is None:
                entry.held = (make(),)
            return entry.held[0]
