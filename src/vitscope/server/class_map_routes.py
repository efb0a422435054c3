"""The API over gradient-weighted maps of one image: they need the model, for any class and token.

Knows nothing about: models, gradients. A model that is loaded comes in as `Live`.
"""

from typing import Annotated, Literal

from anyio import from_thread
from fastapi import APIRouter, Query, Request, Response

from vitscope.errors import NotAvailable
from vitscope.measures.maps import Direction, Fusion
from vitscope.server.asking import FAILURES, ImageRow, TheRun, binary, known_token
from vitscope.server.columns import column, etag, not_modified, unchanged
from vitscope.server.image_routes import Token
from vitscope.server.served import Served

Kind = Literal["gradient_rollout", "relevance", "legrad"]
Reading = Literal["mean", "classifier"]

router = APIRouter(prefix="/api", responses=FAILURES)


@router.get("/class_map/{kind}/{image}", response_class=Response, responses=binary())
def class_map(
    served: TheRun,
    request: Request,
    kind: Kind,
    image: ImageRow,
    target: Annotated[int, Query(ge=-1, description="Class; -1 = the image's target, or the model's top class.")] = -1,
    query: Token = "cls",
    direction: Direction = "from",
    fusion: Fusion = "mean",
    residual: Annotated[float, Query(description="Of gradient_rollout: share of the residual stream, 0 to 1.")] = 0.5,
    discard: Annotated[float, Query(description="Of gradient_rollout: share of the smallest weights left out.")] = 0.0,
    start: Annotated[int, Query(ge=0, description="First layer that takes part; not of legrad.")] = 0,
    layers: Annotated[int, Query(ge=1, description="Of legrad: the last so many layers take part.")] = 2,
    reading: Annotated[
        Reading, Query(description="Of legrad: mean of a layer's tokens, or what is classified.")
    ] = "mean",
) -> Response:
    """A map of one class after each layer, for one token: float32 [layer, key], little-endian.

    NaN before the first layer that takes part. As the measures of the same name; `relevance` without the 1 that each
    token starts with; `legrad` has no query and is NaN at prefix tokens.
    """
    manifest, live = served.run.manifest, served.live
    if not manifest.model.n_classes:
        raise NotAvailable("maps of a class need a classifier, and this model has none", "Use attention or rollout.")
    if live is None:
        raise served.needs_model("maps of a class are not stored: they need the model")
    token = known_token(manifest, query)
    chosen = _target(served, image, target)
    asked = (kind, _content(served, image), chosen, token, direction, fusion, residual, discard, start, layers, reading)
    tag = etag(manifest.run_id, "class_map", *asked)
    if unchanged(request, tag):
        return not_modified(tag)
    with served.live_lock:
        if from_thread.run(request.is_disconnected):  # the page has moved on while this waited for its turn
            return Response(status_code=503)
        values = live.class_map(
            image,
            kind,
            chosen,
            token,
            direction,
            fusion=fusion,
            residual=residual,
            discard=discard,
            start=start,
            layers=layers,
            reading=reading,
        )
        return column(values, tag)


def _target(served: Served, image: int, target: int) -> int:
    """The class that was asked for, else the one that the run's metrics follow on this image."""
    if target >= 0 or image >= served.run.manifest.n_images:
        return target
    return int(served.run.images.at[image, "target"])


def _content(served: Served, image: int) -> str:
    """What the number of an image stands for. Raises NotAvailable: there is no such image."""
    n_images = served.run.manifest.n_images
    return str(image) if image < n_images else f"{image}-{served.drops.get(image, n_images).digest}"
