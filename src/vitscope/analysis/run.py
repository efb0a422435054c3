"""A run: what is on disk, and what it says of heads against heads, of patterns and over depth.

Knows nothing about: models, torch; who writes the run.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from vitscope.analysis.heads.compared import Heads, read_repair
from vitscope.analysis.patterns.of_run import Patterns
from vitscope.arguments import checked
from vitscope.file_names import require_text
from vitscope.store import RunFolder

if TYPE_CHECKING:
    import xarray as xr


class Run(RunFolder):
    """A run, opened for reading. Properties are read afresh when the run has grown."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._patterns: tuple[int, Patterns] | None = None
        self._heads: tuple[int, Heads] | None = None

    @property
    def patterns(self) -> Patterns:
        """What patterns the heads' matrices show, and how far the image decides.

        Raises
        ------
        NotAvailable: the run has none, or they are not computed yet; the hint says what to do.
        """
        generation = self.progress().generation
        if self._patterns is None or self._patterns[0] != generation:
            self._patterns = (generation, Patterns(self))
        return self._patterns[1]

    @property
    def heads(self) -> Heads:
        """The heads against each other: diversity of a layer's, similarity of all, groups that do the same thing."""
        generation = self.progress().generation
        if self._heads is None or self._heads[0] != generation:
            self._heads = (generation, Heads(self))
        return self._heads[1]

    @property
    def repair(self) -> "xr.Dataset":
        """Effects over depth: `cls_cos_at`, `patch_cos_at` (mode, layer, head, observed), means over `n` (mode) images.

        How far CLS and patches are from where they were, right after the pruned layer (observed = layer) and after each
        later one. NaN before it, and after the last block for tokens that the classifier does not read.

        Raises
        ------
        NotAvailable: the run is of format 3 or less, which keeps none.
        """
        return read_repair(self)


@checked
def open_run(path: str | Path) -> Run:
    """Open a run folder for reading, complete or half done.

    Raises
    ------
    RunError: there is no run there, it is damaged, or a newer vitscope wrote it.
    BadInput: its name is not text in UTF-8.
    """
    require_text(str(path), "open the run")
    return Run(Path(path))
