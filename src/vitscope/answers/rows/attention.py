"""Attention on one image: rows, matrices, rollout, maps of a class.

Knows nothing about: HTTP, models. A model that is loaded comes in as `Live`.
"""

from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vitscope.answers.arguments import (
    Direction,
    Discard,
    Fusion,
    Head,
    Image,
    Layer,
    Residual,
    Token,
    known_layer,
    known_token,
)
from vitscope.answers.rows.matrices import of_token
from vitscope.answers.source import Source
from vitscope.answers.table import array
from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.measures.maps.rollout import rollout_of_token

Kind = Literal["gradient_rollout", "relevance", "legrad"]
Reading = Literal["mean", "classifier"]
_FEATURED: Final = "featured"


def _origin(source: Source, image: int, **_: object) -> str | None:
    """Where whole matrices of an image come from; None where there are none. NotAvailable: there is no such image."""
    run = source.run
    if image >= run.manifest.n_images:
        return source.drops.get(image, run.manifest.n_images).digest
    if image in run.featured:
        return _FEATURED
    return "live" if source.live is not None else None


def _matrices(source: Source, image: int, what: str) -> NDArray[Any]:
    """An image's matrices [layer, head, query, key], as stored or from the model."""
    origin = _origin(source, image)
    if origin == _FEATURED:
        return source.featured(image, lambda: source.run.featured_attention(image))
    if origin is None:
        raise _not_stored(source, image, what)
    live = source.model(f"{what} of image {image} needs the model")
    with source.turn():
        return live.matrices(image)


def _not_stored(source: Source, image: int, what: str) -> NotAvailable:
    return source.needs_model(f"{what} of image {image} is not stored in this run")


@array("layer", "head", "key", stamp=_origin)
def attention(source: Source, image: Image, query: Token = "cls", direction: Direction = "from") -> NDArray[np.float16]:
    """Attention of every head for one token: float16 [layer, head, key]; NaN = not stored."""
    run, tokens = source.run, source.run.tokens
    token = known_token(run.manifest, query)
    if _origin(source, image) is not None:
        return of_token(_matrices(source, image, "attention"), token, direction)
    # Without whole matrices, the CLS token's row is what the run keeps of every image.
    if token != tokens.cls or direction != "from":
        raise _not_stored(source, image, f"attention {direction} token {tokens.name(token)}")
    patches = run.cls_rows(image)
    if patches is None:
        raise NotAvailable(f"image {image} has no attention yet, or was skipped", "Its row says which.")
    rows = np.full((*patches.shape[:2], tokens.n_tokens), np.nan, dtype=np.float16)
    rows[:, :, tokens.patches] = patches
    return rows


@array("query", "key", stamp=_origin)
def matrix(source: Source, image: Image, layer: Layer, head: Head) -> NDArray[np.float16]:
    """The whole attention of one head: float16 [query, key]."""
    n_heads = source.run.manifest.model.n_heads[known_layer(source.run.manifest, layer)]
    if head >= n_heads:
        raise InvalidArgument(f"there is no head {head} in layer {layer}: it has {n_heads}, counted from 0")
    if _origin(source, image) == _FEATURED:  # one chunk of the many
        return source.run.featured_attention(image, layer)[head]
    return _matrices(source, image, f"the matrix of head {head} in layer {layer}")[layer, head]


@array("layer", "key", stamp=_origin)
def rollout(
    source: Source,
    image: Image,
    query: Token = "cls",
    direction: Direction = "from",
    fusion: Fusion = "mean",
    residual: Residual = 0.5,
    discard: Discard = 0.0,
    start: Annotated[int, Field(description="First layer that takes part.")] = 0,
) -> NDArray[np.float32]:
    """Rollout of one token after each layer: float32 [layer, key]; NaN in layers before `start`.

    Row l is of the product from layer `start` up to l; as `measures.rollout`.
    """
    manifest = source.run.manifest
    token = known_token(manifest, query)
    matrices = _matrices(source, image, "the rollout")
    return rollout_of_token(
        matrices,
        token,
        direction,
        tokens=manifest.tokens,
        n_heads=manifest.model.n_heads,
        residual=residual,
        fusion=fusion,
        discard=discard,
        start=start,
    )


def _content(source: Source, image: int, target: int, **_: object) -> object:
    """What the number of an image stands for, and the class. NotAvailable: there is no such image."""
    n_images = source.run.manifest.n_images
    return (
        "" if image < n_images else source.drops.get(image, n_images).digest,
        _target(source, image, target),
        source.live is not None,
    )


def _target(source: Source, image: int, target: int) -> int:
    """The class that was asked for, else the one that the run's metrics follow on this image."""
    if target >= 0 or image >= source.run.manifest.n_images:
        return target
    return int(source.run.images.at[image, "target"])


@array("layer", "key", stamp=_content)
def class_map(
    source: Source,
    kind: Kind,
    image: Image,
    target: Annotated[int, Field(ge=-1, description="Class; -1 = the image's target, or the model's top class.")] = -1,
    query: Token = "cls",
    direction: Direction = "from",
    fusion: Fusion = "mean",
    residual: Residual = 0.5,
    discard: Discard = 0.0,
    start: Annotated[int, Field(ge=0, description="First layer that takes part; not of legrad.")] = 0,
    layers: Annotated[int, Field(ge=1, description="Of legrad: the last so many layers take part.")] = 2,
    reading: Annotated[
        Reading, Field(description="Of legrad: mean of a layer's tokens, or what is classified.")
    ] = "mean",
) -> NDArray[np.float32]:
    """A map of one class after each layer, for one token: float32 [layer, key].

    NaN before the first layer that takes part. As the measures of the same name; `relevance` without the 1 that each
    token starts with; `legrad` has no query and is NaN at prefix tokens.
    """
    manifest = source.run.manifest
    if not manifest.model.n_classes:
        raise NotAvailable("maps of a class need a classifier, and this model has none", "Use attention or rollout.")
    live = source.model("maps of a class are not stored: they need the model")
    token = known_token(manifest, query)
    chosen = _target(source, image, target)
    with source.turn():
        return live.class_map(
            image,
            kind,
            chosen,
            token,
            direction,
            fusion=fusion,
            residual=residual,
            discard=discard,
            start=start,
            layers=layers,
            reading=reading,
        )
