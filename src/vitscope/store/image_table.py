"""The image table of a run, complete or growing: merged at the end, until then the plan with the shards that are done.

Knows nothing about: arrays, commits.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vitscope.errors import RunError
from vitscope.store.manifest import FILE, Manifest
from vitscope.store.tables import COMPUTED, PLANNED, read_tables, without_results

if TYPE_CHECKING:
    import pandas as pd

PLAN_TABLE: Final = "plan.parquet"
IMAGE_TABLE: Final = "images.parquet"
_SHARDS: Final = "images"


def shard_table(run: Path, shard: int) -> Path:
    """Where the image rows of a shard are until they are merged."""
    return run / _SHARDS / f"{shard:06d}.parquet"


def read_image_table(
    run: Path, manifest: Manifest, planned: "Callable[[], pd.DataFrame]", shards: Sequence[int]
) -> "pd.DataFrame":
    """One row an image, with the column `done`.

    Parameters
    ----------
    planned: gives a copy of the planned columns, asked for while the run grows.
    shards: whose head unit is committed.

    Raises
    ------
    RunError: the table does not have the number of rows that the manifest says.
    """
    if manifest.state == "complete":
        frame = read_tables([run / IMAGE_TABLE], {**PLANNED, **COMPUTED})
        frame["done"] = True
    else:
        frame = without_results(planned())
        frame["done"] = False
        if shards:
            results = read_tables([shard_table(run, shard) for shard in shards], COMPUTED)
            results.index = np.concatenate([np.array(manifest.shard_rows(shard)) for shard in shards])
            frame.loc[results.index, list(COMPUTED)] = results
            frame.loc[results.index, "done"] = True
    if len(frame) != manifest.n_images:
        raise RunError(
            f"cannot open {run}: its image table has {len(frame)} rows, {FILE} says {manifest.n_images}",
            "The folder is damaged: restore it from a copy, or analyse again into another folder.",
        )
    frame.index.name = "image"
    return frame
