"""The one run a server shows, its live model if any, and what was computed from it until the next shard lands.

Knows nothing about: HTTP.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from vitscope.server.live import Live
from vitscope.server.pace import Pace
from vitscope.store import Run

T = TypeVar("T")


@dataclass
class Served:
    """A run behind the API. `live` answers attention queries that are not stored, one at a time."""

    run: Run
    live: Live | None = None
    pace: Pace = field(default_factory=Pace)
    live_lock: Lock = field(default_factory=Lock)
    _kept: dict[str, tuple[int, Any]] = field(default_factory=dict)

    @property
    def live_command(self) -> str:
        """The command that serves this run with its model loaded."""
        return f"vitscope serve {shlex.quote(str(self.run.path))} --live"

    def kept(self, key: str, generation: int, make: Callable[[], T]) -> T:
        """What `make` returns, computed once for each generation of the run."""
        held = self._kept.get(key)
        if held is None or held[0] != generation:
            held = self._kept[key] = (generation, make())
        return held[1]
