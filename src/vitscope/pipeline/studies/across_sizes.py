"""The same images at several input sizes: answers, how far and how evenly heads attend, where CLS attends.

Knows nothing about: how the comparison is printed, drawn or stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from vitscope.arguments import checked
from vitscope.engine.finite import HINT
from vitscope.engine.importance.schedule import keep_freed_memory
from vitscope.engine.look import Look, images_at_once, look
from vitscope.errors import BadInput
from vitscope.measures import image_diagonal
from vitscope.measures.effects.answers import predictions, probabilities
from vitscope.models import Model
from vitscope.pipeline.plan.labels import Given, classes_of
from vitscope.pipeline.plan.listing import Images, list_images
from vitscope.pipeline.studies.pictures import in_batches, pictures
from vitscope.pipeline.studies.sizing import (
    PREPROCESSING,
    Size,
    at_size,
    check_sizes,
    fits_any_size,
    interpolated,
    pixels_at,
)

if TYPE_CHECKING:
    from pathlib import Path

    import xarray

    from vitscope.pipeline.plan.listing import Listing
    from vitscope.pipeline.studies.pictures import Listed, Preprocessed

SHOWN: Final = 24
"""Images whose own CLS maps are kept; of all there is the mean."""

OnSize = Callable[[int, int], object]
"""Called with the images done, each size counted, and all of them."""


@dataclass(frozen=True)
class _AtSize:
    """What all images did at one size."""

    top: np.ndarray
    """Predicted class of each image; -1 without a classifier."""
    probability: np.ndarray
    """Of the target; NaN without a classifier."""
    distance: np.ndarray
    distance_no_sinks: np.ndarray
    entropy: np.ndarray
    maps: np.ndarray | None
    mean_map: np.ndarray | None


@checked
def resolution(
    model: Model,
    images: Images,
    sizes: Sequence[int | Size],
    labels: "str | Path | None" = None,
    *,
    classes: Given | None = None,
    picture_range: str | Sequence[float] | None = None,
    limit: int | None = None,
    seed: int = 0,
    progress: OnSize | None = None,
) -> "xarray.Dataset":
    """Run the same images at several input sizes; position embeddings are interpolated by the model's own rule.

    Parameters
    ----------
    images, labels, classes, picture_range: as for `analyze`.
    sizes: pixels, squares or (height, width); multiples of the patch.
    limit: a seeded sample of at most so many images.

    Returns
    -------
    Dataset over (size, image, layer, head). By (size, image): `prediction`, `probability` of the target (the label; the
    top class at the model's own size where there is none), `correct` (NaN without a label). By (size, image, layer,
    head): `distance` in pixels of that input; `distance_no_sinks`, rescaled to the patches and without sink keys, which
    divided by the coordinate `diagonal` compares across sizes (`distance` does not: CLS and sinks take other shares of
    the attention at other sizes); `entropy` in nats (divide by the log of the coordinate `tokens`). `mean_map_HxW`
    (layer, head, row, col), the CLS -> patch rows, mean over images; `map_HxW` (shown, layer, head, row, col) those of
    the first 24 images by themselves. Coordinates by size: height, width, rows, cols, tokens, diagonal, interpolated.
    Sizes are ordered by area. An image that is not finite at one size is left out at all; the attribute `not_finite`
    names it.

    Raises
    ------
    InvalidArgument: a size that does not fit the patches.
    UnsupportedModel: a model that cannot change its input size.
    BadInput: images or labels that do not fit, or no image whose activations are finite.
    """
    wanted = check_sizes(model, sizes)
    listing = list_images(images, labels, classes_of(model, classes), picture_range, limit=limit, seed=seed)
    keep_freed_memory()
    own = (model.input_size[1], model.input_size[2])
    own_first = model.n_classes is not None and min(listing.labels) < 0  # its answers stand in for the labels
    runs = [own, *(size for size in wanted if size != own)] if own_first else wanted
    skipped: dict[int, str] = {}
    while True:  # an image that is not finite at one size is left out at all of them: another round without it
        before = len(skipped)
        seen = _all_sizes(model, listing, runs, skipped, progress)
        if len(skipped) == before or len(runs) == 1:
            break
    target = np.array([seen.targets.get(row, -1) for row in seen.rows], dtype=np.int64)
    return _dataset(model, listing, seen, target, wanted, skipped)


@dataclass(frozen=True)
class _Seen:
    """What the images `rows` did at every size; facts about the sizes; whether preprocessing follows the size."""

    rows: list[int]
    targets: dict[int, int]
    found: dict[Size, _AtSize]
    facts: dict[Size, dict[str, Any]]
    follows: bool


def _all_sizes(
    model: Model,
    listing: "Listing",
    runs: Sequence[Size],
    skipped: dict[int, str],
    progress: OnSize | None,
) -> _Seen:
    """One round over the sizes without the `skipped` rows; those that turn out not to be finite are added to them."""
    seen = _Seen([], {}, {}, {}, True)
    for place, size in enumerate(runs):
        sized = at_size(model, size)
        tokens = sized.tokens
        seen.facts[size] = {
            "height": size[0],
            "width": size[1],
            "rows": tokens.rows,
            "cols": tokens.cols,
            "tokens": tokens.n_tokens,
            "diagonal": image_diagonal(tokens),
            "interpolated": interpolated(model, sized),
        }

        def told(done: int, before: int = place) -> None:
            if progress is not None:
                progress(before * len(listing) + done, len(runs) * len(listing))

        rows, first, seen.found[size] = _all_images(sized, listing, seen.targets, skipped, told)
        seen = replace(seen, rows=rows, follows=seen.follows and fits_any_size(model, sized, first.image))
    return seen


def _all_images(
    sized: Model,
    listing: "Listing",
    targets: dict[int, int],
    skipped: dict[int, str],
    told: Callable[[int], object],
) -> "tuple[list[int], Listed, _AtSize]":
    """Rows that are measured, the first of them, and what they all did.

    Targets that are not known yet are set; rows that are not finite are added to the skipped ones.
    """
    looks: list[Look] = []
    answers: list[tuple[np.ndarray, np.ndarray]] = []
    rows: list[int] = []
    total: np.ndarray | None = None
    shown: list[np.ndarray] = []
    there = (item for item in pictures(listing, sized.input_size[0]) if item.row not in skipped)
    first = next(there, None)
    all_of_them = chain(() if first is None else (first,), there)
    for read in in_batches(all_of_them, images_at_once(sized), partial(pixels_at, sized)):
        seen = look(sized, torch.stack([item.pixels for item in read]))
        skipped.update({read[place].row: reason for place, reason in seen.problems.items()})
        batch = [item for place, item in enumerate(read) if place not in seen.problems]
        told(read[-1].row + 1)
        if not batch:
            continue
        if seen.problems:
            seen = seen.of([place for place in range(len(read)) if place not in seen.problems])
        if seen.cls_rows is not None:
            part = seen.cls_rows.astype(np.float64).sum(0)
            total = part if total is None else total + part
            if len(rows) < SHOWN:
                shown.append(seen.cls_rows[: SHOWN - len(rows)])
        rows += [item.row for item in batch]
        answers.append(_answers(sized, seen, batch, targets))
        looks.append(replace(seen, logits=None, cls_rows=None, problems={}))
    if first is None or not rows:
        raise BadInput(f"cannot compare sizes on these images: none of the {len(listing)} has finite activations", HINT)
    result = _AtSize(
        top=np.concatenate([top for top, _ in answers]),
        probability=np.concatenate([probability for _, probability in answers]),
        distance=np.concatenate([part.distance for part in looks]),
        distance_no_sinks=np.concatenate([part.distance_no_sinks for part in looks]),
        entropy=np.concatenate([part.entropy for part in looks]),
        maps=np.concatenate(shown) if shown else None,
        mean_map=None if total is None else (total / len(rows)).astype(np.float32),
    )
    return rows, first, result


def _answers(
    model: Model, seen: Look, batch: "Sequence[Preprocessed]", targets: dict[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted classes, and probability of the target: the label, else what the model said first."""
    if seen.logits is None:
        return np.full(len(batch), -1, np.int64), np.full(len(batch), np.nan, np.float32)
    logits = torch.from_numpy(seen.logits)
    top = predictions(logits, model.readout).numpy()
    chosen = [
        targets.setdefault(item.row, item.label if item.label >= 0 else int(own))
        for item, own in zip(batch, top, strict=True)
    ]
    said = probabilities(logits, model.readout).numpy()
    return top, said[np.arange(len(batch)), chosen].astype(np.float32)


