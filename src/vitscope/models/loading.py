"""Where models come from: `load_model` by name, local weights or the bundled demo; `wrap` for a module at hand."""

import hashlib
import json
import pickle
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vitscope.errors import InvalidArgument, ModelLoadError, NotAvailable, UnsupportedModel
from vitscope.models import parity, preprocessing, timm_beit, timm_eva, timm_vit
from vitscope.models.block import Architecture, Evaluation
from vitscope.models.model import Model, as_classifier
from vitscope.quantities.readouts import n_answers, readout_of

import timm  # isort: skip - after the adapters, which make torchvision importable
from vitscope.models import standalone  # isort: skip
from timm.data import ImageNetInfo, infer_imagenet_subset  # isort: skip
from timm.models.vision_transformer import VisionTransformer  # isort: skip

ADAPTERS: Final[tuple[ModuleType, ...]] = (timm_vit, timm_eva, timm_beit)
"""Each has NAME, fits(module) -> bool and adapt(module) -> Architecture. To support another family, add one."""

REFUSED: Final = {
    "Swin": "its attention is windowed, so there is no single query x key matrix over the image",
    "Cait": "its talking heads mix heads before and after the softmax, so no head can be pruned alone",
    "Xcit": "its attention is between channels, not between tokens",
    "MaxxVit": "its stages mix convolutions and attention, in windows or on grids of different sizes",
    "MultiScaleVit": "its attention pools queries and keys, so layers have different grids",
    "ResNet": "it is a convolutional network without attention heads",
}
DTYPES: Final = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_DAMAGE: Final = (  # what torch and safetensors raise for files that are not weights, or no longer
    SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, LookupError, TypeError,
    AttributeError,
)  # fmt: skip
LATER: Final = {"hf": "transformers models", "torchvision": "torchvision models"}
DEMO: Final = Path(__file__).parent / "demo"
DEMO_CONFIG: Final = "config.json"
PRUNED: Final = "pruned"
"""Family of models that `vitscope prune --save` wrote: `pruned:<folder>`."""


def load_model(
    spec: str,
    weights: str | Path | None = None,
    *,
    device: str = "auto",
    dtype: str = "float32",
    multi_label: bool = False,
) -> Model:
    """Load a model by name and prove that our path through it gives its own output.

    Parameters
    ----------
    spec: `timm:<name>` (a bare timm name works too), `demo`, the bundled Fashion-MNIST model, or a folder that
        `vitscope prune --save` wrote.
    weights: a local `.safetensors`, `.pth`, `.pt` or `.bin` file (never unpickled: weights only); None asks timm for
        its pretrained ones.
    device: `auto` takes a GPU where there is one; else a torch device.
    dtype: float32 (default), float64, bfloat16 or float16.
    multi_label: the logits were trained as labels, each yes or no by itself (sigmoid). A single logit always is one.

    Raises ModelLoadError (unknown name, weights missing, unsafe or of another shape), UnsupportedModel, ParityError.

    Example
    -------
    >>> model = load_model("demo")
    >>> model.n_layers, model.n_heads[0], model.tokens.n_tokens
    (6, 4, 197)
    """
    if dtype not in DTYPES:
        raise InvalidArgument(
            f"cannot load {spec} as {dtype!r}: expected one of {', '.join(DTYPES)}", "float32 is the plain choice."
        )
    if (Path(spec.removeprefix(f"{PRUNED}:")) / standalone.CONFIG).is_file():
        folder = Path(spec.removeprefix(f"{PRUNED}:"))
        return _saved(folder, weights, pick_device(device), DTYPES[dtype], multi_label=multi_label)
    family, _, name = spec.rpartition(":")
    if family in LATER:
        raise NotAvailable(
            f"cannot load {spec}: {LATER[family]} come with a later version", "Use a timm model for now."
        )
    if family not in ("", "timm"):
        raise ModelLoadError(
            f"cannot load {spec}: unknown source {family!r}",
            "Use timm:<name>, demo, or a folder that `vitscope prune --save` wrote.",
        )
    place = pick_device(device)
    if not family and name == "demo":
        module, classes, sha256 = _demo(weights)
    else:
        spec = f"timm:{name}"
        module, sha256 = _timm(name, None if weights is None else Path(weights))
        classes = imagenet_classes(module)
    module = module.to(place, DTYPES[dtype]).eval()
    return _model(spec, module, classes=classes, sha256=sha256, multi_label=multi_label)


