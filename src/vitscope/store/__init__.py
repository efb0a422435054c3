"""What is on disk: the run folder, its manifest, arrays, tables and commits.

Knows nothing about: models, torch, how numbers are computed. Importing it loads neither torch nor xarray nor zarr.
"""

from vitscope.store.manifest import SCHEMA_VERSION, Manifest, ModelInfo, Options, Source
from vitscope.store.run import Progress, Run, open_run
from vitscope.store.writer import HeadUnit, RunWriter

__all__ = [
    "SCHEMA_VERSION",
    "HeadUnit",
    "Manifest",
    "ModelInfo",
    "Options",
    "Progress",
    "Run",
    "RunWriter",
    "Source",
    "open_run",
]
