"""The API over one run folder: what the page asks for, without torch.

Knows nothing about: models. A model that is loaded comes in as `Live`.
"""

from typing import Annotated, Any, Final, Literal

import numpy as np
from anyio import from_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse
from numpy.typing import NDArray

from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.server import describe
from vitscope.server.columns import BINARY, REVALIDATE, column, etag, not_modified, unchanged
from vitscope.server.served import Served
from vitscope.server.wire import Direction, ErrorBody, ImageTable, ProgressInfo, RunInfo
from vitscope.tokens import HEAD, canonical_mode

MetricName = Literal["prob_drop", "logit_drop", "jsd", "flip", "out_cos", "cls_cos", "patch_cos"]

_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "An argument outside what the run allows."},
    403: {"model": ErrorBody, "description": "Not this server's own page."},
    404: {"model": ErrorBody, "description": "Not there, or not available without the live model."},
    409: {"model": ErrorBody, "description": "The run folder is damaged or incomplete."},
    422: {"model": ErrorBody, "description": "The request does not fit the route."},
}
_BINARY: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {BINARY: {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "Unchanged since the tag in If-None-Match."},
}

router = APIRouter(prefix="/api", responses=_FAILURES)


def _served(request: Request) -> Served:
    return request.app.state.served


TheRun = Annotated[Served, Depends(_served)]
ImageRow = Annotated[int, Path(ge=0, description="Row number of the image.")]


@router.get("/run")
def run(served: TheRun, response: Response) -> RunInfo:
    """The run: model, tokens, metrics, modes, what can be asked, and the first answer."""
    response.headers["cache-control"] = REVALIDATE
    return describe.run_info(served)


@router.get("/progress")
def progress(served: TheRun, response: Response) -> ProgressInfo:
    """How far the run is; asked again and again while shards land."""
    response.headers["cache-control"] = "no-store"
    return describe.progress_info(served)


@router.get("/images", responses={304: _BINARY[304]}, response_model=ImageTable)
def images(served: TheRun, request: Request, response: Response) -> ImageTable | Response:
    """The image table, one list a column."""
    generation = served.run.progress().generation
    tag = etag(served.run.manifest.run_id, generation, "images")
    if unchanged(request, tag):
        return not_modified(tag)
    response.headers.update({"etag": tag, "cache-control": REVALIDATE})
    return served.kept("images", generation, lambda: describe.image_table(served.run, generation))


@router.get("/importance/{metric}/{mode}", response_class=Response, responses=_BINARY)
def importance(served: TheRun, request: Request, metric: MetricName, mode: str) -> Response:
    """One metric of one mode: float32 [image, layer, head], little-endian; NaN = not computed."""
    manifest = served.run.manifest
    mode = canonical_mode(mode, manifest.tokens)
    if mode not in manifest.options.modes:
        raise NotAvailable(
            f"mode {mode} was not computed in this run (it has {', '.join(manifest.options.modes)})",
            f"Analyse with --modes {HEAD},{mode}.",
        )
    tag = etag(manifest.run_id, served.run.progress().generation, metric, mode)
    if unchanged(request, tag):
        return not_modified(tag)
    return column(np.asarray(served.run.effect(metric, mode), dtype=np.float32), tag)


@router.get("/attention/{image}", response_class=Response, responses=_BINARY)
def attention(
    served: TheRun,
    request: Request,
    image: ImageRow,
    query: Annotated[str, Query(description="`cls`, or the index of a token.", pattern=r"^(cls|\d{1,6})$")] = "cls",
    direction: Direction = "from",
) -> Response:
    """Attention of every head for one token: float16 [layer, head, key], little-endian; NaN = not stored."""
    _known_image(served, image)
    token = _token(served, query)
    source, rows = _stored_rows(served, image, token, direction)
    tag = etag(served.run.manifest.run_id, "attention", source, image, token, direction)
    if unchanged(request, tag):
        return not_modified(tag)
    if rows is None:
        assert served.live is not None  # noqa: S101 - `_stored_rows` raised otherwise
        with served.live_lock:
            if from_thread.run(request.is_disconnected):  # the page has moved on while this waited for its turn
                return Response(status_code=503)
            rows = served.live.attention_rows(image, token, direction)
    return column(np.asarray(rows, dtype=np.float16), tag)


@router.get(
    "/preview/{image}",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "image/webp": {}}}, 304: _BINARY[304]},
)
def preview(served: TheRun, request: Request, image: ImageRow) -> Response:
    """The picture exactly as the model saw it."""
    _known_image(served, image)
    path = served.run.preview(image)
    folder = served.run.path.resolve()
    if path is None or not path.is_file() or not path.resolve().is_relative_to(folder):
        raise NotAvailable(f"there is no picture of image {image} yet", "It is written when the image is analysed.")
    tag = etag(served.run.manifest.run_id, "preview", image)
    if unchanged(request, tag):
        return not_modified(tag)
    # "identity" keeps the gzip middleware off what is compressed already
    headers = {"etag": tag, "cache-control": REVALIDATE, "content-encoding": "identity"}
    return FileResponse(path, headers=headers)


def _known_image(served: Served, image: int) -> None:
    count = served.run.manifest.n_images
    if image >= count:
        raise NotAvailable(f"there is no image {image}: this run has {count}, counted from 0")


def _token(served: Served, query: str) -> int:
    tokens = served.run.tokens
    if query == "cls":
        if tokens.cls is None:
            raise InvalidArgument(
                "cannot query the CLS token: this model has none", f"Give a token index, 0 to {tokens.n_tokens - 1}."
            )
        return tokens.cls
    if int(query) >= tokens.n_tokens:
        raise InvalidArgument(f"there is no token {query}: this model has {tokens.n_tokens}, counted from 0")
    return int(query)


def _stored_rows(served: Served, image: int, token: int, direction: Direction) -> tuple[str, NDArray[Any] | None]:
    """Where the answer comes from and, unless from the live model, the answer [layer, head, key]."""
    run, tokens = served.run, served.run.tokens
    if image in run.featured:
        matrices = run.featured_attention(image)
        return "featured", matrices[:, :, token, :] if direction == "from" else matrices[:, :, :, token]
    if served.live is not None:
        return "live", None
    if token == tokens.cls and direction == "from":
        patches = run.cls_rows(image)
        if patches is None:
            raise NotAvailable(f"image {image} has no attention yet, or was skipped", "Its row says which.")
        rows = np.full((*patches.shape[:2], tokens.n_tokens), np.nan, dtype=np.float16)
        rows[:, :, tokens.patches] = patches
        return "cls", rows
    raise NotAvailable(
        f"attention {direction} token {tokens.name(token)} of image {image} is not stored in this run",
        f"It needs the model: {served.live_command}",
    )
