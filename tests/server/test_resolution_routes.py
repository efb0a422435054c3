"""Routes over input sizes and over maps of a class: recorded, live, and what to do where there is neither."""

import numpy as np
import pytest
from tests.server.clients import FakeLive, array, client_of
from tests.synthetic_resolution import synthetic_resolution
from tests.synthetic_run import synthetic_run


@pytest.fixture(scope="module")
def sized_run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("sizes") / "run")


@pytest.fixture(scope="module")
def recorded(sized_run):
    return synthetic_resolution(sized_run)


@pytest.fixture
def sizes_client(sized_run, recorded):
    return client_of(sized_run)


def test_a_run_without_a_comparison_says_how_to_make_one(client, run):
    info = client.get("/api/answers/resolution").json()
    assert (info["recorded"], info["live"], info["sizes"]) == (False, False, [])
    assert info["reason"]
    assert info["command"].startswith("vitscope resolution timm:vit_synthetic ")
    assert f"--run {run.path}" in info["command"]
    height, width = run.manifest.model.input_size[1:]
    assert (str(height) if height == width else f"{height}x{width}") in info["suggested"]
    for address in ("column?column=distance", "mean?size=0", "map?size=0&image=3"):
        refused = client.get(f"/api/answers/resolution_{address}")
        assert refused.status_code == 404
        assert "vitscope resolution" in refused.json()["hint"]


def test_a_recorded_comparison_is_answered_as_it_was_written(sizes_client, recorded):
    response = sizes_client.get("/api/answers/resolution")
    info = response.json()
    assert info["recorded"]
    assert [size["tokens"] for size in info["sizes"]] == [size.tokens for size in recorded.sizes]
    assert [size["interpolated"] for size in info["sizes"]] == [True, False, True]
    assert info["images"] == list(recorded.rows)
    assert info["shown"] == list(recorded.rows[:3])
    for what in ("probability", "correct", "distance", "distance_no_sinks", "entropy"):
        np.testing.assert_array_equal(
            array(sizes_client.get(f"/api/answers/resolution_column?column={what}"), "<f4"), recorded.arrays[what]
        )
    np.testing.assert_array_equal(
        array(sizes_client.get("/api/answers/resolution_mean?size=2"), "<f2"), recorded.arrays["mean_map_2"]
    )
    image = recorded.rows[1]
    np.testing.assert_array_equal(
        array(sizes_client.get(f"/api/answers/resolution_map?size=0&image={image}"), "<f2"), recorded.arrays["map_0"][1]
    )
    unchanged = sizes_client.get("/api/answers/resolution", headers={"if-none-match": response.headers["etag"]})
    assert unchanged.status_code == 304


def test_maps_that_are_not_kept_are_refused_with_the_reason(sizes_client, recorded):
    other = sizes_client.get(f"/api/answers/resolution_map?size=0&image={recorded.rows[5]}")
    assert other.status_code == 404
    assert "those of 3 images" in other.json()["message"]
    beyond = sizes_client.get("/api/answers/resolution_mean?size=3")
    assert beyond.status_code == 404
    assert "3 sizes" in beyond.json()["hint"]
    assert sizes_client.get("/api/answers/resolution_column?column=saliency").status_code == 422


def test_a_newer_comparison_is_shown_at_once(tmp_path):
    run = synthetic_run(tmp_path / "run")
    client = client_of(run)
    assert not client.get("/api/answers/resolution").json()["recorded"]
    synthetic_resolution(run)
    first = client.get("/api/answers/resolution_column?column=distance")
    assert len(array(first)) == 3
    synthetic_resolution(run, factors=(1.0, 2.0))
    assert len(array(client.get("/api/answers/resolution_column?column=distance"))) == 2
    assert len(client.get("/api/answers/resolution").json()["sizes"]) == 2


def test_a_damaged_comparison_is_an_error_and_not_an_absence(tmp_path):
    run = synthetic_run(tmp_path / "run")
    synthetic_resolution(run)
    (run.path / "resolution" / "arrays.npz").write_bytes(b"x")
    response = client_of(run).get("/api/answers/resolution")
    assert response.status_code == 409
    assert "checksum" in response.json()["message"]


