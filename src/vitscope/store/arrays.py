"""The arrays of a run: their shapes, names, units and chunks, and regions of them in and out of zarr.

Knows nothing about: how the numbers are computed; torch. zarr is imported when an array is touched.
"""

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vitscope.errors import RunError
from vitscope.quantities import AXES
from vitscope.store.files.durable import flush, partial_name, read_json, require_regular, write_atomically
from vitscope.store.files.zstd import zstd_size
from vitscope.store.manifest import Manifest, unit_of

if TYPE_CHECKING:
    import zarr

FOLDER: Final = "arrays"

POOLED: Final = "features/pooled"
"""The model's pooled output of each image."""
DEVIATION: Final = "patterns/deviation"
ENERGY: Final = "patterns/energy"
"""How far each image's matrix is from the head's mean matrix, and from the uniform one."""
MATRICES: Final = "patterns/matrices"
OFFSETS: Final = "patterns/offsets"
MATRIX_FEATURES: Final = "patterns/features"
"""The sample that patterns are learned from."""
CODES: Final = "patterns/codes"
MEDOIDS: Final = "patterns/medoids"
PROTOTYPES: Final = "patterns/prototypes"
"""The fit of the patterns."""
DEPTH: Final = "depth"
DEPTH_COUNT: Final = f"{DEPTH}/n"
"""Effects over depth: sums over the images of a shard, and how many there were."""
DIVERSITY: Final = "heads/diversity"
OUTPUTS: Final = "heads/outputs"
"""Heads against each other: diversity of whole matrices by image; outputs at sampled tokens by shard."""
_METADATA: Final = "zarr.json"
_GROUP: Final = {"attributes": {}, "zarr_format": 3, "node_type": "group"}
_DTYPES: Final = frozenset({"float16", "float32", "float64"})
_CODECS: Final = frozenset({"bytes", "zstd"})
"""What arrays are made of. Nothing else is decoded: a codec of a foreign run may execute what it is given."""
_ONE_CHUNK: Final = frozenset({CODES, MEDOIDS, PROTOTYPES})
"""Arrays whose size nothing but their own metadata says."""
_LARGEST_CHUNK: Final = 2**30
"""Bytes, decoded. Those of a run are at most a quarter of it."""
_CHUNK_BYTES: Final = 4 * 2**20
"""A chunk of CLS rows stays near this, so that one image is cheap to read from a large model's run."""

Region = tuple[slice, ...]


