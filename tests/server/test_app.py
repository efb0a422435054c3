import asyncio
import json
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from urllib.error import HTTPError

import pytest
import uvicorn
from fastapi import FastAPI
from tests.server.clients import awaited, client_of
from tests.synthetic_run import synthetic_run

from vitscope.analysis.statistics import descriptive
from vitscope.answers.pace import Pace
from vitscope.errors import InvalidArgument, RunError
from vitscope.server import DEFAULT_PORT, HOST, create_app, listen, serve


def test_the_page_and_its_hashed_files(run, tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>vitscope</title>")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-abc.js").write_text("1")
    client = client_of(run, static=tmp_path)
    assert "vitscope" in client.get("/").text
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert "immutable" in client.get("/assets/index-abc.js").headers["cache-control"]
    assert client.get("/icon.svg").status_code == 200
    assert client.get("/assets/none.js").json()["code"] == "not_found"


def test_without_assets_the_page_says_how_to_build_them(run, tmp_path):
    response = client_of(run, static=tmp_path).get("/")
    assert response.status_code == 503
    assert "make setup" in response.text
    assert client_of(run, static=tmp_path).get("/api/answers/progress").status_code == 200


def test_what_a_page_asks_for_first_is_made_before_it_can_ask(run, monkeypatch):
    client = client_of(run)
    monkeypatch.setattr("vitscope.answers.rows.images.class_names", None)
    monkeypatch.setattr(descriptive, "summarise", None)
    assert client.get("/api/answers/images").json()["name"] == run.images["path"].tolist()
    assert client.get("/api/answers/summary?metric=jsd&mode=head").status_code == 200


def test_a_damaged_run_is_served_and_says_what_is_wrong(tmp_path):
    run = synthetic_run(tmp_path / "run")
    run.path.joinpath("images.parquet").write_bytes(b"x")
    with client_of(run) as client:
        assert "images.parquet" in client.get("/api/answers/images").json()["message"]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError):
        create_app(tmp_path)


def test_the_next_free_port_is_taken():
    with listen() as first, listen() as second:
        assert first.getsockname()[0] == HOST
        assert first.getsockname()[1] >= DEFAULT_PORT
        assert second.getsockname()[1] > first.getsockname()[1]


def test_an_answer_does_not_wait_for_the_page_to_acknowledge_its_head():
    async def option():
        told = asyncio.get_running_loop().create_future()
        async with await asyncio.start_server(lambda _, writer: told.set_result(writer), sock=listen(0)) as server:
            _, page = await asyncio.open_connection(*server.sockets[0].getsockname())
            accepted = await told
            found = accepted.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for writer in (page, accepted):
                writer.close()
                await writer.wait_closed()
        return found

    assert awaited(option())


def test_a_port_that_is_asked_for_must_be_free():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        with pytest.raises(InvalidArgument, match="taken"):
            listen(other.getsockname()[1])


@contextmanager
def running(app, monkeypatch, open_browser=False):
    """The address of an app that `serve` serves from a thread, until it is told to stop."""
    servers, addresses, ready = [], [], threading.Event()
    original = uvicorn.Server.__init__

    def remember(self, config):
        original(self, config)
        servers.append(self)

    def on_ready(address):
        addresses.append(address)
        ready.set()

    monkeypatch.setattr(uvicorn.Server, "__init__", remember)
    thread = threading.Thread(target=serve, args=(app, 0, open_browser), kwargs={"on_ready": on_ready})
    thread.start()
    try:
        assert ready.wait(60)
        yield addresses[0]
    finally:
        servers[0].should_exit = True
        thread.join(60)
    assert not thread.is_alive()


def test_serve_answers_and_announces_its_address(run, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with running(create_app(run.path), monkeypatch, open_browser=True) as address:
        with urllib.request.urlopen(address + "api/answers/progress", timeout=60) as response:
            assert json.load(response)["state"] == "complete"
        assert opened == [address]


def test_a_server_that_is_stopped_says_nothing_of_answers_it_gives_up(monkeypatch, capsys):
    app, asked = FastAPI(), threading.Event()

    @app.get("/slow")
    async def slow():
        asked.set()
        await asyncio.sleep(60)

    monkeypatch.setattr("vitscope.server.app._PATIENCE", 0.1)
    with (
        running(app, monkeypatch) as address,
        socket.create_connection((HOST, int(address.rstrip("/").rpartition(":")[2]))) as question,
    ):
        question.sendall(f"GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert asked.wait(60)
    assert not capsys.readouterr().err


def test_a_server_says_what_goes_wrong_in_it(monkeypatch, capsys):
    app = FastAPI()

    @app.get("/broken")
    def broken():
        raise ValueError("broken on purpose")

    with running(app, monkeypatch) as address, pytest.raises(HTTPError):
        urllib.request.urlopen(address + "broken", timeout=60)
    assert "broken on purpose" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["vitscope.server", "vitscope.server.routes", "vitscope.server.schema"])
def test_importing_the_server_loads_no_heavy_module(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'xarray', 'zarr', 'timm') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


class TestPace:
    def test_nothing_is_known_before_a_shard_lands(self):
        pace = Pace(clock=iter([0.0, 1.0, 2.0]).__next__)
        assert pace.see({"head": (0, 4), "partial": (0, 2)}) == {"head": None, "partial": None}

    def test_the_pace_seen_gives_the_time_left(self):
        now = [0.0]
        pace = Pace(clock=lambda: now[0])
        pace.see({"head": (1, 5)})
        now[0] = 10.0
        assert pace.see({"head": (2, 5)})["head"] == 30.0
        now[0] = 14.0
        assert pace.see({"head": (2, 5)})["head"] == 26.0
        assert pace.idle_seconds == 4.0

    def test_a_groups_clock_starts_when_its_turn_comes(self):
        now = [0.0]
        pace = Pace(clock=lambda: now[0])
        pace.see({"head": (0, 1), "partial": (0, 3)})
        now[0] = 100.0
        pace.see({"head": (0, 1), "partial": (0, 3)})
        now[0] = 101.0
        pace.see({"head": (1, 1), "partial": (0, 3)})
        now[0] = 103.0
        assert pace.see({"head": (1, 1), "partial": (1, 3)}) == {"head": 0.0, "partial": pytest.approx(6.0)}
