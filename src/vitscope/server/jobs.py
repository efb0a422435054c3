"""Long work in small steps: one job at a time, told as it goes, ended at once when nobody listens or somebody says so.

Knows nothing about: what a step does, HTTP.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from vitscope.answers.turns import Turns
from vitscope.errors import NotAvailable, VitscopeError

T = TypeVar("T")
_END: Final = object()


class Busy(VitscopeError):
    """Another job is going on."""

    code = "busy"
    status = 409


class Job:
    """A job that may go on; made by `JobRoom.open`."""

    def __init__(self, number: str) -> None:
        self.id = number
        self.loop = asyncio.get_running_loop()
        self.stopped = asyncio.Event()

    def stop(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # its loop is gone, and so is the job
            self.loop.call_soon_threadsafe(self.stopped.set)


class JobRoom:
    """Runs the steps of one job after the other in a thread of its own, taking turns with everybody else."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vitscope-job")
        self._numbers = itertools.count(1)
        self._job: Job | None = None

    def open(self) -> Job:
        """Begin a job; to be called in the event loop.

        Raises
        ------
        Busy: another one is going on.
        """
        if self._job is not None and not self._job.stopped.is_set():
            raise Busy("another what-if over many images is going on", "Wait for it, or cancel it.")
        self._job = Job(str(next(self._numbers)))
        return self._job

    def end(self, job: Job) -> None:
        """Whatever became of it, it is not going on any more."""
        if self._job is job:
            self._job = None

    def cancel(self, number: str) -> None:
        """End a job. What its step in flight finds is dropped.

        Raises
        ------
        NotAvailable: it is not going on.
        """
        job = self._job
        if job is None or job.id != number:
            raise NotAvailable(f"there is no job {number} going on", "It has ended.")
        job.stop()

    async def steps(self, job: Job, work: Iterator[T]) -> AsyncIterator[T]:
        """The steps of a job until it ends or is stopped; `job.stopped` says which. Raises what a step raises."""
        stopped = asyncio.ensure_future(job.stopped.wait())
        try:
            while not job.stopped.is_set():
                step = asyncio.wrap_future(self._thread.submit(self._step, work))
                await asyncio.wait({step, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not step.done():
                    step.add_done_callback(_forget)
                    break
                found = step.result()
                if found is _END:
                    break
                yield found  # type: ignore[misc]
        finally:
            stopped.cancel()
            self._thread.submit(_close, work)  # after the step in flight
            self.end(job)

    def _step(self, work: Iterator[T]) -> T | object:
        with self._turns.patient():
            return next(work, _END)


def _forget(step: "asyncio.Future[object]") -> None:
    if not step.cancelled():
        step.exception()  # looked at, so that nothing is logged


def _close(work: Iterator[object]) -> None:
    close = getattr(work, "close", None)
    if close is not None:
        close()
