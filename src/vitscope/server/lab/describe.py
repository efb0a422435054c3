"""What the Lab found, in the words of the wire.

Knows nothing about: HTTP, models.
"""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from vitscope.analysis import Run
from vitscope.analysis.lab import Counted, CurveCount
from vitscope.analysis.statistics.paired import Paired
from vitscope.answers.rows.images import class_names
from vitscope.errors import RunError, VitscopeError
from vitscope.results import OneImage
from vitscope.server.lab.wire import (
    AccuracyChange,
    AloneInfo,
    ClassChange,
    CurveBand,
    CurveLine,
    CurveResult,
    HeadPlace,
    ImageWhatIf,
    LabEntry,
    LabRun,
    MaskReceipt,
    Percentiles,
    PrunedHead,
    ScopeResult,
)
from vitscope.store import Manifest
from vitscope.store.lab import LabRuns

TOP = 5
"""Classes that are shown of each state."""


def image_what_if(run: Run, image: int, found: OneImage, seconds: float, per_image: float) -> ImageWhatIf:
    """One image before and after; a dropped one has no label."""
    frame = run.images
    label = int(frame.at[image, "label"]) if image < run.manifest.n_images else -1
    before, after = found.before, found.after
    classes: list[ClassChange] = []
    if before is not None and after is not None:
        shown = {*_best(before), *_best(after), *([label] if 0 <= label < len(before) else [])}
        names = class_names(run, frame["label"].tolist(), sorted(shown), frame["class_name"].tolist())
        classes = [
            ClassChange(number=c, name=names[str(c)], before=float(before[c]), after=float(after[c]))
            for c in sorted(shown, key=lambda c: (-before[c], c))
        ]
    checked = found.mask_check
    return ImageWhatIf(
        image=image,
        classes=classes,
        label=label,
        prediction_before=-1 if before is None else int(before.argmax()),
        prediction_after=-1 if after is None else int(after.argmax()),
        jsd=known(found.jsd),
        out_cos=known(found.out_cos),
        receipt=MaskReceipt(
            masked=known(checked.masked),
            rest=known(checked.rest),
            output=checked.output,
            first=checked.first,
            unchanged=checked.unchanged,
        ),
        seconds=seconds,
        seconds_per_image=per_image,
    )


def scope_result(counted: Counted, total: int) -> ScopeResult:
    """The images so far."""
    alone = counted.alone
    return ScopeResult(
        n=counted.n,
        total=total,
        skipped=counted.skipped,
        accuracy=None if counted.accuracy is None else _accuracy(counted.accuracy),
        lost=list(counted.lost),
        won=list(counted.won),
        moved=list(counted.moved),
        jsd=known(counted.means["jsd"]),
        out_cos=known(counted.means["out_cos"]),
        alone=AloneInfo(together=known(alone.together), total=known(alone.total), n=alone.n, reason=alone.reason),
    )


def _accuracy(found: Paired) -> AccuracyChange:
    return AccuracyChange(n=found.n, before=found.before, after=found.after, low=found.low, high=found.high, p=found.p)


def curve_result(
    count: CurveCount,
    labels: Sequence[int],
    sizes: Sequence[int],
    *,
    classifier: bool,
    moved_by: str,
    searched: int,
    held_out: bool,
) -> CurveResult:
    """The curves so far."""
    band = count.band()
    return CurveResult(
        n=len(labels),
        labelled=sum(label >= 0 for label in labels) if classifier else 0,
        searched=searched,
        held_out=held_out,
        sizes=list(sizes),
        moved_by=moved_by,
        lines=[
            CurveLine(
                name=line.name,
                heads=places(line.heads),
                accuracy=[known(value) for value in line.accuracy],
                low=[known(value) for value in line.low],
                high=[known(value) for value in line.high],
                moved=[known(value) for value in line.moved],
                n=list(line.n),
            )
            for line in count.lines()
        ],
        band=CurveBand(
            draws=band.draws, n=list(band.n), accuracy=_percentiles(band.accuracy), moved=_percentiles(band.moved)
        ),
    )


def _percentiles(found: Mapping[str, Iterable[float]]) -> Percentiles:
    low, median, high = ([known(value) for value in found[name]] for name in ("low", "median", "high"))
    return Percentiles(low=low, median=median, high=high)


def places(heads: Iterable[tuple[int, int]]) -> list[HeadPlace]:
    """Heads as the wire has them."""
    return [HeadPlace(layer=layer, head=head) for layer, head in heads]


def pruned_heads(heads: Mapping[tuple[int, int], str]) -> list[PrunedHead]:
    """A prune set as the wire has it."""
    return [PrunedHead(layer=layer, head=head, mode=mode) for (layer, head), mode in heads.items()]


def kept_run(runs: LabRuns, lab: str) -> LabRun:
    """One that was kept.

    Raises
    ------
    NotAvailable: there is none of this id. RunError: it is damaged.
    """
    return parsed(lab, runs.read(lab))


def parsed(lab: str, document: Mapping[str, Any]) -> LabRun:
    """A document that was kept; RunError where it does not fit."""
    try:
        return LabRun.model_validate(document)
    except ValidationError as error:
        raise RunError(
            f"cannot read the Lab run {lab}: {error.error_count()} of its fields do not fit",
            "A newer vitscope may have written it; else delete it and ask again.",
        ) from error


def kept_entries(runs: LabRuns) -> tuple[list[LabEntry], list[str]]:
    """All that were kept, the latest first, and the ids of those that cannot be read."""
    entries, damaged = [], []
    for lab in runs.ids():
        try:
            entries.append(entry(kept_run(runs, lab)))
        except VitscopeError:
            damaged.append(lab)
    return entries, damaged


def entry(run: LabRun) -> LabEntry:
    """A run as the list shows it."""
    return LabEntry(**{name: getattr(run, name) for name in LabEntry.model_fields})


def prune_command(manifest: Manifest) -> str | None:
    """`vitscope prune MODEL IMAGES ...` as this run was made, without --heads and --save; None for a wrapped module."""
    model, source = manifest.model, manifest.source
    if not model.by_name:
        return None
    words = ["vitscope", "prune", model.id, *([] if source.kind == "dataset" else [source.images])]
    words += ["--labels", source.labels] if source.labels else []
    words += ["--weights", model.weights] if model.weights else []
    words += model.options.words()
    words += ["--multi-label"] if model.readout == "labels" and model.n_logits != 1 else []
    return shlex.join(words)


def known(value: float) -> float | None:
    """NaN is not JSON."""
    return None if math.isnan(value) else float(value)


def _best(probabilities: np.ndarray) -> list[int]:
    return [int(c) for c in np.argsort(-probabilities, kind="stable")[:TOP]]
