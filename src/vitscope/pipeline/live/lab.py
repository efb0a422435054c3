"""What if these heads were pruned: asked of the images of a run, one at once, many in small steps, ever more heads.

Steps are small enough that whoever waits for the model, or wants to stop, waits for a fraction of a second.
Knows nothing about: HTTP, how results are counted or kept.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.analysis import Run
from vitscope.engine import (
    Answer,
    MeanReferences,
    PairedReferences,
    References,
    answers_of_sets,
    check_mask,
    check_order,
    check_sizes,
    compare,
    effects,
    features_and_logits,
    greedy_steps,
    keep_freed_memory,
    places_of_sets,
    random_orders,
    require_heads,
)
from vitscope.engine.finite import NOT_FINITE
from vitscope.engine.forward import require_finite
from vitscope.engine.head_sets.what_if import joined
from vitscope.errors import BadInput, InvalidArgument, NotFinite
from vitscope.models import Evaluation, Model
from vitscope.models.parity import probe_image
from vitscope.pipeline.work.intact_pass import finite_only, finite_pairs
from vitscope.pipeline.work.loading import Batch, ImageSource, ahead
from vitscope.pipeline.work.reference_images import mean_of_run
from vitscope.results import CurveStep, OneImage, SomeImages
from vitscope.tokens import Fill

Heads = Mapping[tuple[int, int], str]
Order = Sequence[tuple[int, int]]
PixelsOf = Callable[[int], Float[Tensor, "color row col"]]

_STEP_SECONDS: Final = 0.2
_LARGEST_STEP: Final = 32
"""Images of one step, at most."""
_KEPT_BYTES: Final = 64 * 2**20
"""Intact answers are kept up to this size: pruning other heads on the same images then costs half."""
PRUNED_NOT_FINITE: Final = "with these heads pruned its activations are not finite"
GREEDY: Final = "greedy"
"""Name of the order that is searched."""
MOST_HELD: Final = 256
"""Images of a curve, at most: their pixels are held."""


class Lab:
    """Prunes heads of a run's model on the run's images."""

    def __init__(self, run: Run, model: Model, source: ImageSource, pixels_of: PixelsOf) -> None:
        """`pixels_of` also knows images that are in no run, by their own keys."""
        self._run = run
        self._model = model
        self._source = source
        self._pixels_of = pixels_of
        self._intact: dict[int, Answer] = {}
        self._intact_bytes = 0
        self._mean: MeanReferences | None = None
        self._seconds: float | None = None

    def check(self, heads: Heads, fill: str) -> None:
        """Raise InvalidArgument for no heads, a head, mode or fill that does not exist, or modes the fill cannot."""
        require_heads(self._model, heads, fill)

    def check_curve(self, orders: Mapping[str, Order], sizes: Sequence[int]) -> None:
        """Raise InvalidArgument for an order or a size that does not fit the model."""
        for order in orders.values():
            check_order(self._model, order)
        check_sizes(self._model, sizes, 0)

    @property
    def seconds_per_image(self) -> float:
        """One image through the model once, as measured so far; the first question measures it."""
        if self._seconds is None:
            keep_freed_memory()
            probe = probe_image(self._model.architecture).expand(2, -1, -1, -1).contiguous()
            features_and_logits(self._model, probe[:1])
            start = time.perf_counter()
            features_and_logits(self._model, probe)
            self._seconds = (time.perf_counter() - start) / 2
        return self._seconds

    def image(self, row: int, heads: Heads, fill: Fill) -> OneImage:
        """One image, of the run or dropped, before and after, with its mask check.

        Raises
        ------
        InvalidArgument, NotAvailable: heads or a fill that do not fit; the image is not there any more.
        NotFinite: its activations are not finite, intact or pruned.
        """
        chosen = require_heads(self._model, heads, fill)
        pixels = self._pixels_of(row)[None]
        references = self._references(fill, [row])
        start = time.perf_counter()
        with Evaluation(self._model.module):
            intact, pruned = compare(self._model, pixels, chosen, fill, references, slice(0, 1))
            require_finite(self._model, pixels, bool(intact.finite.all()))
            if not pruned.finite.all():
                raise NotFinite(f"cannot prune on this image: {PRUNED_NOT_FINITE}", "Use float32, or other heads.")
            checked = check_mask(self._model, pixels, chosen, fill, references, slice(0, 1))
        self._saw(time.perf_counter() - start, passes=4)
        found = effects(intact, pruned, torch.tensor([-1]))
        before, after = (
            None if state.probabilities is None else state.probabilities[0].numpy() for state in (intact, pruned)
        )
        return OneImage(before, after, float(found["jsd"]), float(found["out_cos"]), checked)

    def scope(self, rows: Sequence[int], heads: Heads, fill: Fill) -> Iterator[SomeImages]:
        """Answers with heads pruned, in steps of a few images.

        Raises
        ------
        InvalidArgument: heads or a fill that do not fit.
        """
        chosen = require_heads(self._model, heads, fill)
        targets: list[int] = self._run.images["target"].tolist()
        size = self._step_size(passes=2)
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        for _, batch in ahead(parts, self._source.batch):
            problems = {row: str(fact.problem) for row, fact in batch.facts.items() if fact.problem is not None}
            if not batch.rows:
                nothing = np.empty(0)
                yield SomeImages((), np.empty(0, np.int64), nothing, nothing, nothing, problems)
                continue
            intact, pruned = self._compared(batch, chosen, fill)
            finite = (intact.finite & pruned.finite).numpy()
            problems |= {
                row: PRUNED_NOT_FINITE if known else NOT_FINITE
                for row, known, fine in zip(batch.rows, intact.finite.tolist(), finite, strict=True)
                if not fine
            }
            found = effects(intact, pruned, torch.tensor([targets[row] for row in batch.rows]))
            values = {name: found[name].numpy()[finite] for name in ("prob_drop", "jsd", "out_cos")}
            there = tuple(row for row, fine in zip(batch.rows, finite, strict=True) if fine)
            yield SomeImages(there, pruned.prediction.numpy()[finite], **values, problems=problems)

    def curve(
        self,
        rows: Sequence[int],
        orders: Mapping[str, Order],
        sizes: Sequence[int],
        *,
        random: int,
        seed: int,
        search: Sequence[int] = (),
        length: int = 0,
    ) -> Iterator[CurveStep]:
        """Prune ever more heads in some orders, given ones first, then random ones; fill zero, whole heads.

        Parameters
        ----------
        search: images on which an order of `length` heads is searched first; it is called `greedy`.

        Raises
        ------
        InvalidArgument: orders, sizes or numbers that do not fit.
        BadInput: none of the images can be measured.
        """
        self.check_curve(orders, sizes)
        lines = {name: tuple((int(layer), int(head)) for layer, head in order) for name, order in orders.items()}
        if search:
            _, looked_at = yield from self._read(search)
            batch = self._step_size(passes=1)
            for found, share in greedy_steps(self._model, looked_at, length, batch=batch):
                lines[GREEDY] = tuple(found)
                yield CurveStep("searching", share)
        there, pixels = yield from self._read(rows)
        drawn = random_orders(self._model.n_heads, random, seed)
        named = [*lines.items(), *((f"random {i}", tuple(order)) for i, order in enumerate(drawn))]
        yield CurveStep("pruning", 0.0, rows=there, lines=tuple(named))
        yield from self._prune_sets(pixels, [order for _, order in named], len(lines), sizes)

    def _prune_sets(
        self, pixels: Float[Tensor, "image color row col"], orders: Sequence[Order], given: int, sizes: Sequence[int]
    ) -> Iterator[CurveStep]:
        places = places_of_sets(orders, sizes)
        first = [heads for heads, at in places.items() if heads and min(at)[0] < given]
        then = [heads for heads, at in places.items() if heads and min(at)[0] >= given]
        batch = self._step_size(passes=1)
        total = -(-len(pixels) // batch) * (1 + len(first) + len(then))
        intact: list[Answer] = []
        done = 0
        for sets in (first, then):
            for answers in answers_of_sets(self._model, pixels, sets, batch=batch, intact=intact):
                done += 1
                yield CurveStep(
                    "pruning",
                    done / total,
                    places=tuple(places.get(answers.heads, ())),
                    images=answers.images,
                    prediction=answers.prediction,
                    moved=answers.moved,
                    intact=not answers.heads,
                )

    def _read(
        self, rows: Sequence[int]
    ) -> Generator[CurveStep, None, tuple[tuple[int, ...], Float[Tensor, "image color row col"]]]:
        """In steps; returns the rows that can be read and are finite, and their pixels."""
        if len(rows) > MOST_HELD:
            raise InvalidArgument(
                f"cannot draw a curve over {len(rows)} images: expected at most {MOST_HELD}", "Use a sample of them."
            )
        there: list[int] = []
        pixels: list[Tensor] = []
        for start in range(0, len(rows), _LARGEST_STEP // 4):
            batch = finite_only(self._model, self._source.batch(rows[start : start + _LARGEST_STEP // 4]))
            there += batch.rows
            pixels.append(batch.pixels)
            yield CurveStep("reading", min(1.0, (start + _LARGEST_STEP // 4) / len(rows)))
        if not there:
            raise BadInput(f"cannot draw a curve: none of the {len(rows)} images can be measured", "Check the files.")
        return tuple(there), torch.cat(pixels)

    def _compared(self, batch: Batch, heads: Heads, fill: Fill) -> tuple[Answer, Answer]:
        kept = [self._intact[row] for row in batch.rows if row in self._intact]
        known = joined(kept) if len(kept) == len(batch.rows) else None
        references = self._references(fill, batch.rows)
        start = time.perf_counter()
        with Evaluation(self._model.module):
            intact, pruned = compare(
                self._model, batch.pixels, heads, fill, references, slice(0, len(batch.rows)), known
            )
        self._saw(time.perf_counter() - start, passes=len(batch.rows) * (2 if known is None else 1))
        if known is None:
            self._keep(batch.rows, intact)
        return intact, pruned

    def _keep(self, rows: Sequence[int], intact: Answer) -> None:
        for i, row in enumerate(rows):
            one = intact.of([i])  # a list copies: the whole batch is not held
            size = sum(part.nbytes for part in (one.features, one.logits) if part is not None)
            if row not in self._intact and self._intact_bytes + size <= _KEPT_BYTES:
                self._intact[row] = one
                self._intact_bytes += size

    def _references(self, fill: Fill, rows: Sequence[int]) -> References | None:
        if fill == "mean":
            if self._mean is None:
                self._mean = mean_of_run(self._run.manifest, self._source, self._model)
            return self._mean
        if fill == "resample":  # a dropped image has no place in the run's derangement: it takes another's pair
            n_images = self._run.manifest.n_images
            others = [self._source.pairs_of(row % n_images) for row in rows]
            return PairedReferences(finite_pairs(self._model, torch.stack([next(found) for found in others]), others))
        return None

    def _saw(self, seconds: float, *, passes: int) -> None:
        """Follow the pace of the machine, which has other things to do as well."""
        self._seconds = 0.8 * self.seconds_per_image + 0.2 * seconds / passes

    def _step_size(self, passes: int) -> int:
        return max(1, min(_LARGEST_STEP, int(_STEP_SECONDS / (passes * self.seconds_per_image))))
