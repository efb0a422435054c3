"""Routes over heads against each other: they say what `run.heads` and `run.repair` say."""

import numpy as np
import pytest
from tests.server.clients import array, arrays, client_of
from tests.synthetic_run import synthetic_run

from vitscope import text
from vitscope.analysis.findings import output_ranking
from vitscope.text.answer import reasons


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("heads") / "run", layers=3, heads=4)


@pytest.fixture
def heads_client(compared):
    return client_of(compared)


def test_what_can_be_asked_is_told(heads_client, bare_run, half_run):
    body = heads_client.get("/api/answers/heads").json()
    assert [way["name"] for way in body["similarity"]] == ["cls", "mean", "output"]
    assert [variant["name"] for variant in body["diversity"]] == ["cls", "jensen-shannon", "full"]
    assert not any(found["reason"] for found in body["similarity"] + body["diversity"])
    assert body["threshold"] == 0.9
    assert body["depthReason"] == ""
    bare = client_of(bare_run).get("/api/answers/heads").json()
    assert ["no CLS token" in found["reason"] for found in bare["similarity"]] == [True, False, False]
    assert ["no CLS token" in found["reason"] for found in bare["diversity"]] == [True, True, False]
    half = client_of(half_run).get("/api/answers/heads").json()
    assert "not complete yet" in half["similarity"][1]["reason"]


def test_sinks_are_those_of_the_mean_attention(heads_client, compared, half_run, monkeypatch):
    tokens = compared.tokens.n_tokens
    planted = np.full((4, tokens, tokens), 1 / tokens, np.float32)
    planted[2] = 0.1 / tokens
    planted[2, :, [3, 7]] += np.array([[0.3], [0.6]], np.float32)
    monkeypatch.setattr("vitscope.analysis.Run.layer_mean_attention", lambda run, layer: planted)
    for heads in heads_client.get("/api/answers/sinks").json():
        assert [len(keys) for keys in heads] == [0, 0, 2, 0]
        assert [key["token"] for key in heads[2]] == [7, 3]
        assert [key["share"] for key in heads[2]] == pytest.approx([0.6 + 0.1 / tokens, 0.3 + 0.1 / tokens])
    assert client_of(half_run).get("/api/answers/sinks").json() == [[[]] * 3] * 2, "the mean is not complete"


def test_why_each_head_matters_is_what_the_report_says(heads_client, compared, half_run, tmp_path):
    body, output = heads_client.get("/api/answers/why").json(), output_ranking(compared)
    told = text.summary(compared)
    ranked = {(row["head"]["layer"], row["head"]["head"]): row for row in told["output"]["heads"]}
    for (layer, head), row in ranked.items():
        standing, first = body[layer][head]["standing"], (layer, head) == output.top
        assert [standing[name] for name in ("mean", "rank", "n", "leads", "consistency")] == pytest.approx(
            [row[name] for name in ("mean", "rank", "n", "first_in", "consistency")]
        )
        assert (standing["top"], standing["clear"]) == (first, first and told["output"]["clearly_first"])
        assert (standing["metric"], standing["flat"]) == ("jsd", False)
    clauses = {clause["name"]: clause["text"] for clause in body[output.top.layer][output.top.head]["clauses"]}
    assert clauses == told["why"]["clauses"]
    assert told["why"]["sentence"].endswith(f": {'; '.join(clauses.values())}.")
    assert client_of(half_run).get("/api/answers/why").json()[0][0]["standing"]["n"] < half_run.manifest.n_images
    empty = synthetic_run(tmp_path / "empty", complete=False, head_shards=0)
    assert client_of(empty).get("/api/answers/why").json() == [[None] * 3] * 2


def test_one_head_is_told_as_among_all(compared):
    output = output_ranking(compared)
    for found in reasons(compared, output, output.heads):
        assert reasons(compared, output, [found.head])[0].sentence == found.sentence


@pytest.mark.parametrize("variant", ["cls", "jensen-shannon", "full"])
def test_diversity_is_that_of_the_run(heads_client, compared, variant):
    sent = array(heads_client.get(f"/api/answers/diversity?variant={variant}"))
    np.testing.assert_array_equal(sent, compared.heads.diversity(variant).values)


@pytest.mark.parametrize("by", ["cls", "mean", "output"])
def test_similarity_and_tree_are_those_of_the_run(heads_client, compared, by):
    sent = array(heads_client.get(f"/api/answers/similarity?by={by}"))
    np.testing.assert_allclose(sent, compared.heads.similarity(by).values, rtol=1e-6)
    body, tree = heads_client.get(f"/api/answers/tree?by={by}").json(), compared.heads.tree(by)
    assert body["order"] == list(tree.order)
    assert [(m["one"], m["other"], m["similarity"], m["size"]) for m in body["merges"]] == list(tree.merges)
    assert body["n"] == compared.heads.similarity(by).attrs["n"]
    assert body["of"] == ("sampled tokens" if by == "output" else "images")


def test_depth_is_that_of_the_run(heads_client, compared):
    response = heads_client.get("/api/answers/depth?metric=patch_cos_at&mode=cc+pp")
    data = compared.repair.sel(mode="cc+pp")
    found = arrays(response)
    np.testing.assert_allclose(found["values"], data["patch_cos_at"].values, rtol=1e-6)
    assert int(found["n"]) == int(data["n"])


def test_an_unchanged_answer_costs_nothing(heads_client):
    for path in ("diversity?variant=cls", "similarity?by=output", "tree?by=cls", "depth?metric=cls_cos_at&mode=head"):
        tag = heads_client.get(f"/api/answers/{path}").headers["etag"]
        assert heads_client.get(f"/api/answers/{path}", headers={"if-none-match": tag}).status_code == 304


def test_what_is_not_there_says_so(heads_client, bare_run, half_run):
    for path in ("diversity?variant=cls", "similarity?by=cls", "tree?by=cls"):
        response = client_of(bare_run).get(f"/api/answers/{path}")
        assert response.status_code == 404
        assert "no CLS token" in response.json()["message"]
    response = client_of(half_run).get("/api/answers/similarity?by=mean")
    assert (response.status_code, response.json()["code"]) == (404, "not_available")
    assert heads_client.get("/api/answers/similarity?by=dot").status_code == 422
    assert heads_client.get("/api/answers/depth?metric=cls_cos_at&mode=qq").status_code == 400
