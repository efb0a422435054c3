"""The API of the Lab: what if these heads were pruned, on one image, on many, along orders; and the runs that are kept.

Knows nothing about: models. A model that is loaded comes in as `Live`.
"""

import time
from typing import Annotated, Any, Final

from anyio import from_thread
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from vitscope.answers.live import Lab
from vitscope.errors import NotAvailable
from vitscope.server.lab import describe as describe_lab
from vitscope.server.lab.stream import lines
from vitscope.server.lab.tasks import CurveTask, ScopeTask, Task, prune_set
from vitscope.server.lab.wire import (
    CurveQuestion,
    ImageWhatIf,
    LabInfo,
    LabMessage,
    LabName,
    LabRun,
    ScopeQuestion,
    WhatIf,
)
from vitscope.server.routes import FAILURES, TheRun
from vitscope.server.served import Served
from vitscope.store.lab import LabRuns

Kept = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="Id of a run of the Lab.")]

router = APIRouter(prefix="/api/lab", responses=FAILURES)


STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": LabMessage,
        "description": "A message a line.",
        "content": {"application/x-ndjson": {"schema": {"$ref": "#/components/schemas/LabMessage"}}},
    }
}


class Lines(StreamingResponse):
    """One JSON document a line. Whatever becomes of the answer, its job ends with it."""

    media_type = "application/x-ndjson"

    def __init__(self, served: Served, task: Task[Any]) -> None:
        """Begins the job. Raises Busy."""
        self._room, self._job = served.jobs, served.jobs.open()
        # identity: the gzip middleware would hold lines back
        headers = {"cache-control": "no-store", "content-encoding": "identity"}
        super().__init__(lines(self._room, self._job, task, _runs(served)), headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream, also into nothing: a page that is gone before the first line never starts the job."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._room.end(self._job)


@router.get("")
def info(served: TheRun, response: Response) -> LabInfo:
    """The runs that are kept, and how long an image takes."""
    response.headers["cache-control"] = "no-store"
    return _info(served)


@router.post("/image/{image}")
def image(
    served: TheRun, request: Request, image: Annotated[int, Path(ge=0)], question: WhatIf, response: Response
) -> ImageWhatIf:
    """One image before and after, with the mask check; goes before the steps of jobs."""
    start = time.perf_counter()
    lab = _lab(served)
    response.headers["cache-control"] = "no-store"
    if image >= served.run.manifest.n_images:
        served.drops.get(image, served.run.manifest.n_images)
    heads = prune_set(question.heads)
    lab.check(heads, question.fill)
    with served.turns:
        if from_thread.run(request.is_disconnected):  # the page has moved on while this waited for its turn
            raise NotAvailable("nobody waits for this answer any more")
        found = lab.image(image, heads, question.fill)
    seconds = time.perf_counter() - start
    return describe_lab.image_what_if(served.run, image, found, seconds, lab.seconds_per_image)


@router.post("/scope", response_class=Response, responses=STREAM)
async def scope(served: TheRun, question: ScopeQuestion) -> Response:
    """Heads pruned on many images: a stream of messages, of which the last says how it ended.

    Who stops reading ends the job; so does `DELETE /api/lab/job/{job}`. One job at a time: 409 while another goes on.
    """
    lab = _lab(served)
    task = await run_in_threadpool(ScopeTask, served.run, lab, question)
    return Lines(served, task)


@router.post("/curve", response_class=Response, responses=STREAM)
async def curve(served: TheRun, question: CurveQuestion) -> Response:
    """Ever more heads pruned along orders: a stream as that of `scope`."""
    lab = _lab(served)
    task = await run_in_threadpool(CurveTask, served.run, lab, question)
    return Lines(served, task)


@router.delete("/job/{job}", status_code=204)
async def cancel(served: TheRun, job: Annotated[str, Path(max_length=20)]) -> None:
    """End a job at once."""
    served.jobs.cancel(job)


@router.get("/runs/{lab}")
def kept(served: TheRun, lab: Kept, response: Response) -> LabRun:
    """A run that is kept, whole."""
    response.headers["cache-control"] = "no-store"
    return describe_lab.kept_run(_runs(served), lab)


@router.put("/runs/{lab}/name")
def rename(served: TheRun, lab: Kept, given: LabName) -> LabInfo:
    """Name a run."""
    name = " ".join(given.name.split()) or "run"
    _runs(served).change(
        lab,
        lambda document: describe_lab.parsed(lab, document).model_copy(update={"name": name}).model_dump(by_alias=True),
    )
    return _info(served)


@router.delete("/runs/{lab}")
def forget(served: TheRun, lab: Kept) -> LabInfo:
    """Delete a run."""
    _runs(served).delete(lab)
    return _info(served)


def _info(served: Served) -> LabInfo:
    entries, damaged = describe_lab.kept_entries(_runs(served))
    seconds = None
    if served.live is not None:
        with served.turns:
            seconds = served.live.lab.seconds_per_image
    return LabInfo(
        seconds_per_image=seconds,
        runs=entries,
        damaged=damaged,
        folder=str(served.run.path.resolve()),
        prune_command=describe_lab.prune_command(served.run.manifest),
    )


def _runs(served: Served) -> LabRuns:
    return LabRuns(served.run.path)


def _lab(served: Served) -> Lab:
    return served.model("pruning needs the model, which is not loaded").lab
