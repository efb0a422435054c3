"""What a bare file of weights cannot say of a model: its classes, its input, how pictures are prepared, names.

`load_model` and every command that takes a model have these options; a run keeps them, so that it loads the same model.
Knows nothing about: models, torch.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any, Final

from vitscope.arguments import natural
from vitscope.errors import BadInput, InvalidArgument

INTERPOLATIONS: Final = ("bicubic", "bilinear", "nearest", "lanczos")
_MOST: Final = 10**6
"""Classes, pixels of a side or channels; more is a slip of the keyboard."""


@dataclass(frozen=True)
class LoadOptions:
    """What is said of a model beside its name and weights; None: as the weights or the model's own configuration say.

    Parameters
    ----------
    num_classes: logits; 0 leaves the classifier out. Must be what the weights have.
    img_size: rows and columns of pixels; a model of another size is resized by its library's rule.
    in_chans: input channels.
    mean, std: of the normalisation, for pixels from 0 to 1: one number, or one a channel.
    interpolation: of the resize: bicubic, bilinear, nearest, lanczos.
    class_names: in the order of the logits. A run keeps them as its model's classes, not here.
    names_file: where the names were read from.
    prompt: for a model of images and texts: texts with {} for a name, which make its classes of their names.
    """

    num_classes: int | None = None
    img_size: tuple[int, int] | None = None
    in_chans: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    interpolation: str | None = None
    class_names: tuple[str, ...] | None = None
    names_file: str | None = None
    prompt: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name, least in (("num_classes", 0), ("in_chans", 1)):
            value = getattr(self, name)
            if value is not None and natural(value, f"{name} of a model", least) > _MOST:
                raise InvalidArgument(f"cannot use {value} as {name} of a model: expected at most {_MOST}")
        for side in self.img_size or ():
            natural(side, "img_size of a model", 1)
        for name in ("mean", "std"):
            value = getattr(self, name)
            if value is not None and not (value and all(math.isfinite(one) for one in value)):
                raise InvalidArgument(
                    f"cannot use {value} as {name} of pixels: expected finite numbers", "Such as 0.5,0.5,0.5."
                )
        if self.std is not None and min(self.std) <= 0:
            raise InvalidArgument(
                f"cannot divide pixels by a std of {min(self.std):g}: expected positive numbers",
                "Give the std of the training's normalisation, for pixels from 0 to 1, such as 0.5.",
            )
        if self.mean is not None and self.std is not None and 1 not in (len(self.mean), len(self.std)):
            self._require_count(len(self.mean), "std", f"the mean has {len(self.mean)}")
        if self.interpolation is not None and self.interpolation not in INTERPOLATIONS:
            raise InvalidArgument(
                f"cannot resize pictures by {self.interpolation!r}: expected one of {', '.join(INTERPOLATIONS)}"
            )
        if self.prompt is not None:
            prompts_of(self.prompt)

    def normalisation(self, channels: int) -> dict[str, tuple[float, ...]]:
        """The mean and std that are given, one number a channel. Raises InvalidArgument for another count."""
        found = {name: getattr(self, name) for name in ("mean", "std") if getattr(self, name) is not None}
        for name in found:
            self._require_count(channels, name, f"the model reads {channels} channel{'' if channels == 1 else 's'}")
        return {name: value * (channels // len(value)) for name, value in found.items()}

    def said(self) -> dict[str, Any]:
        """What is said, by name; without names of classes."""
        names = ("class_names", "names_file")
        return {name: value for name, value in asdict(self).items() if value is not None and name not in names}

    def words(self) -> list[str]:
        """The same as words of a command line; names of classes by their file, where they are of one."""
        found = [word for one in self.prompt or () for word in ("--prompt", one)]
        for name, value in self.said().items():
            if name == "prompt":
                continue
            text = "x".join(map(str, value)) if name == "img_size" else value
            joined = ",".join(f"{one!r}" for one in text) if isinstance(text, tuple) else str(text)
            found += [f"--{name.replace('_', '-')}", joined]
        return found + (["--class-names", self.names_file] if self.names_file else [])

    def _require_count(self, count: int, name: str, why: str) -> None:
        given = getattr(self, name)
        if len(given) not in (1, count):
            raise InvalidArgument(
                f"cannot normalise pixels by {len(given)} numbers of {name}: {why}",
                "Give one number for all channels, or one a channel.",
            )


NOTHING_SAID: Final = LoadOptions()
PROMPT: Final = "a photo of a {}"
"""What is said of a picture where nothing else is given; CLIP's own."""


