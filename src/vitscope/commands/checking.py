"""`vitscope check`: read everything that a run keeps and report damage."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from vitscope.commands import terminal

if TYPE_CHECKING:
    from pathlib import Path

    from vitscope.store.checking import Checked

DAMAGED: Final = 2
"""Exit code where something is damaged."""


def check(path: Path, *, as_json: bool) -> int:
    """Check a run; returns the exit code."""
    from vitscope.analysis import open_run
    from vitscope.store.checking import check as look

    with terminal.busy(f"Checking {path}"):
        found = look(open_run(path))
    if as_json:
        terminal.print_json(_as_dict(path, found))
    else:
        _print(path, found)
    return DAMAGED if found.damages else 0


def _as_dict(path: Path, found: Checked) -> dict[str, Any]:
    return {
        "run": str(path),
        "units": found.units,
        "damages": [
            {"where": each.where, "what": each.what, "remedy": each.remedy, "unit": each.unit and each.unit.name}
            for each in found.damages
        ],
        "uncovered": list(found.uncovered),
    }


def _print(path: Path, found: Checked) -> None:
    out = terminal.console()
    for each in found.damages:
        out.print(f"{each.where}: {each.what}; {each.remedy}", markup=False)
    if found.uncovered:
        names = ", ".join(found.uncovered)
        out.print(f"In this run's format no checksum covers: {names}. Damage there may go unnoticed.", markup=False)
    if not found.damages:
        out.print(f"{path}: {found.units} units of work, all as they were written", markup=False)
        return
    units = sorted({each.unit.name for each in found.damages if each.unit is not None})
    computed = f" {len(units)} units are computed again: {', '.join(units)}." if units else ""
    again = f"vitscope analyze MODEL IMAGES --out {shlex.quote(str(path))} --resume"
    out.print(f"{len(found.damages)} damages.{computed} Repair with the command of the run: {again}", markup=False)
