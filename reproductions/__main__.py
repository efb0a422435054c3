"""Write docs/reproductions anew: `make reproductions`, or `python -m reproductions --help`."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reproductions import distance_and_heads, fashion, held_out, judged_maps, layer_maps, three_questions
from reproductions.page import NOTE, Page
from reproductions.sources import Sources

ROOT: Final = Path(__file__).parents[1]
PAGES: Final[dict[str, Callable[[Sources, Path], Page]]] = {
    "a": distance_and_heads.write,
    "b": layer_maps.write,
    "c": fashion.write,
    "d": three_questions.write,
    "e": held_out.write,
    "f": judged_maps.write,
}


def main() -> None:
    """Make the runs that are missing, then the pages."""
    parser = argparse.ArgumentParser(prog="python -m reproductions", description=__doc__)
    default = Path(os.environ.get("VITSCOPE_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default, help="photos and weights (VITSCOPE_DATA, ../shared/data)")
    parser.add_argument("--work", type=Path, default=ROOT / ".bench" / "reproductions", help="runs are kept here")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "reproductions", help="pages are written here")
    parser.add_argument("--pages", default=",".join(PAGES), help=f"some of {', '.join(PAGES)}")
    parser.add_argument("--limit", type=int, help="take so many images only, to try it out")
    given = parser.parse_args()
    sources = Sources(given.data, given.work, given.limit)
    names = given.pages.split(",")
    if unknown := sorted(set(names) - set(PAGES)):
        parser.error(f"there is no page {', '.join(unknown)}; there are {', '.join(PAGES)}")
    if not sources.has_data and set(names) != {"c"}:
        parser.error(f"no photos and weights in {given.data}: say where with --data; page c needs none")
    given.out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        print(f"page {name} ...", flush=True)
        written.append(PAGES[name](sources, given.out))
    if len(written) == len(PAGES):
        _write_index(given.out, written)


def _write_index(folder: Path, pages: list[Page]) -> None:
    lines = ["# Reproductions", "", NOTE, ""]
    lines += [
        "The questions of the sources that vitscope starts from, answered with our own numbers and pictures. One"
        " command",
        "writes all pages anew, runs included: `make reproductions`. Verdicts follow rules that stand beside them.",
        "",
    ]
    lines += [f"- [{page.title}]({page.name}.md)" for page in pages]
    lines += ["", "## Claims, one by one", "", "| claim | source | verdict | page |", "| --- | --- | --- | --- |"]
    for page in pages:
        lines += [
            f"| {one.statement} | {one.source} | {one.verdict} | [{page.name[0]}]({page.name}.md) |"
            for one in page.claims
        ]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
