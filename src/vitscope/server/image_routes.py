"""The API over one image in depth: its picture, its attention, rollout, and images that are dropped on the page.

Knows nothing about: models. A model that is loaded comes in as `Live`.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

import numpy as np
from anyio import from_thread
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool

from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.measures.maps import Direction, Fusion, rollout_of_token
from vitscope.server import describe
from vitscope.server.asking import FAILURES, UNCHANGED, ImageRow, TheRun, binary, known_layer, known_token
from vitscope.server.columns import REVALIDATE, column, etag, not_modified, unchanged
from vitscope.server.drops import MAX_BYTES
from vitscope.server.failures import failure
from vitscope.server.live import Live
from vitscope.server.matrices import of_token
from vitscope.server.served import Served
from vitscope.server.wire import DroppedImage, ErrorBody

Token = Annotated[str, Query(description="`cls`, or the index of a token.", pattern=r"^(cls|\d{1,6})$")]
_FEATURED: Final = "featured"

router = APIRouter(prefix="/api", responses=FAILURES)


@router.get("/attention/{image}", response_class=Response, responses=binary())
def attention(
    served: TheRun, request: Request, image: ImageRow, query: Token = "cls", direction: Direction = "from"
) -> Response:
    """Attention of every head for one token: float16 [layer, head, key], little-endian; NaN = not stored."""
    source = _source(served, image)
    token = known_token(served.run.manifest, query)
    if source is None:
        return _stored_cls_rows(served, request, image, token, direction)
    tag = etag(served.run.manifest.run_id, "attention", source, image, token, direction)
    return _cut(served, request, image, source, tag, lambda matrices: of_token(matrices, token, direction))


@router.get("/matrix/{image}/{layer}/{head}", response_class=Response, responses=binary())
def matrix(
    served: TheRun,
    request: Request,
    image: ImageRow,
    layer: Annotated[int, Path(ge=0)],
    head: Annotated[int, Path(ge=0)],
) -> Response:
    """The whole attention of one head: float16 [query, key], little-endian."""
    manifest = served.run.manifest
    source = _source(served, image)
    n_heads = manifest.model.n_heads[known_layer(manifest, layer)]
    if head >= n_heads:
        raise InvalidArgument(f"there is no head {head} in layer {layer}: it has {n_heads}, counted from 0")
    if source is None:
        raise _needs_model(served, f"the matrix of head {head} in layer {layer}", image)
    tag = etag(manifest.run_id, "matrix", source, image, layer, head)
    if source == _FEATURED:  # one chunk of the many
        if unchanged(request, tag):
            return not_modified(tag)
        return column(served.run.featured_attention(image, layer)[head], tag)
    return _cut(served, request, image, source, tag, lambda matrices: matrices[layer, head])


@router.get("/rollout/{image}", response_class=Response, responses=binary())
def rollout(
    served: TheRun,
    request: Request,
    image: ImageRow,
    query: Token = "cls",
    direction: Direction = "from",
    fusion: Fusion = "mean",
    residual: Annotated[float, Query(description="Share of the residual stream, 0 to 1.")] = 0.5,
    discard: Annotated[float, Query(description="Share of the smallest weights that is left out, 0 to 1.")] = 0.0,
    start: Annotated[int, Query(description="First layer that takes part.")] = 0,
) -> Response:
    """Rollout of one token after each layer: float32 [layer, key], little-endian; NaN in layers before `start`.

    Row l is the token's row (`from`) or column (`to`) of the product of layers `start` to l, as `measures.rollout`.
    """
    manifest = served.run.manifest
    source = _source(served, image)
    token = known_token(manifest, query)
    if source is None:
        raise _needs_model(served, "the rollout", image)
    options: dict[str, Any] = {"residual": residual, "fusion": fusion, "discard": discard, "start": start}
    tag = etag(manifest.run_id, "rollout", source, image, token, direction, *options.values())
    n_heads, tokens = manifest.model.n_heads, manifest.tokens

    def cut(matrices: NDArray[Any]) -> NDArray[Any]:
        return rollout_of_token(matrices, token, direction, tokens=tokens, n_heads=n_heads, **options)

    return _cut(served, request, image, source, tag, cut)


@router.get(
    "/preview/{image}",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "image/webp": {}}}, **UNCHANGED},
)
def preview(served: TheRun, request: Request, image: ImageRow) -> Response:
    """The picture exactly as the model saw it."""
    # "identity" keeps the gzip middleware off what is compressed already
    headers = {"cache-control": REVALIDATE, "content-encoding": "identity"}
    if image >= served.run.manifest.n_images:
        dropped = served.drops.get(image, served.run.manifest.n_images)
        tag = etag("preview", dropped.digest)
        if unchanged(request, tag):
            return not_modified(tag)
        kind, content = dropped.preview
        return Response(content, media_type=f"image/{kind}", headers=headers | {"etag": tag})
    path = served.run.preview(image)
    folder = served.run.path.resolve()
    if path is None or not path.is_file() or not path.resolve().is_relative_to(folder):
        raise NotAvailable(f"there is no picture of image {image} yet", "It is written when the image is analysed.")
    tag = etag(served.run.manifest.run_id, "preview", image)
    if unchanged(request, tag):
        return not_modified(tag)
    return FileResponse(path, headers=headers | {"etag": tag})


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
    live = served.live
    if live is None:
        raise served.needs_model("a dropped image cannot be looked at without the model")
    content = await _body(request)
    if content is None:
        limit = f"the limit is {MAX_BYTES // 2**20} MB"
        return failure(413, "too_large", f"cannot look at {name}: the file is too large, {limit}", "Make it smaller.")

    def look() -> DroppedImage:
        seen = live.drop(content, name, served.live_lock)
        served.drops.add(seen)
        return describe.dropped_image(served.run, seen)

    return await run_in_threadpool(look)


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


def _source(served: Served, image: int) -> str | None:
    """Where whole matrices of an image come from, as a name for its tags; None where there are none.

    Raises
    ------
    NotAvailable: there is no such image.
    """
    run = served.run
    if image >= run.manifest.n_images:
        return served.drops.get(image, run.manifest.n_images).digest
    if image in run.featured:
        return _FEATURED
    return "live" if served.live is not None else None


def _cut(
    served: Served,
    request: Request,
    image: int,
    source: str,
    tag: str,
    cut: Callable[[NDArray[Any]], NDArray[Any]],
) -> Response:
    """What `cut` makes of an image's matrices [layer, head, query, key]; 304 where the client has it already."""
    if unchanged(request, tag):
        return not_modified(tag)
    if source == _FEATURED:
        matrices = served.featured(image, lambda: served.run.featured_attention(image))
        return column(cut(matrices), tag)
    with served.live_lock:
        if from_thread.run(request.is_disconnected):  # the page has moved on while this waited for its turn
            return Response(status_code=503)
        matrices = _live(served).matrices(image)
    return column(cut(matrices), tag)


def _live(served: Served) -> Live:
    if served.live is None:
        raise served.needs_model("the model is not loaded")
    return served.live


def _needs_model(served: Served, what: str, image: int) -> NotAvailable:
    return served.needs_model(f"{what} of image {image} is not stored in this run")


def _stored_cls_rows(served: Served, request: Request, image: int, token: int, direction: Direction) -> Response:
    """Without whole matrices, the CLS token's row is what the run keeps of every image."""
    run, tokens = served.run, served.run.tokens
    if token != tokens.cls or direction != "from":
        raise _needs_model(served, f"attention {direction} token {tokens.name(token)}", image)
    patches = run.cls_rows(image)
    if patches is None:
        raise NotAvailable(f"image {image} has no attention yet, or was skipped", "Its row says which.")
    tag = etag(run.manifest.run_id, "attention", "cls", image, token, direction)
    if unchanged(request, tag):
        return not_modified(tag)
    rows = np.full((*patches.shape[:2], tokens.n_tokens), np.nan, dtype=np.float16)
    rows[:, :, tokens.patches] = patches
    return column(rows, tag)
