"""What a stranger's run says is printed as text: no control character of it reaches the terminal."""

import re

import pytest
from tests.crafted import crafted_run

from vitscope.cli import main

COMMANDS = (("show",), ("show", "--json"), ("check",), ("check", "--json"), ("serve", "--no-live", "--no-browser"))


@pytest.fixture(scope="module")
def crafted(tmp_path_factory):
    return crafted_run(tmp_path_factory.mktemp("crafted"))


def printed(capsys, *words) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0), "".join(capsys.readouterr())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_control_character_is_printed(crafted, capsys, monkeypatch, command):
    monkeypatch.setattr("vitscope.server.serve", lambda app, *_, on_ready, **__: on_ready("http://127.0.0.1:1/"))
    code, text = printed(capsys, command[0], crafted.path, *command[1:])
    assert code == 0, text
    assert [char for char in text if not (char.isprintable() or char == "\n")] == []
    if command[0] == "show":
        assert "\\x1b[2J" in text or "\\u001b[2J" in text
        assert "<img src=x onerror" in text


def test_damage_of_it_is_printed_as_text(crafted, capsys):
    for folder in ("commits", "lab"):
        odd = crafted.path / folder / "\x1b[31m\u202e<b>.json"
        odd.write_text("{}")
    code, text = printed(capsys, "check", crafted.path)
    for folder in ("commits", "lab"):
        (crafted.path / folder / "\x1b[31m\u202e<b>.json").unlink()
    assert code == 2
    assert [char for char in text if not (char.isprintable() or char == "\n")] == []
    assert re.search(r"\\x1b\[31m", text)
