"""Write docs/reproductions anew: `make reproductions`, or `python -m reproductions --help`."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reproductions import distance_and_heads, fashion, held_out, judged_maps, layer_maps, three_questions
from reproductions.index import write_index
from reproductions.page import Page
from reproductions.sources import Sources

ROOT: Final = Path(__file__).parents[1]
PAGES: Final[dict[str, Callable[[Sources, Path], Page]]] = {
    distance_and_heads.NAME: distance_and_heads.write,
    layer_maps.NAME: layer_maps.write,
    fashion.NAME: fashion.write,
    three_questions.NAME: three_questions.write,
    held_out.NAME: held_out.write,
    judged_maps.NAME: judged_maps.write,
}
LETTERS: Final = {name[0]: name for name in PAGES}


def main() -> None:
    """Make the runs that are missing, then the pages, then the table of all claims."""
    parser = argparse.ArgumentParser(prog="python -m reproductions", description=__doc__)
    default = Path(os.environ.get("VITSCOPE_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default, help="photos and weights (VITSCOPE_DATA, ../shared/data)")
    parser.add_argument("--work", type=Path, default=ROOT / ".bench" / "reproductions", help="runs are kept here")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "reproductions", help="pages are written here")
    parser.add_argument("--pages", default=",".join(LETTERS), help=f"some of {', '.join(LETTERS)}: a,c,d")
    parser.add_argument("--limit", type=int, help="take so many images only, to try it out")
    given = parser.parse_args()
    sources = Sources(given.data, given.work, given.limit)
    letters = given.pages.split(",")
    if unknown := sorted(set(letters) - set(LETTERS)):
        parser.error(f"there is no page {', '.join(unknown)}; there are {', '.join(LETTERS)}")
    if not sources.has_data and set(letters) != {"c"}:
        parser.error(f"no photos and weights in {given.data}: say where with --data; page c needs none")
    given.out.mkdir(parents=True, exist_ok=True)
    for letter in letters:
        print(f"page {letter} ...", flush=True)
        PAGES[LETTERS[letter]](sources, given.out)
    write_index(given.out, list(PAGES))


if __name__ == "__main__":
    main()
