"""A run of a stranger: markup, control characters and very long texts wherever a run holds text; its checksums fit."""

import dataclasses
import json
from pathlib import Path

from starlette.testclient import TestClient
from tests.synthetic_run import synthetic_manifest, write_synthetic_run

from vitscope.analysis import Run, open_run
from vitscope.store.files.checksums import read_checksums, write_checksums
from vitscope.store.files.commits import read_commit, write_commit
from vitscope.store.files.durable import file_sha256, write_json, write_sealed
from vitscope.store.files.tables import COMPUTED, PLANNED, write_table
from vitscope.store.image_table import IMAGE_TABLE, PLAN_TABLE
from vitscope.store.lab import LabRuns
from vitscope.store.pattern_files import CLUSTERS, FIT, NAMES

MARKUP = (
    '<img src=x onerror="window.__executed=1;alert(1)">'
    "</script></style></title><script>window.__executed=1</script>"
    '<svg onload=window.__executed=1><iframe src="javascript:parent.__executed=1"></iframe>'
    "<link rel=stylesheet href=http://192.0.2.1/a.css>{{7*7}}"
)
CONTROLS = "\x1b[2J\x1b[31m\x1b]0;owned\x07\x1b]8;;http://192.0.2.1\x07\x9b1A\r\x08\x00\x7f\u202e\u2066\u200f\u2028"
LONG = "long " * 2_000
SHAPE = {
    "n_images": 6,
    "shard_size": 3,
    "partial_images": 3,
    "n_featured": 2,
    "pattern_images": 4,
    "modes": ("head", "pp"),
}


def evil(what: str) -> str:
    """A text that says what it is of, and tries everything."""
    return f"{what} {MARKUP}{CONTROLS}{LONG}"


def crafted_run(folder: Path) -> Run:
    """The run, complete and sound."""
    manifest = synthetic_manifest(**SHAPE)
    model = manifest.model
    classes = tuple(evil(f"class {number}") for number in range(len(model.classes or ())))
    model = dataclasses.replace(model, name=evil("model"), id=evil("timm:id"), classes=classes)
    source = dataclasses.replace(
        manifest.source, root=evil("root"), images=evil("images"), ignored=2, ignored_names=(evil("ignored"),) * 2,
        note=evil("note of the source"),
    )  # fmt: skip
    manifest = dataclasses.replace(
        manifest, model=model, source=source, transform=evil("transform"), versions={"torch": evil("version")}
    )
    run = write_synthetic_run(folder / "run", manifest=manifest)
    _tables(run)
    _patterns(run)
    _lab(run)
    return open_run(run.path)


def _tables(run: Run) -> None:
    images = run.images
    images["path"] = [evil(f"image {row}") for row in images.index]
    for column in ("note", "problem"):
        known = images[column].notna()
        images.loc[known, column] = [evil(f"{column} {row}") for row in images.index[known]]
    columns = {name: images[name].tolist() for name in (*PLANNED, *COMPUTED)}
    write_table(run.path / PLAN_TABLE, {name: columns[name] for name in PLANNED}, PLANNED)
    write_table(run.path / IMAGE_TABLE, columns, {**PLANNED, **COMPUTED})
    write_checksums(run.path, [PLAN_TABLE, IMAGE_TABLE], kept=read_checksums(run.path))


def _patterns(run: Run) -> None:
    document = json.loads((run.path / CLUSTERS).read_text())
    document["verdict"] = evil("verdict")
    for space in document["spaces"].values():
        space["criterion"] = evil("criterion")
        for cluster in space["clusters"]:
            cluster |= {"name": evil(f"pattern {cluster['id']}"), "rule": evil("rule")}
    write_json(run.path / CLUSTERS, document, indent=1)
    commit = read_commit(run.path, FIT)
    assert commit is not None
    fitting = {**commit.files, CLUSTERS: file_sha256(run.path / CLUSTERS)}
    write_commit(run.path, dataclasses.replace(commit, files=fitting))
    given = "<img src=x onerror=window.__executed=1>"  # other names are refused as damaged
    write_sealed(run.path / NAMES, {document["chosen"]: {"0": given}}, indent=1)


def _lab(run: Run) -> None:
    from tests.server.clients import FakeLive, client_of

    client: TestClient = client_of(run, FakeLive(run))
    heads = [{"layer": 0, "head": 1}]
    answer = client.post("/api/lab/scope", json={"heads": heads, "fill": "zero", "name": "", "scope": "all"})
    assert answer.status_code == 200, answer.text
    labs = LabRuns(run.path)
    (lab,) = labs.ids()
    labs.save(lab, labs.read(lab) | {"name": evil("run of the Lab")})
