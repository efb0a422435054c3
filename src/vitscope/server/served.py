"""What one server serves: a run that answers, and the room for jobs on its model.

Knows nothing about: HTTP.
"""

from contextlib import suppress

from vitscope.analysis import Run
from vitscope.answers import Source, ask
from vitscope.answers.live import Live
from vitscope.answers.rows.run import default_metric
from vitscope.errors import VitscopeError
from vitscope.server.jobs import JobRoom


class Served(Source):
    """A run behind the API, with one job at a time."""

    def __init__(self, run: Run, live: Live | None = None) -> None:
        super().__init__(run, live)
        self.jobs = JobRoom(self.turns)

    def first_answers(self) -> None:
        """Make what every page asks for first, and import what that needs, so no page shares a core with that."""
        for name, arguments in (("images", {}), ("summary", {"metric": default_metric(self.run.manifest)})):
            with suppress(VitscopeError):  # a run without it, or a damaged one: whoever asks is told
                ask(self, name, arguments)
