"""How long the rest of a run takes, from the shards seen landing.

Knows nothing about: HTTP, what a shard holds.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass
class _Group:
    """First and last change seen of one group: (second, shards done)."""

    start: tuple[float, int]
    last: tuple[float, int]


class Pace:
    """Watches the shards done of each group; the groups of a run are worked on one after the other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._groups: dict[str, _Group] = {}
        self._changed = clock()

    def see(self, groups: Mapping[str, tuple[int, int]]) -> dict[str, float | None]:
        """Note {group: (done, total)} and return the seconds left of each group, None where no pace is known yet."""
        now = self._clock()
        earlier_done = True
        left: dict[str, float | None] = {}
        for name, (done, total) in groups.items():
            seen = self._groups.setdefault(name, _Group((now, done), (now, done)))
            if done != seen.last[1]:
                seen.last, self._changed = (now, done), now
            elif done == seen.start[1] and not earlier_done:
                seen.start = seen.last = (now, done)  # its turn has not come: the clock of its pace has not started
            left[name] = _seconds_left(seen, now, total - done)
            earlier_done = earlier_done and done >= total
        return left

    @property
    def idle_seconds(self) -> float:
        """Seconds since a shard was last seen landing (or since watching began)."""
        return self._clock() - self._changed


def _seconds_left(group: _Group, now: float, shards: int) -> float | None:
    if shards <= 0:
        return 0.0
    landed, seconds = group.last[1] - group.start[1], group.last[0] - group.start[0]
    if landed <= 0 or seconds <= 0:
        return None
    return max(shards * seconds / landed - (now - group.last[0]), 0.0)
