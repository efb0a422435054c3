"""Classes that are an exception: another head matters most for them, or a head matters far more or less for them.

Many classes are compared at once, so every p is corrected for all comparisons made (Holm), and classes with few images
are not judged. Knows nothing about: models, torch, how the answer is printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from vitscope.report import statistics
from vitscope.report.findings import Ranking
from vitscope.report.form import plural
from vitscope.store import Run
from vitscope.tokens import HeadRef

Group = tuple[str, Float[np.ndarray, "row head"]]
"""Name of a class, and the values of its images."""

MIN_IMAGES: Final = 10
THRESHOLD: Final = 0.05
FACTOR: Final = 2.0
"""A class mean is listed from this many times, or this fraction of, the other classes' mean ..."""
SIZE: Final = 0.1
"""... when the two differ by at least this share of the top head's overall mean."""


@dataclass(frozen=True)
class OtherTop:
    """A class whose most important head is not the run's."""

    name: str
    n: int
    head: HeadRef
    mean: float
    usual: HeadRef
    usual_mean: float
    p: float
    """Paired t-test of the two heads over the class's images, times the heads it was chosen from, Holm over classes."""


@dataclass(frozen=True)
class Shift:
    """A head that matters far more, or far less, for one class than for the rest."""

    name: str
    n: int
    head: HeadRef
    mean: float
    rest: float
    p: float
    """Welch's t-test, class against rest, Holm over all classes and heads."""


@dataclass(frozen=True)
class ClassReport:
    """The exceptions, and what was compared to find them."""

    source: str
    """"label" or "prediction": what a class is."""
    judged: int
    present: int
    comparisons: int
    other_tops: tuple[OtherTop, ...]
    unclear_tops: int
    """Classes whose top head differs too, but not beyond chance."""
    shifts: tuple[Shift, ...]
    reason: str | None
    """Why there is nothing to compare, else None."""


def class_exceptions(run: Run, ranking: Ranking) -> ClassReport:
    """Compare every class of at least `MIN_IMAGES` images with the whole set, by the ranking's metric."""
    images = run.images
    source = "label" if (images["label"].to_numpy() >= 0).any() else "prediction"
    return compare_classes(ranking, images[source].to_numpy(np.int64), class_names(run), source)


def class_names(run: Run) -> dict[int, str]:
    """Names by class index: the label file's where it gives them, else the model's, else nothing."""
    names = dict(enumerate(run.manifest.model.classes or ()))
    labelled = run.images.loc[run.images["label"] >= 0, ["label", "class_name"]].dropna().drop_duplicates("label")
    return names | {
        int(label): str(name) for label, name in zip(labelled["label"], labelled["class_name"], strict=True)
    }


def compare_classes(
    ranking: Ranking, classes: Int[np.ndarray, " image"], names: dict[int, str], source: str
) -> ClassReport:
    """`class_exceptions` on plain arrays; class -1 = unknown, counted among the rest of every class."""
    measured = np.isfinite(ranking.values).any(axis=1)
    present, counts = np.unique(classes[measured & (classes >= 0)], return_counts=True)
    judged = [int(c) for c, n in zip(present, counts, strict=True) if n >= MIN_IMAGES]
    reason = _reason(present, counts, judged, source)
    if reason:
        return ClassReport(source, 0, len(present), 0, (), 0, (), reason)
    groups = [
        (names.get(index, str(index)), ranking.values[measured & (classes == index)].astype(np.float64))
        for index in judged
    ]
    tops = _other_tops(ranking, groups)
    shifts, comparisons = _shifts(ranking, groups)
    clear = tuple(top for top in tops if top.p < THRESHOLD)
    return ClassReport(
        source=source,
        judged=len(judged),
        present=len(present),
        comparisons=comparisons,
        other_tops=clear,
        unclear_tops=len(tops) - len(clear),
        shifts=shifts,
        reason=None,
    )


def _reason(present: np.ndarray, counts: np.ndarray, judged: list[int], source: str) -> str | None:
    if len(present) == 0:
        return "no labels and no predictions"
    if len(present) == 1:
        return f"all images are of one class (by {source})"
    if not judged:
        largest = plural(int(counts.max()), "image")
        return f"{len(present)} classes, the largest has {largest}; a class is judged from {MIN_IMAGES} up"
    return None


def _other_tops(ranking: Ranking, groups: Sequence[Group]) -> list[OtherTop]:
    """Classes with another top head, corrected p, the clearest first."""
    usual = ranking.heads.index(ranking.top)
    found: dict[int, OtherTop] = {}
    p_values = np.ones(len(groups))  # every judged class was a comparison, also those that agree
    for place, (name, rows) in enumerate(groups):
        means = statistics.moments(rows).mean
        best = int(np.nanargmax(means))
        if best == usual or not means[best] > means[usual]:
            continue
        differences = rows[:, best] - rows[:, usual]
        chosen_from = len(ranking.order) - 1
        p_values[place] = min(1.0, statistics.paired_p(differences[np.isfinite(differences)]) * chosen_from)
        head, mean, usual_mean = ranking.heads[best], float(means[best]), float(means[usual])
        found[place] = OtherTop(name, len(rows), head, mean, ranking.top, usual_mean, p=float("nan"))
    corrected = statistics.holm(p_values)
    return sorted((replace(top, p=float(corrected[place])) for place, top in found.items()), key=lambda top: top.p)


def _shifts(ranking: Ranking, groups: Sequence[Group]) -> tuple[tuple[Shift, ...], int]:
    """Heads that differ by much in a class, the largest difference first; and the number of comparisons made."""
    everything = statistics.moments(ranking.values)
    inside = [statistics.moments(rows) for _, rows in groups]
    outside = [everything.without(part) for part in inside]
    p_values = np.stack([statistics.welch_p(part, rest) for part, rest in zip(inside, outside, strict=True)])
    corrected = statistics.holm(p_values)
    least = SIZE * abs(float(ranking.summary.mean[ranking.order[0]]))
    found = [
        Shift(
            name, len(rows), ranking.heads[column], float(part.mean[column]), float(rest.mean[column]), float(p[column])
        )
        for (name, rows), part, rest, p in zip(groups, inside, outside, corrected, strict=True)
        for column in np.flatnonzero(p < THRESHOLD)
    ]
    listed = [shift for shift in found if abs(shift.mean - shift.rest) >= least and _by_much(shift.mean, shift.rest)]
    return tuple(sorted(listed, key=lambda shift: -abs(shift.mean - shift.rest))), int(np.isfinite(p_values).sum())


def _by_much(mean: float, other: float) -> bool:
    """Whether two means differ by `FACTOR`, or in sign."""
    return mean * other <= 0 or not abs(other) / FACTOR < abs(mean) < abs(other) * FACTOR
