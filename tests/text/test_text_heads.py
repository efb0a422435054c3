"""Heads against each other and over depth in `show` and `summary`: what was planted is said, what is missing too."""

import numpy as np
import pytest
import xarray as xr
from tests.planted_runs import planted_run
from tests.synthetic_run import synthetic_run

from vitscope.analysis.against import against
from vitscope.analysis.findings import output_ranking
from vitscope.analysis.heads.repair import Repair, repair_of, repairs
from vitscope.text import show, summary
from vitscope.tokens import HeadRef


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("heads") / "run", layers=3, heads=4)


def plain(text):
    return " ".join(text.split())


def test_show_says_what_was_planted(run):
    text = plain(show(run))
    assert "most diverse layer 2, 0.6" in text
    assert "(1 - mean cosine of whole matrices, n = 9)" in text
    assert "one redundant group: 2 heads, L0·H0 and L2·H3, mean similarity 1.00; the most important is " in text
    assert "(by output, linear CKA of z, at least 0.9, n = 21 sampled tokens)" in text
    assert "(by attention, cosine of CLS rows, at least 0.9, n = 9 images); the most similar are " in text
    assert "OVER DEPTH: what later layers undo or amplify of the top heads by jsd, n = 9" in text
    assert "L0·H1: later layers undo 75 % of the effect on CLS (cosine distance 0.1" in text
    assert "right after layer 0, 0.0" in text
    assert "after layer 2, ratio 0.250)" in text


def test_the_summary_has_every_number(run):
    told = summary(run)
    found = against(run, output_ranking(run))
    assert [kept["variant"] for kept in told["against_each_other"]["diversity"]] == ["cls", "jensen-shannon", "full"]
    output = told["against_each_other"]["redundancy"][1]
    assert output["way"] == "output"
    assert output["groups"][0][0] == [{"layer": 0, "head": 0}, {"layer": 2, "head": 3}]
    ranks = dict(zip(output_ranking(run).heads, output_ranking(run).rank, strict=True))
    assert ranks[found.redundancy[1].keep[0]] == min(ranks[HeadRef(0, 0)], ranks[HeadRef(2, 3)])
    first = told["over_depth"][0]
    assert first["ratio"] == pytest.approx(first["end"] / first["after"])
    assert first["clause"].startswith("later layers undo")


@pytest.mark.parametrize(
    ("curve", "clause"),
    [
        (
            [0.1, 0.05, 0.02],
            "later layers undo 80 % of the effect on CLS (cosine distance 0.100 right after layer 0, 0.0200",
        ),
        ([0.1, 0.2, 0.31], "later layers amplify the effect on CLS 3.1 times"),
        ([0.1, 0.2, 0.105], "later layers leave the effect on CLS as it is"),
        ([0.0, 0.2, 0.3], "later layers bring about the effect on CLS"),
        (
            [0.1, 0.3, np.nan],
            "later layers amplify the effect on CLS 3.0 times (cosine distance 0.100 right after layer 0, 0.300 after "
            "layer 1",
        ),
    ],
)
def test_the_clause_says_which_way_it_goes(curve, clause):
    found = repair_of(depth_of(curve), HeadRef(0, 0))
    assert isinstance(found, Repair)
    assert found.clause.startswith(clause)


def depth_of(curve) -> xr.Dataset:
    values = np.full((3, 1, 3), np.nan)
    values[0, 0] = curve
    values[2, 0, 2] = 0.5
    dims = ("layer", "head", "observed")
    return xr.Dataset({"cls_cos_at": (dims, values), "patch_cos_at": (dims, values * 2), "n": 7})


def test_the_last_layer_has_none_after_it():
    assert repair_of(depth_of([0.1, 0.1, 0.1]), HeadRef(2, 0)) is None


def test_without_cls_the_patches_speak(tmp_path):
    run = synthetic_run(tmp_path / "run", prefix=(), classifier=False, layers=3)
    text = plain(show(run))
    assert "of the effect on the patches (cosine distance" in text
    assert "after layer 1, ratio 0.500)" in text
    assert "by attention, cosine of mean matrices" in text
    assert "CLS rows" not in text.split("HEADS COMPARED WITH EACH OTHER")[1]


def test_old_runs_say_what_they_lack():
    text = plain(show(planted_run()))
    assert "not kept by runs before format 4: analyse again into another folder" in text
    assert "no redundancy by output: runs of format" in text
    assert repairs(planted_run(), [HeadRef(0, 0)]) is None


def test_a_layer_alone_has_nothing_after_it(tmp_path):
    run = synthetic_run(tmp_path / "run", layers=1, heads=2)
    found = against(run, output_ranking(run))
    assert [len(kept.closest.heads) for kept in found.redundancy] == [2, 2]
    assert found.diversity[0].most == found.diversity[0].least == 0
    assert found.redundancy[1].groups[0].similarity == pytest.approx(1, abs=1e-3)
    text = show(run)
    assert "nan" not in text
    assert "no layer follows these heads" in text
