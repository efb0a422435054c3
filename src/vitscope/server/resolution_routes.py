"""The API over input sizes: the comparison that a run may carry, and one image at any size where the model is live.

Knows nothing about: models, how a comparison is made.
"""

import shlex
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import numpy as np
from anyio import from_thread
from fastapi import APIRouter, Path, Request, Response
from numpy.typing import NDArray

from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.server.asking import FAILURES, UNCHANGED, ImageRow, TheRun, binary, known_token
from vitscope.server.columns import REVALIDATE, column, etag, not_modified, unchanged
from vitscope.server.image_routes import Token
from vitscope.server.live import Live
from vitscope.server.served import Served
from vitscope.server.wire import ClassGuess, RecordedSize, ResolutionInfo, SizedImage
from vitscope.store.resolution import Resolution, read_resolution, resolution_stamp

InputSize = Annotated[
    str, Path(pattern=r"^\d{1,4}(x\d{1,4})?$", description="Pixels: a square, or rows x columns, e.g. 224 or 160x224.")
]
_SUGGESTED: Final = (0.5, 0.75, 1.0, 1.25, 1.5)
"""Sizes that are offered, as shares of the run's own."""

Column = Literal["probability", "correct", "distance", "distance_no_sinks", "entropy"]

router = APIRouter(prefix="/api", responses=FAILURES)


@router.get("/resolution", responses=UNCHANGED, response_model=ResolutionInfo)
def resolution(served: TheRun, request: Request, response: Response) -> ResolutionInfo | Response:
    """Whether the run carries a comparison of input sizes, which sizes and images; else how to get one."""
    tag = etag(served.run.manifest.run_id, "resolution", resolution_stamp(served.run.path), served.live is not None)
    if unchanged(request, tag):
        return not_modified(tag)
    response.headers.update({"etag": tag, "cache-control": REVALIDATE})
    return _info(served, _recorded(served))


@router.get("/resolution/{what}", response_class=Response, responses=binary())
def recorded_column(served: TheRun, request: Request, what: Column) -> Response:
    """By size and image (and layer and head): float32 [size, image] or [size, image, layer, head], little-endian."""
    return _cut(served, request, ("column", what), lambda found: found.arrays[what].astype(np.float32))


@router.get("/resolution/mean/{index}", response_class=Response, responses=binary())
def recorded_mean(served: TheRun, request: Request, index: Annotated[int, Path(ge=0)]) -> Response:
    """Where CLS looks at a recorded size, mean over its images: float16 [layer, head, patch], little-endian."""
    return _cut(served, request, ("mean", index), lambda found: _maps(found, f"mean_map_{index}"))


@router.get("/resolution/map/{index}/{image}", response_class=Response, responses=binary())
def recorded_map(served: TheRun, request: Request, index: Annotated[int, Path(ge=0)], image: ImageRow) -> Response:
    """Where CLS looks at a recorded size on one of the images with maps: float16 [layer, head, patch]."""

    def cut(found: Resolution) -> NDArray[Any]:
        shown = found.rows[: found.shown]
        if image not in shown:
            raise NotAvailable(
                f"the comparison of sizes keeps no map of image {image}: it has those of {len(shown)} images",
                "Look at the mean over images, or at this image with the model loaded.",
            )
        return _maps(found, f"map_{index}")[shown.index(image)]

    return _cut(served, request, ("map", index, image), cut)


@router.get("/resolution/live/{image}/{size}", response_model=SizedImage)
def sized(served: TheRun, request: Request, image: ImageRow, size: InputSize) -> SizedImage | Response:
    """What one image of the run does at a size: the answer, distances, entropies. Needs the model."""
    live = _live(served)
    target = -1 if image >= served.run.manifest.n_images else int(served.run.images.at[image, "target"])
    with served.live_lock:
        if from_thread.run(request.is_disconnected):  # Cancel, or another image: nobody waits for this any more
            return Response(status_code=503)
        found = live.at_size(image, _pixels(size))
    height, width = _pixels(size)
    guess = None
    if found.probabilities is not None:
        top = int(found.probabilities.argmax())
        names = served.run.manifest.model.classes or ()
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


