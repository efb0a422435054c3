import json
from pathlib import Path

import numpy as np
import pytest
from tests.server.clients import array, arrays, client_of
from tests.synthetic_run import SKIPPED, synthetic_run

from vitscope import text
from vitscope.quantities import metrics_of, of_kind, quantity

GOLDEN = Path(__file__).parent / "golden"


def test_golden_bodies(client):
    """The whole of two bodies, word for word: a change of the wire is a decision, not an accident."""
    described = client.get("/api/answers/run").json()
    described["capabilities"]["liveCommand"] = described["capabilities"]["liveCommand"].replace(
        str(client.app.state.served.run.path), "RUN"
    )
    quantities = {kind: described.pop(field) for kind, field in (("metric", "metrics"), ("spread", "spread"))}
    for kind, told in quantities.items():
        words = ("name", "label", "unit", "definition", "available", "reason")
        rows = [
            dict(zip(words, (row.name, row.label, row.mark, row.meaning, True, ""), strict=True))
            for row in of_kind(kind)
            if row.readouts != ("values",)
        ]
        assert [{name: each[name] for name in words} for each in told] == rows
    assert described == json.loads((GOLDEN / "run.json").read_text("utf-8"))
    assert client.get("/api/answers/images").json() == json.loads((GOLDEN / "images.json").read_text("utf-8"))


def test_headline_is_the_reports(client, run):
    assert client.get("/api/answers/headline").json() == {"text": text.headline(run)}


def test_summary_over_all_images_is_numpys(client, run):
    answer = client.get("/api/answers/summary?metric=jsd&mode=cp+pc")
    found = arrays(answer)
    values = run.effect("jsd", "cp+pc").astype(np.float64)
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)
    np.testing.assert_array_equal(found["n"], np.isfinite(values).sum(axis=0))
    np.testing.assert_allclose(found["mean"], np.nanmean(values, axis=0))
    for name, expected in (("q1", low), ("median", middle), ("q3", high)):
        np.testing.assert_allclose(found[name], expected)
    np.testing.assert_allclose(found["consistency"], 1 - (high - low) / (high - low + np.abs(middle)))
    tag = answer.headers["etag"]
    assert client.get("/api/answers/summary?metric=jsd&mode=cp+pc", headers={"if-none-match": tag}).status_code == 304
    assert client.get("/api/answers/summary?metric=jsd&mode=cc+pc").status_code == 404
    assert client.get("/api/answers/summary?metric=nonsense&mode=head").status_code == 422


def test_a_model_without_cls_or_classifier_says_what_is_missing(bare_run):
    body = client_of(bare_run).get("/api/answers/run").json()
    assert body["defaultMetric"] == "out_cos"
    assert body["tokens"]["cls"] is None
    assert body["capabilities"]["clsRows"] is False
    reasons = {metric["name"]: metric["reason"] for metric in body["metrics"] if not metric["available"]}
    assert set(reasons) == {
        row.name
        for row in map(quantity, metrics_of("features"))
        if "features" not in row.readouts or "cls" in row.needs
    }
    assert {"jsd", "cls_cos"} <= set(reasons)
    assert "classifier" in reasons["jsd"]
    assert "CLS" in reasons["cls_cos"]
    assert [mode["name"] for mode in body["modes"]] == ["head", "pp"]
    images = client_of(bare_run).get("/api/answers/images").json()
    assert images["classNames"] == {}
    assert set(images["label"]) == {-1}


def test_progress_of_a_complete_run(client, run):
    body = client.get("/api/answers/progress").json()
    assert body["state"] == "complete"
    assert body["doneUnits"] == body["totalUnits"]
    assert body["nDone"] == body["nImages"] == run.manifest.n_images
    assert {group["name"]: group["secondsLeft"] for group in body["groups"]} == dict.fromkeys(
        ("head", "featured", "partial", "matrices", "patterns"), 0
    )


