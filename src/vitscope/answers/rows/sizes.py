"""Input sizes: the comparison that a run may carry, and one image at any size where the model is live.

Knows nothing about: HTTP, models, how a comparison is made.
"""

import shlex
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vitscope.answers.arguments import Image, Token, known_token
from vitscope.answers.messages import ClassGuess, RecordedSize, ResolutionInfo, SizedImage
from vitscope.answers.source import Source
from vitscope.answers.table import array, document
from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.store.resolution import Resolution, read_resolution, resolution_stamp

InputSize = Annotated[
    str,
    Field(pattern=r"^\d{1,4}(x\d{1,4})?$", description="Pixels: a square, or rows x columns, e.g. 224 or 160x224."),
]
Column = Literal["probability", "correct", "distance", "distance_no_sinks", "entropy"]
Index = Annotated[int, Field(ge=0, description="Place of a recorded size, smallest first, from 0.")]
_SUGGESTED: Final = (0.5, 0.75, 1.0, 1.25, 1.5)
"""Sizes that are offered, as shares of the run's own."""
_NEEDS: Final = "an image at another size needs the model"


def _stamp(source: Source, **_: object) -> object:
    return resolution_stamp(source.run.path)


@document(stamp=lambda source: (resolution_stamp(source.run.path), source.live is not None))
def resolution(source: Source) -> ResolutionInfo:
    """Whether the run carries a comparison of input sizes, which sizes and images; else how to get one."""
    found, manifest = _recorded(source), source.run.manifest
    reason = "" if found else "This run carries no comparison of input sizes."
    sizes = [RecordedSize(**vars(size)) for size in found.sizes] if found else []
    return ResolutionInfo(
        recorded=found is not None,
        reason=reason,
        command=_command(source),
        live=source.live is not None,
        live_command=source.live_command,
        preprocessing=found.preprocessing if found else "",
        sizes=sizes,
        images=list(found.rows) if found else [],
        shown=[row for row in found.rows[: found.shown] if row >= 0] if found else [],
        suggested=_suggested(source),
        has_labels=bool(found and any(label >= 0 for label in found.labels)),
        has_classifier=bool(manifest.model.n_classes),
    )


@array("size", "image", "layer", "head", stamp=_stamp)
def resolution_column(source: Source, column: Column) -> NDArray[np.float32]:
    """By size and image (and layer and head): float32 [size, image] or [size, image, layer, head]."""
    return _required(source).arrays[column].astype(np.float32)


@array("layer", "head", "patch", stamp=_stamp)
def resolution_mean(source: Source, size: Index) -> NDArray[np.float16]:
    """Where CLS looks at a recorded size, mean over its images: float16 [layer, head, patch]."""
    return _maps(_required(source), f"mean_map_{size}")


@array("layer", "head", "patch", stamp=_stamp)
def resolution_map(source: Source, size: Index, image: Image) -> NDArray[np.float16]:
    """Where CLS looks at a recorded size on one of the images with maps: float16 [layer, head, patch]."""
    found = _required(source)
    shown = found.rows[: found.shown]
    if image not in shown:
        raise NotAvailable(
            f"the comparison of sizes keeps no map of image {image}: it has those of {len(shown)} images",
            "Look at the mean over images, or at this image with the model loaded.",
        )
    return _maps(found, f"map_{size}")[shown.index(image)]


@document(stamp=None)
def sized_image(source: Source, image: Image, size: InputSize) -> SizedImage:
    """What one image of the run does at a size: the answer, distances, entropies. Needs the model."""
    live = source.model(_NEEDS)
    target = -1 if image >= source.run.manifest.n_images else int(source.run.images.at[image, "target"])
    height, width = _pixels(size)
    with source.turn():
        found = live.at_size(image, (height, width))
    guess = None
    if found.probabilities is not None:
        top = int(found.probabilities.argmax())
        names = source.run.manifest.model.classes or ()
        name = names[top] if top < len(names) else f"class {top}"
        guess = ClassGuess(number=top, name=name, probability=float(found.probabilities[top]))
    return SizedImage(
        height=height,
        width=width,
        rows=found.tokens.rows,
        cols=found.tokens.cols,
        tokens=found.tokens.n_tokens,
        diagonal=found.diagonal,
        interpolated=found.interpolated,
        prediction=guess,
        target_probability=None if found.probabilities is None or target < 0 else float(found.probabilities[target]),
        distance=_nested(found.distance),
        entropy=_nested(found.entropy),
    )


@array("layer", "head", "patch", stamp=lambda source, **_: source.live is not None)
def sized_rows(source: Source, image: Image, size: InputSize, query: Token = "cls") -> NDArray[np.float16]:
    """What a token attends to at a size: float16 [layer, head, patch]; the token is named by the run's own grid."""
    live = source.model(_NEEDS)
    token = known_token(source.run.manifest, query)
    with source.turn():
        return live.rows_at_size(image, _pixels(size), token)


def _recorded(source: Source) -> Resolution | None:
    stamp = resolution_stamp(source.run.path)
    return source.kept("resolution", stamp or 0, lambda: read_resolution(source.run.path))


def _required(source: Source) -> Resolution:
    found = _recorded(source)
    if found is None:
        command = _command(source)
        raise NotAvailable(
            "this run carries no comparison of input sizes",
            "In Python: vitscope.resolution(model, images, sizes)." if command is None else f"Make one: {command}",
        )
    return found


def _maps(found: Resolution, name: str) -> NDArray[Any]:
    maps = found.arrays.get(name)
    if maps is None:
        raise NotAvailable(
            "the comparison of sizes has no such map: the size is not one of its own, or the model has no CLS token",
            f"It has {len(found.sizes)} sizes, counted from 0.",
        )
    return maps


def _suggested(source: Source) -> list[str]:
    """Sizes around the run's own, as multiples of the patch, smallest first."""
    manifest = source.run.manifest
    _, height, width = manifest.model.input_size
    down, across = manifest.tokens.patch
    found: list[str] = []
    for share in _SUGGESTED:
        rows, cols = max(1, round(height * share / down)) * down, max(1, round(width * share / across)) * across
        name = str(rows) if rows == cols else f"{rows}x{cols}"
        if name not in found:
            found.append(name)
    return found


def _command(source: Source) -> str | None:
    """The command that puts a comparison into this run; None where no command can load its model."""
    manifest = source.run.manifest
    if not manifest.model.by_name:
        return None
    images = "IMAGES" if manifest.source.kind == "dataset" else manifest.source.images
    words = ["vitscope", "resolution", manifest.model.id, images]
    if manifest.source.labels:
        words += ["--labels", manifest.source.labels]
    if manifest.model.weights:
        words += ["--weights", manifest.model.weights]
    words += manifest.model.options.words()
    words += ["--sizes", ",".join(_suggested(source)), "--run", str(source.run.path)]
    return shlex.join(words)


def _pixels(size: str) -> tuple[int, int]:
    height, _, width = size.partition("x")
    if not int(height) or not int(width or height):
        raise InvalidArgument(f"there is no image of {size} pixels", "Give at least one patch.")
    return int(height), int(width or height)


def _nested(values: NDArray[np.floating]) -> list[list[float | None]]:
    return [[None if value != value else float(value) for value in row] for row in values.tolist()]
