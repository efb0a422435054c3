"""Routes over all images: what they send is what the run holds."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.server.clients import array, arrays, client_of
from tests.synthetic_run import SKIPPED, synthetic_manifest, synthetic_run

from vitscope.analysis.images import layout as layouts
from vitscope.analysis.images.levels import map_entropies
from vitscope.answers.codes import decode_log8
from vitscope.answers.rows import effects, images
from vitscope.quantities import names


@pytest.mark.parametrize("kind", names("strength"))
def test_strength_is_the_runs(client, run, kind):
    response = client.get(f"/api/answers/strength?kind={kind}")
    np.testing.assert_array_equal(array(response, "<f2"), run.strength[kind].to_numpy().astype(np.float16))


@pytest.mark.parametrize("measure", names("spread"))
def test_spread_is_the_runs(client, run, measure):
    values = array(client.get(f"/api/answers/spread?measure={measure}"), "<f2")
    assert values.shape == (10, 2, 3)
    np.testing.assert_array_equal(values, run.spread[measure].to_numpy().astype(np.float16))


def test_what_is_larger_than_half_precision_is_infinite(client, monkeypatch):
    monkeypatch.setattr("vitscope.analysis.Run.measure", lambda run, path: np.array([1e6, 2, np.nan], np.float32))
    np.testing.assert_array_equal(
        array(client.get("/api/answers/spread?measure=sink"), "<f2"), np.array([np.inf, 2, np.nan])
    )


def test_the_measures_of_spread_are_described_each(client, bare_run):
    infos = client.get("/api/answers/run").json()["spread"]
    assert [info["name"] for info in infos] == list(names("spread"))
    assert all(info["available"] and info["label"] and info["definition"] and not info["reason"] for info in infos)
    bare = client_of(bare_run)
    missing = [info["name"] for info in bare.get("/api/answers/run").json()["spread"] if not info["available"]]
    assert missing == ["cls_entropy", "focus", "coverage", "cls_self", "cls_to_patches", "patches_to_cls", "to_cls"]


def test_a_measure_that_the_run_lacks_is_described_and_refused_with_the_reason(tmp_path):
    manifest = synthetic_manifest(n_images=3)
    kept = manifest.quantities | {"spread": tuple(name for name in names("spread") if name != "nmi")}
    lacking = client_of(synthetic_run(tmp_path / "run", manifest=replace(manifest, quantities=kept)))
    info = next(info for info in lacking.get("/api/answers/run").json()["spread"] if info["name"] == "nmi")
    assert not info["available"] and info["reason"].startswith("this run was made by vitscope 0.1.0, which did not")
    answer = lacking.get("/api/answers/spread?measure=nmi")
    assert answer.status_code == 404 and "this run was made by" in answer.json()["message"]
    assert lacking.get("/api/answers/spread?measure=focus").status_code == 200


def test_the_page_is_told_sizes(client, run):
    body = client.get("/api/answers/run").json()
    assert body["hops"] == run.strength.sizes["hop"]
    assert body["diagonal"] == pytest.approx(np.hypot(12, 20))
    assert body["thumbs"] == {"size": 64, "columns": 32, "perPage": 1024}


def test_levels_are_the_reports(client, run, bare_run):
    np.testing.assert_array_equal(array(client.get("/api/answers/levels"), "<f4"), map_entropies(run))
    refused = client_of(bare_run).get("/api/answers/levels")
    assert refused.status_code == 404
    assert "no CLS token" in refused.json()["message"]


@pytest.mark.parametrize("asked", ["strength?kind=mass", "spread?measure=nmi", "levels"])
def test_a_half_done_run_has_what_is_committed(half_run, asked):
    values = array(client_of(half_run).get(f"/api/answers/{asked}"))
    assert values.shape[0] == 10
    finite = np.isfinite(values.reshape(10, -1)).all(axis=1)
    assert finite.nonzero()[0].tolist() == [0, 2, 3]


class TestLayout:
    @pytest.mark.parametrize("method", ["pca", "tsne"])
    def test_by_importance(self, client, run, method):
        response = client.get(f"/api/answers/layout?by=importance&method={method}&metric=out_cos")
        made = layouts.layout(layouts.importance_vectors(run.effect("out_cos", "head")), method)
        np.testing.assert_array_equal(arrays(response)["positions"], made.positions)
        assert np.isnan(made.positions[SKIPPED]).all()
        assert float(arrays(response)["trustworthiness"]) == made.trustworthiness
        assert float(arrays(response)["continuity"]) == made.continuity

    def test_by_embedding_classes_lie_together(self, client, run):
        values = arrays(client.get("/api/answers/layout?by=embedding&method=pca"))["positions"]
        made = layouts.layout(layouts.embedding_vectors(run.embedding), "pca")
        np.testing.assert_array_equal(values, made.positions)

    def test_by_a_part_of_the_matrix_only_its_sample_has_places(self, client, run):
        values = arrays(client.get("/api/answers/layout?by=importance&method=pca&mode=pp"))["positions"]
        expected = run.images["partial"].to_numpy() & (np.arange(10) != SKIPPED)
        np.testing.assert_array_equal(np.isfinite(values).all(axis=1), expected)

    def test_it_is_computed_once(self, client, monkeypatch):
        calls = []
        monkeypatch.setattr(images, "lay_out", lambda *a: calls.append(a) or layouts.layout(*a))
        for _ in range(2):
            assert client.get("/api/answers/layout?by=embedding&method=tsne").status_code == 200
        assert len(calls) == 1

    def test_too_many_for_tsne(self, run, monkeypatch):
        monkeypatch.setattr(layouts, "TSNE_LIMIT", 3)
        monkeypatch.setattr("vitscope.answers.rows.run.TSNE_LIMIT", 3)
        client = client_of(run)
        response = client.get("/api/answers/layout?by=importance&method=tsne")
        assert response.status_code == 404
        assert response.json()["hint"] == "Use PCA."
        told = client.get("/api/answers/run").json()["capabilities"]
        assert told["layouts"] == ["importance/pca", "embedding/pca"]
        assert told["tsneLimit"] == 3

    def test_without_a_classifier_there_is_no_layout_by_jsd(self, bare_run):
        response = client_of(bare_run).get("/api/answers/layout?by=importance&method=pca&metric=jsd")
        assert response.status_code == 404
        assert "no values of jsd" in response.json()["message"]
        assert client_of(bare_run).get("/api/answers/layout?by=importance&method=pca&metric=out_cos").status_code == 200

    def test_a_run_of_format_1_has_no_embedding_and_says_so(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr("vitscope.analysis.Run.embedding", None)
        assert client_of(run).get("/api/answers/layout?by=embedding&method=pca").json()["code"] == "not_available"


class TestMean:
    def test_it_is_the_runs_mean_in_one_byte(self, client, run):
        response = client.get("/api/answers/mean?layer=1")
        mean = run.mean_attention[1]
        np.testing.assert_allclose(decode_log8(arrays(response)["log8"]), mean, rtol=0.023)
        assert client.get("/api/answers/run").json()["capabilities"]["mean"] is True

    def test_many_tokens_are_pooled(self, client, run, monkeypatch):
        monkeypatch.setattr(effects, "MEAN_BYTES", 2 * 3 * 16 * 16 - 1)
        monkeypatch.setattr(effects, "POOLED", 4)
        response = client.get("/api/answers/mean?layer=0")
        values = decode_log8(arrays(response)["log8"])
        expected = run.mean_attention[0].reshape(3, 4, 4, 4, 4).mean(axis=(2, 4))
        np.testing.assert_allclose(values, expected, rtol=0.024)

    def test_it_is_not_there_before_all_heads_are_done(self, half_run):
        client = client_of(half_run)
        response = client.get("/api/answers/mean?layer=0")
        assert response.status_code == 404
        assert "not there yet" in response.json()["message"]
        assert client.get("/api/answers/run").json()["capabilities"]["mean"] is False

    def test_it_may_be_too_large_to_keep(self, tmp_path):
        import dataclasses

        from tests.synthetic_run import synthetic_manifest

        plain = synthetic_manifest()
        manifest = dataclasses.replace(plain, options=dataclasses.replace(plain.options, mean_attention=False))
        run = synthetic_run(tmp_path / "run", manifest=manifest)
        response = client_of(run).get("/api/answers/mean?layer=0")
        assert response.status_code == 404
        assert "too large" in response.json()["message"]


def test_thumbnails_are_an_image_that_is_not_compressed_again(client):
    response = client.get("/api/answers/thumbs?page=0")
    assert response.headers["content-type"] == "image/webp"
    assert response.headers["content-encoding"] == "identity"
    assert response.content[8:12] == b"WEBP"


def test_an_old_run_is_served(tmp_path):
    from pathlib import Path

    from vitscope.analysis import open_run

    shutil.unpack_archive(Path(__file__).parents[1] / "store" / "run-format-1.zip", tmp_path)
    client = client_of(open_run(tmp_path))
    told = client.get("/api/answers/run").json()["capabilities"]
    assert told["embedding"] is False
    assert told["layouts"] == ["importance/pca", "importance/tsne"]
    response = client.get("/api/answers/layout?by=embedding&method=pca")
    assert response.status_code == 404
    assert response.json()["hint"] == "Analyse again."
    for address in (
        "/api/answers/levels",
        "/api/answers/mean?layer=0",
        "/api/answers/thumbs?page=0",
        "/api/answers/strength?kind=mass",
        "/api/answers/layout?by=importance&method=pca",
    ):
        assert client.get(address).status_code == 200, address