def wrap(
    module: nn.Module,
    classes: Sequence[str] | None = None,
    transform: Callable[[Image.Image], Tensor] | None = None,
    classifier: nn.Linear | Tensor | None = None,
    multi_label: bool = False,
) -> Model:
    """See a module of yours as a vitscope model; nothing in it is changed, now or later.

    Parameters
    ----------
    classes: names of the classes, in the order of the logits; of a single logit those of label 0 and label 1.
    transform: PIL image -> pixels [color, row, col]; None takes the module's own configuration (timm's pretrained_cfg).
    classifier: for a model without one: a Linear on its pooled features, or text embeddings [class, feature].
    multi_label: the logits were trained as labels, each yes or no by itself (sigmoid). A single logit always is one.

    Raises UnsupportedModel where no adapter fits, ParityError where our output is not the module's.
    """
    if not isinstance(module, nn.Module):
        raise UnsupportedModel(
            f"cannot wrap a {type(module).__name__}: expected a torch.nn.Module",
            "To load a model by its name use vitscope.load_model.",
        )
    name = (getattr(module, "pretrained_cfg", None) or {}).get("architecture") or type(module).__name__
    return _model(name, module, classes=classes, transform=transform, classifier=classifier, multi_label=multi_label)


def adapt(module: nn.Module) -> Architecture:
    """See a module as an Architecture with the first adapter that fits. Raises UnsupportedModel by name."""
    for adapter in ADAPTERS:
        if adapter.fits(module):
            return adapter.adapt(module)
    name = type(module).__name__
    reason = next((why for kind, why in REFUSED.items() if name.startswith(kind)), None)
    known = ", ".join(adapter.NAME for adapter in ADAPTERS)
    package = type(module).__module__.partition(".")[0]
    raise UnsupportedModel(
        f"cannot adapt a {name} of {package}: " + (reason or f"no adapter knows this class (looked for {known})"),
        "To support a plain Vision Transformer, write an adapter file like vitscope/models/timm_vit.py.",
    )


def pick_device(device: str) -> torch.device:
    """`auto` is a CUDA GPU where there is one, else the CPU. Raises InvalidArgument for one torch does not have."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"  # not mps: it has no float64, which the measures need
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidArgument(f"cannot use device {device!r}: {first_line(error)}", "Try --device cpu.") from error
    return torch.device(device)


def imagenet_classes(module: nn.Module) -> tuple[str, ...] | None:
    """ImageNet's class names where timm says that the module predicts them and it still has all those classes."""
    subset = infer_imagenet_subset(module)
    info = None if subset is None else ImageNetInfo(subset)
    if info is None or info.num_classes() != getattr(module, "num_classes", None):
        return None
    return tuple(info.index_to_description(i) for i in range(info.num_classes()))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict without running any code in it. Raises ModelLoadError where that cannot be done."""
    if not path.is_file():
        raise ModelLoadError(f"cannot load weights: no file {path}", "Give a .safetensors, .pth, .pt or .bin file.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings(action="ignore"):  # torch warns of odd pickles that it then refuses anyway
            state = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        raise ModelLoadError(
            f"cannot load weights from {path.name}: not a safe weights file ({first_line(error)})",
            "Save a plain state dict: torch.save(model.state_dict(), ...) or safetensors.torch.save_file.",
        ) from error
    for key in ("state_dict_ema", "model_ema", "state_dict", "model", "teacher"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
            break
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelLoadError(
            f"cannot load weights from {path.name}: expected a state dict of tensors, got {type(state).__name__}",
            "Save it with torch.save(model.state_dict(), ...).",
        )
    return {name.removeprefix("module."): value for name, value in state.items()}


def first_line(error: Exception) -> str:
    """What an error says first, short enough for one sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]


def _timm(name: str, weights: Path | None) -> tuple[nn.Module, str | None]:
    if not timm.is_model(name):
        close = timm.list_models(f"*{name.split('.')[0].split('_patch')[0]}*")[:3]
        raise ModelLoadError(
            f"cannot load timm:{name}: timm {timm.__version__} has no such model",
            f"Did you mean {', '.join(close)}?" if close else "See timm.list_models('*vit*').",
        )
    if weights is None:
        try:
            return timm.create_model(name, pretrained=True), None
        except Exception as error:  # timm and its hub client raise many kinds for 'no weights' and 'no network'
            raise ModelLoadError(
                f"cannot load timm:{name}: its pretrained weights could not be had "
                f"({type(error).__name__}: {first_line(error)})",
                "Give a local file: --weights model.safetensors (Python: weights=...).",
            ) from error
    state = read_weights(weights)
    head = state.get("head.weight")
    module = timm.create_model(name, pretrained=False, num_classes=0 if head is None else len(head))
    _load_state(module, state, weights)
    return module, file_sha256(weights)


