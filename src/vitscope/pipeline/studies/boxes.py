"""Where the object is: boxes from a file, and what they cover of the patches that the model sees.

A box goes through the model's own preprocessing as a drawn picture, so that any resize and crop is followed.
Knows nothing about: maps, models beyond their preprocessing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from vitscope.errors import BadInput
from vitscope.models import Model
from vitscope.models.pictures.arrays import AnyPicture, Bands
from vitscope.pipeline.plan.listing import Listing

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture's width and height."""
_KEYS: Final = ("boxes_norm", "boxes")


class OnPatches(NamedTuple):
    """What the boxes of one image cover: the centre of a patch, and what share of its area."""

    inside: Bool[Tensor, "row col"]
    covered: Float[Tensor, "row col"]


def read_boxes(path: str | Path) -> dict[str, list[Box]]:
    """Boxes by image name from a JSON file: `{"name": [[left, top, right, bottom], ...]}`, shares of width and height.

    A name is a path, a file name, or that without its ending; in place of the list an object with the list as
    `boxes_norm` or `boxes` will do.

    Raises
    ------
    BadInput: not such a file; the message names the first entry that does not fit.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInput(f"cannot read the boxes {path}: {error.strerror}", "Check the path.") from error
    except ValueError as error:
        raise BadInput(f"cannot read the boxes {path}: not JSON ({error})") from error
    if not isinstance(document, dict):
        raise BadInput(f"cannot read the boxes {path}: expected an object of names, got a {type(document).__name__}")
    return {name: _boxes(entry, f"{name} in {path.name}") for name, entry in document.items()}


def _boxes(entry: Any, where: str) -> list[Box]:  # noqa: ANN401 - JSON is any of its types
    if isinstance(entry, dict):
        entry = next((entry[key] for key in _KEYS if key in entry), None)
    if not isinstance(entry, list) or not entry:
        raise BadInput(f"cannot use the boxes of {where}: expected a list of [left, top, right, bottom]")
    boxes = []
    for box in entry:
        numbers = isinstance(box, list) and len(box) == 4 and all(isinstance(edge, int | float) for edge in box)
        if not numbers or not (0 <= box[0] < box[2] <= 1.001 and 0 <= box[1] < box[3] <= 1.001):
            raise BadInput(
                f"cannot use the box {box} of {where}: expected left < right and top < bottom as shares from 0 to 1",
                "Divide pixels by the picture's width and height.",
            )
        boxes.append((float(box[0]), float(box[1]), float(box[2]), float(box[3])))
    return boxes


def boxed(listing: Listing, boxes: Mapping[str, Sequence[Box]]) -> tuple[Listing, list[Sequence[Box]]]:
    """The listed images that have boxes, and these, in the same order.

    Raises
    ------
    BadInput: none has.
    """
    found = [(row, box) for row, path in enumerate(listing.paths) if (box := _of(path, boxes)) is not None]
    if not found:
        raise BadInput(
            f"cannot use these boxes: none of the {len(boxes)} names fits one of the {len(listing)} images",
            f"The first name is {next(iter(boxes), 'missing')}, the first image {listing.paths[0]}.",
        )
    rows = [row for row, _ in found]
    kept = replace(
        listing,
        paths=tuple(listing.paths[row] for row in rows),
        labels=tuple(listing.labels[row] for row in rows),
        class_names=tuple(listing.class_names[row] for row in rows),
    )
    return kept, [box for _, box in found]


def _of(path: str, boxes: Mapping[str, Sequence[Box]]) -> Sequence[Box] | None:
    name = Path(path)
    return next((boxes[key] for key in (path, name.name, name.stem) if key in boxes), None)


def _of_channels(picture: Image.Image, channels: int) -> AnyPicture:
    """The picture for a model that reads any number of channels, all of them alike."""
    if channels in (1, 3):
        return picture
    grey = np.asarray(picture.convert("L"), dtype=np.float32)
    return Bands(grey[..., None].repeat(channels, -1), picture)


def on_patches(model: Model, size: tuple[int, int], boxes: Sequence[Box]) -> OnPatches:
    """What boxes on a picture of `size` (width, height) cover of the patches."""
    drawn = Image.new("RGB", size, "black")
    draw = ImageDraw.Draw(drawn)
    width, height = size
    for left, top, right, bottom in boxes:
        edges = (round(left * width), round(top * height), round(right * width) - 1, round(bottom * height) - 1)
        draw.rectangle((*edges[:2], max(edges[0], edges[2]), max(edges[1], edges[3])), fill="white")
    seen, dark, light = (
        model.preprocess(_of_channels(picture, model.input_size[0])).double().mean(0)
        for picture in (drawn, Image.new("RGB", size, "black"), Image.new("RGB", size, "white"))
    )
    mask = ((seen - dark) / (light - dark)).clamp(0, 1)
    tokens = model.tokens
    down, across = tokens.patch
    grid = mask[: tokens.rows * down, : tokens.cols * across]  # some models leave a border out
    covered = F.avg_pool2d(grid[None], (down, across))[0]
    rows, cols = (slice((side - 1) // 2, side // 2 + 1) for side in tokens.patch)
    middle = grid.unflatten(0, (tokens.rows, down)).unflatten(-1, (tokens.cols, across))[:, rows, :, cols]
    return OnPatches(middle.mean((1, 3)) >= 0.5, covered.float())
