"""The API over one run folder: what the page asks about all images, without torch.

Knows nothing about: models; one image in depth (`image_routes`).
"""

from contextlib import suppress
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Path, Request, Response
from numpy.typing import NDArray

from vitscope.analysis.images.layout import Layout, Method, embedding_vectors, importance_vectors, layout
from vitscope.analysis.images.levels import map_entropies
from vitscope.analysis.statistics import descriptive
from vitscope.errors import NotAvailable, VitscopeError
from vitscope.server import describe
from vitscope.server.asking import FAILURES, UNCHANGED, TheRun, binary, computed_mode, known_layer
from vitscope.server.codes import LOG8, encode_log8
from vitscope.server.columns import REVALIDATE, column, etag, not_modified, unchanged
from vitscope.server.matrices import pooled
from vitscope.server.names import MetricName, SpreadName, StrengthName
from vitscope.server.served import Served
from vitscope.server.wire import Headline, ImageTable, ProgressInfo, RunInfo
from vitscope.tokens import HEAD

Layer = Annotated[int, Path(ge=0, description="Number of the layer, from 0.")]

MEAN_BYTES: Final = 16 * 2**20
"""A mean attention of more entries than this is sent in blocks of tokens."""
POOLED: Final = 64

router = APIRouter(prefix="/api", responses=FAILURES)


@router.get("/run")
def run(served: TheRun, response: Response) -> RunInfo:
    """The run: model, tokens, metrics, modes, and what can be asked."""
    response.headers["cache-control"] = REVALIDATE
    return describe.run_info(served)


@router.get("/headline")
def headline(served: TheRun, response: Response) -> Headline:
    """The run's first answer in one sentence."""
    response.headers["cache-control"] = REVALIDATE
    return describe.headline(served)


@router.get("/progress")
def progress(served: TheRun, response: Response) -> ProgressInfo:
    """How far the run is; asked again and again while shards land."""
    response.headers["cache-control"] = "no-store"
    return describe.progress_info(served)


@router.get("/images", responses=UNCHANGED, response_model=ImageTable)
def images(served: TheRun, request: Request) -> Response:
    """The image table, one list a column."""
    generation = served.run.progress().generation
    tag = etag(served.run.manifest.run_id, generation, "images")
    if unchanged(request, tag):
        return not_modified(tag)
    headers = {"etag": tag, "cache-control": REVALIDATE}
    return Response(_image_table(served, generation), media_type="application/json", headers=headers)


@router.get("/importance/{metric}/{mode}", response_class=Response, responses=binary())
def importance(served: TheRun, request: Request, metric: MetricName, mode: str) -> Response:
    """One metric of one mode: float32 [image, layer, head], little-endian; NaN = not computed."""
    mode = computed_mode(served.run.manifest, mode)
    tag = _tag(served, metric, mode)
    if unchanged(request, tag):
        return not_modified(tag)
    return column(np.asarray(served.run.effect(metric, mode), dtype=np.float32), tag)


@router.get("/summary/{metric}/{mode}", response_class=Response, responses=binary())
def summary(served: TheRun, request: Request, metric: MetricName, mode: str) -> Response:
    """Over all images: float64 [statistic, layer, head], little-endian; what a page shows before the images' values.

    Statistics in order: n, mean, median, lower quartile, upper quartile, consistency; NaN where there is none.
    """
    mode = computed_mode(served.run.manifest, mode)
    tag = _tag(served, "summary", metric, mode)
    if unchanged(request, tag):
        return not_modified(tag)
    return column(_summary(served, metric, mode), tag)


@router.get("/strength/{kind}", response_class=Response, responses=binary())
def strength(served: TheRun, request: Request, kind: StrengthName) -> Response:
    """Attention by hop: float16 [image, layer, head, hop], little-endian; NaN = not computed."""
    tag = _tag(served, "strength", kind)
    if unchanged(request, tag):
        return not_modified(tag)
    return column(_half(served.run.measure(f"strength/{kind}")), tag)


@router.get("/spread/{measure}", response_class=Response, responses=binary())
def spread(served: TheRun, request: Request, measure: SpreadName) -> Response:
    """One measure of spread: float16 [image, layer, head], little-endian; NaN = not computed, inf is possible."""
    tag = _tag(served, "spread", measure)
    if unchanged(request, tag):
        return not_modified(tag)
    return column(_half(served.run.measure(f"spread/{measure}")), tag)


@router.get("/levels", response_class=Response, responses=binary())
def levels(served: TheRun, request: Request) -> Response:
    """Entropy of each image's CLS map: float32 [image, layer + 1], nats, last column the mean; NaN = not done."""
    if served.run.manifest.tokens.cls is None:
        raise NotAvailable(
            "there are no spread levels: this model has no CLS token", "They are of the CLS token's map."
        )
    generation = served.run.progress().generation
    tag = etag(served.run.manifest.run_id, generation, "levels")
    if unchanged(request, tag):
        return not_modified(tag)
    return column(served.kept("levels", generation, lambda: map_entropies(served.run)), tag)


