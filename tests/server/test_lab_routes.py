"""The Lab's routes: one image, jobs as streams that can be ended, and runs that are kept."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from tests.server.clients import FakeLive, awaited, client_of
from tests.synthetic_run import synthetic_run

from vitscope.analysis import open_run
from vitscope.answers.turns import Turns
from vitscope.errors import NotAvailable
from vitscope.server import create_app, listen
from vitscope.server.jobs import Busy, JobRoom
from vitscope.server.lab.stream import EVERY

HEADS = [{"layer": 0, "head": 1}, {"layer": 1, "head": 0, "mode": "cp+pc"}]
SCOPE = {"heads": HEADS, "fill": "zero", "name": "", "scope": "wrong"}
CURVE = {"orders": [{"name": "least jsd first", "heads": [{"layer": 1, "head": 1}, {"layer": 0, "head": 0}]}],
         "sizes": [1, 2], "random": 3, "images": 5}  # fmt: skip
N_IMAGES = 9
"""Of the run, less the one that it skipped."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("lab") / "run").path


@pytest.fixture
def run(made, tmp_path):
    """One of each test's own: the Lab writes into it."""
    return open_run(shutil.copytree(made, tmp_path / "run"))


@pytest.fixture
def live(run):
    return FakeLive(run)


@pytest.fixture
def client(run, live):
    return client_of(run, live)


@contextmanager
def serving(run, live):
    """A real server: the in-process client reads a stream only when it has ended."""
    bound = listen(0)
    server = uvicorn.Server(uvicorn.Config(create_app(run.path, live), log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{bound.getsockname()[1]}/api", timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
        bound.close()


def messages(response):
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


class TestOneImage:
    def test_before_after_and_the_receipt(self, client, run):
        body = client.post("/api/lab/image/3", json={"heads": HEADS}).json()
        shown = body["classes"]
        assert len(shown) == 5
        assert [one["before"] for one in shown] == sorted((one["before"] for one in shown), reverse=True)
        assert body["label"] == run.images.at[3, "label"]
        assert body["predictionBefore"] == shown[0]["number"]
        assert body["predictionAfter"] == max(shown, key=lambda one: one["after"])["number"]
        assert shown[0]["name"] in ("ant", "bee", "cat", "dog", "elk")
        assert body["receipt"] == {"masked": 0, "rest": 1e-9, "output": 3e-7, "first": 1, "unchanged": 1}
        assert body["jsd"] == 0.25

    def test_a_dropped_one_has_no_label(self, client):
        key = client.post("/api/dropped", content=b"photo").json()["image"]
        assert client.post(f"/api/lab/image/{key}", json={"heads": HEADS}).json()["label"] == -1
        assert client.post(f"/api/lab/image/{key + 1}", json={"heads": HEADS}).status_code == 404

    def test_without_classifier_there_are_no_classes(self, tmp_path):
        bare = synthetic_run(tmp_path / "bare", prefix=(), classifier=False)
        heads = [{"layer": 0, "head": 1}]
        body = client_of(bare, FakeLive(bare)).post("/api/lab/image/3", json={"heads": heads}).json()
        assert (body["classes"], body["predictionBefore"]) == ([], -1)

    def test_it_needs_the_model(self, run):
        response = client_of(run).post("/api/lab/image/3", json={"heads": HEADS})
        assert response.status_code == 404
        assert f"vitscope serve {run.path} --live" in response.json()["hint"]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"heads": []}, 400),
            ({"heads": [{"layer": 9, "head": 0}]}, 400),
            ({"heads": [{"layer": 0, "head": 0}, {"layer": 0, "head": 0, "mode": "cc"}]}, 400),
            ({"heads": [{"layer": 0, "head": 0, "mode": "xx"}]}, 400),
            ({"heads": [{"layer": -1, "head": 0}]}, 422),
            ({"heads": HEADS, "fill": "noise"}, 422),
            ({"heads": HEADS, "more": 1}, 422),
            ({}, 422),
        ],
    )
    def test_what_does_not_fit_is_refused_with_the_one_body(self, client, body, status):
        response = client.post("/api/lab/image/3", json=body)
        assert response.status_code == status
        assert set(response.json()) == {"code", "message", "hint"}


