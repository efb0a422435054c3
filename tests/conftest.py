"""What every test shares: run-time checks of annotations, where the real data lies, and an honest count of skips."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before torch is loaded: two workers on two cores, and matrices so small that more threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jaxtyping
import pytest
from hypothesis import HealthCheck, settings

CHECKED = (
    *("measures", "models.block", "models.parity"),
    *(f"models.adapters.{name}" for name in ("timm_vit", "timm_eva", "timm_beit")),
    *(f"engine.{name}" for name in ("deviation", "explaining", "forward", "look", "reduce")),
    *("engine.importance.depth", "engine.importance.sweep", "engine.pruning.references", "engine.pruning.regions"),
    *("patterns.names.naming", "patterns.common", "patterns.features", "patterns.autoencoder", "patterns.baseline"),
    *(f"patterns.{name}" for name in ("centring", "clusters", "learn", "plane", "quality")),
)
# Not the modules that answer a user's wrong types with a sentence of their own.
jaxtyping.install_import_hook([f"vitscope.{name}" for name in CHECKED], "beartype.beartype")

# An example may take as long as a slow machine makes it take.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """A power cut is not what is tested in this process, and a run is hundreds of files: half of the time of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_look_ups() -> Iterator[None]:
    """No test asks for another machine: what a hub would answer is no matter of ours."""
    known = socket.getaddrinfo

    def look_up(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in (None, "", "localhost", "127.0.0.1", "::1"):
            raise RuntimeError(f"a test looks up {host}")
        return known(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the real weights and photos: VITSCOPE_DATA, else `shared/data` beside the repository."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("VITSCOPE_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real data: set VITSCOPE_DATA to the folder that holds weights/ and images/")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests met the real model: a skip must not read as a pass."""

    def count(*outcomes: str) -> int:
        reports = (report for outcome in outcomes for report in terminalreporter.stats.get(outcome, []))
        return sum("model" in getattr(report, "keywords", ()) for report in reports)

    ran, skipped = count("passed", "failed", "error"), count("skipped")
    terminalreporter.write_line(f"real-model tests: {ran} ran, {skipped} skipped")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With VITSCOPE_FORBID_SKIPS (`make test-real`) a skipped test fails the session."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("VITSCOPE_FORBID_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
