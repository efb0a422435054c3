"""The patterns of attention: the sample of matrices, its clusters, and how far heads depend on the image.

Knows nothing about: HTTP.
"""

import json
import math
import os
import zlib
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vitscope.analysis import Run
from vitscope.analysis.patterns.of_run import Patterns
from vitscope.analysis.patterns.recluster import FEWEST, MOST, most_clusters, recluster
from vitscope.answers.arguments import Head, Layer
from vitscope.answers.codes import encode_log8
from vitscope.answers.messages import (
    Deviation,
    NearMatrix,
    PatternCluster,
    PatternsInfo,
    PatternSpace,
    RepeatedPattern,
    TypicalImages,
)
from vitscope.answers.names import PatternColumn
from vitscope.answers.source import Source
from vitscope.answers.table import array, arrays, document
from vitscope.errors import NotAvailable
from vitscope.store.pattern_files import FOLDER, require_patterns

MatrixNumber = Annotated[int, Field(ge=0, description="Number of a matrix of the sample.")]
NumberOfClusters = Annotated[
    int | None, Field(ge=FEWEST, le=MOST, description="In so many clusters; without it those that the run chose.")
]
MOST_NEAR: Final = 100
Number = Annotated[int, Field(ge=1, le=MOST_NEAR, description="How many.")]
NO_CLUSTER: Final = 255
"""On the wire, of a matrix that belongs to no cluster."""


@document(stamp=lambda source, **_: (source.generation, names_stamp(source)))
def patterns(source: Source, k: NumberOfClusters = None) -> PatternsInfo:
    """The clusters of attention matrices with their names and quality, and each head's content dependence."""
    return patterns_info(source.run, _in_clusters(source, k))


@arrays(x=("matrix",), y=("matrix",), distance=("matrix",), cluster=("matrix",), pattern=("matrix",), kept=True)
def pattern_points(source: Source, k: NumberOfClusters = None) -> dict[str, NDArray[Any]]:
    """The sample on the map, one entry a matrix.

    x, y, distance (to the medoid of its cluster, between codes; NaN = in no cluster) as float32, then cluster (255 =
    none) and pattern (the matrix's own name, its place in PatternsInfo.patterns) as uint8.
    """
    found = _in_clusters(source, k)
    table, cluster = found.table, found.table["cluster"].to_numpy()
    return {
        "x": table["x"].to_numpy(np.float32),
        "y": table["y"].to_numpy(np.float32),
        "distance": found.medoid_distance,
        "cluster": np.where(cluster < 0, NO_CLUSTER, cluster).astype(np.uint8),
        "pattern": table["pattern"].cat.codes.to_numpy().astype(np.uint8),
    }


@arrays(log8=("kind", "cluster", "query", "key"), kept=True)
def pattern_glyphs(source: Source, k: NumberOfClusters = None) -> dict[str, NDArray[Any]]:
    """Matrices that stand for clusters: uint8 [2, cluster, 66, 66] in the code `log8`: medoids, then prototypes.

    Rows are queries, columns keys: CLS, the other prefix tokens together, then 8 x 8 cells of the image row by row.
    """
    found = _in_clusters(source, k)
    return {"log8": encode_log8(np.stack([found.medoids, found.prototypes]).astype(np.float32))}


@arrays(log8=("query", "key"))
def pattern_matrix(source: Source, matrix: MatrixNumber) -> dict[str, NDArray[Any]]:
    """One matrix of the sample at the common size: uint8 [66, 66] in the code `log8`."""
    return {"log8": encode_log8(source.run.patterns.matrix(matrix).astype(np.float32))}


@array("image", "layer", "head")
def pattern_column(source: Source, column: PatternColumn) -> NDArray[np.float32]:
    """Squared distance of each matrix from its head's mean, or from the uniform matrix: float32 [image, layer, head].

    Their sums over images are in the ratio of the content dependence; NaN = not computed.
    """
    return source.run.measure(f"patterns/{column}").astype(np.float32)