@dataclass(frozen=True)
class ArraySpec:
    """One array before it exists: what zarr needs to create it. Every fill value is NaN = not computed."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dims: tuple[str, ...]
    dtype: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def planned_arrays(manifest: Manifest) -> dict[str, ArraySpec]:
    """The arrays that are filled shard by shard, by path under `arrays/`.

    A chunk never spans two shards, nor two modes, so no two units of work share one.
    """
    n, size = manifest.n_images, manifest.options.shard_size
    heads = (manifest.model.n_layers, max(manifest.model.n_heads))
    hops, features = max(manifest.tokens.rows, manifest.tokens.cols), manifest.model.n_features
    specs: dict[str, ArraySpec] = {}
    for metric in manifest.metrics:
        specs[f"importance/{metric}"] = ArraySpec(
            (n, len(manifest.options.modes), *heads),
            (size, 1, *heads),
            AXES["metric"],
            "float32",
            {
                "units": unit_of(metric),
                "fill": manifest.options.fill,
                "method": "exact",
                "target": "images.target",
            },
        )
    for name in manifest.quantities["strength"]:
        specs[f"strength/{name}"] = ArraySpec(
            (n, *heads, hops), (size, *heads, hops), AXES["strength"], "float32", {"units": unit_of(name)}
        )
    for name in manifest.quantities["spread"]:
        specs[f"spread/{name}"] = ArraySpec(
            (n, *heads), (size, *heads), AXES["spread"], "float32", {"units": unit_of(name)}
        )
    if manifest.tokens.cls is not None:
        row = (*heads, manifest.tokens.n_patches)
        fitting = max(1, _CHUNK_BYTES // (2 * int(np.prod(row))))
        images = max(divisor for divisor in range(1, size + 1) if size % divisor == 0 and divisor <= fitting)
        specs["attention/cls_rows"] = ArraySpec(
            (n, *row), (images, *row), ("image", "layer", "head", "patch"), "float16", {"units": "share of attention"}
        )
    if features is not None:
        specs[POOLED] = ArraySpec(
            (n, features), (size, features), ("image", "channel"), "float16", {"units": "what the classifier reads"}
        )
    return specs | _head_arrays(manifest) | _pattern_arrays(manifest)


def _head_arrays(manifest: Manifest) -> dict[str, ArraySpec]:
    """What a run keeps, from format 4, of effects over depth and of heads against each other."""
    if manifest.outputs is None:
        return {}
    n, shards, n_modes = manifest.n_images, manifest.n_shards, len(manifest.options.modes)
    heads = (manifest.model.n_layers, max(manifest.model.n_heads))
    depth, sampled = (*heads, heads[0]), (manifest.outputs.tokens, *heads, manifest.outputs.channels)
    specs = {
        f"{DEPTH}/{name}": ArraySpec(
            (shards, n_modes, *depth),
            (1, 1, *depth),
            ("shard", "mode", "layer", "head", "observed"),
            "float64",
            {"units": "cosine distance, sum over the images of a shard"},
        )
        for name in manifest.quantities["depth"]
    }
    specs[DEPTH_COUNT] = ArraySpec((shards, n_modes), (1, 1), ("shard", "mode"), "float64", {"units": "images"})
    specs[DIVERSITY] = ArraySpec(
        (n, heads[0]),
        (manifest.options.shard_size, heads[0]),
        ("image", "layer"),
        "float32",
        {"units": "0 to 1", "variant": "full"},
    )
    specs[OUTPUTS] = ArraySpec(
        (shards, *sampled),
        (1, *sampled),
        ("shard", "sample", "layer", "head", "channel"),
        "float16",
        {"units": "z, the head's output before the projection"},
    )
    return specs


def _pattern_arrays(manifest: Manifest) -> dict[str, ArraySpec]:
    """The streamed arrays of a run with patterns; matrix number = place of the image in the sample x heads + head.

    Rows of sampled images that could not be read stay NaN, at the end.
    """
    sample = manifest.patterns
    if sample is None:
        return {}
    n, size = manifest.n_images, manifest.options.shard_size
    heads = (manifest.model.n_layers, max(manifest.model.n_heads))
    full = manifest.options.mean_attention
    attributes = {
        "units": "squared Frobenius norm",
        "resolution": "full" if full else f"common ({sample.side} x {sample.side})",
        "mean": "over all images" if full else "over the sample of the patterns",
    }
    specs = {
        name: ArraySpec((n, *heads), (size, *heads), ("image", "layer", "head"), "float32", attributes)
        for name in (DEVIATION, ENERGY)
    }
    per_image = sum(manifest.model.n_heads)
    shapes = {
        MATRICES: ((sample.side, sample.side), ("query", "key"), "float16", {"units": "share of attention"}),
        OFFSETS: ((sample.offsets,) * 2, ("row_offset", "col_offset"), "float16", {"units": "share of attention"}),
        MATRIX_FEATURES: ((len(sample.features),), ("feature",), "float32", {"names": ", ".join(sample.features)}),
    }
    for name, (shape, dims, dtype, described) in shapes.items():
        specs[name] = ArraySpec(
            (sample.images * per_image, *shape), (per_image, *shape), ("matrix", *dims), dtype, described
        )
    return specs


def fit_arrays(values: Mapping[str, np.ndarray]) -> dict[str, ArraySpec]:
    """The arrays of the fit, made when it is done, each one chunk: codes [matrix, channel], the others of clusters."""
    dims = {CODES: ("matrix", "channel")}
    return {
        path: ArraySpec(
            array.shape,
            array.shape,
            dims.get(path, ("cluster", "query", "key")),
            "float16",
            {"units": "latent" if path == CODES else "share of attention"},
        )
        for path, array in values.items()
    }


def matrix_arrays(manifest: Manifest, n_featured: int) -> dict[str, ArraySpec]:
    """The arrays of whole attention matrices, made once all images have been seen."""
    layers, heads, tokens = manifest.model.n_layers, max(manifest.model.n_heads), manifest.tokens.n_tokens
    matrix = (heads, tokens, tokens)
    units = {"units": "share of attention"}
    dims = ("layer", "head", "query", "key")
    specs: dict[str, ArraySpec] = {}
    if manifest.options.mean_attention:
        specs["attention/mean"] = ArraySpec((layers, *matrix), (1, *matrix), dims, "float32", units)
    if n_featured:
        specs["attention/featured"] = ArraySpec(
            (n_featured, layers, *matrix), (1, 1, *matrix), ("featured", *dims), "float16", units
        )
    return specs


def metadata_file(path: str) -> str:
    """Where the metadata of an array or a group is, as a path below the run."""
    return "/".join(part for part in (FOLDER, path, _METADATA) if part)


def groups(manifest: Manifest) -> list[str]:
    """The groups that hold a run's arrays, the root first: any zarr reader opens `RUN/arrays` as one tree."""
    return ["", *sorted({path.partition("/")[0] for path in planned_arrays(manifest)} | {"attention"})]


