"""`vitscope judge`: a table of maps by criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from vitscope.commands import terminal
from vitscope.commands.analysis import load
from vitscope.quantities.form import estimate

if TYPE_CHECKING:
    from pathlib import Path

    from vitscope.commands.choosing import ModelChoice
    from vitscope.engine.explaining import Reading
    from vitscope.pipeline.studies.judging import Judgement

COLUMNS = {
    "deletion": "deletion area ↓",
    "insertion": "insertion area ↑",
    "pointing": "pointing hit ↑",
    "mass": "mass in box ↑",
}


def judge(
    choice: ModelChoice,
    images: str,
    boxes: Path | None,
    maps: str | None,
    *,
    legrad_layers: int,
    legrad_reading: Reading,
    steps: int,
    limit: int | None,
    seed: int,
    labels: Path | None,
    classes: str | None,
    picture_range: str | None,
    as_json: bool,
) -> int:
    """Judge maps and print the verdicts; returns the exit code."""
    model = load(choice)
    from vitscope.engine import MAPS
    from vitscope.pipeline.studies.judging import judge

    names = MAPS if maps is None else tuple(part.strip() for part in maps.split(",") if part.strip())
    with terminal.progress_bar("Judging maps", "images") as show:
        found = judge(
            model,
            images,
            boxes,
            labels=labels,
            classes=classes,
            picture_range=picture_range,
            maps=names,
            legrad_layers=legrad_layers,
            legrad_reading=legrad_reading,
            steps=steps,
            limit=limit,
            seed=seed,
            progress=show,
        )
    if as_json:
        terminal.print_json(found.as_dict())
    else:
        _print(found)
    return 0


def _print(found: Judgement) -> None:
    out = terminal.console()
    cells = {(verdict.map, verdict.measure): verdict for verdict in found.verdicts}
    measures = [name for name in COLUMNS if any(v.measure == name and v.n for v in found.verdicts)]
    names = list(dict.fromkeys(verdict.map for verdict in found.verdicts))
    width = max(len(name) for name in names) + 2
    out.print((" " * width + "".join(f"{COLUMNS[name]:<24}" for name in measures)).rstrip())
    for name in names:
        row = "".join(f"{estimate(v.mean, v.low, v.high):<24}" for v in (cells[name, m] for m in measures))
        out.print(escape(f"{name:<{width}}{row}").rstrip())
    n = max(verdict.n for verdict in found.verdicts)
    out.print(
        f"\n{escape(found.model)}, n = {n} images, {found.steps} steps; mean [95 % interval over images].\n"
        "Areas are of the target's probability: deletion paints patches in the mean colour, insertion unblurs them.\n"
        "centre and random do not depend on the image: a useful map beats both."
    )
    if "legrad" in names:
        out.print(f"legrad: {legrad_words(found)}.")
    if "pointing" not in measures:
        out.print("Pointing and mass need boxes: --boxes FILE.")
    if found.note:
        out.print(escape(f"Note: {found.note}"))
    if found.unreadable:
        out.print(f"{found.unreadable} images were left out: they cannot be read.")
    terminal.print_left_out(out, [f"{path}: {reason}" for path, reason in found.not_finite.items()])


def legrad_words(found: Judgement) -> str:
    """LeGrad's settings, in words."""
    layers, reading = found.legrad
    which = "all layers" if layers is None else "the last layer" if layers == 1 else f"the last {layers} layers"
    read = {"mean": "the mean of all tokens", "classifier": "the tokens that the classifier reads"}[reading]
    return f"{which}, each read from {read}"
