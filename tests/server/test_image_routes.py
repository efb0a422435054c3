"""Routes over one image in depth: whole matrices, rollout, and images that are dropped on the page."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from tests.server.clients import array, awaited, client_of

from vitscope import measures
from vitscope.analysis import Run
from vitscope.answers import drops
from vitscope.server import routes

PHOTO = b"the bytes of a photo"


@pytest.fixture
def other(run):
    """An image that is neither featured nor skipped."""
    return next(row for row in range(2, run.manifest.n_images) if row not in run.featured)


def drop(client, content=PHOTO, name="photo.jpg"):
    return client.post("/api/dropped", params={"name": name}, content=content)


def test_the_matrix_of_a_featured_image_is_stored(client, run):
    values = array(client.get(f"/api/answers/matrix?image={run.featured[1]}&layer=1&head=2"), "<f2")
    np.testing.assert_array_equal(values, run.featured_attention(run.featured[1])[1, 2])


def test_one_token_after_the_other_of_an_image_reads_its_matrices_once(client, run, monkeypatch):
    image, read, whole = run.featured[0], [], Run.featured_attention
    monkeypatch.setattr(Run, "featured_attention", lambda self, row: read.append(row) or whole(self, row))
    for query in (0, 2, 1):
        values = array(client.get(f"/api/answers/attention?image={image}&query={query}"), "<f2")
        np.testing.assert_array_equal(values, whole(run, image)[:, :, query])
    assert read in ([image], []), "an earlier test may have asked for this image"
    client.get(f"/api/answers/attention?image={run.featured[1]}&query=0")
    client.get(f"/api/answers/attention?image={image}&query=0")
    assert read[-2:] == [run.featured[1], image], "only the last one is kept"


def test_the_matrix_of_another_comes_from_the_live_model(client, live_client, live, run, other):
    values = array(live_client.get(f"/api/answers/matrix?image={other}&layer=1&head=2"), "<f2")
    np.testing.assert_array_equal(values, live.of(other)[1, 2])
    refused = client.get(f"/api/answers/matrix?image={other}&layer=1&head=2")
    assert refused.status_code == 404
    assert f"vitscope serve {run.path} --live" in refused.json()["hint"]


@pytest.mark.parametrize("direction", ["from", "to"])
@pytest.mark.parametrize("featured", [True, False])
def test_rollout_is_the_measures(live_client, live, run, other, direction, featured):
    image = run.featured[0] if featured else other
    whole = run.featured_attention(image) if featured else live.of(image)
    address = f"/api/answers/rollout?image={image}&query=7&direction={direction}&fusion=max&discard=0.2&residual=0.4"
    response = live_client.get(address)
    assert array(response).shape == (2, 16)
    matrices = torch.from_numpy(whole)[None]
    for layer in range(2):
        rolled = measures.rollout(matrices[:, : layer + 1], run.tokens, residual=0.4, fusion="max", discard=0.2)[0]
        expected = rolled[7] if direction == "from" else rolled[:, 7]
        np.testing.assert_allclose(array(response, "<f4")[layer], expected, atol=1e-5)


def test_layers_before_the_first_of_a_rollout_are_nan(client, run):
    values = array(client.get(f"/api/answers/rollout?image={run.featured[0]}&start=1"), "<f4")
    assert np.isnan(values[0]).all()
    assert values[1].sum() == pytest.approx(1, abs=1e-3)


def test_a_rollout_that_is_not_stored_names_the_command(client, run, other):
    assert f"vitscope serve {run.path} --live" in client.get(f"/api/answers/rollout?image={other}").json()["hint"]


def test_every_option_of_a_rollout_is_in_its_tag(client, run):
    image = run.featured[0]
    options = ["", "query=3", "direction=to", "fusion=min", "residual=0.25", "discard=0.5", "start=1"]
    tags = {client.get(f"/api/answers/rollout?image={image}&{option}").headers["etag"] for option in options}
    assert len(tags) == len(options)


class TestDropped:
    def test_it_is_answered_for_like_an_image_of_the_run(self, live_client, live):
        response = drop(live_client)
        assert response.status_code == 200
        body = response.json()
        assert body == {
            "image": 10, "name": "photo.jpg", "prediction": 3, "probability": 0.5, "note": None,
            "top": [
                {"number": 3, "name": "dog", "probability": 0.5},
                {"number": 0, "name": "ant", "probability": 0.25},
            ],
        }  # fmt: skip
        image = live.of(10)
        np.testing.assert_array_equal(
            array(live_client.get("/api/answers/attention?image=10&query=4"), "<f2"), image[:, :, 4]
        )
        np.testing.assert_array_equal(
            array(live_client.get("/api/answers/matrix?image=10&layer=1&head=0"), "<f2"), image[1, 0]
        )
        assert array(live_client.get("/api/answers/rollout?image=10")).shape == (2, 16)
        preview = live_client.get("/api/answers/preview?image=10")
        assert preview.headers["content-type"] == "image/png"
        assert preview.content.endswith(PHOTO[:8])
        tag = preview.headers["etag"]
        assert live_client.get("/api/answers/preview?image=10", headers={"if-none-match": tag}).status_code == 304

    def test_while_it_is_decoded_questions_are_answered(self, live_client, live, other, monkeypatch):
        decoding, answered, waited = threading.Event(), threading.Event(), []
        drop_at_once = live.drop

        def decode_for_long(data, name, /, turn):
            decoding.set()
            waited.append(answered.wait(30))
            return drop_at_once(data, name, turn)

        monkeypatch.setattr(live, "drop", decode_for_long)
        with ThreadPoolExecutor(1) as thread:
            dropped = thread.submit(drop, live_client)
            assert decoding.wait(30)
            assert live_client.get(f"/api/answers/matrix?image={other}&layer=0&head=0").status_code == 200
            answered.set()
            assert dropped.result().status_code == 200
        assert waited == [True]

    def test_the_last_eight_are_held(self, live_client):
        assert [drop(live_client, bytes([k])).json()["image"] for k in range(9)] == list(range(10, 19))
        for what in ("attention?image=10", "matrix?image=10&layer=0&head=0", "rollout?image=10", "preview?image=10"):
            gone = live_client.get(f"/api/answers/{what}")
            assert gone.status_code == 404
            assert gone.json()["message"] == "image 10 was dropped too long ago"
            assert gone.json()["hint"] == "Drop it again."
        for image in range(11, 19):
            assert live_client.get(f"/api/answers/preview?image={image}").status_code == 200
        assert "there is no image 19" in live_client.get("/api/answers/preview?image=19").json()["message"]

    def test_after_a_restart_the_same_number_is_another_image(self, run, live_client):
        from tests.server.clients import FakeLive

        drop(live_client)
        restarted = client_of(run, FakeLive(run))
        drop(restarted, b"another photo")
        for address in (
            "/api/answers/attention?image=10",
            "/api/answers/preview?image=10",
            "/api/answers/matrix?image=10&layer=0&head=0",
            "/api/answers/rollout?image=10",
        ):
            tag = live_client.get(address).headers["etag"]
            assert restarted.get(address, headers={"if-none-match": tag}).status_code == 200

    def test_it_needs_the_model(self, client, run):
        response = drop(client)
        assert response.status_code == 404
        assert f"vitscope serve {run.path} --live" in response.json()["hint"]

    def test_what_is_no_image_is_refused_with_the_reason(self, live_client):
        response = drop(live_client, b"")
        assert response.status_code == 422
        assert response.json()["code"] == "image_unreadable"

    def test_a_file_that_is_too_large_is_refused_by_its_announced_length(self, live_client, monkeypatch):
        monkeypatch.setattr(routes, "MAX_BYTES", 10)
        response = drop(live_client, b"x" * 11)
        assert response.status_code == 413
        assert response.json()["code"] == "too_large"
        assert drop(live_client, b"x" * 10).status_code == 200

    def test_a_stream_is_cut_off_as_soon_as_it_is_too_large(self, run, live, monkeypatch):
        from starlette.requests import Request

        monkeypatch.setattr(routes, "MAX_BYTES", 10)
        taken = []

        async def receive():
            taken.append(1)
            return {"type": "http.request", "body": b"xxxx", "more_body": True}

        request = Request({"type": "http", "headers": [], "method": "POST"}, receive)
        assert awaited(routes._body(request)) is None
        assert len(taken) == 3
        assert drops.MAX_BYTES == 32 * 2**20

    def test_a_foreign_page_may_not_drop(self, live_client, live):
        response = live_client.post("/api/dropped", content=PHOTO, headers={"origin": "http://evil.example"})
        assert response.status_code == 403
        assert live.next == 10

    def test_a_name_that_is_too_long(self, live_client):
        assert drop(live_client, name="x" * 300).status_code == 422
