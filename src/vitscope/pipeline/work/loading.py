"""From rows of a run's image table to pixels, a unit ahead of the computation.

Knows nothing about: what is computed from the pixels.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.engine import derangement
from vitscope.errors import BadInput, ImageUnreadable
from vitscope.models import Model
from vitscope.models.pictures.images import Picture, decode_picture, read_bytes
from vitscope.pipeline.plan.at_hand import AtHand
from vitscope.store import RunFolder

Item = TypeVar("Item")
Result = TypeVar("Result")
_LAST_LOAD: Final = 5.0  # seconds that a consumer which ends early waits for the item being loaded


@dataclass(frozen=True)
class Fact:
    """What became of one image: its size when upright, an oddity that was handled, or why it was skipped."""

    width: int = 0
    height: int = 0
    note: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Batch:
    """The readable images among some rows, and a fact about each of the rows."""

    rows: tuple[int, ...]
    pixels: Float[Tensor, "image color row col"]
    facts: dict[int, Fact]

    def without(self, problems: Mapping[int, str]) -> "Batch":
        """The batch without the images at some places of it; their facts say why."""
        if not problems:
            return self
        places = [place for place in range(len(self.rows)) if place not in problems]
        reasons = {self.rows[place]: reason for place, reason in problems.items()}
        facts = {
            row: replace(fact, problem=reasons[row]) if row in reasons else fact for row, fact in self.facts.items()
        }
        return Batch(tuple(self.rows[place] for place in places), self.pixels[places], facts)


class ImageSource:
    """Loads images of one run for one model, and refuses files that have changed since the run was planned.

    Parameters
    ----------
    held: the pictures of a data set that are no files.
    stops: whether such a file ends what is done with a BadInput. An analysis stops, and can be resumed when the file is
        back; else it would be complete without an image that is there.
    """

    def __init__(self, run: RunFolder, model: Model, held: AtHand | None = None, *, stops: bool = False) -> None:
        self._stops = stops
        self._held = held
        self._source = run.manifest.source
        images = run.planned_images
        self._model = model
        self._paths: list[str] = images["path"].tolist()
        self._ids: list[str] = images["id"].tolist()
        self._seed = run.manifest.options.seed
        self._range = run.manifest.options.picture_range
        self._pairs: np.ndarray | None = None

    def load(self, row: int) -> tuple[Float[Tensor, "color row col"], Fact]:
        """The pixels of one image. Raises ImageUnreadable with the reason."""
        picture = self.picture(row)
        fact = Fact(picture.image.width, picture.image.height, picture.note)
        return self._model.preprocess(picture.image), fact

    def picture(self, row: int) -> Picture:
        """One image as it was decoded. Raises ImageUnreadable with the reason."""
        try:
            content = self._content(self._paths[row])
            if self._ids[row] and hashlib.sha256(content).hexdigest() != self._ids[row]:
                raise ImageUnreadable("changed since the run was planned")
        except ImageUnreadable as error:
            if self._stops and self._ids[row]:  # it could be read then
                raise BadInput(
                    f"cannot continue: {self._paths[row]} was there when the run was planned, and now it is "
                    f"{error.message}",
                    "Restore the file and run the same command with --resume, or analyse again without it."
                    if self._source.are_files
                    else "Give the same data set, without random transforms, and resume=True.",
                ) from error
            raise
        return decode_picture(content, channels=self._model.input_size[0], picture_range=self._range)

    def _content(self, path: str) -> bytes:
        if self._source.are_files:
            return read_bytes(Path(self._source.root) / path)
        if self._held is None:
            raise ImageUnreadable("not here: it is of a data set that was given in Python, and no file")
        return self._held.read(path)

    def batch(self, rows: Iterable[int]) -> Batch:
        """The pixels of those rows that can be read."""
        facts: dict[int, Fact] = {}
        loaded: dict[int, Tensor] = {}
        for row in rows:
            try:
                loaded[row], facts[row] = self.load(row)
            except ImageUnreadable as error:
                facts[row] = Fact(problem=error.message)
        pixels = torch.stack(list(loaded.values())) if loaded else torch.empty(0, *self._model.input_size)
        return Batch(tuple(loaded), pixels, facts)

    def pair_of(self, row: int) -> Float[Tensor, "color row col"]:
        """The image that replaces another under the fill `resample`: the first of `pairs_of`."""
        return next(self.pairs_of(row))

    def pairs_of(self, row: int) -> Iterator[Float[Tensor, "color row col"]]:
        """The readable images that may replace another under the fill `resample`, in order along a seeded cycle.

        Raises
        ------
        BadInput: there are no more of them.
        """
        if self._pairs is None:
            self._pairs = derangement(len(self._paths), self._seed)
        other = int(self._pairs[row])
        while other != row:
            with suppress(ImageUnreadable):
                yield self.load(other)[0]
            other = int(self._pairs[other])  # one cycle through all images: it ends at `row`
        raise BadInput(
            f"cannot resample: no other image than {self._paths[row]} can be used",
            "Use fill zero, or give more images.",
        )


def ahead(items: Sequence[Item], load: Callable[[Item], Result]) -> Iterator[tuple[Item, Result]]:
    """Yield each item with what `load` makes of it, the next one being loaded in a thread meanwhile.

    Ctrl+C may strike the consumer anywhere, also while it hands over an item. A `SimpleQueue` is whole at every such
    moment; the locks of an executor are not, and one left locked would keep both threads waiting for ever.
    """
    wanted: SimpleQueue[Callable[[], Result] | None] = SimpleQueue()
    loaded: SimpleQueue[tuple[Result] | BaseException] = SimpleQueue()
    thread = Thread(target=_serve, args=(wanted, loaded), name="vitscope-images", daemon=True)
    try:
        thread.start()
        for item in items[:1]:
            wanted.put(partial(load, item))
        for i, item in enumerate(items):
            answer = loaded.get()
            if isinstance(answer, BaseException):
                raise answer
            if i + 1 < len(items):
                wanted.put(partial(load, items[i + 1]))
            yield item, answer[0]
            del answer  # else two loaded units would be held while the third is read
    finally:
        wanted.put(None)
        if thread.ident is not None:
            thread.join(_LAST_LOAD)


def _serve(
    wanted: SimpleQueue[Callable[[], Result] | None], loaded: SimpleQueue[tuple[Result] | BaseException]
) -> None:
    while (load := wanted.get()) is not None:
        try:
            loaded.put((load(),))
        except BaseException as error:
            loaded.put(error)