@document()
def nearest_matrices(source: Source, matrix: MatrixNumber, n: Number = 12) -> list[NearMatrix]:
    """The matrices of the sample most like one, nearest first, itself left out."""
    return [
        NearMatrix(
            matrix=int(row["matrix"]),
            image=int(row["image"]),
            layer=int(row["layer"]),
            head=int(row["head"]),
            distance=float(row["distance"]),
        )
        for row in source.run.patterns.nearest(matrix, n).to_dict("records")
    ]


@document()
def typical_images(source: Source, layer: Layer, head: Head, n: Number = 12) -> TypicalImages:
    """Images on which the head's matrix is most and least like its mean over images; all images, not the sample."""
    found = source.run.patterns.typical(layer, head, n)
    most, least = (
        [Deviation(image=int(row["image"]), deviation=float(row["deviation"])) for row in frame.to_dict("records")]
        for frame in (found.most, found.least)
    )
    return TypicalImages(most=most, least=least)


def names_stamp(source: Source) -> int:
    """A number that changes with the names that were given."""
    return zlib.crc32(json.dumps(sorted(source.run.patterns.given_names.items())).encode())


def _in_clusters(source: Source, k: int | None) -> Patterns:
    """The patterns in `k` clusters, which are called as the run's own: made anew when one of those is renamed."""
    if k is None:
        return source.run.patterns
    stamp = (source.generation, names_stamp(source))
    return source.kept(f"patterns/{k}", stamp, lambda: recluster(source.run.patterns, k))


def patterns_reason(run: Run) -> str:
    """Why the run has no patterns and what to do; empty where it has."""
    try:
        require_patterns(run)
    except NotAvailable as error:
        reason = error.message.removeprefix("cannot read patterns: ")
        return f"{reason[0].upper()}{reason[1:]}. {error.hint}"
    return ""


def patterns_info(run: Run, patterns: Patterns) -> PatternsInfo:
    """Everything about the patterns but what grows with the sample; they may be in clusters not the run's own."""
    content = patterns.content_dependence
    resolution = "full" if content.attrs["resolution"] == "full" else "common"
    rows = patterns.clusters.reset_index().to_dict("records")
    return PatternsInfo(
        generation=run.progress().generation,
        n_matrices=len(patterns.table),
        images=list(patterns.images),
        chosen=patterns.chosen,
        verdict=patterns.verdict,
        spaces={str(name): _space(row) for name, row in patterns.quality.to_dict("index").items()},
        clusters=[_cluster(row) for row in rows],
        chosen_clusters=int(patterns.quality.at[patterns.chosen, "n_clusters"]),
        most_clusters=most_clusters(patterns),
        patterns=list(patterns.pattern_names),
        families={family: list(names) for family, names in patterns.families.items()},
        repeated=[_repeated(row) for row in patterns.repeated.to_dict("records")],
        content=[[_number(value) for value in layer] for layer in content.values],
        resolution=resolution,
        rename_reason=_rename_reason(run, patterns),
    )


def _space(row: dict[str, Any]) -> PatternSpace:
    return PatternSpace(
        clusters=int(row["n_clusters"]),
        silhouette=_number(row["silhouette"]),
        fair=_number(row.get("fair")),
        stability=_number(row["stability"]),
        reconstruction=_number(row["reconstruction"]),
        criterion=str(row["criterion"]),
    )


def _repeated(row: dict[str, Any]) -> RepeatedPattern:
    return RepeatedPattern(name=row["name"], heads=row["heads"], similarity=float(row["similarity"]), by=row["by"])


def _cluster(row: dict[str, Any]) -> PatternCluster:
    return PatternCluster(
        id=int(row["cluster"]),
        name=row["name"],
        auto_name=row["auto_name"],
        rule=row["rule"],
        confidence=float(row["confidence"]),
        evidence={str(name): _number(value) for name, value in row["evidence"].items()},
        size=int(row["size"]),
        medoid=int(row["medoid"]),
        x=float(row["x"]),
        y=float(row["y"]),
    )


def _rename_reason(run: Run, patterns: Patterns) -> str:
    if patterns.is_regrouped:
        return "names are kept for the clusters that the run chose"
    if os.access(run.path / FOLDER, os.W_OK):
        return ""
    return "the run folder cannot be written here: names are kept in it"


def _number(value: Any) -> float | None:  # noqa: ANN401 - a cell of a data frame
    return None if value is None or not math.isfinite(value) else float(value)
