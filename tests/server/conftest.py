"""A small run behind the API, with and without a live model."""

import pytest
from tests.server.clients import FakeLive, client_of
from tests.synthetic_run import synthetic_run

from vitscope.analysis import Run


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Run:
    return synthetic_run(tmp_path_factory.mktemp("server") / "run")


@pytest.fixture(scope="session")
def half_run(tmp_path_factory) -> Run:
    return synthetic_run(tmp_path_factory.mktemp("server") / "half", complete=False, head_shards=1)


@pytest.fixture(scope="session")
def bare_run(tmp_path_factory) -> Run:
    """Neither CLS nor classifier."""
    return synthetic_run(tmp_path_factory.mktemp("server") / "bare", prefix=(), classifier=False)


@pytest.fixture
def client(run):
    return client_of(run)


@pytest.fixture
def live(run):
    return FakeLive(run)


@pytest.fixture
def live_client(run, live):
    return client_of(run, live)
