"""Damage done to files of a run, and what a reader then says of it."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.synthetic_run import synthetic_run

from vitscope.analysis import Run, open_run
from vitscope.errors import RunError, VitscopeError
from vitscope.store.checking import check
from vitscope.store.lab import LabRuns
from vitscope.text import show

SHAPE = {
    "n_images": 4,
    "shard_size": 2,
    "partial_images": 3,
    "n_featured": 2,
    "pattern_images": 3,
    "modes": ("head", "pp"),
}
WAYS = ("deleted", "halved", "flipped", "flipped again")
LAB = "0123456789ab"
ASKED = (
    "run",
    "headline",
    "images",
    "summary?metric=jsd&mode=head",
    "summary?metric=jsd&mode=pp",
    "strength?kind=mass",
    "spread?measure=nmi",
    "levels",
    "mean?layer=1",
    "heads",
    "similarity?by=output",
    "depth?metric=cls_cos_at&mode=pp",
    "patterns",
    "pattern_points",
    "typical_images?layer=0&head=0",
    "pattern_glyphs",
    "attention?image=0&query=cls",
    "matrix?image=0&layer=1&head=0",
    "preview?image=0",
)
"""Questions to the server that together read all that a run keeps, but for the Lab's runs."""


def whole_run(folder: Path) -> Run:
    """A small run with everything that a run can hold, a name and a run of the Lab."""
    run = synthetic_run(folder / "run", **SHAPE)
    run.patterns.rename(0, "mine")
    LabRuns(run.path).save(LAB, {"numbers": [0.25, 0.5]})
    return run


def cases_of(run: Run) -> list[tuple[str, str]]:
    """Every file of a run, by every way to damage it; to delete a run of the Lab is what its own button does."""
    files = sorted(path for path in run.path.rglob("*") if path.is_file() and not path.name.endswith("lock"))
    names = [file.relative_to(run.path).as_posix() for file in files]
    return [(name, way) for name in names for way in WAYS if (name, way) != (f"lab/{LAB}.json", "deleted")]


def damage(file: Path, way: str, seed: int) -> None:
    """Damage one file."""
    content = file.read_bytes()
    if way == "deleted" or not content:
        file.unlink()
    elif way == "halved":
        file.write_bytes(content[: len(content) // 2])
    else:
        bit = random.Random(f"{seed} {way} {file.name}").randrange(8 * len(content))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)


def damaged(run: Run, cases: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Do each damage and undo it once it was looked at: (name, way)."""
    for seed, (name, way) in enumerate(cases):
        file = run.path / name
        content = file.read_bytes()
        damage(file, way, seed)
        try:
            yield name, way
        finally:
            file.write_bytes(content)


def is_said(path: Path) -> bool:
    """Whether `vitscope check` says that something is damaged."""
    try:
        return bool(check(open_run(path)).damages)
    except RunError:
        return True


def shown(path: Path) -> str | None:
    """What `vitscope show` prints; None where it says in a sentence that it cannot."""
    try:
        return show(open_run(path))
    except VitscopeError as error:
        return None if error.message else "an error without a sentence"


def answers(path: Path, client_of: Callable) -> dict[str, bytes | None]:
    """What the server answers to each question; None where it says in a sentence that it cannot."""
    try:
        client = client_of(open_run(path), raise_errors=False)
    except RunError:
        return dict.fromkeys(ASKED)
    return {asked: _answer(client.get(f"/api/answers/{asked}")) for asked in ASKED}


def _answer(response) -> bytes | None:
    if response.status_code == 200:
        return response.content
    body = json.loads(response.content)
    told = response.status_code in (404, 409) and body["message"] and body["code"] in ("run", "not_available")
    return None if told else response.content


def copy_of(run: Run, folder: Path) -> Run:
    """The same run in another folder."""
    return open_run(shutil.copytree(run.path, folder / "run"))