def test_a_growing_run_changes_generation_tag_and_content(tmp_path):
    from tests.synthetic_run import head_unit

    from vitscope.store import RunWriter

    run = synthetic_run(tmp_path / "run", complete=False, head_shards=1)
    client = client_of(run)
    before = client.get("/api/answers/importance?metric=jsd&mode=head")
    progress = client.get("/api/answers/progress").json()
    assert progress["state"] == "running"
    assert progress["nDone"] == 4
    assert np.isfinite(array(before, "<f4")[:, 0, 0]).sum() == 3  # one of the four is skipped

    labels = run.images["label"].to_numpy()
    with RunWriter.opened(run.path) as writer:
        writer.write_head(1, head_unit(run.manifest, 1, labels, np.random.default_rng(5)))

    after = client.get(
        "/api/answers/importance?metric=jsd&mode=head", headers={"if-none-match": before.headers["etag"]}
    )
    assert after.status_code == 200
    assert np.isfinite(array(after, "<f4")[:, 0, 0]).sum() == 7
    assert client.get("/api/answers/progress").json()["generation"] > progress["generation"]
    assert client.get("/api/answers/images").json()["done"].count(True) == 8


@pytest.mark.parametrize("mode", ["head", "cp+pc", "pc+cp"])
def test_importance_is_the_runs(client, run, mode):
    response = client.get(f"/api/answers/importance?metric=jsd&mode={mode}")
    np.testing.assert_array_equal(array(response, "<f4"), run.effect("jsd", "cp+pc" if "+" in mode else mode))


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/api/answers/importance?metric=nonsense&mode=head", 422, "invalid_request"),
        ("/api/answers/importance?metric=jsd&mode=nonsense", 400, "invalid_argument"),
        ("/api/answers/importance?metric=jsd&mode=cc+cp", 404, "not_available"),
        ("/api/answers/attention?image=999", 404, "not_available"),
        ("/api/answers/attention?image=-1", 422, "invalid_request"),
        ("/api/answers/attention?image=x", 422, "invalid_request"),
        ("/api/answers/attention?image=5&query=99", 400, "invalid_argument"),
        ("/api/answers/attention?image=5&query=reg1", 422, "invalid_request"),
        ("/api/answers/attention?image=5&direction=sideways", 422, "invalid_request"),
        ("/api/answers/preview?image=999", 404, "not_available"),
        ("/api/answers/strength?kind=weight", 422, "invalid_request"),
        ("/api/answers/spread?measure=nonsense", 422, "invalid_request"),
        ("/api/answers/layout?by=importance&method=umap", 422, "invalid_request"),
        ("/api/answers/layout?by=pixels&method=pca", 422, "invalid_request"),
        ("/api/answers/layout?by=importance&method=pca&metric=nonsense", 422, "invalid_request"),
        ("/api/answers/layout?by=importance&method=pca&mode=nonsense", 400, "invalid_argument"),
        ("/api/answers/layout?by=importance&method=pca&mode=cc%2Bcp", 404, "not_available"),
        ("/api/answers/mean?layer=2", 400, "invalid_argument"),
        ("/api/answers/mean?layer=-1", 422, "invalid_request"),
        ("/api/answers/thumbs?page=1", 404, "not_available"),
        ("/api/answers/thumbs?page=-1", 422, "invalid_request"),
        ("/api/answers/matrix?image=999&layer=0&head=0", 404, "not_available"),
        ("/api/answers/matrix?image=0&layer=2&head=0", 400, "invalid_argument"),
        ("/api/answers/matrix?image=0&layer=0&head=3", 400, "invalid_argument"),
        ("/api/answers/matrix?image=5&layer=0&head=0", 404, "not_available"),
        ("/api/answers/rollout?image=999", 404, "not_available"),
        ("/api/answers/rollout?image=5", 404, "not_available"),
        ("/api/answers/rollout?image=0&query=99", 400, "invalid_argument"),
        ("/api/answers/rollout?image=0&residual=2", 400, "invalid_argument"),
        ("/api/answers/rollout?image=0&discard=nan", 400, "invalid_argument"),
        ("/api/answers/rollout?image=0&start=2", 400, "invalid_argument"),
        ("/api/answers/rollout?image=0&fusion=sum", 422, "invalid_request"),
        (f"/api/answers/preview?image={SKIPPED}", 404, "not_available"),
        ("/api/nothing", 404, "not_found"),
    ],
)
def test_every_failure_has_the_one_body(client, address, status, code):
    response = client.get(address)
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"code", "message", "hint"}
    assert body["code"] == code
    assert body["message"]
    assert response.headers["cache-control"] == "no-store"


def test_other_methods_are_refused_in_the_one_body(client):
    response = client.post("/api/answers/run")
    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
    assert "GET" in response.headers["allow"]


