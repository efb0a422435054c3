"""`vitscope prune`: remove heads from a model permanently, and print the effect on accuracy, size and speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from vitscope.commands import terminal
from vitscope.commands.analysis import load

if TYPE_CHECKING:
    from pathlib import Path

    from vitscope.commands.choosing import ModelChoice
    from vitscope.pipeline.studies.removing import Removal

SHOWN = 12
"""Heads that are listed by name."""


def prune(
    choice: ModelChoice,
    heads: str,
    folder: Path,
    images: str | None,
    *,
    labels: Path | None,
    classes: str | None,
    picture_range: str | None,
    pairs: bool,
    as_json: bool,
) -> int:
    """Save a smaller model; returns the exit code."""
    from vitscope.pipeline.studies.removing import parse_heads, remove

    wanted = parse_heads(heads)
    model = load(choice)
    with terminal.progress_bar("Before and after", "images") as show:
        found = remove(
            model,
            wanted,
            folder,
            images=images,
            labels=labels,
            classes=classes,
            picture_range=picture_range,
            pairs=pairs,
            progress=show,
        )
    if as_json:
        terminal.print_json(found.as_dict())
    else:
        _print(found)
    return 0


def _print(found: Removal) -> None:
    out = terminal.console()
    names = ", ".join(map(str, found.heads[:SHOWN])) + (" ..." if len(found.heads) > SHOWN else "")
    share = 1 - found.parameters_after / found.parameters_before
    speed, accuracy = found.speed, found.accuracy
    lines = {
        "model": f"{found.model} without {len(found.heads)} of its {found.n_heads} heads: {names}",
        "parameters": f"{found.parameters_before:,} to {found.parameters_after:,} ({share:.1%} fewer)",
        "output": f"that of the masked model to {found.agreement:.1g} of its largest value",
        "speed": f"{speed.before:.1f} to {speed.after:.1f} images/s, {speed.ratio:.2f} times (95 % interval "
        f"{speed.low:.2f} to {speed.high:.2f}, {speed.rounds} alternating passes of each; batch {speed.batch}, "
        f"{speed.device}, {speed.threads} threads)",
    }
    if accuracy is not None:
        lines["accuracy"] = (
            f"{accuracy.before:.1%} to {accuracy.after:.1%} of {accuracy.n} labelled images, change "
            f"{accuracy.after - accuracy.before:+.1%} (95 % interval {accuracy.low:+.1%} to {accuracy.high:+.1%}); "
            f"{accuracy.lost} lost, {accuracy.won} won, McNemar p = {accuracy.p:.2g}"
        )
    else:
        lines["accuracy"] = "not measured: give labelled images, `vitscope prune MODEL IMAGES ...`"
    if found.pairs is not None:
        lines["backups"] = found.pairs.text
    if found.note:
        lines["labels"] = found.note
    if found.unreadable:
        lines["skipped"] = f"{found.unreadable} images that cannot be read or are not finite"
    for name, text in lines.items():
        out.print(f"[bold]{name:<11}[/]{escape(text)}")
    out.print(
        f"\nSaved in {escape(found.saved)}. Without vitscope: `from load import load; model = load()` in that folder.\n"
        f"With it:\n  vitscope analyze {escape(found.saved)} IMAGES --out RUN"
    )
