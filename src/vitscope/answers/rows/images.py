"""The images of a run: their table, how focused the model is on each, their places on a map, their pictures.

Knows nothing about: HTTP.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vitscope.analysis import Run
from vitscope.analysis.images.layout import Method, embedding_vectors, importance_vectors
from vitscope.analysis.images.layout import layout as lay_out
from vitscope.analysis.images.levels import map_entropies
from vitscope.answers.arguments import Image, Mode, computed_mode
from vitscope.answers.messages import ClassGuess, DroppedImage, ImageTable
from vitscope.answers.names import MetricName
from vitscope.answers.source import Source
from vitscope.answers.table import array, arrays, document, picture
from vitscope.errors import NotAvailable
from vitscope.results import Dropped
from vitscope.tokens import HEAD

Page = Annotated[int, Field(ge=0, description="From 0.")]
_LAYOUTS: Final = 8


@document(kept=True)
def images(source: Source) -> ImageTable:
    """The image table, one list a column; class names once for each class, not once for each image."""
    run, frame = source.run, source.run.images
    predictions, labels = frame["prediction"].tolist(), frame["label"].tolist()
    return ImageTable(
        generation=source.generation,
        name=frame["path"].tolist(),
        label=labels,
        prediction=predictions,
        probability=[None if _missing(value) else float(value) for value in frame["probability"]],
        correct=[None if _missing(value) else bool(value) for value in frame["correct"]],
        target=frame["target"].tolist(),
        done=[bool(value) for value in frame["done"]],
        problem=[None if _missing(value) else str(value) for value in frame["problem"]],
        note=[None if _missing(value) else str(value) for value in frame["note"]],
        class_names=class_names(run, labels, predictions, frame["class_name"].tolist()),
    )


@array("image", "column", kept=True)
def levels(source: Source) -> NDArray[np.float32]:
    """Entropy of each image's CLS map: float32 [image, layer + 1], nats, last column the mean; NaN = not done."""
    if source.run.manifest.tokens.cls is None:
        raise NotAvailable(
            "there are no spread levels: this model has no CLS token", "They are of the CLS token's map."
        )
    return map_entropies(source.run)


@arrays(positions=("image", "axis"), trustworthiness=(), continuity=())
def layout(
    source: Source,
    by: Literal["importance", "embedding"],
    method: Method,
    metric: MetricName = "jsd",
    mode: Mode = HEAD,
) -> dict[str, NDArray[Any]]:
    """The images as points in the plane: float32 [image, 2]; NaN = the image has no values.

    By `importance`: near are images on which the same heads matter (one metric and mode, signed square roots). By
    `embedding`: near are images that look alike to the model (pooled output, unit length), whatever metric and mode.
    With them how far neighbourhoods can be trusted, 0 to 1: trustworthiness, continuity.
    """
    mode = computed_mode(source.run.manifest, mode)
    what = (metric, mode) if by == "importance" else ()
    made = source.kept(
        "layout",
        (source.generation, by, method, *what),
        lambda: lay_out(_vectors(source.run, by, *what), method),
        _LAYOUTS,
    )
    return {
        "positions": made.positions,
        "trustworthiness": np.array(made.trustworthiness),
        "continuity": np.array(made.continuity),
    }


def _vectors(run: Run, by: str, metric: str = "", mode: str = "") -> NDArray[Any]:
    """What the images are laid out by."""
    if by == "embedding":
        embedding = run.embedding
        if embedding is None:
            raise NotAvailable("this run has no embeddings: it was made before they were kept", "Analyse again.")
        return embedding_vectors(embedding)
    vectors = importance_vectors(run.effect(metric, mode))
    if run.progress().units["head"][0] and not vectors.shape[1]:
        raise NotAvailable(
            f"there are no values of {metric} in mode {mode} to lay the images out by",
            "They are not computed yet, or this model has none; out_cos is always there.",
        )
    return vectors


@picture(stamp=lambda source, **_: source.thumbs.stamp())
def thumbs(source: Source, page: Page) -> tuple[str, bytes]:
    """An atlas of thumbnails in row order; RunInfo.thumbs says how it is laid out. Missing ones are transparent."""
    return "webp", source.thumbs.page(page, source.thumbs.stamp())


def _picture(source: Source, image: int) -> object:
    """What the number of an image stands for; NotAvailable: it has no picture."""
    n_images = source.run.manifest.n_images
    if image >= n_images:
        return source.drops.get(image, n_images).digest
    return _preview_file(source.run, image).suffix


def _preview_file(run: Run, image: int) -> Path:
    path = run.preview(image)
    if path is None or not path.is_file() or not path.resolve().is_relative_to(run.path.resolve()):
        raise NotAvailable(f"there is no picture of image {image} yet", "It is written when the image is analysed.")
    return path


@picture(stamp=_picture)
def preview(source: Source, image: Image) -> tuple[str, bytes]:
    """The picture exactly as the model saw it."""
    n_images = source.run.manifest.n_images
    if image >= n_images:
        return source.drops.get(image, n_images).preview
    path = _preview_file(source.run, image)
    return path.suffix.removeprefix("."), path.read_bytes()


def class_names(run: Run, labels: list[int], predictions: list[int], given: list[Any]) -> dict[str, str]:
    """The user's names for the labels first, the model's own for the rest, a number where neither knows."""
    own = run.manifest.model.classes or ()
    numbers = {number for number in {*labels, *predictions} if number >= 0}  # -1 = none
    names = {number: own[number] if number < len(own) else f"class {number}" for number in numbers}
    names |= {label: name for label, name in zip(labels, given, strict=True) if label >= 0 and name}
    return {str(number): name for number, name in sorted(names.items())}


def dropped_image(run: Run, dropped: Dropped) -> DroppedImage:
    """A dropped image; its classes by the names that the run's images have."""
    frame = run.images
    names = class_names(
        run, frame["label"].tolist(), [number for number, _ in dropped.top], frame["class_name"].tolist()
    )
    top = [
        ClassGuess(number=number, name=names[str(number)], probability=probability)
        for number, probability in dropped.top
    ]
    return DroppedImage(
        image=dropped.image,
        name=dropped.name,
        prediction=top[0].number if top else -1,
        probability=top[0].probability if top else None,
        top=top,
        note=dropped.note,
    )


def _missing(value: Any) -> bool:  # noqa: ANN401 - a cell of a data frame
    return value is None or (isinstance(value, float) and math.isnan(value))
