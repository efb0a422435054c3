"""The Lab's jobs: a question over many images becomes steps, what they found so far, and a run that is kept in the end.

Knows nothing about: HTTP, models, how steps are run. What prunes comes in as `Lab`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from vitscope._version import __version__
from vitscope.analysis import Run
from vitscope.analysis.lab import CurveCount, ScopeCount
from vitscope.answers.live import Heads, Lab
from vitscope.answers.rows.run import default_metric
from vitscope.errors import BadInput, InvalidArgument
from vitscope.results import CurveStep, SomeImages
from vitscope.server.lab import describe as describe_lab
from vitscope.server.lab.wire import CurveQuestion, CurveResult, LabRun, PrunedHead, ScopeQuestion
from vitscope.store.lab import lab_id
from vitscope.tokens import HeadRef

Step = TypeVar("Step")
_SAMPLE: Final = 11
"""Keeps the draw of a curve's images apart from other draws with the same seed."""
_LONGEST_NAME: Final = 80
_NAMED: Final = 3
"""Heads of a set that its name lists."""


class Task(Protocol[Step]):
    """A job as its runner sees it."""

    def steps(self) -> Iterator[Step]:
        """The work."""
        ...

    def take(self, step: Step) -> tuple[str, float]:
        """Count a step: its stage, and the share of it that is done."""
        ...

    def found(self) -> dict[str, Any]:
        """What a message says of the results so far."""
        ...

    def kept(self, seconds: float) -> LabRun:
        """The run to keep, once all steps are taken."""
        ...


class ScopeTask:
    """Prune a set of heads on many images."""

    def __init__(self, run: Run, lab: Lab, question: ScopeQuestion) -> None:
        """Raises InvalidArgument where the question fits neither the model nor the run."""
        self._run, self._lab, self._question = run, lab, question
        self._heads = prune_set(question.heads)
        lab.check(self._heads, question.fill)
        self._rows = analysed(run, question.rows)
        self._count = ScopeCount(run, self._heads, question.fill)

    def steps(self) -> Iterator[SomeImages]:
        """A few images each."""
        return self._lab.scope(self._rows, self._heads, self._question.fill)

    def take(self, step: SomeImages) -> tuple[str, float]:
        """Count their answers."""
        values = {"jsd": step.jsd, "out_cos": step.out_cos, "prob_drop": step.prob_drop}
        self._count.add(step.rows, step.prediction.tolist(), values, skipped=len(step.problems))
        return "pruning", self._count.seen / len(self._rows)

    def found(self) -> dict[str, Any]:
        """Accuracy, flips, means."""
        return {"result": describe_lab.scope_result(self._count.counted(), len(self._rows))}

    def kept(self, seconds: float) -> LabRun:
        """With the images asked for. Raises BadInput where none could be read."""
        question, result = self._question, describe_lab.scope_result(self._count.counted(), len(self._rows))
        if not result.n:
            raise BadInput(
                f"cannot prune on these {result.total} images: none of them can be measured", "Check the files."
            )
        asked = {
            "heads": sorted([layer, head, mode] for (layer, head), mode in self._heads.items()),
            "fill": question.fill,
        }
        return _lab_run(
            self._run,
            question,
            asked,
            kind="scope",
            name=question.name or name_of(self._heads),
            seconds=seconds,
            heads=question.heads,
            fill=question.fill,
            n=result.n,
            change=None if result.accuracy is None else result.accuracy.after - result.accuracy.before,
            result=result,
        )


