"""The API over the patterns of attention: the sample of matrices, its clusters, and how far heads depend on the image.

Knows nothing about: how patterns are learned, models.
"""

import json
import zlib
from typing import Annotated, Final

import numpy as np
from fastapi import APIRouter, Path, Query, Request, Response

from vitscope.analysis.patterns.of_run import Patterns
from vitscope.analysis.patterns.recluster import FEWEST, MOST, recluster
from vitscope.server import describe_patterns
from vitscope.server.asking import FAILURES, UNCHANGED, TheRun, binary
from vitscope.server.codes import LOG8, encode_log8
from vitscope.server.columns import BINARY, REVALIDATE, column, etag, not_modified, unchanged
from vitscope.server.names import PatternColumn
from vitscope.server.served import Served
from vitscope.server.wire import ClusterName, NearMatrix, PatternsInfo, TypicalImages

MatrixNumber = Annotated[int, Path(ge=0, description="Number of a matrix of the sample.")]
NumberOfClusters = Annotated[
    int | None, Query(ge=FEWEST, le=MOST, description="In so many clusters; without it those that the run chose.")
]
MOST_NEAR: Final = 100

router = APIRouter(prefix="/api", responses=FAILURES)


@router.get("/patterns", responses=UNCHANGED, response_model=PatternsInfo)
def patterns(
    served: TheRun, request: Request, response: Response, k: NumberOfClusters = None
) -> PatternsInfo | Response:
    """The clusters of attention matrices with their names and quality, and each head's content dependence."""
    tag = _tag(served, "info", _names(served), k)
    if unchanged(request, tag):
        return not_modified(tag)
    response.headers.update({"etag": tag, "cache-control": REVALIDATE})
    return describe_patterns.patterns_info(served.run, _in_clusters(served, k))


@router.get("/patterns/points", response_class=Response, responses=binary("x-columns"))
def points(served: TheRun, request: Request, k: NumberOfClusters = None) -> Response:
    """The sample on the map, little-endian columns one after the other, each of `x-shape` entries; see `x-columns`.

    x, y, distance (to the medoid of its cluster, between codes; NaN = in no cluster) as float32, then cluster (255 =
    none) and pattern (the matrix's own name, its place in PatternsInfo.patterns) as uint8.
    """
    tag = _tag(served, "points", k)
    if unchanged(request, tag):
        return not_modified(tag)
    places, codes = served.kept(
        f"patterns/points/{k}", _generation(served), lambda: describe_patterns.points(_in_clusters(served, k))
    )
    headers = {
        "etag": tag,
        "cache-control": REVALIDATE,
        "content-encoding": "identity",
        "x-shape": str(places.shape[1]),
        "x-columns": "x:float32,y:float32,distance:float32,cluster:uint8,pattern:uint8",
    }
    return Response(places.astype("<f4").tobytes() + codes.tobytes(), media_type=BINARY, headers=headers)


@router.get("/patterns/glyphs", response_class=Response, responses=binary("x-code"))
def glyphs(served: TheRun, request: Request, k: NumberOfClusters = None) -> Response:
    """Matrices that stand for clusters: uint8 [2, cluster, 66, 66] in the code `log8`: medoids, then prototypes.

    Rows are queries, columns keys: CLS, the other prefix tokens together, then 8 x 8 cells of the image row by row.
    """
    tag = _tag(served, "glyphs", k)
    if unchanged(request, tag):
        return not_modified(tag)
    matrices = served.kept(
        f"patterns/glyphs/{k}", _generation(served), lambda: describe_patterns.glyphs(_in_clusters(served, k))
    )
    return _coded(matrices, tag)


@router.get("/patterns/matrix/{number}", response_class=Response, responses=binary("x-code"))
def sampled_matrix(served: TheRun, request: Request, number: MatrixNumber) -> Response:
    """One matrix of the sample at the common size: uint8 [66, 66] in the code `log8`."""
    found = served.run.patterns
    tag = _tag(served, "matrix", number)
    return not_modified(tag) if unchanged(request, tag) else _coded(found.matrix(number), tag)


@router.get("/patterns/nearest/{number}")
def nearest(
    served: TheRun,
    number: MatrixNumber,
    n: Annotated[int, Query(ge=1, le=MOST_NEAR, description="How many.")] = 12,
) -> list[NearMatrix]:
    """The matrices of the sample most like one, nearest first, itself left out."""
    return describe_patterns.near_matrices(served.run.patterns, number, n)


@router.get("/patterns/typical/{layer}/{head}")
def typical(
    served: TheRun,
    layer: Annotated[int, Path(ge=0)],
    head: Annotated[int, Path(ge=0)],
    n: Annotated[int, Query(ge=1, le=MOST_NEAR, description="How many of each.")] = 12,
) -> TypicalImages:
    """Images on which the head's matrix is most and least like its mean over images; all images, not the sample."""
    return describe_patterns.typical_images(served.run.patterns, layer, head, n)


@router.get("/patterns/{what}", response_class=Response, responses=binary())
def per_image(served: TheRun, request: Request, what: PatternColumn) -> Response:
    """Squared distance of each matrix from its head's mean, or from the uniform matrix: float32 [image, layer, head].

    Their sums over images are in the ratio of the content dependence; NaN = not computed.
    """
    tag = _tag(served, what)
    if unchanged(request, tag):
        return not_modified(tag)
    return column(served.run.measure(f"patterns/{what}").astype(np.float32), tag)


@router.put("/patterns/names/{cluster}")
def rename(served: TheRun, cluster: Annotated[int, Path(ge=0)], given: ClusterName) -> PatternsInfo:
    """Name a cluster, kept in the run; null = the automatic name again. Answers with all clusters."""
    found = served.run.patterns
    found.rename(cluster, given.name)
    return describe_patterns.patterns_info(served.run, found)


def _in_clusters(served: Served, k: int | None) -> Patterns:
    """The patterns in `k` clusters, which are called as the run's own: made anew when one of those is renamed."""
    if k is None:
        return served.run.patterns
    key = f"patterns/{k}/{_names(served)}"
    return served.kept(key, _generation(served), lambda: recluster(served.run.patterns, k))


def _names(served: Served) -> int:
    """A number that changes with the names that were given."""
    return zlib.crc32(json.dumps(sorted(served.run.patterns.given_names.items())).encode())


def _coded(matrices: np.ndarray, tag: str) -> Response:
    response = column(encode_log8(matrices.astype(np.float32)), tag)
    response.headers["x-code"] = LOG8
    return response


def _generation(served: Served) -> int:
    return served.run.progress().generation


def _tag(served: Served, *parts: object) -> str:
    return etag(served.run.manifest.run_id, _generation(served), "patterns", *parts)