def _dataset(
    model: Model,
    listing: "Listing",
    seen: _Seen,
    target: np.ndarray,
    sizes: Sequence[Size],
    skipped: dict[int, str],
) -> "xarray.Dataset":
    import xarray

    rows, found, facts = seen.rows, seen.found, seen.facts
    label = np.array([listing.labels[row] for row in rows], dtype=np.int64)
    heads, answers = ("size", "image", "layer", "head"), ("size", "image")
    top = np.stack([found[size].top for size in sizes])
    known = (label >= 0) & (top >= 0)
    variables: dict[str, Any] = {
        "prediction": (answers, top),
        "probability": (answers, np.stack([found[size].probability for size in sizes]), {"units": "probability"}),
        "correct": (answers, np.where(known, top == label, np.float32("nan")).astype(np.float32), {"units": "0 or 1"}),
        "distance": (heads, np.stack([found[size].distance for size in sizes]), {"units": "pixels"}),
        "distance_no_sinks": (heads, np.stack([found[size].distance_no_sinks for size in sizes]), {"units": "pixels"}),
        "entropy": (heads, np.stack([found[size].entropy for size in sizes]), {"units": "nats"}),
    }
    for size in sizes:
        name, of = "{}x{}".format(*size), found[size]
        dims = ("layer", "head", f"row_{name}", f"col_{name}")
        if of.maps is not None and of.mean_map is not None:
            shape = (*of.mean_map.shape[:2], facts[size]["rows"], facts[size]["cols"])
            variables[f"mean_map_{name}"] = (dims, of.mean_map.reshape(shape), {"units": "share of attention"})
            maps = of.maps.reshape(len(of.maps), *shape)
            variables[f"map_{name}"] = (("shown", *dims), maps, {"units": "share of attention"})
    coordinates: dict[str, Any] = {
        key: ("size", np.array([facts[size][key] for size in sizes])) for key in facts[sizes[0]]
    }
    coordinates["image"] = [listing.paths[row] for row in rows]
    coordinates |= {"label": ("image", label), "target": ("image", target)}
    return xarray.Dataset(
        variables,
        coords=coordinates,
        attrs={
            "model": model.id,
            "weights_sha256": model.weights_sha256,
            "own_size": "{}x{}".format(*model.input_size[1:]),
            "preprocessing": PREPROCESSING[seen.follows],
            "root": str(listing.root),
            "note": listing.note or "",
            "unreadable": len(listing) - len(rows) - len(skipped),
            "not_finite": [f"{listing.paths[row]}: {reason}" for row, reason in sorted(skipped.items())],
        },
    )
