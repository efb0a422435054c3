"""A job as lines of JSON: `started`, `progress` again and again, and how it ended. What it found is kept in the run.

Knows nothing about: what the steps do.
"""

import time
from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar

from vitscope.answers.messages import ErrorBody
from vitscope.errors import VitscopeError
from vitscope.server.jobs import Job, JobRoom
from vitscope.server.lab.describe import entry
from vitscope.server.lab.tasks import Task
from vitscope.server.lab.wire import LabEntry, LabMessage
from vitscope.store.lab import LabRuns

Step = TypeVar("Step")
EVERY: Final = 0.1
"""Seconds between two messages, at least."""


async def lines(room: JobRoom, job: Job, task: Task[Step], runs: LabRuns) -> AsyncIterator[bytes]:
    """The messages of a job, one line each."""
    async for message in _messages(room, job, task, runs):
        yield message.model_dump_json(by_alias=True).encode() + b"\n"


async def _messages(room: JobRoom, job: Job, task: Task[Step], runs: LabRuns) -> AsyncIterator[LabMessage]:
    yield LabMessage(kind="started", job=job.id)
    start, pace = time.monotonic(), _Pace()
    try:
        async for step in room.steps(job, task.steps()):
            stage, share = task.take(step)
            if pace.due(stage, share):
                yield LabMessage(kind="progress", job=job.id, **pace.words(), **task.found())
        if job.stopped.is_set():
            yield LabMessage(kind="cancelled", job=job.id, **pace.words())
            return
        kept = task.kept(time.monotonic() - start)
        saved: LabEntry | None = None
        unsaved = ""
        try:
            runs.save(kept.id, kept.model_dump(by_alias=True))
            saved = entry(kept)
        except VitscopeError as error:
            unsaved = str(error)
        yield LabMessage(kind="done", job=job.id, share=1.0, saved=saved, unsaved=unsaved, **task.found())
    except VitscopeError as error:
        body = ErrorBody(code=error.code, message=error.message, hint=error.hint)
        yield LabMessage(kind="failed", job=job.id, error=body)
    except Exception as error:  # the answer has begun: the one body for failures cannot be sent any more
        reason = f"{type(error).__name__} while pruning"
        body = ErrorBody(code="internal", message=reason, hint="The server's log has the details; please report them.")
        yield LabMessage(kind="failed", job=job.id, error=body)
        raise


class _Pace:
    """When to tell, and how long a stage still takes at the pace it has had."""

    def __init__(self) -> None:
        self._stage = ""
        self._share = self._first = 0.0
        self._began = self._told = 0.0

    def due(self, stage: str, share: float) -> bool:
        """Note how far the job is."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._first, self._told = stage, now, share, 0.0
        self._share = share
        if now - self._told < EVERY:
            return False
        self._told = now
        return True

    def words(self) -> dict[str, Any]:
        """For a message."""
        gained = self._share - self._first
        left = (time.monotonic() - self._began) / gained * (1 - self._share) if gained > 0 else None
        return {"stage": self._stage or "reading", "share": self._share, "seconds_left": left}
