"""The program that writes docs/reproductions: what its claims rest on, on planted numbers, and a page from nothing."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reproductions.class_claims import Likeness, permuted, same_importance, same_patterns, share_patterns
from reproductions.distance_claims import Distances, falls_with_size, global_already_early, local_then_global
from reproductions.head_claims import all_to_themselves, itself_and_matters, one_key_and_matters, weak_on_output
from reproductions.heat_maps import cut, interval, on_the_object
from reproductions.index import write_index
from reproductions.judged_maps import better_than_the_centre
from reproductions.look import thirds
from reproductions.page import Claim, Page, Was

from vitscope.pipeline.studies.judging import Verdict

ROOT = Path(__file__).parents[1]


def test_a_page_says_the_rule_the_numbers_the_verdict_and_what_changed(tmp_path):
    page = Page(tmp_path, "x-page", "Title")
    page.claim(Claim("Heads differ", "somebody (2020)", "more than 1", "2.", True))
    page.claim(Claim("Heads agree", "somebody", "less than 1", "2.", False, Was(True, "the rule was blind.")))
    page.claim(Claim("Some do", "somebody", "some", "1.", None, Was(None, "one more reason.")))
    page.write()
    text = (tmp_path / "x-page.md").read_text()
    assert re.findall(r"\*\*It (.*)\.\*\*", text) == ["holds", "does not hold", "holds in part"]
    assert "Rule: more than 1" in text and "Measured: 2." in text
    assert "> Before: holds: the rule was blind." in text
    assert "> The verdict is as before, the rule is not: one more reason." in text
    write_index(tmp_path, ["x-page", "y-not-written"])
    rows = [line for line in (tmp_path / "README.md").read_text().splitlines() if line.endswith("[x](x-page.md) |")]
    assert rows == [
        "| Heads differ | somebody (2020) | holds |  | [x](x-page.md) |",
        "| Heads agree | somebody | does not hold | holds | [x](x-page.md) |",
        "| Some do | somebody | holds in part |  | [x](x-page.md) |",
    ]


def test_thirds_of_layers():
    assert thirds(np.arange(12.0)[:, None]) == (1.5, 5.5, 9.5)
    assert thirds(np.arange(5.0)) == (0.0, 2.0, 4.0)


def distances(raw, no_sinks, corners=0.02, to_cls=0.1):
    raw, no_sinks = (np.repeat(np.asarray(values, float)[:, None], 3, 1) for values in (raw, no_sinks))
    return Distances(raw, no_sinks, no_sinks, np.full_like(raw, corners), np.full_like(raw, to_cls), 116.5)


def test_distance_that_sinks_explain_is_no_look_at_the_image():
    rising, level = np.linspace(40, 130, 12), np.linspace(80, 90, 12)
    true, false = local_then_global(distances(rising, rising)), local_then_global(distances(rising, level, 0.7))
    assert (true.holds, false.holds) == (True, False)
    assert "70 % of what patches attend to" in false.was.why
    early = rising.copy()
    early[1] = 125
    assert global_already_early(distances(rising, early)).holds is True
    assert "L1·H0, 125 px" in global_already_early(distances(rising, early)).measured
    assert global_already_early(distances(early, rising)).holds is False
    missing = distances(rising, rising)
    missing.no_sinks[0, 1] = np.nan  # a head that gives all to sinks
    assert local_then_global(missing).holds is True


def test_distance_falls_with_the_input_size_or_does_not():
    sizes, raw = np.array([96, 160, 224]), np.array([0.18, 0.25, 0.27])
    for share, holds in (([0.3, 0.2, 0.1], True), ([0.3, 0.2, 0.21], None), ([0.23, 0.25, 0.23], False)):
        assert falls_with_size(sizes, np.array(share), raw, "planted").holds is holds


def test_hidden_heads_must_be_more_than_unrelated_rankings_give():
    names = [f"h{i}" for i in range(36)]
    output = np.arange(36.0, 0, -1)
    apart = {"cls_cos": np.arange(36.0), "patch_cos": np.arange(36.0)}  # the weaker on the output, the stronger here
    found = weak_on_output(names, output, apart)
    assert found.holds is True
    assert found.measured.startswith("9 of 36 heads: h27 (rank 28 by output, 9 by cls_cos), ")
    assert "Expected by chance: 4.5" in found.measured
    same = {name: output for name in apart}
    assert weak_on_output(names, output, same).holds is False
    random = np.random.default_rng(0)
    held = [
        weak_on_output(names, output, {name: random.permutation(36).astype(float) for name in apart}).holds
        for _ in range(200)
    ]
    assert sum(held) <= 20  # the rule promises at most 5 %


def profiles(itself, n_layers=6, n_heads=2, hops=4, uniform=0.01):
    mass = np.full((n_layers, n_heads, hops), 0.1)
    density = np.full((n_layers, n_heads, hops), uniform)
    density[1, 1, 0] = mass[1, 1, 0] = itself
    return mass, density, np.arange(1.0, 13).reshape(6, 2)


def test_a_head_that_looks_at_itself_and_matters():
    mass, density, rank = profiles(0.33)
    rank[1, 1], rank[0, 0] = 1, 4
    found = itself_and_matters(mass, density, rank, 0.01)
    assert found.holds is True
    assert "L1·H1: patches attend to themselves with 33 %" in found.measured
    rank[1, 1] = 12
    assert itself_and_matters(mass, density, rank, 0.01).holds is None  # strong, but does not matter
    density[1, 1, 1] = 0.4
    assert itself_and_matters(mass, density, rank, 0.01).holds is False
    assert all_to_themselves(density, 0.01).holds is False
    density[..., 0] = 0.5
    assert all_to_themselves(density, 0.01).holds is True


def test_a_head_that_looks_at_one_key_and_matters():
    largest, keys = np.array([[0.1, 0.73], [0.2, 0.1]]), [["p", "cls"], ["q", "r"]]
    rank = np.arange(1.0, 13).reshape(6, 2)
    found = one_key_and_matters(largest, keys, rank)
    assert found.holds is True
    assert "L0·H1 73 % on cls, rank 2 of 12 by output" in found.measured
    assert one_key_and_matters(largest, keys, 13 - rank).holds is None
    assert one_key_and_matters(largest * 0.5, keys, rank).holds is False


def test_patterns_are_tested_by_patterns():
    random = np.random.default_rng(1)
    label = np.repeat(np.arange(10), 6)
    mean_nothing = random.integers(0, 4, (60, 8))
    by_class = random.integers(0, 4, (10, 8))[label]
    assert not permuted(same_patterns(mean_nothing), label).holds
    mixed = np.where(random.uniform(size=(60, 8)) < 0.3, by_class, mean_nothing)
    found = permuted(same_patterns(mixed), label)
    assert found.holds and found.pairs == 150
    assert np.isclose(same_patterns(np.array([[0, 1, 2], [0, 2, 2]]))[0, 1], 2 / 3)
    vectors = random.normal(size=(60, 8)) + 2 * random.normal(size=(10, 8))[label]
    assert permuted(same_importance(vectors), label).holds
    assert not permuted(same_importance(random.normal(size=(60, 8))), label).holds
    no = Likeness(0.5, 0.5, 0.4, 9)
    verdicts = [share_patterns({"one": a, "other": b}).holds for a, b in ((found, found), (found, no), (no, no))]
    assert verdicts == [True, None, False]


def test_heat_maps_are_cut_at_their_mass_and_judged_by_the_boxes():
    maps = np.array([[[[0.5, 0.2], [0.2, 0.1]], [[0.25, 0.25], [0.25, 0.25]]]])
    assert cut(maps).tolist() == [[[[0.5, 0.2], [0, 0]], [[0.25, 0.25], [0.25, 0]]]]
    low, high = interval(np.array([[0.1, -0.2], [0.2, 0.2], [0.3, 0.0]]))
    assert low[0] < 0.2 < high[0] and np.isclose(low[1], -high[1])
    mean = np.array([0.6, 0.4])
    verdicts = [on_the_object(mean, np.array(low), 0.35, 9).holds for low in ([0.1, 0.01], [0.1, -0.1], [-0.1, -0.1])]
    assert verdicts == [True, None, False]


def test_maps_must_beat_the_centre_beyond_intervals():
    def pointing(*rows):
        return {name: Verdict(name, "pointing", *row, n=300) for name, row in rows}

    centre = ("centre", (0.897, 0.86, 0.93))
    near, far, above = ("legrad", (0.917, 0.88, 0.95)), ("raw", (0.44, 0.38, 0.5)), ("rollout", (0.97, 0.95, 0.99))
    found = better_than_the_centre(pointing(near, far, centre))
    assert found.holds is False
    assert found.measured.endswith("both intervals: none; by the mean alone: LeGrad, last 2 layers.")
    assert better_than_the_centre(pointing(above, far, centre)).holds is None
    assert better_than_the_centre(pointing(above, centre)).holds is True


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
    assert "[c](c-fashion-mnist.md)" in (tmp_path / "README.md").read_text()