class CurveTask:
    """Prune ever more heads, along orders."""

    def __init__(self, run: Run, lab: Lab, question: CurveQuestion) -> None:
        """Raises InvalidArgument where the question fits neither the model nor the run."""
        self._run, self._lab, self._question = run, lab, question
        self._orders = {order.name: [(place.layer, place.head) for place in order.heads] for order in question.orders}
        if len(self._orders) < len(question.orders):
            raise InvalidArgument("cannot draw these curves: two orders have the same name", "Name them differently.")
        if not (question.orders or question.greedy or question.random):
            raise InvalidArgument("cannot draw a curve of no order", "Give an order, a search, or random ones.")
        n_heads = sum(run.manifest.model.n_heads)
        if question.greedy > n_heads:
            raise InvalidArgument(f"cannot search an order of {question.greedy} heads: this model has {n_heads}")
        self._sizes = sorted({0, *question.sizes})
        lab.check_curve(self._orders, self._sizes)
        self._rows, self._search = _drawn(analysed(run, question.rows), question)
        self._labels: list[int] = []
        self._count: CurveCount | None = None

    def steps(self) -> Iterator[CurveStep]:
        """Reading, searching, pruning."""
        question = self._question
        return self._lab.curve(
            self._rows,
            self._orders,
            self._sizes,
            random=question.random,
            seed=question.seed,
            search=self._search,
            length=question.greedy,
        )

    def take(self, step: CurveStep) -> tuple[str, float]:
        """Count the answers of a set of heads."""
        if step.lines:
            label_of = self._run.images["label"].tolist()
            self._labels = [label_of[row] for row in step.rows]
            self._count = CurveCount(self._labels, step.lines, self._sizes, len(step.lines) - self._question.random)
        if self._count is not None and (step.places or step.intact):
            self._count.add(step.places, step.images, step.prediction, step.moved, intact=step.intact)
        return step.stage, step.share

    def found(self) -> dict[str, Any]:
        """The curves."""
        return {} if self._count is None else {"curve": self._curve(self._count)}

    def kept(self, seconds: float) -> LabRun:
        """With the orders, also the one that was searched."""
        assert self._count is not None  # noqa: S101 - a curve that ended has counted
        question, curve = self._question, self._curve(self._count)
        left_out = {"rows", "scope", "name"}
        return _lab_run(
            self._run,
            question,
            question.model_dump(exclude=left_out, by_alias=True),
            kind="curve",
            name=question.name or _curve_name([line.name for line in curve.lines]),
            seconds=seconds,
            n=curve.n,
            seed=question.seed,
            curve=curve,
        )

    def _curve(self, count: CurveCount) -> CurveResult:
        return describe_lab.curve_result(
            count,
            self._labels,
            self._sizes,
            classifier=self._run.manifest.model.n_classes is not None,
            moved_by=default_metric(self._run.manifest),
            searched=len(self._search),
            held_out=bool(self._search) and not set(self._search) & set(self._rows),
        )


def prune_set(heads: Sequence[PrunedHead]) -> dict[tuple[int, int], str]:
    """{(layer, head): mode}. Raises InvalidArgument where a head comes twice."""
    found = {(head.layer, head.head): head.mode for head in heads}
    if len(found) < len(heads):
        raise InvalidArgument(f"cannot prune {len(heads)} heads of which only {len(found)} are different")
    return found


def analysed(run: Run, rows: Sequence[int] | None) -> list[int]:
    """Those of some rows (None: of all) that the run has answered, in the order given, each once.

    Raises
    ------
    InvalidArgument: a row is not of the run, or none of them is answered.
    """
    n_images = run.manifest.n_images
    outside = [row for row in rows or () if row >= n_images]
    if outside:
        raise InvalidArgument(f"cannot prune on image {outside[0]}: the run has {n_images}, counted from 0")
    images = run.images
    there = (images["done"] & images["problem"].isna()).to_numpy(dtype=bool)
    found = [row for row in dict.fromkeys(range(n_images) if rows is None else rows) if there[row]]
    if not found:
        raise InvalidArgument(
            "cannot prune on these images: none of them is analysed", "Choose others, or wait until the run has them."
        )
    return found


def name_of(heads: Heads) -> str:
    """`L2·H0, L4·H1 cp+pc`, or how many where they are many."""
    names = [str(HeadRef(*head)) + ("" if mode == "head" else f" {mode}") for head, mode in sorted(heads.items())]
    return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} heads"


def _curve_name(lines: Sequence[str]) -> str:
    name = "curve: " + (", ".join(lines) or "random orders")
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _drawn(rows: Sequence[int], question: CurveQuestion) -> tuple[list[int], list[int]]:
    """Images of the curves, and those of the search: others, where there are enough."""
    order = [rows[i] for i in np.random.default_rng([question.seed, _SAMPLE]).permutation(len(rows))]
    curve, others = order[: question.images], order[question.images :]
    if not question.greedy:
        return sorted(curve), []
    wanted = question.search_images
    return sorted(curve), sorted(others[:wanted] if len(others) >= wanted else order[-wanted:])


def _lab_run(
    run: Run,
    question: ScopeQuestion | CurveQuestion,
    asked: Mapping[str, Any],
    **fields: Any,  # noqa: ANN401
) -> LabRun:
    kind = fields["kind"]
    whole = {"run": run.manifest.run_id, "kind": kind, "rows": question.rows, **asked}
    defaults: dict[str, Any] = {
        "heads": [],
        "fill": "zero",
        "change": None,
        "seed": None,
        "result": None,
        "curve": None,
    }
    return LabRun(
        id=lab_id(whole),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        vitscope=__version__,
        scope=question.scope,
        run_id=run.manifest.run_id,
        rows=question.rows,
        **(defaults | fields),
    )