def prompts_of(prompt: str | Sequence[str] | None) -> tuple[str, ...]:
    """Prompts as callers give them: one, several, or none for the usual one. Raises InvalidArgument without a {}."""
    prompts = (prompt,) if isinstance(prompt, str) else (PROMPT,) if prompt is None else tuple(prompt)
    if not prompts or not all(isinstance(one, str) and "{}" in one for one in prompts):
        raise InvalidArgument(
            f"cannot use {prompt!r:.80} as prompt: expected a text with {{}} for the name of a class",
            f"Such as {PROMPT!r}.",
        )
    return prompts


def load_options(given: Mapping[str, Any]) -> LoadOptions:
    """Options as callers and command lines give them: sizes and numbers also as text, names also as a file.

    Raises
    ------
    InvalidArgument: an option that there is not, or a value that it cannot have.
    BadInput: the file of names cannot be read.
    """
    known = option_names()
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise InvalidArgument(
            f"cannot load a model with {unknown}: there is no such option", f"Options: {', '.join(known)}."
        )
    plain = {name: value for name, value in given.items() if value is not None}
    names = plain.get("class_names")
    if isinstance(names, str | PathLike):
        plain["names_file"] = str(Path(names).resolve())
    for name, read in (
        ("img_size", _size),
        ("mean", _numbers),
        ("std", _numbers),
        ("class_names", _names),
        ("prompt", _prompt),
    ):
        if name in plain:
            plain[name] = read(plain[name], name)
    return LoadOptions(**plain)


def option_names() -> list[str]:
    """Names of the options, as keywords; with - for _ they are those of the command line."""
    return [field.name for field in fields(LoadOptions) if field.name != "names_file"]


def _size(value: Any, name: str) -> tuple[int, int]:  # noqa: ANN401 - anything may be given
    parts = value.lower().replace("×", "x").split("x") if isinstance(value, str) else value
    parts = [parts] if not isinstance(parts, Sequence) else list(parts)
    try:
        sides = [int(part) if isinstance(part, str) else natural(part, name, 1) for part in parts]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise InvalidArgument(
            f"cannot use {value!r} as {name}: expected pixels", "Such as 224, or 224x160: rows x columns."
        )
    return sides[0], sides[-1]


def _numbers(value: Any, name: str) -> tuple[float, ...]:  # noqa: ANN401
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    elif hasattr(value, "tolist"):
        value = value.tolist()
    try:
        return tuple(float(one) for one in (value if isinstance(value, Sequence) else [value]))
    except (TypeError, ValueError):
        raise InvalidArgument(
            f"cannot use {value!r} as {name} of pixels: expected numbers", "Such as 0.5,0.5,0.5."
        ) from None


def _names(value: Any, name: str) -> tuple[str, ...]:  # noqa: ANN401
    if isinstance(value, str | PathLike):
        value = _in_order(read_names(Path(value), "Give a file with one name per line."), Path(value))
    if not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
        raise InvalidArgument(f"cannot use {value!r:.80} as {name}: expected a file or a list of names")
    return tuple(value)


def _prompt(value: Any, name: str) -> tuple[str, ...]:  # noqa: ANN401
    return prompts_of(value)


def _in_order(names: list[str] | dict[str, int], path: Path) -> list[str]:
    """Names by number; of several names of a class the last, as files keep a WordNet id before the words."""
    if isinstance(names, list):
        return names
    numbers = {number: name for name, number in names.items()}
    if sorted(numbers) != list(range(len(numbers))):
        raise BadInput(f"cannot read the classes {path}: expected the numbers 0 to {len(numbers) - 1}, each once")
    return [numbers[number] for number in range(len(numbers))]


def read_names(path: Path, hint: str) -> list[str] | dict[str, int]:
    """Names of classes from a file: one a line in the order of the classes, or JSON: a list, or name to number.

    Raises
    ------
    BadInput: not readable, or something else; the message says what.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
        raise BadInput(f"cannot read the classes {path}: {reason}", hint) from error
    if path.suffix.lower() != ".json":
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadInput(f"cannot read the classes {path}: not JSON ({error})") from error
    if isinstance(document, dict) and all(isinstance(value, str | list) for value in document.values()):
        document = _by_name(document, path)
    if isinstance(document, list | dict):
        return document
    raise BadInput(f"cannot read the classes {path}: expected a list or an object, got {type(document).__name__}")


def _by_name(document: dict[str, Any], path: Path) -> dict[str, int]:
    """Number by name from `{"0": "name"}` or `{"0": ["n01440764", "name"]}`, as class indexes are often kept."""
    odd = next((key for key in document if not key.isdecimal()), None)
    if odd is not None:
        raise BadInput(f"cannot read the classes {path}: expected name to number, or number to name, got {odd!r}")
    pairs = ((key, [value] if isinstance(value, str) else value) for key, value in document.items())
    return {name: int(key) for key, names in pairs for name in names}