@router.get("/resolution/live/{image}/{size}/rows", response_class=Response, responses=binary())
def sized_rows(served: TheRun, request: Request, image: ImageRow, size: InputSize, query: Token = "cls") -> Response:
    """What a token attends to at a size: float16 [layer, head, patch]; the token is named by the run's own grid."""
    live = _live(served)
    token = known_token(served.run.manifest, query)
    tag = etag(served.run.manifest.run_id, "sized", image, size, token)
    if unchanged(request, tag):
        return not_modified(tag)
    with served.live_lock:
        if from_thread.run(request.is_disconnected):
            return Response(status_code=503)
        return column(live.rows_at_size(image, _pixels(size), token), tag)


def _recorded(served: Served) -> Resolution | None:
    stamp = resolution_stamp(served.run.path)
    return served.kept("resolution", stamp or 0, lambda: read_resolution(served.run.path))


def _cut(
    served: Served, request: Request, name: tuple[object, ...], cut: Callable[[Resolution], NDArray[Any]]
) -> Response:
    found = _recorded(served)
    if found is None:
        command = _command(served)
        raise NotAvailable(
            "this run carries no comparison of input sizes",
            "In Python: vitscope.resolution(model, images, sizes)." if command is None else f"Make one: {command}",
        )
    tag = etag(served.run.manifest.run_id, "resolution", resolution_stamp(served.run.path), *name)
    return not_modified(tag) if unchanged(request, tag) else column(cut(found), tag)


def _maps(found: Resolution, name: str) -> NDArray[Any]:
    maps = found.arrays.get(name)
    if maps is None:
        raise NotAvailable(
            "the comparison of sizes has no such map: the size is not one of its own, or the model has no CLS token",
            f"It has {len(found.sizes)} sizes, counted from 0.",
        )
    return maps


def _info(served: Served, found: Resolution | None) -> ResolutionInfo:
    manifest = served.run.manifest
    reason = "" if found else "This run carries no comparison of input sizes."
    sizes = [RecordedSize(**vars(size)) for size in found.sizes] if found else []
    return ResolutionInfo(
        recorded=found is not None,
        reason=reason,
        command=_command(served),
        live=served.live is not None,
        live_command=served.live_command,
        preprocessing=found.preprocessing if found else "",
        sizes=sizes,
        images=list(found.rows) if found else [],
        shown=[row for row in found.rows[: found.shown] if row >= 0] if found else [],
        suggested=_suggested(served),
        has_labels=bool(found and any(label >= 0 for label in found.labels)),
        has_classifier=bool(manifest.model.n_classes),
    )


def _suggested(served: Served) -> list[str]:
    """Sizes around the run's own, as multiples of the patch, smallest first."""
    manifest = served.run.manifest
    _, height, width = manifest.model.input_size
    down, across = manifest.tokens.patch
    found: list[str] = []
    for share in _SUGGESTED:
        rows, cols = max(1, round(height * share / down)) * down, max(1, round(width * share / across)) * across
        name = str(rows) if rows == cols else f"{rows}x{cols}"
        if name not in found:
            found.append(name)
    return found


def _command(served: Served) -> str | None:
    """The command that puts a comparison into this run; None where no command can load its model."""
    manifest = served.run.manifest
    if not manifest.model.by_name:
        return None
    words = ["vitscope", "resolution", manifest.model.id, manifest.source.images]
    if manifest.source.labels:
        words += ["--labels", manifest.source.labels]
    if manifest.model.weights:
        words += ["--weights", manifest.model.weights]
    words += ["--sizes", ",".join(_suggested(served)), "--run", str(served.run.path)]
    return shlex.join(words)


def _live(served: Served) -> Live:
    if served.live is None:
        raise served.needs_model("an image at another size needs the model")
    return served.live


def _pixels(size: str) -> tuple[int, int]:
    height, _, width = size.partition("x")
    if not int(height) or not int(width or height):
        raise InvalidArgument(f"there is no image of {size} pixels", "Give at least one patch.")
    return int(height), int(width or height)


def _nested(values: NDArray[np.floating]) -> list[list[float | None]]:
    return [[None if value != value else float(value) for value in row] for row in values.tolist()]
