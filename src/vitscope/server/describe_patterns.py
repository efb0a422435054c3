"""The patterns of a run in the words of the wire.

Knows nothing about: HTTP.
"""

import math
import os
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from vitscope.analysis import Run
from vitscope.analysis.patterns.of_run import Patterns
from vitscope.analysis.patterns.recluster import most_clusters
from vitscope.errors import NotAvailable
from vitscope.server.wire import (
    Deviation,
    NearMatrix,
    PatternCluster,
    PatternsInfo,
    PatternSpace,
    RepeatedPattern,
    TypicalImages,
)
from vitscope.store.pattern_files import FOLDER, require_patterns

NO_CLUSTER = 255
"""On the wire, of a matrix that belongs to no cluster."""


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


def points(patterns: Patterns) -> tuple[Float32[np.ndarray, "3 matrix"], UInt8[np.ndarray, "2 matrix"]]:
    """Columns of the sample: x, y and distance to the medoid; cluster (255 = none) and the matrix's own name."""
    table = patterns.table
    places = np.stack([table["x"], table["y"], patterns.medoid_distance]).astype(np.float32)
    cluster = table["cluster"].to_numpy()
    codes = np.stack([np.where(cluster < 0, NO_CLUSTER, cluster), table["pattern"].cat.codes.to_numpy()])
    return places, codes.astype(np.uint8)


def glyphs(patterns: Patterns) -> np.ndarray:
    """Medoids, then prototypes [2, cluster, 66, 66]."""
    return np.stack([patterns.medoids, patterns.prototypes])


def near_matrices(patterns: Patterns, matrix: int, n: int) -> list[NearMatrix]:
    """The matrices most like one, nearest first."""
    return [
        NearMatrix(
            matrix=int(row["matrix"]),
            image=int(row["image"]),
            layer=int(row["layer"]),
            head=int(row["head"]),
            distance=float(row["distance"]),
        )
        for row in patterns.nearest(matrix, n).to_dict("records")
    ]


def typical_images(patterns: Patterns, layer: int, head: int, n: int) -> TypicalImages:
    """Images on which a head's matrix is most and least like its mean."""
    found = patterns.typical(layer, head, n)
    most, least = (
        [Deviation(image=int(row["image"]), deviation=float(row["deviation"])) for row in frame.to_dict("records")]
        for frame in (found.most, found.least)
    )
    return TypicalImages(most=most, least=least)


def _rename_reason(run: Run, patterns: Patterns) -> str:
    if patterns.is_regrouped:
        return "names are kept for the clusters that the run chose"
    if os.access(run.path / FOLDER, os.W_OK):
        return ""
    return "the run folder cannot be written here: names are kept in it"


def _number(value: Any) -> float | None:  # noqa: ANN401 - a cell of a data frame
    return None if value is None or not math.isfinite(value) else float(value)
