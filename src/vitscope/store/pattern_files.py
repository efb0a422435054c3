"""The documents of a run's patterns: what the fit says about clusters, names of the user, and whether they are there.

Knows nothing about: arrays, points, how patterns are learned.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from vitscope.errors import InvalidArgument, NotAvailable, RunError
from vitscope.store.files.commits import Unit
from vitscope.store.files.durable import in_turn, read_json, read_sealed, storage_errors, write_sealed
from vitscope.store.manifest import SEALED_FROM

if TYPE_CHECKING:
    from pathlib import Path

    from vitscope.store.run import RunFolder

FOLDER: Final = "patterns"
POINTS_TABLE: Final = f"{FOLDER}/points.parquet"
CLUSTERS: Final = f"{FOLDER}/clusters.json"
NAMES: Final = f"{FOLDER}/names.json"
FIT: Final = Unit("patterns", 0)
"""The unit that writes the points and the clusters."""
_LOCK: Final = f"{FOLDER}/.names.lock"
_LONGEST_NAME: Final = 60
FEWEST_MATRICES: Final = 100
"""Of fewer there is nothing to learn."""


def require_patterns(run: "RunFolder") -> None:
    """Raise NotAvailable with what to do, unless the run has patterns."""
    manifest, again = run.manifest, "Analyse again into another folder: `vitscope analyze` learns patterns by default."
    if manifest.schema_version < 3:
        raise NotAvailable(
            f"cannot read patterns: the run is of format {manifest.schema_version}, which has none (they came with 3)",
            again,
        )
    heads = sum(manifest.model.n_heads)
    if manifest.patterns is None and manifest.n_images * heads < FEWEST_MATRICES:
        images = f"{manifest.n_images} image{'s' if manifest.n_images > 1 else ''} with {heads} heads"
        raise NotAvailable(
            f"cannot read patterns: there is too little to learn from, {images} make {manifest.n_images * heads} "
            "matrices",
            f"It takes at least {FEWEST_MATRICES}: analyse {-(-FEWEST_MATRICES // heads)} images or more.",
        )
    if manifest.patterns is None:
        raise NotAvailable("cannot read patterns: the run was analysed without (--patterns 0)", again)
    if not run.has_patterns:
        running = "They come last. Wait; if the analysis was stopped, repeat the same `vitscope analyze` with --resume."
        raise NotAvailable("cannot read patterns: they are not learned yet", running)


def read_document(run: "RunFolder") -> Mapping[str, Any]:
    """What `clusters.json` says; RunError where it is damaged."""
    try:
        document = read_json(run.file(CLUSTERS, FIT))
        if set(document) >= {"chosen", "verdict", "patterns", "spaces"}:
            return document
        reason = "keys are missing"
    except (OSError, ValueError, TypeError) as error:
        reason = type(error).__name__
    raise RunError(
        f"cannot read the patterns of {run.path}: {CLUSTERS} is damaged ({reason})",
        "Run the analysis again with --resume to repair it.",
    )


def read_names(run: "RunFolder") -> dict[str, dict[str, str]]:
    """The user's names by space, then by cluster; RunError where the file is damaged."""
    sealed = run.manifest.schema_version >= SEALED_FROM
    try:
        names = read_sealed(run.path / NAMES, indent=1, sealed=lambda document: sealed)
        for space, given in names.items():
            for cluster, name in given.items():
                if not (cluster.isdigit() and isinstance(name, str) and checked_name(int(cluster), name) == name):
                    raise ValueError(f"{space}, {cluster}: not the name of a pattern")
        return names
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise RunError(
            f"cannot read the names of the patterns of {run.path}: {NAMES} is damaged ({type(error).__name__})",
            "`vitscope analyze ... --resume` sets it aside: the patterns have their automatic names again.",
        ) from error


def were_named(run: "Path") -> bool:
    """Whether the user has ever named a pattern of the run: the lock that naming takes stays."""
    return (run / _LOCK).exists()


def write_name(run: "RunFolder", space: str, cluster: int, name: str | None) -> None:
    """Keep a user's name of a cluster, or forget it (None); writers at the same time take turns.

    Raises
    ------
    InvalidArgument: as `checked_name`. RunError: the names that are there are damaged. StorageError: not writable.
    """
    given = None if name is None else checked_name(cluster, name)
    with in_turn(run.path / _LOCK), storage_errors(run.path):
        names = read_names(run)
        others = {key: kept for key, kept in names.get(space, {}).items() if key != str(cluster)}
        changed = others if given is None else {**others, str(cluster): given}
        write_sealed(run.path / NAMES, names | {space: changed}, indent=1)


def checked_name(cluster: int, name: str) -> str:
    """The name with single spaces; InvalidArgument where it is empty, too long or not printable."""
    stripped = " ".join(name.split())
    if not stripped or len(stripped) > _LONGEST_NAME or not stripped.isprintable():
        raise InvalidArgument(
            f"cannot name pattern {cluster} {json.dumps(name[:80])}: expected 1 to {_LONGEST_NAME} printable characters"
        )
    return stripped
