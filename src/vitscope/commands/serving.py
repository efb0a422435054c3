"""`vitscope serve` and `vitscope demo`: a run in the browser, complete or while it grows."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.markup import escape

from vitscope.commands import terminal
from vitscope.commands.analysis import load
from vitscope.commands.choosing import ModelChoice
from vitscope.errors import VitscopeError

if TYPE_CHECKING:
    from vitscope.analysis import Run
    from vitscope.models import Model
    from vitscope.pipeline import Step
    from vitscope.pipeline.live.model import LiveModel

DEMO_PARTIAL_IMAGES: Final = 60
DEMO_PATTERNS: Final = 1800
"""Matrices: learning from them takes less than a minute on two cores."""
_PATIENCE: Final = 60.0
"""Seconds that Ctrl-C waits for the images in flight."""


def serve(
    run_path: Path, *, port: int | None, live: bool | None, weights: Path | None, browser: bool, token: str | None
) -> int:
    """Serve a run until Ctrl-C; returns the exit code.

    Parameters
    ----------
    live: True requires the model, False serves without it, None takes it where it can be loaded.
    token: what a request must carry to be answered; "auto" makes one.
    """
    from vitscope.analysis import open_run

    run = open_run(run_path)
    token = secrets.token_hex(24) if token == "auto" else token  # noqa: S105 - a word of the command line
    _serve(run, None if live is False else _live(run, weights, insist=live is True), port, browser, token)
    return 0


def demo(out: Path, *, port: int | None, browser: bool) -> int:
    """Analyse the bundled images in the background and serve the run meanwhile; returns the exit code."""
    model = load(ModelChoice("demo"))
    from vitscope.analysis import open_run
    from vitscope.models.sources.bundled import DEMO
    from vitscope.pipeline import LiveModel, Request
    from vitscope.pipeline.plan.planning import plan
    from vitscope.store.manifest import FILE

    known = open_run(out) if (out / FILE).is_file() else None
    if known is not None and known.manifest.state == "complete":
        _serve(known, LiveModel(known, model), port, browser)
        terminal.print_next(known)
        return 0
    request = Request(modes="all", partial_images=DEMO_PARTIAL_IMAGES, patterns=DEMO_PATTERNS)
    with terminal.busy("Reading the bundled images"):
        run = plan(model, DEMO / "images" / "labels.csv", out, request, resume=known is not None)
    work = Background(run, model)
    work.start()
    try:
        _serve(run, LiveModel(run, model), port, browser)
    finally:
        work.stop()
    if isinstance(work.failure, VitscopeError):
        return work.failure.exit_code
    if work.failure is not None:
        raise work.failure
    done = run.progress()
    if done.state == "complete":
        terminal.print_next(run)
    else:
        terminal.console().print(
            f"Stopped: {done.done_units} of {done.total_units} units of work are kept in {escape(str(out))}. "
            "`vitscope demo` continues with them."
        )
    return 0


class Background:
    """An analysis in a thread of its own, which a server watches through the run folder."""

    def __init__(self, run: Run, model: Model) -> None:
        self.failure: Exception | None = None
        self._run = run
        self._model = model
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="vitscope-analysis", daemon=True)

    def start(self) -> None:
        """Start, or resume where the run stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the images in flight and wait for that; what was committed is kept."""
        self._stopped.set()
        self._thread.join(_PATIENCE)

    def _work(self) -> None:
        from vitscope.pipeline import execute

        try:
            with terminal.progress_bars() as show:

                def step(done: Step) -> None:
                    if self._stopped.is_set():
                        raise _Stop
                    show(done)

                execute(self._run, self._model, progress=step)
            terminal.print_outcome(self._run)
        except _Stop:
            pass
        except Exception as error:  # told at once; the command ends with it when the server does
            self.failure = error
            reason = error if isinstance(error, VitscopeError) else VitscopeError(f"the analysis failed: {error}")
            terminal.print_error(reason)


class _Stop(Exception):
    """Raised inside the analysis to end it between two slices of images."""


def _live(run: Run, weights: Path | None, *, insist: bool) -> LiveModel | None:
    with terminal.busy("Loading the model"):
        from vitscope.pipeline.live.model import load_live

        try:
            return load_live(run, None if weights is None else str(weights), download=insist)
        except VitscopeError as error:
            if insist or weights is not None:
                raise
            terminal.errors().print(f"Serving without the model: {escape(error.message)}.")
            if run.manifest.model.by_name:
                terminal.errors().print(
                    "Attention of tokens that the run does not keep needs it: --live --weights FILE."
                )
            return None


def _serve(run: Run, live: LiveModel | None, port: int | None, browser: bool, token: str | None = None) -> None:
    from vitscope.server import create_app
    from vitscope.server import serve as serve_app

    def announce(address: str) -> None:
        terminal.console().print(f"Open {address}  (Ctrl-C stops)")

    app = create_app(run.path, live, token=token)
    try:
        serve_app(app, port, browser, on_ready=announce)
    except KeyboardInterrupt:  # uvicorn hands the signal on after a clean shutdown
        terminal.errors().print("")
