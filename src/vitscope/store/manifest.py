"""`run.json`: what a run is, and everything that fixes its bits, as frozen dataclasses.

Knows nothing about: arrays and tables, models, torch.
"""

import types
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from vitscope.errors import InvalidArgument, RunError, VitscopeError
from vitscope.load_options import NOTHING_SAID, LoadOptions
from vitscope.quantities import RECORDING_FORMAT, Readout, quantity, recorded
from vitscope.store.files.durable import read_json, read_sealed, write_json, write_sealed
from vitscope.tokens import HEAD, TokenLayout

SCHEMA_VERSION: Final = 5
"""Format of the runs written now; older ones are read, and resumed as what they are.

2 added `features/pooled`, 3 added patterns, 4 added effects over depth and heads against each other, 5 lists the
quantities of the run, so that the table of quantities may grow, and has a checksum of every file.
"""
SEALED_FROM: Final = 5
"""Format from which on every document of a run carries its own checksum."""
FILE: Final = "run.json"
_KEPT_WITH: Final = {"pattern": "patterns", "depth": "outputs", "diversity": "outputs"}
"""Kinds of quantities that a run keeps only beside something else."""
State = Literal["planned", "running", "complete"]


@dataclass(frozen=True)
class ModelInfo:
    """The model as it was loaded: enough to name it, to load it again and to tell whether it is the same one.

    `weights` is the file given by the user; `weights_sha256` identifies the numbers; `parity` is max|difference| /
    max|reference| between our path and the model's own output; `n_heads` has one entry a layer. `n_features` is the
    width of what the classifier reads, None in runs of format 1, which do not keep it. `readout` says what the logits
    mean; of a single logit there are two classes, label 0 and label 1. `n_logits` is None where it is not known.
    `options` is what was said of it beside its weights; names of classes are in `classes`. `read_by` is the name of the
    function that makes the values of a readout `values`.
    """

    id: str
    name: str
    adapter: str
    weights: str | None
    weights_sha256: str | None
    parity: float
    n_layers: int
    n_heads: tuple[int, ...]
    n_classes: int | None
    n_features: int | None
    classes: tuple[str, ...] | None
    input_size: tuple[int, int, int]
    device: str
    dtype: str
    readout: Readout = "classes"
    n_logits: int | None = None
    options: LoadOptions = NOTHING_SAID
    read_by: str | None = None

    @property
    def by_name(self) -> bool:
        """Whether `load_model` and the commands find it by its id; a module that was wrapped in Python has none."""
        return self.id == "demo" or ":" in self.id


@dataclass(frozen=True)
class Source:
    """Where the images came from; paths in the image table are relative to `root`.

    `dataset` is one that was given in Python; `root` is empty where its pictures are no files.
    `ignored` counts the files of a folder whose names are not those of images, `ignored_names` are a few of them.
    """

    kind: Literal["folder", "list", "table", "dataset"]
    root: str
    images: str
    labels: str | None
    ignored: int
    ignored_names: tuple[str, ...]
    note: str | None

    @property
    def are_files(self) -> bool:
        """Whether the images can be read again by whoever has the run."""
        return self.kind != "dataset" or self.root != ""


@dataclass(frozen=True)
class Options:
    """What was asked for, resolved once: the same options on the same machine give the same bits.

    `modes` starts with `head`; `partial_images` is the size of the seeded sample that the other modes run on;
    `micro_batch` is the number of sequences that run together; `featured` is the number of images whose whole attention
    is kept and `mean_attention` says whether the mean of all is (both shrink for models whose matrices are huge).
    `patterns` is the largest number of matrices that patterns are learned from, 0 = no patterns. `picture_range`: the
    values that are black and white in pictures with more than 8 bits a channel, None = the range of their type.
    """

    modes: tuple[str, ...]
    fill: str
    limit: int | None
    partial_images: int
    shard_size: int
    micro_batch: int
    threads: int
    attention_backend: str
    seed: int
    featured: int
    mean_attention: bool
    patterns: int
    picture_range: tuple[float, float] | None = None

    @property
    def partial_modes(self) -> tuple[str, ...]:
        """The modes other than `head`, in the order of the mode axis."""
        return tuple(mode for mode in self.modes if mode != HEAD)


@dataclass(frozen=True)
class PatternSample:
    """What is kept of the matrices that patterns are learned from: all heads of at most `images` images.

    A matrix is brought to `side` x `side` (CLS, other prefix tokens, cells of patches), its patch part to `offsets` x
    `offsets` (mean over queries by relative place), and measured by `features`.
    """

    images: int
    side: int
    offsets: int
    features: tuple[str, ...]


@dataclass(frozen=True)
class OutputSample:
    """What is kept of the heads' outputs z: those at `tokens` seeded (image, token) pairs a shard, `channels` wide."""

    tokens: int
    channels: int


