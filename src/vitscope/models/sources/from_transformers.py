"""`hf:` a folder that `save_pretrained` wrote, or a name on the Hugging Face hub: model, class names, preprocessing.

Everything comes from the folder: architecture, weights, names of classes, processor. No code of it is run.
Knows nothing about: how a model is taken apart.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from torch import Tensor, nn

from vitscope.errors import ModelLoadError, NotAvailable, UnsupportedModel
from vitscope.load_options import LoadOptions
from vitscope.models.adapters.transformers_vit import reads_texts, text_features
from vitscope.models.pictures.processor import NoTransform, ProcessorTransform
from vitscope.models.sources.found import Found, refuse_what_is_known
from vitscope.models.sources.weights import first_line

FAMILY: Final = "hf"
UNNAMED: Final = "LABEL_"
"""transformers calls classes without a name LABEL_0, LABEL_1, ..."""

_NO_FOLDER: Final = "Give a folder that save_pretrained wrote, or a model's name on the hub and a network."
_TOKENIZERS: Final = ("tokenizer.", "vocab", "spiece", "sentencepiece")
"""How names of files begin that hold the words of a tokenizer."""
_NO_TOKENIZER: Final = "Save its tokenizer or processor into the folder: tokenizer.save_pretrained(folder)."


def load(name: str, options: LoadOptions, *, offline: bool = False) -> Found:
    """Load a model of transformers from a folder or by its name on the hub; `offline` looks on this computer alone.

    Raises
    ------
    NotAvailable: transformers is not installed.
    ModelLoadError: no such folder or name, weights missing, or an architecture that transformers does not have.
    UnsupportedModel: what it says is no answer about classes (regression).
    InvalidArgument: options that its folder says already.
    """
    transformers = _library()
    path = Path(name).expanduser()
    where: dict[str, Any] = {"local_files_only": True} if offline or path.is_dir() else {}
    source = str(path.resolve()) if path.is_dir() else name
    refuse_what_is_known(f"{FAMILY}:{name}", options, "its folder")
    if not path.is_dir() and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ModelLoadError(f"cannot load hf:{name}: no folder {name}", "Give a folder that save_pretrained wrote.")
    config = _or_error(name, lambda: transformers.AutoConfig.from_pretrained(source, **where))
    if getattr(config, "problem_type", None) == "regression":
        raise UnsupportedModel(
            f"cannot load hf:{name}: it was trained for regression, so its output is no class",
            "Load it in Python and say what an effect is measured on: vitscope.wrap(module, readout=...).",
        )
    module, note = _model(transformers, name, source, config, where)
    return Found(
        f"{FAMILY}:{source}",
        module,
        _class_names(config, module),
        options,
        transform=_transform(transformers, source, where),
        note=note,
        multi_label=getattr(config, "problem_type", None) == "multi_label_classification",
        encode=_text_encoder(transformers, module, name, source, where) if reads_texts(module) else None,
    )


def _library() -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise NotAvailable(
            "cannot load a model of transformers: the library is not installed", "pip install 'vitscope[hf]'"
        ) from error
    return transformers


def _or_error(name: str, load: Any, hint: str = _NO_FOLDER) -> Any:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return load()
    except Exception as error:  # transformers and the hub's client raise many kinds
        raise ModelLoadError(
            f"cannot load hf:{name}: {type(error).__name__}: {first_line(error)}",
            hint,
        ) from error
    finally:
        if shown:
            logging.enable_progress_bar()


def _model(
    transformers: ModuleType, name: str, source: str, config: Any, where: dict[str, Any]
) -> tuple[nn.Module, str | None]:
    """The model of the class that its config names, and a note of weights that were not there."""
    kind_name = (config.architectures or [""])[0]
    kind = getattr(transformers, kind_name, None) or transformers.AutoModel
    if getattr(config, "auto_map", None) and not hasattr(transformers, kind_name):
        raise ModelLoadError(
            f"cannot load hf:{name}: its class {kind_name} is code in its folder, which is not run",
            "Load it in Python where you trust it, and give it to vitscope.wrap.",
        )
    if hasattr(config, "mask_ratio"):
        config.mask_ratio = 0.0  # MAE: the whole image is looked at
    module, info = _or_error(
        name, lambda: kind.from_pretrained(source, config=config, output_loading_info=True, **where)
    )
    missing = sorted(info["missing_keys"])
    pooler = [key for key in missing if ".pooler." in f".{key}"]
    if len(pooler) < len(missing):
        others = [key for key in missing if key not in pooler]
        raise ModelLoadError(
            f"cannot load hf:{name}: its weights lack {len(others)} of {type(module).__name__}'s (first {others[0]}), "
            "which would be random",
            f"config.json says {kind_name}: name the class that was saved, or save the whole model.",
        )
    if not pooler:
        return module, None
    module.pooler = None
    return module, "its pooler has no weights in the file: the CLS token is read instead"


def _text_encoder(
    transformers: ModuleType, module: Any, name: str, source: str, where: dict[str, Any]
) -> Callable[[list[str]], Tensor]:
    """Texts to embeddings, with the folder's own tokenizer, which is read when it is needed first."""
    config = getattr(module.config, "text_config", module.config)

    @cache
    def tokenizer() -> Any:
        if where and not any(any(Path(source).glob(f"{kind}*")) for kind in _TOKENIZERS):
            # transformers 5 would make an empty one, to which all words are the same
            raise ModelLoadError(f"cannot load hf:{name} with texts: its folder has no tokenizer", _NO_TOKENIZER)
        return _or_error(
            f"{name} with texts", lambda: transformers.AutoTokenizer.from_pretrained(source, **where), _NO_TOKENIZER
        )

    def encode(texts: list[str]) -> Tensor:
        most = min(tokenizer().model_max_length, getattr(config, "max_position_embeddings", 77))
        fixed = str(config.model_type).startswith("siglip")  # trained on texts that are filled up to their full length
        tokens = tokenizer()(
            texts, padding="max_length" if fixed else True, truncation=True, max_length=most, return_tensors="pt"
        )
        return text_features(module.get_text_features(**tokens.to(module.device)))

    return encode


def _class_names(config: Any, module: nn.Module) -> tuple[str, ...] | None:
    """Names in the order of the logits; None where the config has none or the model has no classifier."""
    if not any(hasattr(module, part) for part in ("classifier", "cls_classifier")):
        return None
    names = [config.id2label.get(i) for i in range(config.num_labels)]
    named = [name for name in names if name and not str(name).startswith(UNNAMED)]
    return tuple(map(str, named)) if names and len(named) == len(names) else None


def _transform(transformers: ModuleType, source: str, where: dict[str, Any]) -> ProcessorTransform | NoTransform:
    """The folder's own processor; of its two ways of computing the one on PIL pictures, as timm and torchvision do."""
    major = int(transformers.__version__.partition(".")[0])
    pinned: dict[str, Any] = {"backend": "pil"} if major >= 5 else {"use_fast": False}
    try:
        return ProcessorTransform(transformers.AutoImageProcessor.from_pretrained(source, **pinned, **where))
    except Exception as error:  # no file, or one of a processor that this version does not have
        return NoTransform(
            f"hf:{source}",
            f"It has no usable preprocessor_config.json ({first_line(error)}): save its processor into the folder.",
        )
