"""A start that is killed while it makes the run's folder, at every step of it, leaves nothing that stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.synthetic_run import write_synthetic_run

from vitscope.analysis import Run, open_run

NOTES = ("notes.txt", ".vitscope-mine", "photos.partial")
"""Of the user, beside the run."""

# Forks once for each step and dies there as by a kill: nothing is cleaned up, no handler runs.
KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.synthetic_run import write_synthetic_run
import vitscope.store.writer as writer
import duckdb, pandas, zarr

out, steps = Path(sys.argv[2]), (
    "write_table", "create_groups", "create_array", "write_checksums", "write_manifest", "_rename", "flush"
)

def dying(at):
    count = 0
    def counted(function):
        def wrapper(*arguments, **options):
            nonlocal count
            count += 1
            if count == at:
                os._exit(9)
            result = function(*arguments, **options)
            count += 1
            if count == at:
                os._exit(9)
            return result
        return wrapper
    for name in steps:
        setattr(writer, name, counted(getattr(writer, name)))

for at in range(1, 10_000, int(sys.argv[3])):
    pid = os.fork()
    if pid == 0:
        os.fsync = lambda descriptor: None
        dying(at)
        write_synthetic_run(out / f"run {at}", complete=False, head_shards=0, n_images=2)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    left = sorted(path.name for path in out.iterdir())
    print(at, code, *(name for name in left if name.startswith(".vitscope-run")), sep="\\t", flush=True)
    if code == 0:
        break
"""


def killed_starts(out: Path, stride: int) -> list[list[str]]:
    words = [sys.executable, "-c", KILLED, str(Path(__file__).parents[2]), str(out), str(stride)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("stride", [23, pytest.param(1, marks=pytest.mark.slow)])
def test_a_start_that_is_killed_is_removed_by_the_next(tmp_path, stride):
    for name in NOTES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("mine")
    lines = killed_starts(tmp_path, stride)
    codes = [int(code) for _, code, *_ in lines]
    assert codes == [9] * (len(lines) - 1) + [0]
    assert len(lines) > 30 // stride
    for at, _, *left in lines:
        made = tmp_path / f"run {at}"
        assert len(left) <= 1, "a start removes what the one before it left"
        assert not (left and made.exists()), "what is half made has another name"
        if made.exists():
            assert open_run(made).done_units() == set()
    assert sum(bool(left) for _, _, *left in lines) > 20 // stride
    write_synthetic_run(tmp_path / "run 1", complete=False, head_shards=0, n_images=2)  # a name that a killed start had
    assert not list(tmp_path.glob(".vitscope-run*"))
    assert all((tmp_path / name / "mine").read_text() == "mine" for name in NOTES)


@pytest.mark.parametrize("name", ["write_table", "create_groups", "create_array", "write_manifest", "_rename"])
@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, MemoryError])
def test_a_start_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch, name, end):
    def stops(*_, **__):
        raise end

    (tmp_path / "run").mkdir()  # an empty folder of the user
    monkeypatch.setattr(f"vitscope.store.writer.{name}", stops)
    with pytest.raises(end):
        write_synthetic_run(tmp_path / "run", complete=False, head_shards=0)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert not any((tmp_path / "run").iterdir())


def test_what_is_among_the_users_files_stays(tmp_path):
    """A folder that only looks like a left one: a file, a link, and one without the lock of a start."""
    left = tmp_path / ".vitscope-run-0123456789abcdef.partial"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/.lock").touch()
    (tmp_path / ".vitscope-link-0123456789abcdef.partial").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".vitscope-file-0123456789abcdef.partial").write_text("mine")
    left.mkdir()
    (left / "mine").write_text("mine")
    made: Run = write_synthetic_run(tmp_path / "run", complete=False, head_shards=0, n_images=2)
    assert made.manifest.n_images == 2
    assert (left / "mine").read_text() == "mine"
    assert (tmp_path / "elsewhere/.lock").exists()
    assert (tmp_path / ".vitscope-file-0123456789abcdef.partial").read_text() == "mine"