@dataclass(frozen=True)
class Manifest:
    """The whole of `run.json`. `fingerprint` identifies the set of images: names, bytes, labels, order.

    `patterns` is None in a run without patterns. `outputs` is None in runs before format 4, which keep neither outputs
    nor effects over depth nor the diversity of whole matrices. `quantities` are those that the run keeps, by kind.
    """

    schema_version: int
    run_id: str
    created: str
    vitscope: str
    state: State
    model: ModelInfo
    tokens: TokenLayout
    transform: str
    source: Source
    options: Options
    patterns: PatternSample | None
    outputs: OutputSample | None
    quantities: dict[str, tuple[str, ...]]
    versions: dict[str, str]
    fingerprint: str
    n_images: int

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of head importance that the run has."""
        return self.quantities["metric"]

    def lacks(self, name: str) -> str:
        """Why the run does not keep a quantity of the table, or an empty string where it does."""
        if name in self.quantities[quantity(name).kind]:
            return ""
        return f"this run was made by vitscope {self.vitscope}, which did not measure it: analyse again to have it"

    @property
    def n_shards(self) -> int:
        """Number of shards the images are cut into; the last one may be short."""
        return -(-self.n_images // self.options.shard_size)

    def shard_rows(self, shard: int) -> range:
        """Rows of the image table that belong to a shard."""
        size = self.options.shard_size
        return range(shard * size, min((shard + 1) * size, self.n_images))


def write_manifest(run: Path, manifest: Manifest) -> None:
    """Write `run.json` atomically; a run of an older format stays as that format has it."""
    document = asdict(manifest)
    if manifest.schema_version < RECORDING_FORMAT:
        document["metrics"] = document.pop("quantities")["metric"]
        write_json(run / FILE, document, indent=1)
    else:
        write_sealed(run / FILE, document, indent=1)


def read_manifest(run: Path) -> Manifest:
    """Read `run.json`.

    Raises
    ------
    RunError: there is no run there, it is damaged, or a newer vitscope wrote it; the hint says what to do.
    """
    try:
        document = read_json(run / FILE)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(
            f"cannot open {run}: it is not a run, there is no {FILE} in it",
            "Give the folder that `vitscope analyze ... --out RUN` made.",
        ) from error
    except OSError as error:
        raise RunError(f"cannot open {run}: {FILE} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise _damaged(run, str(error)) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise RunError(
            f"cannot open {run}: vitscope {document.get('vitscope', 'of a later version')} wrote it in format "
            f"{version}, this version reads up to {SCHEMA_VERSION}",
            "Install a newer vitscope: pip install --upgrade vitscope.",
        )
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _damaged(run, f"schema_version is {version!r}, expected 1 to {SCHEMA_VERSION}")
    try:
        document = read_sealed(run / FILE, indent=1, sealed=lambda document: version >= SEALED_FROM)
        return _decode(Manifest, _upgraded(document, version), "run")
    except (ValueError, VitscopeError) as error:
        raise _damaged(run, str(error)) from error


def _upgraded(document: dict[str, Any], version: int) -> dict[str, Any]:
    """The document of an older format with what later ones added, as "not there"; its version stays what it is."""
    if isinstance(document.get("model"), dict):  # the first runs of format 5 do not say it either
        readout = "features" if document["model"].get("n_classes") is None else "classes"
        later = {"readout": readout, "n_logits": None, "options": asdict(NOTHING_SAID), "read_by": None}
        model = later | document["model"]
        if isinstance(model["options"], dict):
            model["options"] = asdict(NOTHING_SAID) | model["options"]
        document = document | {"model": model}
    if version == 1 and isinstance(document.get("model"), dict):
        document = document | {"model": {"n_features": None} | document["model"]}
    if version <= 2 and isinstance(document.get("options"), dict):
        document = document | {"options": {"patterns": 0} | document["options"], "patterns": None}
    if isinstance(document.get("options"), dict):
        document = document | {"options": {"picture_range": None} | document["options"]}
    if version <= 3:
        document = {"outputs": None} | document
    if version < RECORDING_FORMAT:  # these list their metrics alone
        kept = recorded(version) | {"metric": document.get("metrics")}
        kept |= {kind: () for kind, needed in _KEPT_WITH.items() if document.get(needed) is None}
        document = document | {"quantities": {kind: _listed(found) for kind, found in kept.items()}}
    return document


def _listed(found: object) -> object:
    """Names as JSON has them; what is no tuple of names is left to be refused."""
    return list(found) if isinstance(found, tuple) else found


def unit_of(name: str) -> str:
    """The unit of a quantity; empty for one that a later vitscope has added to its table."""
    try:
        return quantity(name).unit
    except InvalidArgument:
        return ""


def _damaged(run: Path, reason: str) -> RunError:
    return RunError(
        f"cannot open {run}: {FILE} is damaged ({reason})",
        "Restore the file from a copy, or analyse again into another folder.",
    )


def _decode(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - driven by the annotations of the dataclasses
    """Build `kind` (a dataclass, tuple, dict, union or plain type) from JSON; ValueError names what differs."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _decode(next(a for a in arguments if a is not type(None)), value, where)
    if origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple:
        if isinstance(value, list) and (arguments[-1] is ... or len(arguments) == len(value)):
            kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
            pairs = enumerate(zip(kinds, value, strict=True))
            return tuple(_decode(item_kind, item, f"{where}[{i}]") for i, (item_kind, item) in pairs)
    elif origin is dict:
        if isinstance(value, dict):
            return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    elif is_dataclass(kind):
        if isinstance(value, dict):
            return _decode_dataclass(kind, value, where)
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return value
    raise ValueError(f"{where} is {value!r:.80}, expected {getattr(kind, '__name__', kind)}")


def _decode_dataclass(kind: Any, value: dict[str, Any], where: str) -> Any:  # noqa: ANN401 - see _decode
    hints = get_type_hints(kind)
    missing = [field.name for field in fields(kind) if field.name not in value]
    if missing:
        raise ValueError(f"{where} has no {', '.join(missing)}")
    return kind(
        **{field.name: _decode(hints[field.name], value[field.name], f"{where}.{field.name}") for field in fields(kind)}
    )
