"""Names on the command line that are no text, or that no file can have: one sentence, and nothing is written."""

import sys

import pytest
from tests.tiny_analysis import write_photos

from vitscope.cli import main


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)


def call(capsys, *words) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return int(end.value.code or 0), *capsys.readouterr()


ODD = "caf\udce9"  # how Python reads a name with a byte that is not UTF-8


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize(
    "words",
    [
        ("analyze", "demo", ODD, "--out", "run"),
        ("analyze", "demo", "photos", "--out", ODD, "--resume"),
        ("analyze", "demo", "photos", "--out", "run", "--labels", ODD),
        ("doctor", ODD),
        ("show", ODD),
        ("check", ODD),
        ("serve", ODD),
        ("prune", "demo", "--heads", "L0.H0", "--save", ODD),
    ],
)
def test_arguments_that_are_not_text_are_refused(capsys, words):
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    assert err == "Error: cannot use caf\\xe9: its name is not text in UTF-8.\nHint:  Rename it.\n"


@pytest.mark.parametrize(
    "words",
    [
        ("analyze", "demo", "LONG", "--out", "run"),
        ("analyze", "demo", "photos", "--out", "LONG"),
        ("analyze", "demo", "photos", "--out", "run", "--labels", "LONG"),
        ("analyze", "demo", "photos", "--out", "run", "--classes", "LONG"),
        ("analyze", "demo", "photos", "--out", "run", "--weights", "LONG"),
        ("analyze", "LONG", "photos", "--out", "run"),
        ("judge", "demo", "photos", "--boxes", "LONG"),
        ("doctor", "demo", "LONG"),
        ("show", "LONG"),
        ("check", "LONG"),
        ("serve", "LONG"),
        ("prune", "demo", "--heads", "L0.H0", "--save", "LONG"),
    ],
)
def test_names_that_no_file_can_have_are_told(capsys, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    write_photos(tmp_path / "photos", 1)
    code, _, err = call(capsys, *("x" * 300 if word == "LONG" else word for word in words))
    assert code == 2
    assert err.startswith("Error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
