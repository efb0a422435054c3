"""Put a comparison of sizes into a run, beside the run's own results, so that it can be shown without the model.

Knows nothing about: how it was computed.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vitscope.analysis import Run, open_run
from vitscope.errors import ImageUnreadable, RunError
from vitscope.models import Model
from vitscope.models.pictures.images import read_bytes
from vitscope.store import RunWriter
from vitscope.store.resolution import COLUMNS, Resolution, SizeInfo, write_resolution

if TYPE_CHECKING:
    import xarray


def check_run(path: Path, model: Model) -> Run:
    """The run that a comparison is to go into.

    Raises
    ------
    RunError: no run, or one of another model.
    """
    run = open_run(path)
    if run.manifest.model.weights_sha256 != model.weights_sha256:
        raise RunError(
            f"cannot keep the comparison in {path}: the run is of {run.manifest.model.id}, and the weights of "
            f"{model.id} are not its own",
            "Give the run's model and weights, or leave --run out.",
        )
    return run


def keep(path: Path, found: "xarray.Dataset", model: Model) -> Resolution:
    """Write the comparison into the run; an older one is replaced.

    Raises
    ------
    RunError: as `check_run`, or another process writes the run.
    """
    run = check_run(path, model)
    kept = as_stored(found, run)
    with RunWriter.opened(path) as writer:
        write_resolution(writer.path, kept)
    return kept


def as_stored(found: "xarray.Dataset", run: Run | None = None) -> Resolution:
    """The dataset of `vitscope.resolution` in the form in which a run keeps it."""
    arrays: dict[str, np.ndarray] = {name: found[name].values.astype(np.float32) for name in COLUMNS}
    arrays["prediction"] = found["prediction"].values.astype(np.int32)
    sizes, shown = [], 0
    for i in range(found.sizes["size"]):
        at = {name: found[name].values[i].item() for name in SizeInfo.__dataclass_fields__}
        sizes.append(SizeInfo(**at))
        name = f"{at['height']}x{at['width']}"
        if f"map_{name}" in found:
            maps = found[f"map_{name}"].values
            shown = len(maps)
            arrays[f"map_{i}"] = maps.reshape(*maps.shape[:3], -1).astype(np.float16)
            mean = found[f"mean_map_{name}"].values
            arrays[f"mean_map_{i}"] = mean.reshape(*mean.shape[:2], -1).astype(np.float16)
    paths = [str(path) for path in found["image"].values]
    own = str(found.attrs["own_size"]).split("x")
    return Resolution(
        model=str(found.attrs["model"]),
        weights_sha256=str(found.attrs["weights_sha256"]),
        preprocessing=str(found.attrs["preprocessing"]),
        own_size=(int(own[0]), int(own[1])),
        sizes=tuple(sizes),
        paths=tuple(paths),
        rows=tuple([-1] * len(paths) if run is None else _rows(Path(found.attrs["root"]), paths, run)),
        labels=tuple(int(label) for label in found["label"].values),
        targets=tuple(int(target) for target in found["target"].values),
        shown=shown,
        arrays=arrays,
    )


def _rows(root: Path, paths: list[str], run: Run) -> list[int]:
    """Row in the run of each image, by the bytes of its file."""
    of: dict[str, int] = {}
    for row, identity in enumerate(run.planned_images["id"]):
        of.setdefault(str(identity), row)
    rows = []
    for path in paths:
        try:
            rows.append(of.get(hashlib.sha256(read_bytes(root / path)).hexdigest(), -1))
        except ImageUnreadable:  # it was there a moment ago
            rows.append(-1)
    return rows
