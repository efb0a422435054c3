"""`vitscope judge`: the table, JSON, and sentences for what does not fit."""

import json

import pytest
import torch
from tests.tiny_analysis import tiny_model, write_photos

from vitscope.cli import main
from vitscope.commands import judging


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(judging, "load", lambda *asked, **options: tiny_model())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def call(capsys, *words) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_judge_prints_a_table_with_intervals_and_what_it_means(tmp_path, capsys):
    photos = write_photos(tmp_path / "photos", 4)
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({f"{i:03d}": [[0.1, 0.1, 0.7, 0.9]] for i in range(3)}))
    words = ("judge", "tiny", photos, "--boxes", boxes, "--steps", "3")
    code, out, err = call(capsys, *words)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    for column in ("deletion area", "insertion area", "pointing hit", "mass in box"):
        assert column in lines[0]
    names = [line.split()[0] for line in lines[1:8]]
    assert names == ["raw", "rollout", "gradient_rollout", "relevance", "legrad", "centre", "random"]
    assert "n = 3 images, 3 steps" in out
    assert "legrad: the last 2 layers, each read from the mean of all tokens." in out
    code, out, _ = call(capsys, *words, "--maps", "legrad", "--legrad-layers", "1", "--legrad-reading", "classifier")
    assert "legrad: the last layer, each read from the tokens that the classifier reads." in out
    code, out, _ = call(capsys, *words, "--maps", "legrad", "--limit", "2", "--json")
    found = json.loads(out)
    assert {verdict["map"] for verdict in found["verdicts"]} == {"legrad", "centre", "random"}
    assert {verdict["n"] for verdict in found["verdicts"]} == {2}
    assert found["legrad"] == {"layers": 2, "reading": "mean"}
    assert set(found["units"]) == {"deletion", "insertion", "pointing", "mass"}


def test_judge_without_boxes_says_what_they_would_give(tmp_path, capsys):
    code, out, _ = call(capsys, "judge", "tiny", write_photos(tmp_path / "photos", 2), "--maps", "raw", "--steps", "2")
    assert code == 0
    assert "pointing hit" not in out
    assert "--boxes FILE" in out


def test_judge_refuses_what_does_not_fit(tmp_path, capsys):
    photos = write_photos(tmp_path / "photos", 2)
    code, _, err = call(capsys, "judge", "tiny", photos, "--maps", "heat")
    assert code == 2
    assert "raw, rollout, gradient_rollout, relevance, legrad" in err
    assert call(capsys, "judge", "tiny", photos, "--legrad-layers", "0")[0] == 2
    assert call(capsys, "judge", "tiny", photos, "--boxes", tmp_path / "none.json")[0] == 2
    code, out, _ = call(capsys, "judge", "--help")
    assert code == 0
    assert "Example" in out
