"""`vitscope resolution`: tables, files, a part of a run, and sentences for what does not fit."""

import json

import numpy as np
import pytest
import torch
from tests.tiny_analysis import tiny_model, write_photos

import vitscope
from vitscope.cli import main
from vitscope.commands import sizing
from vitscope.store.resolution import read_resolution


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sizing, "load", lambda *asked, **options: tiny_model())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def call(capsys, *words) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_tables_files_and_a_run(tmp_path, capsys):
    photos = write_photos(tmp_path / "photos", 4)
    (tmp_path / "labels.csv").write_text(
        "path,label\n" + "".join(f"photos/{file.name},2\n" for file in sorted(photos.iterdir()))
    )
    words = ("resolution", "tiny", photos, "--labels", tmp_path / "labels.csv", "--sizes", "12x30,8x18")
    code, out, err = call(capsys, *words, "--out", tmp_path / "all.npz")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[1].split()[:4] == ["8x18", "2", "x", "3"]
    assert "interpolated" in lines[1]
    assert "n = 4 images, 4 with a label" in out
    with np.load(tmp_path / "all.npz") as arrays:
        assert arrays["distance"].shape == (2, 4, 3, 3)
        assert arrays["size"].tolist() == [[8, 18], [12, 30]]
        assert arrays["map_1"].shape == (4, 3, 3, 15)
    run = vitscope.analyze(tiny_model(), photos, tmp_path / "run", patterns=0)
    code, out, _ = call(capsys, *words, "--limit", 2, "--json", "--run", run.path, "--out", tmp_path / "by size.json")
    found = json.loads(out)
    assert found == json.loads((tmp_path / "by size.json").read_text())
    assert [size["size"]["tokens"] for size in found["sizes"]] == [7, 16]
    assert found["sizes"][0]["n"] == 2
    kept = read_resolution(run.path)
    assert kept is not None
    assert all(row >= 0 for row in kept.rows)


def test_what_does_not_fit_is_refused_before_anything_is_computed(tmp_path, capsys, monkeypatch):
    photos = write_photos(tmp_path / "photos", 1)
    monkeypatch.setattr("vitscope.pipeline.studies.across_sizes.look", None)
    for words, message in (
        ((), "none is named"),
        (("--sizes", "13"), "patches are 4 x 6"),
        (("--sizes", "12x30", "--out", tmp_path / "x.csv"), ".json or .npz"),
        (("--sizes", "12x30", "--run", tmp_path), "not a run"),
    ):
        code, _, err = call(capsys, "resolution", "tiny", photos, *words)
        assert code == 2
        assert message in err
    code, out, _ = call(capsys, "resolution", "--help")
    assert code == 0
    assert "Example" in out