def create_groups(run: Path, manifest: Manifest) -> None:
    """Create the groups of a new run."""
    import zarr

    for group in groups(manifest):
        zarr.create_group(run / FOLDER / group, overwrite=False, zarr_format=3)


def create_array(run: Path, path: str, spec: ArraySpec) -> None:
    """Create (or replace) an empty array."""
    import zarr

    zarr.create_array(
        run / FOLDER / path,
        zarr_format=3,
        shape=spec.shape,
        chunks=spec.chunks,
        dtype=spec.dtype,
        fill_value=float("nan"),
        dimension_names=spec.dims,
        attributes=dict(spec.attributes),
        chunk_key_encoding={"name": "default", "separator": "."},  # all chunks in one folder: simple to flush
        overwrite=True,
    )


def open_array(run: Path, path: str, spec: ArraySpec | None = None, *, writable: bool = False) -> "zarr.Array":
    """Open an array, once its metadata says what vitscope writes: nothing is decoded before.

    Parameters
    ----------
    spec: what the array must be like, where it is known beforehand.

    Raises
    ------
    RunError: it is missing, damaged, or not an array of a run.
    """
    import zarr

    try:
        metadata = read_json(run / metadata_file(path))
        fault = _foreign(metadata, path in _ONE_CHUNK) or (spec and _differs(metadata, spec))
        if fault:
            raise ValueError(fault)
        return zarr.open_array(run / FOLDER / path, mode="r+" if writable else "r", zarr_format=3)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error}" if type(error) is ValueError else type(error).__name__
        raise RunError(
            f"cannot read the array {path} of {run}: its metadata is missing or damaged ({reason:.200})",
            "Run the analysis again with --resume to repair it, or analyse into another folder.",
        ) from error


def _foreign(metadata: Any, one_chunk: bool) -> str:  # noqa: ANN401 - JSON is any of its types
    """What about the metadata is not as vitscope writes it; nothing where all is."""
    codecs = [codec["name"] for codec in metadata["codecs"]]
    shape, chunks = metadata["shape"], metadata["chunk_grid"]["configuration"]["chunk_shape"]
    known = metadata["data_type"] in _DTYPES
    item = np.dtype(metadata["data_type"]).itemsize if known else 1
    said = {
        "zarr_format": metadata["zarr_format"] == 3 and metadata["node_type"] == "array",
        "data_type": known,
        "codecs": set(codecs) <= _CODECS and codecs[:1] == ["bytes"],
        "chunk_grid": metadata["chunk_grid"]["name"] == "regular" and _sizes(chunks) and len(chunks) == len(shape),
        "size of a chunk": math.prod(chunks) * item <= _LARGEST_CHUNK and (chunks == shape or not one_chunk),
        "chunk_key_encoding": metadata["chunk_key_encoding"]
        == {"name": "default", "configuration": {"separator": "."}},
        "shape": _sizes(shape),
        "fill_value": metadata["fill_value"] == "NaN",
        "storage_transformers": not metadata.get("storage_transformers"),
    }
    return ", ".join(f"{name} is not as vitscope writes it" for name, fits in said.items() if not fits)


def _sizes(values: Any) -> bool:  # noqa: ANN401 - JSON is any of its types
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _differs(metadata: Any, spec: ArraySpec) -> str:  # noqa: ANN401 - JSON is any of its types
    """How the metadata differ from what the run says its array is like; nothing where they agree."""
    found = {
        "shape": tuple(metadata["shape"]) == spec.shape,
        "chunks": tuple(metadata["chunk_grid"]["configuration"]["chunk_shape"]) == spec.chunks,
        "dtype": metadata["data_type"] == spec.dtype,
        "axes": tuple(metadata["dimension_names"]) == spec.dims,
    }
    return ", ".join(f"its {name} differ from what run.json says" for name, agrees in found.items() if not agrees)


