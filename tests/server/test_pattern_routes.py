"""Routes over the patterns of a run: they say what `run.patterns` says, and renames are kept in the run."""

import numpy as np
import pytest
from tests.server.clients import array, arrays, client_of
from tests.synthetic_run import synthetic_run

from vitscope.analysis import open_run, recluster
from vitscope.answers.codes import encode_log8

SIDE = 66


@pytest.fixture(scope="module")
def patterned(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("patterns") / "run", n_images=12, pattern_images=7)


@pytest.fixture
def pattern_client(patterned):
    return client_of(patterned)


def test_the_clusters_are_those_of_the_run(pattern_client, patterned):
    body, patterns = pattern_client.get("/api/answers/patterns").json(), patterned.patterns
    assert body["nMatrices"] == len(patterns.table)
    assert body["images"] == list(patterns.images)
    assert (body["chosen"], body["verdict"]) == (patterns.chosen, patterns.verdict)
    for sent, (number, cluster) in zip(body["clusters"], patterns.clusters.iterrows(), strict=True):
        assert sent["id"] == number
        for name, key in (("name", "name"), ("autoName", "auto_name"), ("rule", "rule"), ("size", "size")):
            assert sent[name] == cluster[key]
        for key in ("confidence", "medoid", "x", "y", "evidence"):
            assert sent[key] == cluster[key]
    for name, row in patterns.quality.iterrows():
        sent = body["spaces"][name]
        assert sent["clusters"] == row["n_clusters"]
        assert {key: sent[key] for key in sent.keys() & set(row.index)} == {key: row[key] for key in sent if key in row}
    np.testing.assert_allclose(np.array(body["content"], float), patterns.content_dependence)
    assert body["families"] == patterns.families
    told = [(row.name, [list(head) for head in row.heads], row.by) for row in patterns.repeated.itertuples()]
    assert [(each["name"], each["heads"], each["by"]) for each in body["repeated"]] == told
    assert body["resolution"] == "full"
    assert body["renameReason"] == ""


def test_the_run_says_how_many_clusters_it_has_or_why_none(pattern_client, patterned, client, half_run, tmp_path):
    capabilities = pattern_client.get("/api/answers/run").json()["capabilities"]
    assert capabilities["patterns"] == len(patterned.patterns.clusters)
    assert capabilities["patternsReason"] == ""
    for other in (client, client_of(half_run)):
        capabilities = other.get("/api/answers/run").json()["capabilities"]
        assert capabilities["patterns"] == 0
        assert capabilities["patternsReason"] == (
            "There is too little to learn from, 10 images with 6 heads make 60 matrices. "
            "It takes at least 100: analyse 17 images or more."
        )
    asked_for_none = client_of(synthetic_run(tmp_path / "run", n_images=17, light=True))
    said = asked_for_none.get("/api/answers/run").json()["capabilities"]["patternsReason"]
    assert said.startswith("The run was analysed without (--patterns 0). Analyse again")


def test_without_patterns_every_route_says_what_to_do(client):
    of_one = ("pattern_matrix?matrix=0", "nearest_matrices?matrix=0", "typical_images?layer=0&head=0")
    for path in ("patterns", "pattern_points", "pattern_glyphs", *of_one):
        response = client.get(f"/api/answers/{path}")
        assert response.status_code == 404, path
        assert response.json()["code"] == "not_available"
        assert "at least 100" in response.json()["hint"]


def test_points_are_the_table_in_its_order(pattern_client, patterned):
    found, patterns = arrays(pattern_client.get("/api/answers/pattern_points")), patterned.patterns
    table = patterns.table
    np.testing.assert_array_equal(found["x"], table["x"].to_numpy(np.float32))
    np.testing.assert_array_equal(found["y"], table["y"].to_numpy(np.float32))
    cluster = table["cluster"].to_numpy()
    np.testing.assert_array_equal(found["cluster"], np.where(cluster < 0, 255, cluster))
    names = [patterns.pattern_names[code] for code in found["pattern"]]
    assert names == table["pattern"].tolist()
    per_image = sum(patterned.manifest.model.n_heads)  # the page finds image and head of a matrix by its number
    assert table["image"].tolist() == np.repeat(patterns.images, per_image).tolist()


def test_the_distance_of_a_point_is_that_to_its_medoid(pattern_client, patterned):
    found, patterns = arrays(pattern_client.get("/api/answers/pattern_points")), patterned.patterns
    cluster = patterns.table["cluster"].to_numpy()
    assert np.isnan(found["distance"][cluster < 0]).all()
    for number, medoid in patterns.clusters["medoid"].items():
        near = patterns.nearest(medoid, len(cluster)).set_index("matrix")["distance"]
        for member in np.flatnonzero(cluster == number):
            expected = 0 if member == medoid else near[member]
            assert found["distance"][member] == pytest.approx(expected, rel=1e-5)


def test_glyphs_are_medoids_then_prototypes(pattern_client, patterned):
    response, patterns = pattern_client.get("/api/answers/pattern_glyphs"), patterned.patterns
    expected = np.stack([patterns.medoids, patterns.prototypes]).astype(np.float32)
    codes = arrays(response)["log8"]
    np.testing.assert_array_equal(codes, encode_log8(expected))
    assert codes.shape[2:] == (SIDE, SIDE)