def _load_state(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    expected = module.state_dict()
    missing = sorted(expected.keys() - state.keys())
    unknown = sorted(state.keys() - expected.keys())
    wrong = [name for name in expected.keys() & state.keys() if expected[name].shape != state[name].shape]
    if missing or unknown or wrong:
        parts = [f"{len(missing)} missing (first {missing[0]})"] if missing else []
        parts += [f"{len(unknown)} unknown (first {unknown[0]})"] if unknown else []
        for name in sorted(wrong)[:1]:
            shapes = f"{name}: file {list(state[name].shape)}, model {list(expected[name].shape)}"
            parts.append(f"{len(wrong)} of another shape ({shapes})")
        raise ModelLoadError(
            f"cannot load {path.name} into {type(module).__name__}: " + ", ".join(parts),
            "Name the architecture that these weights were trained with; names must be timm's.",
        )
    module.load_state_dict(state)


def _saved(
    folder: Path, weights: str | Path | None, place: torch.device, dtype: torch.dtype, *, multi_label: bool
) -> Model:
    if weights is not None:
        raise InvalidArgument(
            f"cannot load {folder} with other weights: a pruned model has its own", "Leave --weights out."
        )
    try:
        config = json.loads((folder / standalone.CONFIG).read_text(encoding="utf-8"))
        classes, multi_label = config["classes"], multi_label or config.get("multi_label", False)
        module, sha256 = standalone.load(folder), file_sha256(folder / standalone.WEIGHTS)
    except Exception as error:  # timm, torch, safetensors and json raise many kinds for damaged files
        raise ModelLoadError(
            f"cannot load the pruned model in {folder}: {type(error).__name__}: {first_line(error)}",
            f"It needs {standalone.WEIGHTS} and {standalone.CONFIG} as `vitscope prune --save` wrote them.",
        ) from error
    module = module.to(place, dtype)
    return _model(f"{PRUNED}:{folder.resolve()}", module, classes=classes, sha256=sha256, multi_label=multi_label)


def _demo(weights: str | Path | None) -> tuple[nn.Module, tuple[str, ...], str]:
    config = json.loads((DEMO / DEMO_CONFIG).read_text(encoding="utf-8"))
    path = DEMO / "model.safetensors" if weights is None else Path(weights)
    module = VisionTransformer(**config["architecture"])
    module.pretrained_cfg = {"architecture": "vitscope_demo"} | config["preprocessing"]  # type: ignore[assignment]
    _load_state(module, {name: value.float() for name, value in read_weights(path).items()}, path)
    return module, tuple(config["classes"]), file_sha256(path)


def file_sha256(path: Path) -> str:
    """Checksum of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parameters_sha256(module: nn.Module) -> str:
    """Checksum of names, shapes and bytes of all parameters and buffers: the identity of weights that have no file."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _identity(module: nn.Module, sha256: str | None, classifier: nn.Linear | Tensor | None) -> str:
    """Checksum of the weights, those of a given classifier included."""
    weights = sha256 or parameters_sha256(module)
    if classifier is None:
        return weights
    part = nn.ParameterList([classifier]) if isinstance(classifier, Tensor) else classifier
    return hashlib.sha256((weights + parameters_sha256(part)).encode()).hexdigest()


def _model(
    name: str,
    module: nn.Module,
    *,
    classes: Sequence[str] | None = None,
    transform: Callable[[Image.Image], Tensor] | None = None,
    classifier: Any = None,
    sha256: str | None = None,
    multi_label: bool = False,
) -> Model:
    architecture = adapt(module)
    agreement = parity.prove_parity(architecture, name)
    head, n_logits = None, architecture.n_classes
    if classifier is not None:
        head, n_logits = as_classifier(classifier, feature_width(architecture))
    n_classes = n_answers(n_logits)
    if classes is not None and n_classes != len(classes):
        raise InvalidArgument(
            f"cannot name the classes of {name}: it has {n_classes or 'no'} classes, got {len(classes)} names",
            "Give one name per logit, in order; of a single logit the names of label 0 and label 1.",
        )

    def resized(height: int, width: int) -> Model:
        return _model(
            name,
            architecture.resize(height, width),
            classes=classes,
            transform=transform,
            classifier=classifier,
            sha256=sha256,
        )

    made = Model(
        id=name,
        architecture=architecture,
        parity=agreement,
        classes=None if classes is None else tuple(classes),
        n_classes=n_classes,
        transform=transform or preprocessing.own_transform(module, architecture.input_size),
        weights_sha256=_identity(module, sha256, classifier),
        resizer=resized,
        classifier=head,
        readout=readout_of(n_logits, multi_label=False),
        one_logit=n_logits == 1,
        zero_shot=isinstance(classifier, Tensor),
    )
    return made.with_labels() if multi_label else made


def feature_width(architecture: Architecture) -> int:
    """Channels of the pooled output, what the classifier reads; one pass of a probe through embedding and pooling."""
    with Evaluation(architecture.module):
        weight = next(architecture.module.parameters())
        pixels = parity.probe_image(architecture).to(weight.device, weight.dtype)
        return architecture.pool(architecture.embed(pixels)[:, architecture.reads]).shape[-1]
