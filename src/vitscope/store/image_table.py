"""The image table of a run, complete or growing: merged at the end, until then the plan with the shards that are done.

Knows nothing about: arrays, commits.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vitscope.errors import RunError
from vitscope.store.files.tables import COMPUTED, PLANNED, read_tables, without_results
from vitscope.store.manifest import FILE, Manifest

if TYPE_CHECKING:
    import pandas as pd

PLAN_TABLE: Final = "plan.parquet"
IMAGE_TABLE: Final = "images.parquet"
_SHARDS: Final = "images"


def shard_table(run: Path, shard: int) -> Path:
    """Where the image rows of a shard are until they are merged."""
    return run / _SHARDS / f"{shard:06d}.parquet"


def read_image_table(run: Path, manifest: Manifest) -> "pd.DataFrame":
    """One row an image of a complete run, with the column `done`.

    Raises
    ------
    RunError: it cannot be read, or does not have the number of rows that the manifest says.
    """
    frame = read_tables([run / IMAGE_TABLE], {**PLANNED, **COMPUTED}, manifest.n_images)
    frame["done"] = True
    return _checked(run, manifest, frame)


def merge_image_table(run: Path, manifest: Manifest, planned: "pd.DataFrame", shards: Sequence[int]) -> "pd.DataFrame":
    """One row an image, of the plan and of the shards whose head unit is committed; the column `done` says which.

    Raises
    ------
    RunError: as `read_image_table`.
    """
    frame = without_results(planned)
    frame["done"] = False
    if shards:
        rows = np.concatenate([np.array(manifest.shard_rows(shard)) for shard in shards])
        results = read_tables([shard_table(run, shard) for shard in shards], COMPUTED, len(rows))
        if len(results) != len(rows):
            raise _rows_differ(run, f"the tables of its {len(shards)} shards", len(results), len(rows))
        results.index = rows
        frame.loc[results.index, list(COMPUTED)] = results
        frame.loc[results.index, "done"] = True
    return _checked(run, manifest, frame)


def _checked(run: Path, manifest: Manifest, frame: "pd.DataFrame") -> "pd.DataFrame":
    if len(frame) != manifest.n_images:
        raise _rows_differ(run, "its image table", len(frame), manifest.n_images)
    frame.index.name = "image"
    return frame


def _rows_differ(run: Path, table: str, found: int, expected: int) -> RunError:
    return RunError(
        f"cannot open {run}: {table} has {found} rows, {FILE} says {expected}",
        "The folder is damaged: restore it from a copy, or analyse again into another folder.",
    )
