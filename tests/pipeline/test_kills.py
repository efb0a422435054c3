"""A run killed at any moment, and resumed, ends with the bits of one that was left alone. Killed for real: SIGKILL."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.tiny_analysis import assert_same_bits, write_photos

import vitscope.models  # noqa: F401 - makes timm importable
from vitscope.analysis import open_run

# Every line of arguments runs the command line in a fork: importing torch for each of dozens of processes would take
# minutes. Nothing of torch has run before the fork. Small shards make many units out of few images. Learning patterns
# takes its time and has tests of its own: here it stands in, but for the slow tests.
LAUNCHER = """
import json, os, sys
import vitscope.pipeline.plan.planning as planning
from vitscope.cli import main
planning.SHARD_SIZE = 4
if not json.loads(sys.argv[2]):
    sys.path.append(sys.argv[1])
    from tests import stand_in
    import vitscope.pipeline.work.patterns
    vitscope.pipeline.work.patterns.learn = stand_in.learn
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        sys.stdout = sys.stderr
        try:
            main(json.loads(line))
        except SystemExit as end:
            os._exit(end.code or 0)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
DEADLINE = 200.0

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Launcher:
    """Starts the command line, one process at a time."""

    def __init__(self, *, learns: bool = False) -> None:
        arguments = [str(Path(__file__).parents[2]), json.dumps(learns)]
        self._helper = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, arguments: list[str]) -> int:
        """The process id."""
        self._helper.stdin.write(json.dumps(arguments) + "\n")
        self._helper.stdin.flush()
        return int(self._helper.stdout.readline())

    def wait(self) -> int:
        """The exit code of the process that was started last."""
        return int(self._helper.stdout.readline())

    def close(self) -> None:
        self._helper.stdin.close()
        try:
            self._helper.wait(DEADLINE / 10)
        except subprocess.TimeoutExpired:  # a test that was given up: what it started is not waited for
            os.killpg(self._helper.pid, signal.SIGKILL)
            self._helper.wait()
        self._helper.stdout.close()


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """timm's `test_vit` (6 layers, 2 heads, 10 x 10 patches) with seeded random weights."""
    from timm import create_model

    torch.manual_seed(5)
    state = create_model("test_vit", num_classes=7).state_dict()
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_file({name: value + 0.1 * torch.randn_like(value) for name, value in state.items()}, path)
    return path


def units_of(out: Path) -> int:
    return len(list((out / "commits").glob("*.json")))


def kill_after(pid: int, out: Path, units: int, delay: float = 0, how: int = signal.SIGKILL) -> None:
    """Kill a little after that many units are committed, unless the process ends before."""
    end = time.monotonic() + DEADLINE
    while units_of(out) < units and time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.002)
    time.sleep(delay)
    with suppress(ProcessLookupError):
        os.kill(pid, how)


def kills_and_resumes(
    folder: Path, weights: Path, launcher: Launcher, *, images: int, kills: int, seed: int
) -> list[int]:
    """Kill, resume, kill, ... and compare; returns the number of units that were committed at each kill."""
    photos, plain, broken = write_photos(folder / "photos", images), folder / "plain", folder / "broken"
    (photos / "broken.png").write_bytes((photos / "000.png").read_bytes()[:100])
    words = ["analyze", "timm:test_vit", str(photos), "--weights", str(weights), "--modes", "all", "--threads", "1"]
    words += ["--patterns", "1000"]
    launcher.start([*words, "--out", str(plain)])
    assert launcher.wait() == 0
    resumed = [*words, "--out", str(broken), "--resume"]
    random, total, moments = np.random.default_rng(seed), units_of(plain), []
    for kill in range(kills):
        pid = launcher.start(resumed)
        kill_after(pid, broken, 1 + int((kill + random.uniform()) * (total - 1) / kills), random.uniform(0, 0.12))
        if launcher.wait() == -signal.SIGKILL:
            moments.append(units_of(broken))
    launcher.start(resumed)
    assert launcher.wait() == 0
    assert open_run(broken).manifest.state == "complete"
    assert_same_bits(open_run(plain), open_run(broken))
    return moments


@pytest.mark.slow  # `make test-longer` runs it
def test_a_killed_run_ends_with_the_same_bits(tmp_path, weights, launcher):
    assert kills_and_resumes(tmp_path, weights, launcher, images=11, kills=3, seed=0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_kills_end_with_the_same_bits(tmp_path, weights, launcher):
    moments = kills_and_resumes(tmp_path, weights, launcher, images=159, kills=20, seed=1)
    assert sum(1 <= units < 122 for units in moments) >= 15, moments
    assert sum(81 <= units < 122 for units in moments) >= 3, moments  # among the matrices of the patterns


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_learning_that_is_killed_ends_with_the_same_bits(tmp_path, weights):
    learner = Launcher(learns=True)
    try:
        assert kills_and_resumes(tmp_path, weights, learner, images=31, kills=4, seed=2)
    finally:
        learner.close()


@pytest.mark.slow  # in one process tests/cli interrupts at a chosen unit
def test_an_interrupted_run_is_left_to_resume(tmp_path, weights, launcher):
    words = ["analyze", "timm:test_vit", str(write_photos(tmp_path / "photos", 40)), "--weights", str(weights)]
    words += ["--out", str(tmp_path / "run"), "--threads", "1"]
    kill_after(launcher.start(words), tmp_path / "run", 2, how=signal.SIGINT)
    assert launcher.wait() == 130
    assert open_run(tmp_path / "run").manifest.state == "running"
    launcher.start([*words, "--resume"])
    assert launcher.wait() == 0


def test_the_module_runs_as_a_program(tmp_path, weights):
    """`python -m vitscope analyze`, without any of the above."""
    photos = write_photos(tmp_path / "photos", 2)
    words = [
        "analyze",
        "timm:test_vit",
        str(photos),
        "--weights",
        str(weights),
        "--out",
        str(tmp_path / "run"),
        "--json",
    ]
    done = subprocess.run([sys.executable, "-m", "vitscope", *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["state"] == "complete"
