"""Classes that are exceptions: another head matters most for them, or a head matters far more or less for them.

Many classes and heads are compared at once, so every p is that of the largest difference anywhere when the labels are
shuffled (`permutation`); classes with few images are not judged. Knows nothing about: models, torch, how the answer is
printed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from vitscope.analysis.findings import Ranking
from vitscope.analysis.run import Run
from vitscope.analysis.statistics.intervals import ANY, mean_interval
from vitscope.analysis.statistics.permutation import Evidence, evidence
from vitscope.quantities.form import plural
from vitscope.tokens import HeadRef

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
    """Of the class's difference between the two heads, against other images, corrected for all comparisons."""


@dataclass(frozen=True)
class Shift:
    """A head that matters far more, or far less, for one class than for the rest."""

    name: str
    n: int
    head: HeadRef
    mean: float
    rest: float
    p: float
    """Class against other images, corrected for all comparisons."""


@dataclass(frozen=True)
class ClassReport:
    """The exceptions, and what was compared to find them."""

    source: str
    """"label" or "prediction": what a class is."""
    judged: int
    present: int
    comparisons: int
    permutations: int
    """Shuffles of the labels made: fewer than planned where it was soon clear that nothing stands out."""
    other_tops: tuple[OtherTop, ...]
    unclear_tops: int
    """Classes whose top head differs too, but not beyond chance."""
    shifts: tuple[Shift, ...]
    reason: str | None
    """Why there is nothing to compare, else None."""


@dataclass(frozen=True)
class Judged:
    """The classes with enough images: values [image, head] of the images that have all heads, and who is in which."""

    values: Float[np.ndarray, "image head"]
    heads: tuple[HeadRef, ...]
    usual: int
    """Place of the run's top head among `heads`."""
    names: tuple[str, ...]
    members: tuple[Bool[np.ndarray, " image"], ...]


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
    finite = np.isfinite(ranking.values)
    known = np.flatnonzero(finite.any(axis=0))
    rows = finite[:, known].all(axis=1)
    values, classes = ranking.values[rows][:, known].astype(np.float64), classes[rows]
    present, counts = np.unique(classes[classes >= 0], return_counts=True)
    chosen = [int(c) for c, n in zip(present, counts, strict=True) if n >= MIN_IMAGES]
    reason = _reason(present, counts, chosen, source)
    if ranking.flat:
        reason = f"{ranking.metric} of all heads is the same"
    if reason:
        return ClassReport(source, 0, len(present), 0, 0, (), 0, (), reason)
    heads = tuple(ranking.heads[column] for column in known)
    members = tuple(classes == index for index in chosen)
    judged = Judged(values, heads, heads.index(ranking.top), tuple(names.get(i, str(i)) for i in chosen), members)
    # One family: each head in each class, and each head's lead over the run's top head in each class.
    leads = np.delete(values - values[:, [judged.usual]], judged.usual, axis=1)
    found = evidence(np.concatenate([values, leads], axis=1), members, threshold=THRESHOLD)
    tops, unclear = _other_tops(judged, found)
    return ClassReport(
        source=source,
        judged=len(chosen),
        present=len(present),
        comparisons=found.p.size,
        permutations=found.permutations,
        other_tops=tops,
        unclear_tops=unclear,
        shifts=_shifts(judged, found, abs(float(ranking.summary.mean[ranking.order[0]]))),
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


def _other_tops(judged: Judged, found: Evidence) -> tuple[tuple[OtherTop, ...], int]:
    """Classes with another top head, the clearest first; and how many more have one, but not beyond chance.

    It must lead by more than it does elsewhere, and lead in the class itself: the interval of its lead lies above 0.
    """
    usual, tops, unclear = judged.usual, [], 0
    for place, (name, inside) in enumerate(zip(judged.names, judged.members, strict=True)):
        rows = judged.values[inside]
        means = rows.mean(axis=0)
        best = int(means.argmax())
        if best == usual or not means[best] > means[usual]:
            continue
        column = len(judged.heads) + best - (best > usual)
        p, up = float(found.p[place, column]), found.z[place, column] > 0
        lead = mean_interval((rows[:, best] - rows[:, usual])[:, None], ANY)
        if p < THRESHOLD and up and lead.low[0] > 0:
            head, mean, usual_mean = judged.heads[best], float(means[best]), float(means[usual])
            tops.append(OtherTop(name, len(rows), head, mean, judged.heads[usual], usual_mean, p))
        else:
            unclear += 1
    return tuple(sorted(tops, key=lambda top: top.p)), unclear


def _shifts(judged: Judged, found: Evidence, top_mean: float) -> tuple[Shift, ...]:
    """Heads that differ by much in a class, the largest difference first."""
    total, listed = judged.values.sum(axis=0), []
    for place, (name, inside) in enumerate(zip(judged.names, judged.members, strict=True)):
        n, sums = int(inside.sum()), judged.values[inside].sum(axis=0)
        rest = (total - sums) / max(len(inside) - n, 1)
        for column in np.flatnonzero(found.p[place, : len(judged.heads)] < THRESHOLD):
            mean, other, p = float(sums[column] / n), float(rest[column]), float(found.p[place, column])
            same_way = (mean > other) == bool(found.z[place, column] > 0)
            if same_way and abs(mean - other) >= SIZE * top_mean and _by_much(mean, other):
                listed.append(Shift(name, n, judged.heads[column], mean, other, p))
    return tuple(sorted(listed, key=lambda shift: -abs(shift.mean - shift.rest)))


def _by_much(mean: float, other: float) -> bool:
    """Whether two means differ by `FACTOR`, or in sign."""
    return mean * other <= 0 or not abs(other) / FACTOR < abs(mean) < abs(other) * FACTOR