@router.get(
    "/layout/{source}/{method}",
    response_class=Response,
    responses=binary("x-trustworthiness", "x-continuity"),
)
def positions(
    served: TheRun,
    request: Request,
    source: Literal["importance", "embedding"],
    method: Method,
    metric: MetricName = "jsd",
    mode: str = "head",
) -> Response:
    """The images as points in the plane: float32 [image, 2], little-endian; NaN = the image has no values.

    `importance`: near are images on which the same heads matter (one metric and mode, signed square roots).
    `embedding`: near are images that look alike to the model (pooled output, unit length), whatever metric and mode.
    """
    mode = computed_mode(served.run.manifest, mode)
    what = (source, metric, mode) if source == "importance" else (source,)
    generation = served.run.progress().generation
    tag = etag(served.run.manifest.run_id, generation, "layout", *what, method)
    if unchanged(request, tag):
        return not_modified(tag)
    made: Layout = served.layouts((generation, *what, method), lambda: layout(_vectors(served, what), method))
    response = column(made.positions, tag)
    response.headers["x-trustworthiness"] = f"{made.trustworthiness:.4f}"
    response.headers["x-continuity"] = f"{made.continuity:.4f}"
    return response


@router.get("/mean/{layer}", response_class=Response, responses=binary("x-code", "x-pooled"))
def mean(served: TheRun, request: Request, layer: Layer) -> Response:
    """Mean attention of one layer over the images: uint8 [head, query, key] in the code `log8`, see `x-code`.

    0 is 0; codes 1 to 255 are 10^(-5 + 5 (code - 1) / 254). Where there are many tokens, `x-pooled` says into how many
    blocks of consecutive tokens they were averaged, both ways.
    """
    run, manifest = served.run, served.run.manifest
    known_layer(manifest, layer)
    if not run.has_mean_attention:
        kept = manifest.options.mean_attention
        raise NotAvailable(
            "the mean attention is not there yet"
            if kept
            else "this run keeps no mean attention: it would be too large",
            "It comes once all heads are done." if kept else "The featured images have whole matrices.",
        )
    tag = _tag(served, "mean", layer)
    if unchanged(request, tag):
        return not_modified(tag)
    model = manifest.model
    too_large = model.n_layers * max(model.n_heads) * manifest.tokens.n_tokens**2 > MEAN_BYTES
    matrices = run.layer_mean_attention(layer)
    matrices = matrices if not too_large else pooled(matrices, POOLED)
    response = column(encode_log8(matrices), tag)
    response.headers["x-code"] = LOG8
    if too_large:
        response.headers["x-pooled"] = str(matrices.shape[-1])
    return response


@router.get(
    "/thumbs/{page}",
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}}, **UNCHANGED},
)
def thumbs(served: TheRun, request: Request, page: Annotated[int, Path(ge=0, description="From 0.")]) -> Response:
    """An atlas of thumbnails in row order; RunInfo.thumbs says how it is laid out. Missing ones are transparent."""
    stamp = served.thumbs.stamp()
    tag = etag(served.run.manifest.run_id, "thumbs", page, stamp)
    atlas = None if unchanged(request, tag) else served.thumbs.page(page, stamp)
    if atlas is None:
        return not_modified(tag)
    headers = {"etag": tag, "cache-control": REVALIDATE, "content-encoding": "identity"}
    return Response(atlas, media_type="image/webp", headers=headers)


def first_answers(served: Served) -> None:
    """Make what every page asks for first, and import what that needs, so that no page shares a core with that."""
    with suppress(VitscopeError):  # a run without it, or a damaged one: whoever asks is told
        _image_table(served, served.run.progress().generation)
        _summary(served, describe.run_info(served).default_metric, HEAD)


def _tag(served: Served, *parts: object) -> str:
    return etag(served.run.manifest.run_id, served.run.progress().generation, *parts)


def _image_table(served: Served, generation: int) -> bytes:
    make = describe.image_table
    return served.kept(
        "images", generation, lambda: make(served.run, generation).model_dump_json(by_alias=True).encode()
    )


def _summary(served: Served, metric: str, mode: str) -> NDArray[np.float64]:
    def make() -> NDArray[np.float64]:
        effect = served.run.effect(metric, mode)
        values = effect.reshape(len(effect), -1)
        found = descriptive.summarise(values)
        columns = (found.n, found.mean, found.median, found.lower_quartile, found.upper_quartile)
        return np.stack([*columns, descriptive.consistency(found)]).astype(np.float64).reshape(-1, *effect.shape[1:])

    return served.kept(f"summary/{metric}/{mode}", served.run.progress().generation, make)


def _half(values: NDArray[Any]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):  # beyond 65504 it is infinite: a sink that nothing is comparable with
        return values.astype(np.float16)


def _vectors(served: Served, what: tuple[str, ...]) -> NDArray[Any]:
    """What the images are laid out by: `what` is (importance, metric, mode) or (embedding,)."""
    run = served.run
    if what[0] == "embedding":
        embedding = run.embedding
        if embedding is None:
            raise NotAvailable("this run has no embeddings: it was made before they were kept", "Analyse again.")
        return embedding_vectors(embedding)
    vectors = importance_vectors(run.effect(what[1], what[2]))
    if run.progress().units["head"][0] and not vectors.shape[1]:
        raise NotAvailable(
            f"there are no values of {what[1]} in mode {what[2]} to lay the images out by",
            "They are not computed yet, or this model has none; out_cos is always there.",
        )
    return vectors