def test_one_matrix_with_its_nearest(pattern_client, patterned):
    patterns = patterned.patterns
    codes = arrays(pattern_client.get("/api/answers/pattern_matrix?matrix=11"))["log8"]
    np.testing.assert_array_equal(codes, encode_log8(patterns.matrix(11).astype(np.float32)))
    body = pattern_client.get("/api/answers/nearest_matrices?matrix=11&n=4").json()
    assert body == patterns.nearest(11, 4).to_dict("records")
    refused = pattern_client.get("/api/answers/pattern_matrix?matrix=4200")
    assert refused.status_code == 400
    assert "counted from 0" in refused.json()["message"]


def test_typical_images_are_those_with_the_smallest_and_largest_deviation(pattern_client, patterned):
    body = pattern_client.get("/api/answers/typical_images?layer=1&head=2&n=3").json()
    deviation = patterned.measure("patterns/deviation")[:, 1, 2]
    order = [int(row) for row in np.argsort(deviation) if np.isfinite(deviation[row])]
    assert [one["image"] for one in body["most"]] == order[:3]
    assert [one["image"] for one in body["least"]] == order[::-1][:3]
    assert body["least"][0]["deviation"] == pytest.approx(np.nanmax(deviation))
    assert pattern_client.get("/api/answers/typical_images?layer=1&head=9").status_code == 400


@pytest.mark.parametrize("what", ["deviation", "energy"])
def test_the_columns_of_content_dependence(pattern_client, patterned, what):
    response = pattern_client.get(f"/api/answers/pattern_column?column={what}")
    np.testing.assert_array_equal(array(response), patterned.measure(f"patterns/{what}"))
    again = pattern_client.get(
        f"/api/answers/pattern_column?column={what}", headers={"if-none-match": response.headers["etag"]}
    )
    assert again.status_code == 304


def test_a_name_is_kept_in_the_run_until_it_is_given_back(pattern_client, patterned):
    before = pattern_client.get("/api/answers/patterns")
    auto = before.json()["clusters"][1]["autoName"]
    body = pattern_client.put("/api/patterns/names/1", json={"name": "  looks  left "}).json()
    assert body["clusters"][1]["name"] == "looks left"
    assert open_run(patterned.path).patterns.clusters.loc[1, "name"] == "looks left"
    tag = {"if-none-match": before.headers["etag"]}
    changed = pattern_client.get("/api/answers/patterns", headers=tag)
    assert changed.status_code == 200
    assert changed.json()["clusters"][1]["name"] == "looks left"
    assert pattern_client.put("/api/patterns/names/1", json={"name": None}).json()["clusters"][1]["name"] == auto
    assert pattern_client.get("/api/answers/patterns", headers=tag).status_code == 304


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "two\nlines\x00"])
def test_names_that_are_none_are_refused(pattern_client, name):
    response = pattern_client.put("/api/patterns/names/0", json={"name": name})
    assert response.status_code == 400
    assert "1 to 60 printable characters" in response.json()["message"]
    assert pattern_client.put("/api/patterns/names/99", json={"name": "x"}).status_code == 400


def test_another_page_cannot_rename(pattern_client):
    response = pattern_client.put(
        "/api/patterns/names/0", json={"name": "x"}, headers={"origin": "http://elsewhere.example"}
    )
    assert response.status_code == 403


def test_a_folder_that_cannot_be_written_says_so(pattern_client, monkeypatch):
    monkeypatch.setattr("vitscope.answers.rows.patterns.os.access", lambda *_: False)
    assert "cannot be written" in pattern_client.get("/api/answers/patterns").json()["renameReason"]


@pytest.mark.parametrize("k", [2, 4])
def test_another_number_of_clusters_is_answered_whole(pattern_client, patterned, k):
    found = recluster(patterned.patterns, k)
    body = pattern_client.get(f"/api/answers/patterns?k={k}").json()
    assert [cluster["size"] for cluster in body["clusters"]] == found.clusters["size"].tolist()
    assert [cluster["name"] for cluster in body["clusters"]] == found.clusters["name"].tolist()
    assert body["chosenClusters"] == len(patterned.patterns.clusters)
    assert body["renameReason"]
    points = arrays(pattern_client.get(f"/api/answers/pattern_points?k={k}"))
    np.testing.assert_array_equal(points["cluster"], found.table["cluster"])
    np.testing.assert_allclose(points["distance"], found.medoid_distance, rtol=1e-6)
    np.testing.assert_array_equal(points["x"], patterned.patterns.table["x"].astype(np.float32))
    glyphs = arrays(pattern_client.get(f"/api/answers/pattern_glyphs?k={k}"))["log8"]
    assert glyphs.shape == (2, k, SIDE, SIDE)
    np.testing.assert_array_equal(glyphs[0], encode_log8(found.medoids.astype(np.float32)))


def test_a_number_of_clusters_that_cannot_be_is_refused(pattern_client):
    for path in ("/api/answers/patterns", "/api/answers/pattern_points", "/api/answers/pattern_glyphs"):
        for k in ("1", "19", "x"):
            answer = pattern_client.get(f"{path}?k={k}")
            assert answer.status_code == 422
            assert set(answer.json()) == {"code", "message", "hint"}
