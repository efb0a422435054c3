"""What is asked: a run, its live model if any, and what was computed from them until the next shard lands.

Knows nothing about: HTTP, the names of answers.
"""

import shlex
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vitscope.analysis import Run
from vitscope.analysis.findings import Ranking, output_ranking
from vitscope.answers.drops import Drops
from vitscope.answers.kept import Kept
from vitscope.answers.live import Live
from vitscope.answers.pace import Pace
from vitscope.answers.thumbs import Thumbs
from vitscope.answers.turns import Turns
from vitscope.errors import NotAvailable

T = TypeVar("T")
NOT_BY_NAME: Final = (
    "The run was made in Python from a module at hand, which no command can load: ask there, with "
    "vitscope.attention, vitscope.prune and the like."
)


class Withdrawn(Exception):
    """Who asked does not wait any more."""


class Source:
    """A run that answers. `live` answers what is not stored, one question or step of a job at a time."""

    def __init__(self, run: Run, live: Live | None = None) -> None:
        self.run, self.live = run, live
        self.pace = Pace()
        self.turns = Turns()
        self.drops = Drops()
        self.thumbs = Thumbs(run)
        self.featured: Kept[NDArray[np.floating]] = Kept(1)
        """Stored matrices of the image that is looked at: a page asks for one token of them after the other."""
        self._kept: dict[str, Kept[Any]] = {}
        self._gone: Callable[[], bool] = lambda: False

    def asked_by(self, gone: Callable[[], bool]) -> "Source":
        """The same for one question; `gone` says whether nobody waits for it any more."""
        asked = copy(self)
        asked._gone = gone
        return asked

    @property
    def generation(self) -> int:
        """Rises with every shard that lands."""
        return self.run.progress().generation

    @property
    def output_ranking(self) -> Ranking | None:
        """What headline, intervals and *why* begin with: made once for all of them."""
        return self.kept("output ranking", self.generation, lambda: output_ranking(self.run))

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

    def model(self, sentence: str) -> Live:
        """The live model; without one NotAvailable, which begins with the sentence."""
        if self.live is None:
            raise self.needs_model(sentence)
        return self.live

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the model.

        Raises
        ------
        Withdrawn: who asked has moved on meanwhile.
        """
        with self.turns:
            if self._gone():
                raise Withdrawn
            yield

    def kept(self, key: str, stamp: Hashable, make: Callable[[], T], size: int = 1) -> T:
        """What `make` returns, computed once for each stamp; only the last `size` stamps of a key are held."""
        return self._kept.setdefault(key, Kept(size))(stamp, make)
