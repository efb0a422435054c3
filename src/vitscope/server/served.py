"""The one run a server shows, its live model if any, and what was computed from it until the next shard lands.

Knows nothing about: HTTP.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vitscope.server.drops import Drops
from vitscope.server.jobs import JobRoom
from vitscope.server.kept import Kept
from vitscope.server.live import Live
from vitscope.server.pace import Pace
from vitscope.server.thumbs import Thumbs
from vitscope.server.turns import Turns
from vitscope.store import Run

T = TypeVar("T")
_LAYOUTS: Final = 8


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
    def live_command(self) -> str:
        """The command that serves this run with its model loaded."""
        return f"vitscope serve {shlex.quote(str(self.run.path))} --live"

    def kept(self, key: str, generation: int, make: Callable[[], T]) -> T:
        """What `make` returns, computed once for each generation of the run; older generations are forgotten."""
        return self._kept.setdefault(key, Kept(1))(generation, make)
