"""The API over a run: every answer by its name, and the few requests that change something.

Knows nothing about: what the answers are, models. A model that is loaded comes in as `Live`.
"""

from typing import Annotated, Any, Final

from anyio import from_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from vitscope.answers import Withdrawn, ask
from vitscope.answers.codecs import JSON
from vitscope.answers.drops import MAX_BYTES
from vitscope.answers.messages import ClusterName, DroppedImage, ErrorBody, PatternsInfo
from vitscope.answers.rows.images import dropped_image
from vitscope.answers.rows.patterns import patterns_info
from vitscope.server.failures import failure
from vitscope.server.served import Served

FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "An argument outside what the run allows."},
    403: {"model": ErrorBody, "description": "Not this server's own page."},
    404: {"model": ErrorBody, "description": "Not there, or not available without the live model."},
    409: {"model": ErrorBody, "description": "The run folder is damaged or incomplete."},
    422: {"model": ErrorBody, "description": "The request does not fit the route."},
}
REVALIDATE: Final = "private, no-cache"
"""May be kept, must be checked before each use: another run may be served at the same address tomorrow."""


def _served(request: Request) -> Served:
    return request.app.state.served


TheRun = Annotated[Served, Depends(_served)]
router = APIRouter(prefix="/api", responses=FAILURES)


@router.get("/answers", response_class=Response, include_in_schema=False)
@router.get("/answers/{name}", response_class=Response, include_in_schema=False)
def answer(served: TheRun, request: Request, name: str = "answers") -> Response:
    """The answer of a name, or which there are; arguments in the query. An unchanged one costs a 304, not its bytes."""
    asked = served.asked_by(lambda: from_thread.run(request.is_disconnected))
    held = frozenset(tag.strip().removeprefix("W/").strip('"') for tag in _held(request).split(","))
    arguments = {name: value for name, value in request.query_params.items() if name != "token"}  # the door's own
    try:
        reply = ask(asked, name, arguments, held)
    except Withdrawn:
        return Response(status_code=503)
    if reply.tag is None:
        return Response(reply.content, media_type=reply.media, headers={"cache-control": "no-store"})
    # a weak tag: gzip changes the bytes, not the content
    headers = {"etag": f'W/"{reply.tag}"', "cache-control": REVALIDATE}
    if reply.content is None:
        return Response(status_code=304, headers=headers)
    if reply.media != JSON:
        headers["content-encoding"] = "identity"  # no gzip: it takes 30 ms a megabyte and saves an eighth of numbers
    return Response(reply.content, media_type=reply.media, headers=headers)


def _held(request: Request) -> str:
    return request.headers.get("if-none-match", "")


@router.post(
    "/dropped",
    response_model=DroppedImage,
    responses={413: {"model": ErrorBody, "description": "The file is larger than 32 MiB."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def dropped(
    served: TheRun,
    request: Request,
    name: Annotated[str, Query(description="File name, for the eye only.", max_length=255)] = "dropped image",
) -> DroppedImage | Response:
    """Look at an image that is in no run: the bytes of the file are the body. Its key then works as a row number."""
    live = served.model("a dropped image cannot be looked at without the model")
    content = await _body(request)
    if content is None:
        limit = f"the limit is {MAX_BYTES // 2**20} MB"
        return failure(413, "too_large", f"cannot look at {name}: the file is too large, {limit}", "Make it smaller.")

    def look() -> DroppedImage:
        seen = live.drop(content, name, served.turns)
        served.drops.add(seen)
        return dropped_image(served.run, seen)

    return await run_in_threadpool(look)


@router.put("/patterns/names/{cluster}")
def rename(served: TheRun, cluster: Annotated[int, Path(ge=0)], given: ClusterName) -> PatternsInfo:
    """Name a cluster, kept in the run; null = the automatic name again. Answers with all clusters."""
    found = served.run.patterns
    found.rename(cluster, given.name)
    return patterns_info(served.run, found)


async def _body(request: Request) -> bytes | None:
    """The body, or None as soon as it is known to be larger than a dropped file may be."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BYTES:
        return None
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            return None
    return bytes(content)
