"""The one run a server shows, its live model if any, and what was computed from it until the next shard lands.

Knows nothing about: HTTP.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vitscope.analysis import Run
from vitscope.errors import NotAvailable
from vitscope.server.drops import Drops
from vitscope.server.jobs import JobRoom
from vitscope.server.kept import Kept
from vitscope.server.live import Live
from vitscope.server.pace import Pace
from vitscope.server.thumbs import Thumbs
from vitscope.server.turns import Turns

T = TypeVar("T")
_LAYOUTS: Final = 8
NOT_BY_NAME: Final = (
    "The run was made in Python from a module at hand, which no command can load: ask there, with "
    "vitscope.attention, vitscope.prune and the like."
)


@dataclass
class Served:
    """A run behind the API. `live` answers what is not stored, one question or step of a job at a time."""

    run: Run
    live: Live | None = None
    pace: Pace = field(default_factory=Pace)
    live_lock: Turns = field(default_factory=Turns)
    drops: Drops = field(default_factory=Drops)
    layouts: Kept[Any] = field(default_factory=lambda: Kept(_LAYOUTS))
    featured: Kept[NDArray[np.floating]] = field(default_factory=lambda: Kept(1))
    """Stored matrices of the image that is looked at: a page asks for one token of them after the other."""
    thumbs: Thumbs = field(init=False)
    jobs: JobRoom = field(init=False)
    _kept: dict[str, Kept[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.thumbs = Thumbs(self.run)
        self.jobs = JobRoom(self.live_lock)

    @property
    def live_command(self) -> str | None:
        """The command that serves this run with its model loaded; None where no command can load it."""
        model = self.run.manifest.model
        if not model.by_name:
            return None
        moved = model.weights is not None and not Path(model.weights).is_file()
        return f"vitscope serve {shlex.quote(str(self.run.path))} --live{' --weights FILE' if moved else ''}"

    def needs_model(self, sentence: str) -> NotAvailable:
        """The error of a question that only the model answers, with what can be done about it."""
        command = self.live_command
        return NotAvailable(sentence, NOT_BY_NAME if command is None else f"Start: {command}")

    def kept(self, key: str, generation: int, make: Callable[[], T]) -> T:
        """What `make` returns, computed once for each generation of the run; older generations are forgotten."""
        return self._kept.setdefault(key, Kept(1))(generation, make)
