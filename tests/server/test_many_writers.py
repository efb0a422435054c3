"""Many pages that write at once: what was acknowledged is there, and no answer is an error of ours."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.server.clients import FakeLive, client_of
from tests.synthetic_run import synthetic_run

from vitscope.analysis import open_run
from vitscope.store.checking import check
from vitscope.store.lab import LabRuns

WRITES = 100
LABS = 10
HEADS = [{"layer": 0, "head": 1}]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    return synthetic_run(tmp_path / "run", n_images=4, pattern_images=3)


def test_names_and_lab_runs_of_a_hundred_requests_at_once(run):
    """Each asks in a thread of its own: 100 names of clusters, 100 of Lab runs, deletions and listings between them."""
    labs, client = LabRuns(run.path), client_of(run, FakeLive(run), raise_errors=False)
    asked = client.post("/api/lab/scope", json={"heads": HEADS, "fill": "zero", "name": "", "scope": "all"})
    (made,) = labs.ids()
    assert asked.status_code == 200
    kept, doomed = ([f"{kind}{number:011x}" for number in range(LABS)] for kind in "ab")
    document, n_clusters = labs.read(made), run.patterns.n_clusters
    for lab in doomed:
        labs.save(lab, document | {"id": lab})

    def write(number: int) -> list[int]:
        lab, path = kept[number % LABS], f"/api/lab/runs/{kept[number % LABS]}"
        if number < LABS:
            labs.save(lab, document | {"id": lab})  # as the job of a scope ends
        answers = [client.put(f"/api/patterns/names/{number % n_clusters}", json={"name": f"name {number}"})]
        if number < LABS:
            answers += [client.delete(f"/api/lab/runs/{doomed[number]}"), client.get("/api/lab"), client.get(path)]
            answers += [client.get("/api/answers/patterns")]
        if lab in labs.ids():
            answers += [client.put(f"{path}/name", json={"name": f"run {number}"})]
        return [each.status_code for each in answers]

    with client, ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(write, range(WRITES)))
    assert {code for each in codes for code in each} == {200}
    given = open_run(run.path).patterns.given_names
    assert given.keys() == set(range(n_clusters))
    assert all(int(name.split()[1]) % n_clusters == cluster for cluster, name in given.items())
    assert set(labs.ids()) == {made, *kept}
    assert [int(labs.read(lab)["name"].split()[1]) % LABS for lab in kept] == list(range(LABS))
    assert check(run).damages == ()
