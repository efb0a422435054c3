"""The model of a command: its name, its weights, and what is said of it, the same options for every command.

Imports no torch. A command names a parameter `model: ModelChoice` and is decorated with `takes_model`.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from vitscope.load_options import INTERPOLATIONS, NOTHING_SAID, LoadOptions, load_options, option_names


@dataclass(frozen=True)
class ModelChoice:
    """What a user says of the model on the command line, as `load_model` takes it."""

    spec: str
    weights: Path | None = None
    device: str = "auto"
    dtype: str = "float32"
    multi_label: bool = False
    options: LoadOptions = NOTHING_SAID


_PANEL: Final = "What weights cannot say"
_SPEC: Final = Annotated[
    str, typer.Argument(metavar="MODEL", help="timm:NAME, demo for the bundled model, or a folder made by prune.")
]
_LOADING: Final[dict[str, tuple[Any, Any]]] = {
    "weights": (
        Annotated[
            Path | None,
            typer.Option(
                "--weights", metavar="FILE", help="Local .safetensors or .pth file; default: timm's pretrained ones."
            ),
        ],
        None,
    ),
    "device": (Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:1.")], "auto"),
    "dtype": (Annotated[str, typer.Option("--dtype", help="float32, float64, bfloat16, float16.")], "float32"),
    "multi_label": (
        Annotated[
            bool,
            typer.Option(
                "--multi-label", help="The logits are independent labels (sigmoid). A single logit always is one."
            ),
        ],
        False,
    ),
}
_HELP: Final = {
    "num_classes": ("N", "Logits; 0 leaves the classifier out."),
    "img_size": ("SIZE", "Input in pixels: 384, or 224x160 (rows x columns)."),
    "in_chans": ("N", "Input channels."),
    "mean": ("NUMBERS", "Mean of the normalisation, for pixels from 0 to 1: 0.5 or 0.5,0.5,0.5."),
    "std": ("NUMBERS", "Std of the normalisation, likewise."),
    "interpolation": ("NAME", f"Of the resize: {', '.join(INTERPOLATIONS)}."),
    "class_names": ("FILE", "Names of the model's classes in the order of its logits, one per line, or JSON."),
    "prompt": (
        "TEXT",
        "Of a model of images and texts (CLIP, SigLIP): a text with {} for a name; may be repeated "
        "(the mean is taken). The names are those of --class-names or --classes.",
    ),
}


def takes_model(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument MODEL and all options of a model instead of its parameter `model`."""
    signature = inspect.signature(command)
    given = [one for name, one in signature.parameters.items() if name != "model"]
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("model", kind, annotation=_SPEC), *(one.replace(kind=kind) for one in given)]
    for name, (annotation, default) in _LOADING.items():
        parameters.append(inspect.Parameter(name, kind, annotation=annotation, default=default))
    for name, (metavar, text) in _HELP.items():
        flags = [f"--{name.replace('_', '-')}"]
        if name == "class_names" and "classes" not in signature.parameters:
            flags.append("--classes")
        option = typer.Option(*flags, metavar=metavar, help=text, rich_help_panel=_PANEL)
        wanted = int if name in ("num_classes", "in_chans") else list[str] if name == "prompt" else str
        annotation = Annotated[wanted | None, option]  # type: ignore[valid-type]
        parameters.append(inspect.Parameter(name, kind, annotation=annotation, default=None))

    @functools.wraps(command)
    def inner(model: str, **values: Any) -> None:  # noqa: ANN401 - typer's
        loading = {name: values.pop(name) for name in _LOADING}
        said = {name: values.pop(name) for name in option_names()}
        said["prompt"] = said["prompt"] or None
        if said["prompt"] and said["class_names"] is None:
            said["class_names"] = values.get("classes")  # of images and of the model: the same names
        command(model=ModelChoice(model, options=load_options(said), **loading), **values)

    inner.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    inner.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
    return inner
