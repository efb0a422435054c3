"""A page of docs/reproductions: Markdown whose every number was computed when it was written.

Knows nothing about: models, runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 - after the backend is chosen
from matplotlib.figure import Figure  # noqa: E402
from PIL import Image  # noqa: E402

NOTE: Final = "<!-- Written by `make reproductions`; edit the program in reproductions/, not this page. -->"

STYLE: Final = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 130,
    "image.cmap": "cividis",
    "image.interpolation": "nearest",
}
mpl.rcParams.update(STYLE)


VERDICTS: Final = {True: "holds", False: "does not hold", None: "holds in part"}


@dataclass(frozen=True)
class Was:
    """The verdict of a rule that was given up, and why it was."""

    holds: bool | None
    why: str


@dataclass(frozen=True)
class Claim:
    """A source's statement, what we measured, and whether it holds by a rule that was written before the numbers."""

    statement: str
    source: str
    rule: str
    measured: str
    holds: bool | None
    """None: it holds in part; `measured` says which."""
    was: Was | None = None

    @property
    def verdict(self) -> str:
        """The one word of the table."""
        return VERDICTS[self.holds]

    @property
    def change(self) -> str:
        """What is different from the rule before, for the page; empty where there was none."""
        if self.was is None:
            return ""
        before = VERDICTS[self.was.holds]
        first = "The verdict is as before, the rule is not" if before == self.verdict else f"Before: {before}"
        return f"{first}: {self.was.why}"


class Page:
    """Collects paragraphs, tables, claims and pictures, and writes them as one file beside its pictures."""

    def __init__(self, folder: Path, name: str, title: str) -> None:
        self.folder, self.name, self.title = folder, name, title
        self.claims: list[Claim] = []
        self._parts: list[str] = []

    def heading(self, text: str) -> None:
        """A section."""
        self._parts.append(f"## {text}")

    def text(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(" ".join(text.split()))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table; the first column is words, the others are numbers."""
        lines = [list(header), ["---", *["---:"] * (len(header) - 1)], *rows]
        self._parts.append("\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines))

    def picture(self, figure: Figure, name: str, words: str) -> None:
        """A picture beside the page, with words for those who cannot see it."""
        path = self.folder / f"{self.name}-{name}.png"
        figure.savefig(path)
        plt.close(figure)
        with Image.open(path) as drawn:  # 256 colours: a quarter of the bytes
            small = drawn.convert("RGB").quantize(256)
        small.save(path, optimize=True)
        self._parts.append(f"![{words}]({path.name})\n\n*{words}*")

    def claim(self, claim: Claim) -> None:
        """A statement put to the test."""
        self.claims.append(claim)
        self._parts.append(
            f"> **{claim.statement}** ({claim.source})\n>\n> Rule: {claim.rule}\n>\n"
            f"> Measured: {claim.measured} **It {claim.verdict}.**" + (f"\n>\n> {claim.change}" if claim.was else "")
        )

    def write(self) -> None:
        """Put the page on disk."""
        text = "\n\n".join([f"# {self.title}", NOTE, *self._parts])
        (self.folder / f"{self.name}.md").write_text(text + "\n", encoding="utf-8")


def three(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share in percent."""
    return f"{100 * share:.0f} %" if abs(share) >= 0.1 or share == 0 else f"{100 * share:.1f} %"
