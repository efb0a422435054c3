"""How commands speak: messages, hints, progress bars on a terminal, silence in a pipe.

Knows nothing about: what is computed.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape

from vitscope.errors import VitscopeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vitscope.analysis import Run
    from vitscope.pipeline import Step

GROUP_NAMES: Final = {
    "head": "Whole heads",
    "featured": "Featured images",
    "partial": "Regions of heads",
    "matrices": "Mean and deviation",
    "patterns": "Patterns",
}
STAGE_NAMES: Final = {
    "train": "Learning patterns",
    "encode": "Patterns: codes",
    "cluster": "Patterns: clusters",
    "map": "Patterns: map",
    "name": "Patterns: names",
}
"""Stages of the fit of the patterns."""
LISTED: Final = 20
"""Images named one by one in a summary before it only counts."""


class _Plain(Console):
    """A console that never hands a terminal the control characters of names and paths."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as rich has it
        super().print(*(plain(each) if isinstance(each, str) else each for each in objects), **options)


def console() -> Console:
    """Where answers go."""
    return _Plain(soft_wrap=True, highlight=False, emoji=False)


def errors() -> Console:
    """Where progress and errors go, so that answers can be piped."""
    return _Plain(stderr=True, soft_wrap=True, highlight=False, emoji=False)


def plain(text: str) -> str:
    """The text with control characters (of names and paths) written out: a terminal would obey them."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def print_error(error: VitscopeError) -> None:
    """Message and hint of an error, without a traceback."""
    out = errors()
    out.print(f"[bold red]Error:[/] {escape(_sentence(error.message))}")
    if error.hint:
        out.print(f"[bold]Hint:[/]  {escape(_sentence(error.hint))}")


def print_json(value: Any) -> None:  # noqa: ANN401 - JSON is any of its types
    """One JSON document on the standard output."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")  # ASCII: any encoding of a pipe takes it


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Say what is running while it takes time; nothing where it is not a terminal."""
    out = errors()
    if not out.is_terminal:
        yield
        return
    with out.status(f"{what} ..."):
        yield


@contextmanager
def progress_bars() -> Iterator[Callable[[Step], None]]:
    """A function to be told every step of an analysis: bars with rate and time left; silent off a terminal."""
    out = errors()
    if not out.is_terminal:
        yield lambda step: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>13}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=out) as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: Step) -> None:
            name = GROUP_NAMES[step.group] if step.stage is None else STAGE_NAMES.get(step.stage, step.stage)
            if name not in tasks:
                tasks[name] = bars.add_task(escape(name), total=step.total, completed=step.done, rate="")
            task = tasks[name]
            bars.update(task, completed=step.done, total=step.total)
            speed = bars.tasks[bars.task_ids.index(task)].speed
            bars.update(task, rate=f"{speed:.1f} {'images' if step.stage is None else 'steps'}/s" if speed else "")

        yield show


@contextmanager
def progress_bar(what: str, items: str) -> Iterator[Callable[[int, int], None]]:
    """A function to be told (done, total): one bar with rate and time left; silent off a terminal."""
    out = errors()
    if not out.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>13}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=out) as bars:
        task = bars.add_task(escape(what), total=None, rate="")

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)
            speed = bars.tasks[0].speed
            bars.update(task, rate=f"{speed:.1f} {items}/s" if speed else "")

        yield show


def print_outcome(run: Run) -> None:
    """What an analysis did: images read, skipped, odd ones; the headline; where to look next."""
    from vitscope.store.users import aside
    from vitscope.text import headline

    out, images, source = console(), run.images, run.manifest.source
    skipped, odd = images[images["problem"].notna()], images[images["note"].notna()]
    out.print(f"Analysed {len(images) - len(skipped)} of {len(images)} images into {escape(str(run.path))}")
    if source.note:
        out.print(f"Note: {escape(source.note)}")
    if fits := _fitting(run):
        out.print(f"Note: {escape(fits)}")
    if source.ignored:
        names = ", ".join(source.ignored_names)
        out.print(f"Ignored {_count(source.ignored, 'file')} without an image's name, such as {escape(names)}")
    _print_rows(out, f"Skipped {_count(len(skipped), 'image')}:", skipped["path"].tolist(), skipped["problem"].tolist())
    _print_rows(out, f"Handled {_count(len(odd), 'odd image')}:", odd["path"].tolist(), odd["note"].tolist())
    if found := aside(run):
        out.print(f"Damaged and set aside, as nothing computes it anew: {escape(', '.join(found))}")
    answer = headline(run)
    if answer:
        out.print(f"\n{escape(answer)}")


def _fitting(run: Run) -> str | None:
    """Which order of the folders the model's answers fit, where folders had none."""
    from vitscope.pipeline.plan.class_folders import fitting_orders

    images, source = run.images, run.manifest.source
    if source.kind != "folder" or max(images["label"].tolist(), default=-1) >= 0:
        return None
    folders = [None if name != name else name for name in images["class_name"]]  # NaN: none
    found = fitting_orders(folders, images["prediction"].tolist(), run.manifest.model.n_classes)
    if found is None:
        return None
    told = ", ".join(f"{count} times as {order} orders them" for order, count in found.items())
    return f"of {len(images)} images, the model's answer is the folder {told}: the larger tells how it was trained"


def print_left_out(out: Console, lines: Sequence[str]) -> None:
    """Images that were read but not measured, each with its reason."""
    if lines:
        out.print(f"Left out {_count(len(lines), 'image')}:")
    for line in lines[:LISTED]:
        out.print(f"  {escape(line)}")
    if len(lines) > LISTED:
        out.print(f"  and {len(lines) - LISTED} more: --json names them all")


def print_next(run: Run) -> None:
    """Where to look next."""
    path = escape(_quoted(str(run.path)))
    console().print(
        "\nLook next:\n"
        f"  vitscope show {path}     which heads matter, and why, as text\n"
        f"  vitscope serve {path}    the same, linked to every image, in the browser"
    )


def outcome(run: Run) -> dict[str, Any]:
    """The outcome of an analysis for `--json`."""
    images, source = run.images, run.manifest.source
    skipped, odd = images[images["problem"].notna()], images[images["note"].notna()]
    return {
        "run": str(run.path),
        "state": run.manifest.state,
        "images": len(images),
        "skipped": [
            {"image": int(row), "path": path, "problem": problem}
            for row, path, problem in zip(skipped.index, skipped["path"], skipped["problem"], strict=True)
        ],
        "handled": [
            {"image": int(row), "path": path, "note": note}
            for row, path, note in zip(odd.index, odd["path"], odd["note"], strict=True)
        ],
        "ignored": source.ignored,
        "note": source.note,
        "modes": list(run.manifest.options.modes),
        "model": run.manifest.model.id,
    }


def _print_rows(out: Console, title: str, paths: Sequence[str], texts: Sequence[str]) -> None:
    if not paths:
        return
    out.print(title)
    for path, text in list(zip(paths, texts, strict=True))[:LISTED]:
        out.print(f"  {escape(path)}: {escape(text)}")
    if len(paths) > LISTED:
        out.print(f"  and {len(paths) - LISTED} more: see the run's image table")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)