def test_an_unexpected_error_is_a_500_in_the_one_body(run, monkeypatch):
    client = client_of(run, raise_errors=False)
    monkeypatch.setattr("vitscope.answers.rows.run.metric_infos", lambda manifest: 1 / 0)
    response = client.get("/api/answers/run")
    assert response.status_code == 500
    assert response.json()["code"] == "internal"
    assert "ZeroDivisionError" in response.json()["message"]


class TestAttention:
    def test_cls_rows_are_stored_for_every_image(self, client, run):
        image = next(row for row in range(2, run.manifest.n_images) if row not in run.featured)
        rows = array(client.get(f"/api/answers/attention?image={image}"), "<f2")
        assert np.isnan(rows[:, :, 0]).all()  # the weight on CLS itself is not stored
        np.testing.assert_array_equal(rows[:, :, 1:], run.cls_rows(image))

    @pytest.mark.parametrize("direction", ["from", "to"])
    def test_featured_images_answer_any_token(self, client, run, direction):
        image = run.featured[0]
        rows = array(client.get(f"/api/answers/attention?image={image}&query=7&direction={direction}"), "<f2")
        whole = run.featured_attention(image)
        np.testing.assert_array_equal(rows, whole[:, :, 7] if direction == "from" else whole[:, :, :, 7])

    @pytest.mark.parametrize("asked", ["query=7", "query=cls&direction=to"])
    def test_what_is_not_stored_names_the_command(self, client, run, asked):
        image = next(row for row in range(2, run.manifest.n_images) if row not in run.featured)
        response = client.get(f"/api/answers/attention?image={image}&{asked}")
        assert response.status_code == 404
        assert f"vitscope serve {run.path} --live" in response.json()["hint"]

    def test_the_live_model_answers_the_rest(self, live_client, live, run):
        image = next(row for row in range(2, run.manifest.n_images) if row not in run.featured)
        rows = array(live_client.get(f"/api/answers/attention?image={image}&query=7&direction=to"), "<f2")
        assert live.asked == [image]
        np.testing.assert_array_equal(rows, live.of(image)[:, :, :, 7])
        assert live_client.get("/api/answers/run").json()["capabilities"]["live"] is True

    def test_a_question_that_nobody_waits_for_is_not_computed(self, live_client, live, run, monkeypatch):
        async def gone(request):
            return True

        monkeypatch.setattr("starlette.requests.Request.is_disconnected", gone)
        image = next(row for row in range(2, run.manifest.n_images) if row not in run.featured)
        assert live_client.get(f"/api/answers/attention?image={image}&query=7").status_code == 503
        assert live.asked == []

    def test_a_skipped_image_has_none(self, client):
        assert client.get(f"/api/answers/attention?image={SKIPPED}").status_code == 404

    def test_cls_is_refused_where_there_is_none(self, bare_run):
        response = client_of(bare_run).get("/api/answers/attention?image=5&query=cls")
        assert response.status_code == 400
        assert "CLS" in response.json()["message"]


def test_preview_is_the_file(client, run):
    response = client.get("/api/answers/preview?image=2")
    assert response.headers["content-type"] == "image/png"
    assert response.content == run.preview(2).read_bytes()


@pytest.mark.parametrize(
    "asked",
    [
        "images",
        "importance?metric=jsd&mode=head",
        "attention?image=3&query=cls",
        "attention?image=5",
        "preview?image=3",
        "strength?kind=mass",
        "spread?measure=focus",
        "levels",
        "layout?by=importance&method=pca",
        "mean?layer=1",
        "thumbs?page=0",
        "matrix?image=0&layer=1&head=2",
        "rollout?image=0",
    ],
)
def test_what_has_not_changed_costs_a_304(client, asked):
    address = f"/api/answers/{asked}"
    first = client.get(address)
    assert first.headers["cache-control"] == "private, no-cache"
    tag = first.headers["etag"]
    for held in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = client.get(address, headers={"if-none-match": held})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == tag
    assert client.get(address, headers={"if-none-match": '"other"'}).status_code == 200


def test_columns_are_compressed_where_the_client_can(tmp_path):
    run = synthetic_run(tmp_path / "run", n_images=80, shard_size=40)
    client = client_of(run)
    assert client.get("/api/answers/images").headers["content-encoding"] == "gzip"
    assert (
        client.get("/api/answers/importance?metric=jsd&mode=head").headers["content-encoding"] == "identity"
    )  # noise does not shrink
    assert "content-encoding" not in client.get("/api/answers/images", headers={"accept-encoding": "identity"}).headers