class TestScope:
    def test_it_streams_counts_and_is_kept(self, client, run):
        first, *middle, last = messages(client.post("/api/lab/scope", json=SCOPE))
        assert first["kind"] == "started"
        assert {one["kind"] for one in middle} == {"progress"}
        assert last["kind"] == "done"
        result = last["result"]
        assert result["n"] == result["total"] == N_IMAGES, "one image of the run was skipped"
        assert result["accuracy"]["n"] == N_IMAGES
        assert result["accuracy"]["after"] - result["accuracy"]["before"] == pytest.approx(
            (len(result["won"]) - len(result["lost"])) / N_IMAGES
        )
        saved = last["saved"]
        assert saved["name"] == "L0·H1, L1·H0 cp+pc"
        assert client.get("/api/lab").json()["runs"] == [saved]
        kept = client.get(f"/api/lab/runs/{saved['id']}").json()
        assert kept["result"] == result
        assert (kept["scope"], kept["rows"], kept["runId"]) == ("wrong", None, run.manifest.run_id)

    def test_the_same_question_replaces_its_run_another_does_not(self, client):
        ids = [
            messages(client.post("/api/lab/scope", json=SCOPE | more))[-1]["saved"]["id"]
            for more in ({}, {"name": "again", "heads": HEADS[::-1]}, {"rows": [0, 2]}, {"fill": "renormalise"})
        ]
        assert ids[0] == ids[1]
        assert len(set(ids)) == 3
        assert {one["name"] for one in client.get("/api/lab").json()["runs"]} == {"again", "L0·H1, L1·H0 cp+pc"}

    def test_rows_are_those_asked_for(self, client):
        assert messages(client.post("/api/lab/scope", json=SCOPE | {"rows": [4, 4, 1, 7]}))[-1]["result"]["n"] == 2

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ({"rows": [99]}, "image 99"),
            ({"rows": [1]}, "none of them is analysed"),
            ({"rows": []}, "none of them is analysed"),
            ({"heads": []}, "at least one head"),
        ],
    )
    def test_what_does_not_fit_is_refused_before_the_stream(self, client, more, words):
        response = client.post("/api/lab/scope", json=SCOPE | more)
        assert response.status_code == 400
        assert words in response.json()["message"]

    def test_a_failure_on_the_way_is_the_last_message(self, client, live):
        live.lab.failure = NotAvailable("the file is gone", "Put it back.")
        last = messages(client.post("/api/lab/scope", json=SCOPE))[-1]
        assert last["kind"] == "failed"
        assert last["error"] == {"code": "not_available", "message": "the file is gone", "hint": "Put it back."}
        live.lab.failure = None
        assert messages(client.post("/api/lab/scope", json=SCOPE))[-1]["kind"] == "done", "the room is free again"

    def test_a_folder_that_cannot_be_written_says_so_beside_the_result(self, client, run):
        (run.path / "lab").write_text("a file")
        last = messages(client.post("/api/lab/scope", json=SCOPE))[-1]
        assert (last["kind"], last["saved"]) == ("done", None)
        assert "cannot write" in last["unsaved"]
        assert last["result"]["n"] == N_IMAGES

    def test_it_needs_the_model(self, run):
        assert client_of(run).post("/api/lab/scope", json=SCOPE).status_code == 404


class TestJobs:
    """Steps wait at a gate, so that what is seen does not hang on how fast the machine is."""

    @pytest.fixture
    def gate(self, live):
        live.lab.gate, live.lab.size = threading.Semaphore(0), 1
        return live.lab.gate

    def test_partial_results_come_while_it_goes_on(self, run, live, gate):
        with serving(run, live) as client, client.stream("POST", "/lab/scope", json=SCOPE) as stream:
            lines = stream.iter_lines()
            assert json.loads(next(lines))["kind"] == "started"
            for n in range(1, 6):
                gate.release()
                message = json.loads(next(lines))
                assert (message["kind"], message["result"]["n"]) == ("progress", n)
                time.sleep(EVERY)  # as long as a message waits for more

    @pytest.mark.parametrize("how", ["delete", "leave"])
    def test_it_is_ended_at_once(self, run, live, gate, how):
        with serving(run, live) as client:
            with client.stream("POST", "/lab/scope", json=SCOPE) as stream:
                lines = stream.iter_lines()
                job = json.loads(next(lines))["job"]
                gate.release()
                next(lines)
                if how == "delete":
                    assert client.delete(f"/lab/job/{job}").status_code == 204
                    *_, last = (json.loads(line) for line in lines)
                    assert last["kind"] == "cancelled", "while its step is still going on"
            gate.release()
            while not live.lab.closed.wait(1):
                gate.release()
            assert live.lab.steps < N_IMAGES, "the work was left"
            assert client.get("/lab").json()["runs"] == [], "nothing is kept of it"
            live.lab.gate = None
            assert messages(client.post("/lab/scope", json=SCOPE))[-1]["kind"] == "done"

    def test_one_at_a_time(self, run, live, gate):
        with serving(run, live) as client, client.stream("POST", "/lab/scope", json=SCOPE) as stream:
            lines = stream.iter_lines()
            job = json.loads(next(lines))["job"]
            second = client.post("/lab/curve", json=CURVE)
            assert second.status_code == 409
            assert second.json()["code"] == "busy"
            client.delete(f"/lab/job/{job}")
            live.lab.gate = None
            gate.release()
            assert messages(client.post("/lab/curve", json=CURVE))[-1]["kind"] == "done", (
                "what is ended is in nobody's way"
            )

    def test_one_image_goes_before_the_next_step(self, run, live, gate):
        with serving(run, live) as client, client.stream("POST", "/lab/scope", json=SCOPE) as stream:
            lines = stream.iter_lines()
            job = json.loads(next(lines))["job"]
            with ThreadPoolExecutor(1) as other:
                answer = other.submit(client.post, "/lab/image/0", json={"heads": HEADS})
                pause = 0.1  # twice as long each time: on a slow machine the steps must not run out before the question
                while not wait([answer], timeout=pause).done:
                    gate.release()
                    pause *= 2
            assert answer.result().status_code == 200
            assert live.lab.steps < N_IMAGES, "it did not wait for all of them"
            client.delete(f"/lab/job/{job}")
            gate.release(N_IMAGES)

    def test_no_such_job(self, client):
        response = client.delete("/api/lab/job/7")
        assert response.status_code == 404
        assert "no job 7" in response.json()["message"]