def repair_arrays(run: Path, manifest: Manifest, paths: Iterable[str] | None = None) -> None:
    """Write the metadata of arrays and groups anew; their chunks stay, and the checksums say whether those are sound.

    Parameters
    ----------
    paths: of those that are damaged; by default what is missing or cannot be opened.

    Raises
    ------
    RunError: an array is there, but may not be read.
    """
    specs = planned_arrays(manifest)
    given = None if paths is None else set(paths)
    for path in groups(manifest):
        if path in given if given is not None else _group_is_damaged(run, path):
            content = json.dumps(_GROUP, indent=2).encode()  # to the byte as zarr writes it
            write_atomically(run / metadata_file(path), lambda beside, content=content: beside.write_bytes(content))
    for path, spec in specs.items():
        if path in given if given is not None else _array_is_damaged(run, path, spec):
            beside = f"{path}/{partial_name('zarr')}"
            create_array(run, beside, spec)
            (run / metadata_file(beside)).replace(run / metadata_file(path))
            (run / FOLDER / beside).rmdir()
            flush([run / FOLDER / path])


def _group_is_damaged(run: Path, path: str) -> bool:
    try:
        return read_json(run / metadata_file(path)) != _GROUP
    except (OSError, ValueError):
        return True


def _array_is_damaged(run: Path, path: str, spec: ArraySpec) -> bool:
    try:
        open_array(run, path, spec)
    except RunError as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        return True
    return False


def read_region(run: Path, path: str, region: Region | tuple[()] = (), spec: ArraySpec | None = None) -> np.ndarray:
    """Read part of an array (all of it by default); RunError when a chunk is damaged or no file of the run's own."""
    array = open_array(run, path, spec)
    whole = tuple(slice(0, size) for size in array.shape)
    bounds = tuple(slice(*given.indices(axis.stop)[:2]) for given, axis in zip(region, whole, strict=False))
    size, packed = math.prod(array.chunks) * array.dtype.itemsize, bool(array.compressors)
    try:
        for file in _chunk_files(run, path, (*bounds, *whole[len(bounds) :]), array.chunks):
            _require_chunk(file, size, packed)
        return np.asarray(array[region or ...])
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        reason = f"{error}" if type(error) is ValueError else type(error).__name__
        raise RunError(
            f"cannot read the array {path} of {run}: a chunk is damaged ({reason:.200})",
            "Run the analysis again with --resume: it computes damaged shards anew.",
        ) from error


def _require_chunk(file: Path, size: int, packed: bool) -> None:
    """Refuse what is no regular file, or would be decoded to other than `size` bytes: the decoder has no bound.

    A chunk that is not there is NaN throughout, or its checksum tells.
    """
    try:
        found = require_regular(file).st_size
    except FileNotFoundError:
        return
    if found > size + size // 256 + 1024:  # what does not shrink grows a little
        raise ValueError(f"it has {found} bytes, expected at most {size}")
    stated = zstd_size(file) if packed else found
    if stated != size:
        raise ValueError(f"it decodes to {stated} bytes, expected {size}")


def write_region(run: Path, path: str, region: Region, values: np.ndarray) -> str:
    """Write whole chunks of an array, flush them, and return the sha256 of the values.

    Whatever an interrupted writer left there is removed first.
    """
    array = open_array(run, path, writable=True)
    values = canonical(values, array.dtype)
    files = list(_chunk_files(run, path, region, array.chunks))
    for file in files:
        file.unlink(missing_ok=True)
    array[region] = values
    flush(file for file in files if file.exists())
    flush([run / FOLDER / path])
    return digest(values)


def _chunk_files(run: Path, path: str, region: Region, chunks: tuple[int, ...]) -> Iterator[Path]:
    """The chunk files a region is made of; a chunk that is NaN throughout has none."""
    spans = [range(part.start // size, math.ceil(part.stop / size)) for part, size in zip(region, chunks, strict=True)]
    for index in itertools.product(*spans):
        yield run / FOLDER / path / ".".join(["c", *map(str, index)])


def canonical(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values as they will be read back: the array's dtype, one kind of NaN (zarr leaves out chunks of NaN)."""
    values = np.ascontiguousarray(values, dtype=dtype)
    missing = np.isnan(values)
    return np.where(missing, dtype.type(np.nan), values) if missing.any() else values


def digest(values: np.ndarray) -> str:
    """The sha256 of an array's bytes, in C order."""
    return hashlib.sha256(np.ascontiguousarray(values).data.cast("B") if values.size else b"").hexdigest()
