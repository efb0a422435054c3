"""`vitscope resolution`: the same images at several input sizes, as a table, a file, or a part of a run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from vitscope.commands import terminal
from vitscope.commands.analysis import load
from vitscope.errors import InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path

    from vitscope.commands.choosing import ModelChoice
    from vitscope.store.resolution import Resolution


def resolution(
    choice: ModelChoice,
    images: str,
    sizes: str,
    *,
    out: Path | None,
    run: Path | None,
    limit: int | None,
    seed: int,
    labels: Path | None,
    classes: str | None,
    picture_range: str | tuple[float, float] | None,
    as_json: bool,
) -> int:
    """Compare sizes and print the tables; returns the exit code."""
    from vitscope.pipeline.studies.sizing import check_sizes, parse_sizes

    asked = parse_sizes(sizes)
    if out is not None and out.suffix not in (".json", ".npz"):
        raise InvalidArgument(
            f"cannot write to {out.name}: expected a name that ends in .json or .npz",
            ".json: the numbers by size; .npz: all arrays, by image and head.",
        )
    model = load(choice)
    from vitscope.analysis import sizes as report
    from vitscope.pipeline.studies.across_sizes import resolution
    from vitscope.pipeline.studies.resolution_run import as_stored, check_run, keep

    wanted = check_sizes(model, asked)
    if run is not None:
        options = check_run(run, model).manifest.options  # before minutes are spent
        picture_range = picture_range or options.picture_range
    with terminal.progress_bar("Comparing sizes", "images") as show:
        found = resolution(
            model,
            images,
            wanted,
            labels,
            classes=classes,
            picture_range=picture_range,
            limit=limit,
            seed=seed,
            progress=show,
        )
    kept = as_stored(found) if run is None else keep(run, found, model)
    left_out = {name: found.attrs[name] for name in ("unreadable", "not_finite")} | {
        "note": found.attrs["note"] or None
    }
    if as_json:
        terminal.print_json(report.as_dict(kept) | left_out)
    else:
        sys.stdout.write(report.as_text(kept))
        if found.attrs["note"]:
            terminal.console().print(f"\nNote: {escape(found.attrs['note'])}")
        if left_out["unreadable"]:
            terminal.console().print(f"{left_out['unreadable']} images were left out: they cannot be read.")
        terminal.print_left_out(terminal.console(), found.attrs["not_finite"])
    if out is not None:
        write(kept, out, left_out)
    if run is not None and not as_json:
        terminal.console().print(f"\nKept in {escape(str(run))}: `vitscope serve` shows it in Heads.")
    return 0


def write(found: Resolution, out: Path, left_out: dict[str, Any]) -> None:
    """The numbers by size and what was left out as JSON, or all arrays; by the ending of the name."""
    import numpy as np

    from vitscope.analysis import sizes as report
    from vitscope.store.files.durable import storage_errors, write_atomically, write_json

    with storage_errors(out.parent):
        if out.suffix == ".json":
            write_json(out, report.as_dict(found) | left_out, indent=1)
            return

        def save(beside: Path) -> None:
            with beside.open("wb") as file:
                places = np.array([(size.height, size.width) for size in found.sizes])
                labels, paths = np.array(found.labels), np.array(found.paths)
                np.savez_compressed(file, size=places, path=paths, label=labels, **dict[str, Any](found.arrays))

        write_atomically(out, save)