class TestCurves:
    def test_lines_band_and_sizes(self, client):
        *_, last = messages(client.post("/api/lab/curve", json=CURVE))
        curve = last["curve"]
        assert curve["sizes"] == [0, 1, 2]
        assert curve["n"] == curve["labelled"] == 5
        (line,) = curve["lines"]
        assert line["name"] == "least jsd first"
        assert line["moved"] == [0, 0.1, 0.2]
        assert line["n"] == [5, 5, 5]
        assert curve["band"]["draws"] == 3
        assert curve["band"]["accuracy"]["low"][1] == line["accuracy"][1], "the stand-in treats all sets alike"
        assert client.get(f"/api/lab/runs/{last['saved']['id']}").json()["curve"] == curve

    def test_a_search_looks_at_other_images(self, client):
        asked = CURVE | {"orders": [], "greedy": 2, "images": 4, "searchImages": 3}
        curve = messages(client.post("/api/lab/curve", json=asked))[-1]["curve"]
        assert curve["lines"][0]["name"] == "greedy"
        assert (curve["searched"], curve["heldOut"]) == (3, True)
        curve = messages(client.post("/api/lab/curve", json=asked | {"images": 9}))[-1]["curve"]
        assert (curve["searched"], curve["heldOut"]) == (3, False)

    @pytest.mark.parametrize(
        ("more", "status"),
        [
            ({"orders": [], "random": 0}, 400),
            ({"orders": [CURVE["orders"][0]] * 2}, 400),
            ({"sizes": [99]}, 400),
            ({"greedy": 99}, 400),
            ({"images": 0}, 422),
            ({"random": 51}, 422),
            ({"sizes": [-1]}, 422),
        ],
    )
    def test_what_does_not_fit_is_refused(self, client, more, status):
        assert client.post("/api/lab/curve", json=CURVE | more).status_code == status


class TestKeptRuns:
    def test_they_are_there_without_the_model_and_can_be_renamed_and_deleted(self, client, run):
        lab = messages(client.post("/api/lab/scope", json=SCOPE))[-1]["saved"]["id"]
        recorded = client_of(run)
        info = recorded.get("/api/lab").json()
        assert info["secondsPerImage"] is None
        assert [one["id"] for one in info["runs"]] == [lab]
        renamed = recorded.put(f"/api/lab/runs/{lab}/name", json={"name": "  top  two "}).json()
        assert renamed["runs"][0]["name"] == "top two"
        assert recorded.delete(f"/api/lab/runs/{lab}").json()["runs"] == []
        assert recorded.get(f"/api/lab/runs/{lab}").status_code == 404

    def test_a_damaged_one_is_named_and_in_nobodys_way(self, client, run):
        lab = messages(client.post("/api/lab/scope", json=SCOPE))[-1]["saved"]["id"]
        (run.path / "lab" / "0123456789ab.json").write_text('{"id": 1}')
        info = client.get("/api/lab").json()
        assert [one["id"] for one in info["runs"]] == [lab]
        assert info["damaged"] == ["0123456789ab"]
        assert client.get("/api/lab/runs/0123456789ab").status_code == 409
        assert client.delete("/api/lab/runs/0123456789ab").json()["damaged"] == []

    def test_a_foreign_page_may_not_ask(self, client):
        foreign = {"origin": "http://evil.example"}
        assert client.post("/api/lab/scope", json=SCOPE, headers=foreign).status_code == 403
        assert client.delete("/api/lab/runs/0123456789ab", headers=foreign).status_code == 403


def test_questions_go_before_patient_steps():
    turns, order = Turns(), []

    def take(name, turn):
        with turn:
            order.append(name)

    with turns:
        threads = [threading.Thread(target=take, args=("step", turns.patient()))]
        threads[0].start()
        time.sleep(0.05)
        threads += [threading.Thread(target=take, args=(f"question {i}", turns)) for i in range(2)]
        [thread.start() for thread in threads[1:]]
        while turns._asking < 2:
            time.sleep(0.01)
    [thread.join(60) for thread in threads]
    assert order[-1] == "step"
    assert len(order) == 3


def test_a_room_is_taken_until_the_job_is_stopped():
    import asyncio

    async def live_through():
        room = JobRoom(Turns())
        job = room.open()
        with pytest.raises(Busy):
            room.open()
        room.cancel(job.id)
        await asyncio.sleep(0)
        other = room.open()
        room.end(job)
        with pytest.raises(Busy):
            room.open()
        room.end(other)
        assert room.open().id != other.id

    awaited(live_through())
