"""What is on disk: the run folder, its manifest, arrays, tables and commits.

Knows nothing about: models, torch, how numbers are computed. Importing it loads neither torch nor xarray nor zarr.
"""

from vitscope.store.manifest import SCHEMA_VERSION, Manifest, ModelInfo, Options, OutputSample, PatternSample, Source
from vitscope.store.run import Progress, RunFolder
from vitscope.store.units import HeadUnit, MatricesUnit, PartialUnit, PatternsUnit
from vitscope.store.writer import RunWriter

__all__ = [
    "SCHEMA_VERSION",
    "HeadUnit",
    "Manifest",
    "MatricesUnit",
    "ModelInfo",
    "Options",
    "OutputSample",
    "PartialUnit",
    "PatternSample",
    "PatternsUnit",
    "Progress",
    "RunFolder",
    "RunWriter",
    "Source",
]
