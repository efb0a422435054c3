"""The program that writes docs/reproductions: a page from nothing but what is bundled, and what its claims rest on."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reproductions.look import thirds
from reproductions.page import Claim, Page

ROOT = Path(__file__).parents[1]


def test_a_page_says_the_rule_the_numbers_and_the_verdict(tmp_path):
    page = Page(tmp_path, "x", "Title")
    page.claim(Claim("Heads differ", "somebody", "more than 1", "2.", True))
    page.claim(Claim("Heads agree", "somebody", "less than 1", "2.", False))
    page.claim(Claim("Some do", "somebody", "some", "1.", None))
    page.write()
    text = (tmp_path / "x.md").read_text()
    assert re.findall(r"\*\*It (.*)\.\*\*", text) == ["holds", "does not hold", "holds in part"]
    assert "Rule: more than 1" in text and "Measured: 2." in text


def test_thirds_of_layers():
    assert thirds(np.arange(12.0)[:, None]) == (1.5, 5.5, 9.5)
    assert thirds(np.arange(5.0)) == (0.0, 2.0, 4.0)


@pytest.mark.slow  # `make test-longer` runs it
def test_the_page_on_bundled_images_is_written_from_nothing(tmp_path):
    command = [sys.executable, "-m", "reproductions", "--pages", "c", "--limit", "12"]
    places = [word for name in ("--data", "--work", "--out") for word in (name, str(tmp_path))]
    subprocess.run([*command, *places], cwd=ROOT, check=True, capture_output=True)
    text = (tmp_path / "c-fashion-mnist.md").read_text()
    pictures = re.findall(r"\]\((\S+\.png)\)", text)
    assert len(pictures) == 4 and all((tmp_path / name).stat().st_size > 5000 for name in pictures)
    assert text.count("> Measured:") == 2
    assert "nan" not in text.lower()
