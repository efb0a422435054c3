"""Where models come from: `load_model` by name, local weights or the bundled demo; `wrap` for a module at hand."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor, nn

from vitscope.arguments import checked
from vitscope.errors import InvalidArgument, ModelLoadError, NoAdapter, UnsupportedModel
from vitscope.load_options import NOTHING_SAID, LoadOptions, load_options, prompts_of
from vitscope.models import parity
from vitscope.models.adapters.adapting import adapt
from vitscope.models.block import Architecture, Evaluation
from vitscope.models.model import Model, as_classifier
from vitscope.models.pictures import preprocessing
from vitscope.models.pictures.processor import NoTransform, sized
from vitscope.models.proof import prove
from vitscope.models.readout import Read, alone, measured_on, name_of, read_as
from vitscope.models.sources import from_timm, from_torchvision, from_transformers
from vitscope.models.sources.bundled import WEIGHTS, demo_config
from vitscope.models.sources.by_brute_force import tapped_model
from vitscope.models.sources.found import Found
from vitscope.models.sources.pruned import PRUNED, is_saved, read_saved
from vitscope.models.sources.weights import file_sha256, first_line, fitted, load_state, parameters_sha256, read_weights
from vitscope.models.tapped import AnyModel
from vitscope.models.zero_shot import TextClassifier, own_scale, text_embeddings
from vitscope.quantities.readouts import n_answers, readout_of

from timm.models.vision_transformer import VisionTransformer  # isort: skip - after the adapters, which make torchvision importable

DTYPES: Final = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
FAMILIES: Final = (from_timm.FAMILY, from_transformers.FAMILY, from_torchvision.FAMILY)


@checked
def load_model(
    spec: str | Path,
    weights: str | Path | None = None,
    *,
    classes: str | Path | Sequence[str] | None = None,
    device: str = "auto",
    dtype: str = "float32",
    multi_label: bool = False,
    **options: Any,
) -> Model:
    """Load a model by name and prove that our path through it gives its own output.

    Parameters
    ----------
    spec: `timm:<name>` (a bare timm name works too; also `timm:hf-hub:<id>`), `hf:<folder or id>` of transformers or of
        timm's save_for_hf, `torchvision:<name>`, `demo`, the bundled Fashion-MNIST model, or a folder that `vitscope
        prune --save` wrote.
    weights: a local `.safetensors`, `.pth`, `.pt` or `.bin` file (never unpickled: weights only); None asks timm or
        torchvision for its pretrained ones. Of a training checkpoint the averaged weights (EMA) are taken where it has
        some, as timm does; `model.weights_part` says which, `model.weights_note` what of it is not used.
    classes: names in the order of the logits, or a file of them (the option `class_names` by a shorter name). A model
        of images and texts (CLIP, SigLIP) makes its classes of them: logits are its scale * cosine(image, text).
    device: `auto` takes a GPU where there is one; else a torch device.
    dtype: float32 (default), float64, bfloat16 or float16.
    multi_label: the logits were trained as labels, each yes or no by itself (sigmoid). A single logit always is one.
    options: what weights cannot say, the fields of `LoadOptions`: num_classes, img_size (224 or (rows, columns)),
        in_chans, mean, std, interpolation, class_names; prompt, of a model of images and texts: a text with {} for the
        name, or several.

    Raises ModelLoadError (unknown name, weights missing, unsafe or of another shape), UnsupportedModel, ParityError.

    Example
    -------
    >>> model = load_model("demo")
    >>> model.n_layers, model.n_heads[0], model.tokens.n_tokens
    (6, 4, 197)
    """
    said = load_options(options | ({} if classes is None else {"class_names": classes}))
    return load_chosen(str(spec), weights, said, device=device, dtype=dtype, multi_label=multi_label)


def load_chosen(
    spec: str,
    weights: str | Path | None,
    said: LoadOptions,
    *,
    device: str = "auto",
    dtype: str = "float32",
    multi_label: bool = False,
    offline: bool = False,
) -> Model:
    """As `load_model`, the options read already; `offline` takes a model of the hub from this computer alone."""
    place = pick_device(device)
    if dtype not in DTYPES:
        raise InvalidArgument(
            f"cannot load {spec} as {dtype!r}: expected one of {', '.join(DTYPES)}", "float32 is the plain choice."
        )
    folder = Path(spec.removeprefix(f"{PRUNED}:"))
    file = None if weights is None else Path(weights)
    family, colon, name = spec.partition(":")
    if is_saved(folder):
        found = _saved(folder, weights, said)
    elif spec == "demo":
        found = _demo(weights, said)
    elif family == from_transformers.FAMILY and colon:
        found = _from_folder(name, weights, said, offline=offline)
    elif family == from_torchvision.FAMILY and colon:
        found = from_torchvision.load(name, file, said)
    elif family == from_timm.FAMILY or not colon:
        found = from_timm.load(name if colon else spec, file, said)
    else:
        raise ModelLoadError(
            f"cannot load {spec}: unknown source {family!r}",
            f"Use {', '.join(f'{one}:<name>' for one in FAMILIES)}, demo, or a folder of `vitscope prune --save`.",
        )
    found.module.to(place, DTYPES[dtype]).eval()
    texts, options = _classes_by_texts(found)
    model = _model(
        found.id,
        found.module,
        classes=options.class_names or found.classes,
        transform=found.transform,
        classifier=texts,
        sha256=found.sha256,
        multi_label=multi_label or found.multi_label,
        options=options,
    )
    model = replace(model, weights_part=found.part, weights_note=found.note)
    size = found.options.img_size
    return model if size in (None, model.input_size[1:]) else model.at_size(*size)


def _classes_by_texts(found: Found) -> tuple[TextClassifier | None, LoadOptions]:
    """The classifier that a model of images and texts makes of names, and the options with the prompts it used."""
    names, prompt = found.options.class_names, found.options.prompt
    if prompt is not None and (found.encode is None or names is None):
        reason = "it reads no texts" if found.encode is None else "there are no names of classes to put into it"
        raise InvalidArgument(
            f"cannot use a prompt with {found.id}: {reason}",
            "Leave --prompt out." if found.encode is None else "Name them: --classes FILE, one name a line.",
        )
    if found.encode is None or names is None:
        return None, found.options
    prompts = prompts_of(prompt)
    rows = text_embeddings(found.encode, names, prompts)
    return TextClassifier(rows, own_scale(found.module), (names, prompts)), replace(found.options, prompt=prompts)


@checked
def wrap(
    module: nn.Module,
    classes: Sequence[str] | None = None,
    transform: Callable[[Image.Image], Tensor] | None = None,
    classifier: nn.Module | Tensor | None = None,
    readout: str | Read | None = None,
    multi_label: bool = False,
) -> AnyModel:
    """See a module of yours as a vitscope model; nothing in it is changed, now or later.

    Parameters
    ----------
    classes: names of the classes, in the order of the logits; of a single logit those of label 0 and label 1.
    transform: PIL image -> pixels [color, row, col]; None takes the module's own configuration (timm's pretrained_cfg).
    classifier: for a model without one: a module from its pooled features to classes (a Linear as it is, any other as
        it is now: a copy in evaluation mode), or text embeddings [class, feature].
    readout: what an effect is measured on: `classes` (softmax), `labels` (a sigmoid each), `features` (no classifier),
        or a function of the module's own output that gives [image] or [image, value]: the change of these
        values, in their own unit. None: labels of a single logit, else classes, or features without a classifier.
    multi_label: the same as readout="labels".

    Where no adapter takes the module apart but its attentions can be seen, a `TappedModel`: attention, prune and
    head_importance run its own forward once for each head (docs/models.md).

    Raises UnsupportedModel where neither is so, ModelLoadError where weights have no finite values, ParityError where
    our output is not the module's, InvalidArgument for names or a classifier that do not fit.
    """
    _require_module(module)
    name = (getattr(module, "pretrained_cfg", None) or {}).get("architecture") or type(module).__name__
    try:
        return _model(
            name,
            module,
            classes=classes,
            transform=transform,
            classifier=classifier,
            multi_label=multi_label,
            readout=readout,
        )
    except NoAdapter as why:
        if readout not in (None, "labels"):
            raise  # by brute force it is read as it is
        return tapped_model(
            why,
            name,
            module,
            classes=classes,
            transform=transform,
            own_transform=lambda size: _own_transform(name, module, size, NOTHING_SAID),
            classifier=classifier,
            multi_label=multi_label or readout == "labels",
            sha256=lambda: _identity(module, None, classifier),
        )


def _require_module(module: object) -> None:
    """Refuse what is no module, saying what to do with it."""
    if isinstance(module, nn.Module):
        return
    kind, hint = type(module).__name__, "To load a model by its name use vitscope.load_model."
    inner = next((name for name in ("module", "model") if isinstance(getattr(module, name, None), nn.Module)), None)
    if isinstance(module, AnyModel):
        kind, hint = "vitscope Model", "It is one already: use it as it is; its own module is model.module."
    elif isinstance(module, type) and issubclass(module, nn.Module):
        kind, hint = "class", f"Make a module of it first: vitscope.wrap({module.__name__}(...))."
    elif isinstance(module, dict):
        hint = "Load a state dict into a module first: module.load_state_dict(...)."
    elif inner is not None:
        hint = f"It holds a module at `.{inner}`: vitscope.wrap(it.{inner})."
    raise UnsupportedModel(f"cannot wrap a {kind}: expected a torch.nn.Module", hint)


def pick_device(device: str) -> torch.device:
    """`auto` is a CUDA GPU where there is one, else the CPU. Raises InvalidArgument for one torch does not have."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"  # not mps: it has no float64, which the measures need
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidArgument(f"cannot use device {device!r}: {first_line(error)}", "Try --device cpu.") from error
    return torch.device(device)


def _from_folder(name: str, weights: str | Path | None, options: LoadOptions, *, offline: bool) -> Found:
    """`hf:` of transformers, or of timm where the folder is one that timm saved."""
    if weights is not None:
        raise InvalidArgument(f"cannot load hf:{name} with other weights: it has its own", "Leave --weights out.")
    if from_timm.is_folder(Path(name)):
        return from_timm.load_folder(Path(name), options)
    return from_transformers.load(name, options, offline=offline)


def _saved(folder: Path, weights: str | Path | None, options: LoadOptions) -> Found:
    if weights is not None:
        raise InvalidArgument(
            f"cannot load {folder} with other weights: a pruned model has its own", "Leave --weights out."
        )
    saved = read_saved(folder)
    _require_own(f"the pruned model in {folder}", saved.module, options)
    options = replace(saved.options, **options.said() | {"class_names": options.class_names})
    return Found(
        f"{PRUNED}:{folder.resolve()}",
        saved.module,
        saved.classes,
        options,
        saved.sha256,
        multi_label=saved.multi_label,
    )


def _demo(weights: str | Path | None, options: LoadOptions) -> Found:
    config = demo_config()
    path = WEIGHTS if weights is None else Path(weights)
    module = VisionTransformer(**config["architecture"])
    module.pretrained_cfg = config["preprocessing"]
    _require_own("demo", module, options)
    state, part = read_weights(path)
    fit = fitted(state, module.state_dict(), path)
    load_state(module, {name: value.float() for name, value in fit.state.items()}, path, fit.left_out)
    return Found("demo", module, tuple(config["classes"]), options, file_sha256(path), part, fit.note)


def _require_own(what: str, module: Any, options: LoadOptions) -> None:
    """Refuse another number of classes or channels than a model has that is saved whole."""
    own = {"num_classes": module.num_classes, "in_chans": module.patch_embed.proj.in_channels}
    for option, size in own.items():
        if getattr(options, option) not in (None, size):
            raise ModelLoadError(
                f"cannot load {what} with {option} {getattr(options, option)}: it has {size}",
                f"Leave --{option.replace('_', '-')} out.",
            )


def _identity(module: nn.Module, sha256: str | None, classifier: nn.Module | Tensor | TextClassifier | None) -> str:
    """Checksum of the weights, those of a given classifier included."""
    weights = sha256 or parameters_sha256(module)
    if classifier is None:
        return weights
    if isinstance(classifier, TextClassifier):
        return classifier.sha256(weights)
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
    options: LoadOptions = NOTHING_SAID,
    readout: str | Read | None = None,
) -> Model:
    architecture = adapt(module)
    if readout is not None and not isinstance(readout, str):
        architecture = measured_on(architecture, alone(readout, classes, classifier, multi_label))
    proof = prove(architecture, name)
    head, n_logits = None, architecture.n_classes
    if classifier is not None:
        head, n_logits = as_classifier(classifier, feature_width(architecture), own_scale(module))
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
            transform=sized(transform, height, width),
            classifier=classifier,
            sha256=sha256,
            options=options,
            readout=readout,
        )

    made = Model(
        id=name,
        architecture=architecture,
        proof=proof,
        classes=None if classes is None else tuple(classes),
        n_classes=n_classes,
        transform=transform or _own_transform(name, module, architecture.input_size, options),
        weights_sha256=_identity(module, sha256, classifier),
        resizer=resized,
        classifier=head,
        readout=readout_of(n_logits, multi_label=False),
        one_logit=n_logits == 1,
        zero_shot=isinstance(classifier, Tensor | TextClassifier),
        options=options,
    )
    if readout is not None and not isinstance(readout, str):
        return replace(made, readout="values", read_by=name_of(readout))
    return read_as(made, "labels" if multi_label else readout)


def _own_transform(
    name: str, module: nn.Module, input_size: tuple[int, int, int], options: LoadOptions
) -> Callable[[Image.Image], Tensor]:
    """By timm's configuration of a module; another library's module has none, so mean and std must be said."""
    of_timm = hasattr(module, "pretrained_cfg") or type(module).__module__.startswith("timm.")
    if of_timm or options.normalisation(input_size[0]).keys() == {"mean", "std"}:
        return preprocessing.own_transform(module, input_size, options)
    return NoTransform(name, "Give a transform from a picture to pixels: vitscope.wrap(module, transform=...).")


def feature_width(architecture: Architecture) -> int:
    """Channels of the pooled output, what the classifier reads; one pass of a probe through embedding and pooling."""
    with Evaluation(architecture.module):
        weight = next(architecture.module.parameters())
        pixels = parity.probe_image(architecture).to(weight.device, weight.dtype)
        return architecture.pool(architecture.embed(pixels)[:, architecture.reads]).shape[-1]
