"""The table of all claims, read from the pages as they stand: pages may be written one at a time.

Knows nothing about: runs, how a page is made.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reproductions.page import NOTE

_CLAIM: Final = re.compile(
    r"^> \*\*([^\n]+)\*\* \(([^\n]+)\)$.*?\*\*It (.+?)\.\*\*(?:\n>\n> Before: ([a-z ]+):)?", re.M | re.S
)


def write_index(folder: Path, names: Sequence[str]) -> None:
    """README.md of the folder, over those of the pages that there are."""
    texts = {name: (folder / f"{name}.md").read_text("utf-8") for name in names if (folder / f"{name}.md").is_file()}
    lines = ["# Reproductions", "", NOTE, ""]
    lines += [
        "The questions of the sources that vitscope starts from, answered with our own numbers and pictures. One"
        " command",
        "writes all pages anew, runs included: `make reproductions`. Verdicts follow rules that stand beside them; a"
        " verdict",
        "that is not what it was says why on its page.",
        "",
    ]
    lines += [f"- [{text.splitlines()[0].removeprefix('# ')}]({name}.md)" for name, text in texts.items()]
    lines += ["", "## Claims, one by one", "", "| claim | source | verdict | before | page |", f"|{' --- |' * 5}"]
    for name, text in texts.items():
        lines += [f"| {' | '.join(cell or '' for cell in one)} | [{name[0]}]({name}.md) |" for one in _claims(text)]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _claims(text: str) -> list[tuple[str, str, str, str]]:
    """Statement, source, verdict, and the verdict before where it was another."""
    return _CLAIM.findall(text)
