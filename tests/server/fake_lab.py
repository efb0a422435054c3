"""A stand-in for the Lab of a loaded model: seeded answers, checks as the real one's, no tensors."""

import threading

import numpy as np

from vitscope.analysis import Run
from vitscope.errors import InvalidArgument
from vitscope.results import CurveStep, MaskCheck, OneImage, SomeImages
from vitscope.tokens import FILLS, canonical_mode

MASK_CHECK = MaskCheck(masked=0.0, rest=1e-9, output=3e-7, first=1, unchanged=1)


class FakeLab:
    """Remembers what was asked; a step has `size` images and waits at the `gate`, where there is one."""

    seconds_per_image = 0.025

    def __init__(self, run: Run) -> None:
        self.run = run
        self.gate: threading.Semaphore | None = None
        self.size = 3
        self.steps = 0
        self.closed = threading.Event()
        self.failure: Exception | None = None

    def _wait(self):
        if self.gate is not None:
            assert self.gate.acquire(timeout=30), "nobody let the step through"

    def check(self, heads, fill, /):
        if not heads:
            raise InvalidArgument("expected at least one head")
        for (layer, head), mode in heads.items():
            model = self.run.manifest.model
            if layer >= model.n_layers or head >= model.n_heads[layer]:
                raise InvalidArgument(f"no head {head} of layer {layer}")
            canonical_mode(mode, self.run.tokens)
        if fill not in FILLS:
            raise InvalidArgument(f"no fill {fill}")

    def check_curve(self, orders, sizes, /):
        for order in orders.values():
            self.check(dict.fromkeys(order, "head"), "zero")
        if max(sizes) > sum(self.run.manifest.model.n_heads):
            raise InvalidArgument("too many")

    def image(self, row, heads, fill, /):
        n_classes = self.run.manifest.model.n_classes
        random = np.random.default_rng([row, len(heads)])
        before, after = (random.dirichlet(np.ones(n_classes)) if n_classes else None for _ in range(2))
        return OneImage(before=before, after=after, jsd=0.25, out_cos=0.125, mask_check=MASK_CHECK)

    def predictions(self, rows):
        """Top classes with anything pruned: every second image changes its answer."""
        before = self.run.images["prediction"].to_numpy()[list(rows)]
        return np.where(np.array(rows) % 2, before, (before + 1) % 5) if (before >= 0).all() else before

    def scope(self, rows, heads, fill, /):
        try:
            for start in range(0, len(rows), self.size):
                self._wait()
                if self.failure is not None:
                    raise self.failure
                part = tuple(rows[start : start + self.size])
                self.steps += 1
                values = {name: np.full(len(part), value) for name, value in (("jsd", 0.5), ("out_cos", 0.25))}
                drop = np.full(len(part), 0.125)
                yield SomeImages(rows=part, prediction=self.predictions(part), prob_drop=drop, problems={}, **values)
        finally:
            self.closed.set()

    def curve(self, rows, orders, sizes, *, random, seed, search, length):
        def step(stage, share, **more):
            nothing = {"rows": (), "lines": (), "places": (), "images": slice(0, 0), "intact": False}
            empty = {"prediction": np.empty(0, np.int64), "moved": np.empty(0)}
            return CurveStep(stage=stage, share=share, **(nothing | empty | more))

        lines = [(name, tuple(order)) for name, order in orders.items()]
        if search:
            yield step("searching", 0.5)
            lines.append(("greedy", tuple((0, head) for head in range(length))))
        every = [(layer, head) for layer, n in enumerate(self.run.manifest.model.n_heads) for head in range(n)]
        lines += [(f"random {i}", tuple(every)) for i in range(random)]
        yield step("reading", 1.0)
        yield step("pruning", 0.0, rows=tuple(rows), lines=tuple(lines))
        before = self.run.images["prediction"].to_numpy()[list(rows)]
        images = slice(0, len(rows))
        for j, size in enumerate(sizes):
            self._wait()
            self.steps += 1
            after = before if size == 0 else self.predictions(rows)
            at = tuple((i, j) for i, (_, order) in enumerate(lines) if size <= len(order))
            yield step(
                "pruning", (j + 1) / len(sizes), places=at, images=images, prediction=after,
                moved=np.full(len(rows), size / 10), intact=size == 0,
            )  # fmt: skip
