"""`vitscope analyze` and `vitscope doctor`: load a model and run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from vitscope.commands import terminal

if TYPE_CHECKING:
    from pathlib import Path

    from vitscope.commands.choosing import ModelChoice
    from vitscope.models import Model
    from vitscope.pipeline import Request
    from vitscope.pipeline.studies.doctor import Diagnosis

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it."""


def load(choice: ModelChoice) -> Model:
    """Load a model, with a message meanwhile, and say which part of a file of weights it is, and what was not used."""
    with terminal.busy(f"Loading {choice.spec}"):
        from vitscope.models import load_chosen

        model = load_chosen(
            choice.spec,
            choice.weights,
            choice.options,
            device=choice.device,
            dtype=choice.dtype,
            multi_label=choice.multi_label,
        )
    part = None if model.weights_part is None else f"{model.weights_part} of the file"
    if found := "; ".join(filter(None, (part, model.weights_note))):
        terminal.errors().print(f"Weights: {escape(found)}")
    return model


def analyze(
    choice: ModelChoice,
    images: str,
    out: Path,
    request: Request,
    *,
    resume: bool,
    as_json: bool,
) -> int:
    """Analyse images into a run folder; returns the exit code."""
    model = load(choice)
    from vitscope.pipeline import execute
    from vitscope.pipeline.plan.planning import plan

    with terminal.busy("Reading the list of images"):
        run = plan(model, images, out, request, resume=resume)
    try:
        with terminal.progress_bars() as show:
            execute(run, model, progress=show)
    except KeyboardInterrupt:
        done = run.progress()
        terminal.errors().print(
            f"\nInterrupted: {done.done_units} of {done.total_units} units of work are kept in {escape(str(out))}. "
            "Continue with the same command and --resume."
        )
        return INTERRUPTED
    if as_json:
        terminal.print_json(terminal.outcome(run))
    else:
        terminal.print_outcome(run)
        terminal.print_next(run)
    return 0


def doctor(
    choice: ModelChoice,
    image: Path | None,
    *,
    picture_range: str | None,
    as_json: bool,
) -> int:
    """Check a model; returns the exit code."""
    model = load(choice)
    from vitscope.pipeline.studies.doctor import examine

    found = examine(model, image, picture_range=picture_range)
    if as_json:
        terminal.print_json(found.as_dict())
    else:
        _print_diagnosis(found)
    return 0


def _by_block(found: Diagnosis) -> str:
    change = f"{found.blocks:.2g} of what a block changes"
    if found.attention is None:
        return f"{change} (largest differences; its library's attention could not be seen)"
    return f"{change}, {found.attention:.2g} of the attention its library computes (largest differences)"


def _print_diagnosis(found: Diagnosis) -> None:
    channels, height, width = found.input_size
    heads = sorted(set(found.n_heads))
    prefix = ", ".join(found.prefix) or "none"
    lines = {
        "model": f"{found.model} ({found.dtype} on {found.device})",
        "adapter": found.adapter,
        "weights": ", ".join(filter(None, (f"sha256 {found.weights_sha256}", found.weights_part, found.weights_note))),
        "input": f"{channels} x {height} x {width} (channels x rows x columns of pixels)",
        "preprocess": found.transform,
        "tokens": f"{found.n_tokens} = prefix ({prefix}) + {found.grid[0]} x {found.grid[1]} patches of "
        f"{found.patch[0]} x {found.patch[1]} pixels",
        "heads": f"{found.n_layers} layers x {' to '.join(map(str, heads))} heads = {sum(found.n_heads)}",
        "classes": found.answers + (f", {found.class_names} names" if found.class_names else ""),
        "parity": f"{found.parity:.2g} (largest relative difference to the model's own output)",
        "by block": _by_block(found),
        "layout": found.layout,
        "row sums": f"off by at most {found.row_sum_error:.2g} (attention rows must sum to 1)",
        "image": found.image + (f" ({found.note})" if found.note else ""),
    }
    out = terminal.console()
    for name, text in lines.items():
        out.print(f"[bold]{name:<11}[/]{escape(text)}")
    for name, sentences in (("not proven", found.unproven), ("without", found.not_available)):
        for i, sentence in enumerate(sentences):
            out.print(f"[bold]{name if i == 0 else '':<11}[/]{escape(sentence)}")
    for i, item in enumerate(found.prediction):
        title = f"{escape(item.name)} ({item.label})" if item.name else f"class {item.label}"
        out.print(f"[bold]{'prediction' if i == 0 else '':<11}[/]{item.probability:6.1%}  {title}")
