"""What a server says of a model that is not loaded, and of what a run lacks: each cause only where it holds."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.server.clients import FakeLive, client_of
from tests.synthetic_run import synthetic_manifest, synthetic_run, write_synthetic_run

ROUTES = (
    ("GET", "/api/answers/matrix?image=1&layer=0&head=0", None),
    ("GET", "/api/answers/attention?image=1&query=3", None),
    ("GET", "/api/answers/class_map?kind=legrad&image=1", None),
    ("GET", "/api/answers/sized_image?image=1&size=24", None),
    ("POST", "/api/lab/image/1", {"heads": [{"layer": 0, "head": 0, "mode": "head"}], "fill": "zero"}),
    ("POST", "/api/dropped", {}),
)
"""Questions that only a loaded model answers."""


def run_of(folder: Path, *, wrapped: bool, weights: str | None):
    manifest = synthetic_manifest(root=folder / "photos", n_featured=0)
    model = replace(manifest.model, id="VisionTransformer" if wrapped else "timm:vit", weights=weights)
    return write_synthetic_run(folder / "run", manifest=replace(manifest, model=model))


def hints(client):
    """What the routes advise."""
    found = []
    for method, route, body in ROUTES:
        answer = client.request(method, route, json=body)
        assert answer.status_code == 404, (route, answer.text)
        assert answer.json()["code"] == "not_available"
        found.append(answer.json()["hint"])
    return found


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_command_that_loads_the_model_is_told_where_it_can(tmp_path, wrapped):
    (tmp_path / "model.safetensors").write_bytes(b"")
    run = run_of(tmp_path, wrapped=wrapped, weights=str(tmp_path / "model.safetensors"))
    client = client_of(run)
    capabilities = client.get("/api/answers/run").json()["capabilities"]
    command, lab, sizes = (
        capabilities["liveCommand"],
        client.get("/api/lab").json(),
        client.get("/api/answers/resolution").json(),
    )
    if not wrapped:
        assert command == f"vitscope serve {run.path} --live"
        assert hints(client) == [f"Start: {command}"] * len(ROUTES)
        assert lab["pruneCommand"].startswith("vitscope prune timm:vit ")
        assert sizes["command"].startswith("vitscope resolution timm:vit ")
        return
    assert [command, sizes["liveCommand"], sizes["command"], lab["pruneCommand"]] == [None] * 4
    for hint in hints(client):
        assert "made in Python from a module at hand, which no command can load" in hint
        assert "vitscope serve" not in hint
    assert (
        "In Python: vitscope.resolution"
        in client.get("/api/answers/resolution_column?column=probability").json()["hint"]
    )


@pytest.mark.parametrize(("weights", "ends"), [("gone.safetensors", " --live --weights FILE"), (None, " --live")])
def test_weights_that_are_gone_are_asked_for(tmp_path, weights, ends):
    run = run_of(tmp_path, wrapped=False, weights=weights)
    assert client_of(run).get("/api/answers/run").json()["capabilities"]["liveCommand"].endswith(ends)


def test_why_there_is_no_mean_attention(tmp_path, client, half_run):
    assert client.get("/api/answers/run").json()["capabilities"]["meanReason"] == ""
    half = client_of(half_run).get("/api/answers/run").json()["capabilities"]
    assert half["meanReason"] == "The mean comes once whole heads are done on all images."
    manifest = synthetic_manifest(root=tmp_path / "photos")
    large = replace(manifest, options=replace(manifest.options, mean_attention=False))
    told = (
        client_of(write_synthetic_run(tmp_path / "run", manifest=large)).get("/api/answers/run").json()["capabilities"]
    )
    assert told["mean"] is False
    assert "too large to be written anew after every shard" in told["meanReason"]


def test_a_live_server_advises_no_command(run):
    body = client_of(run, FakeLive(run)).get("/api/answers/run").json()
    assert body["capabilities"]["live"] is True


def test_without_labels_or_classifier_nothing_is_blamed_on_the_run(tmp_path):
    bare = synthetic_run(tmp_path / "run", prefix=(), classifier=False)
    assert bare.no_mean_reason == ""
    assert bare.manifest.model.by_name