def test_models_without_cls_or_classifier(tmp_path):
    run = synthetic_run(tmp_path / "run", prefix=(), classifier=False)
    synthetic_resolution(run)
    client = client_of(run)
    info = client.get("/api/answers/resolution").json()
    assert not info["hasClassifier"]
    assert np.isnan(array(client.get("/api/answers/resolution_column?column=probability"), "<f4")).all()
    assert "no CLS token" in client.get("/api/answers/resolution_mean?size=0").json()["message"]


def test_one_image_at_a_size_comes_from_the_live_model(live_client, live, run):
    body = live_client.get("/api/answers/sized_image?image=3&size=24x40").json()
    assert live.asked == [(3, (24, 40))]
    assert (body["height"], body["width"], body["rows"], body["cols"], body["tokens"]) == (24, 40, 6, 10, 61)
    assert body["prediction"] == {"number": 2, "name": "cat", "probability": 0.4}
    target = int(run.images.at[3, "target"])
    assert body["targetProbability"] == [0.1, 0.2, 0.4, 0.2, 0.1][target]
    assert body["distance"][1][2] is None
    assert body["distance"][0][0] > 0
    rows = live_client.get("/api/answers/sized_rows?image=3&size=24&query=7")
    assert array(rows).shape == (2, 3, 36)
    assert (array(rows, "<f2") == 7).all()
    tag = rows.headers["etag"]
    assert (
        live_client.get("/api/answers/sized_rows?image=3&size=24&query=7", headers={"if-none-match": tag}).status_code
        == 304
    )


@pytest.mark.parametrize("size", ["abc", "24x", "x24", "24x24x24", "99999"])
def test_sizes_that_are_none(live_client, size):
    assert live_client.get(f"/api/answers/sized_image?image=3&size={size}").status_code == 422


def test_sizes_that_do_not_fit_are_refused(live_client, client, run):
    assert live_client.get("/api/answers/sized_image?image=3&size=25").status_code == 400
    assert live_client.get("/api/answers/sized_image?image=3&size=0").status_code == 400
    for address in ("sized_image", "sized_rows"):
        refused = client.get(f"/api/answers/{address}?image=3&size=24")
        assert refused.status_code == 404
        assert f"vitscope serve {run.path} --live" in refused.json()["hint"]


def test_a_map_of_a_class_is_the_live_models(live_client, live, run):
    response = live_client.get("/api/answers/class_map?kind=legrad&image=4")
    assert array(response).shape == (2, 16)
    own = int(run.images.at[4, "target"])
    assert live.asked == [(4, "legrad", own, 0, "from", 0.5, "mean", 0.0, 0, 2, "mean")]
    options = "target=2&query=5&direction=to&fusion=max&residual=0.25&discard=0.5&start=1&layers=3&reading=classifier"
    live_client.get(f"/api/answers/class_map?kind=gradient_rollout&image=4&{options}")
    assert live.asked[1] == (4, "gradient_rollout", 2, 5, "to", 0.25, "max", 0.5, 1, 3, "classifier")
    answers = [
        live_client.get(f"/api/answers/class_map?kind=relevance&image=4&{option}")
        for option in ["", *options.split("&")]
    ]
    assert len({answer.headers["etag"] for answer in answers}) == len(answers)
    for wrong in ("layers=0", "reading=cls"):
        assert live_client.get(f"/api/answers/class_map?kind=legrad&image=4&{wrong}").status_code == 422


def test_a_map_of_a_class_needs_model_and_classifier(client, bare_run, run):
    refused = client.get("/api/answers/class_map?kind=relevance&image=4")
    assert refused.status_code == 404
    assert f"vitscope serve {run.path} --live" in refused.json()["hint"]
    bare = client_of(bare_run, FakeLive(bare_run))
    assert "classifier" in bare.get("/api/answers/class_map?kind=relevance&image=4&query=1").json()["message"]
    assert client.get("/api/answers/class_map?kind=saliency&image=4").status_code == 422
