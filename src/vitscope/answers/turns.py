"""Whose turn it is at the model: one at a time, and who asks a single question goes before the next step of a job.

Knows nothing about: models, jobs.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock: `with turns` for a question, `with turns.patient()` for a step, before which all waiting questions go."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = False
        self._asking = 0

    def __enter__(self) -> None:
        with self._changed:
            self._asking += 1
            try:
                self._changed.wait_for(lambda: not self._taken)
            finally:
                self._asking -= 1
            self._taken = True

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._taken = False
            self._changed.notify_all()

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Take a turn when no question waits for one."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken and not self._asking)
            self._taken = True
        try:
            yield
        finally:
            self.__exit__()
