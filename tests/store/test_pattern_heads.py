"""Heads told by their own matrices, and heads that repeat each other's: a shared name is not enough."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from vitscope.analysis.patterns.by_head import by_head, called, repeated
from vitscope.errors import NotAvailable
from vitscope.patterns.names import naming
from vitscope.tokens import HeadRef

FAMILIES = {"shift": ("one patch left", "one patch right", "shift"), "blob": ("fixed place", "content blob", "blob")}
N = 10


def patterns_of(names):
    """What `Patterns` shows of heads (layer 0, one after the other) whose matrices are called so."""
    rows = [
        {"image": image, "layer": 0, "head": head, "pattern": name}
        for head, own in enumerate(names)
        for image, name in enumerate(own)
    ]
    table = pd.DataFrame(rows)
    table["pattern"] = table["pattern"].astype("category")
    content = xr.DataArray(np.linspace(0, 1, len(names))[None], dims=("layer", "head"))
    return SimpleNamespace(table=table, families=FAMILIES, content_dependence=content)


def run_with(similarity, ways=("mean",)):
    def require_way(by):
        if by not in ways:
            raise NotAvailable("not kept")

    refs = tuple(HeadRef(0, head) for head in range(len(similarity)))
    alike = SimpleNamespace(values=np.array(similarity))
    return SimpleNamespace(heads=SimpleNamespace(refs=refs, require_way=require_way, similarity=lambda by: alike))


def test_a_head_is_never_called_what_few_of_its_matrices_are():
    names = [["uniform"] * 8 + ["content blob"] * 2, ["one patch left"] * 4 + ["one patch right"] * 3 + ["mixed"] * 3,
             ["row"] * 4 + ["local"] * 3 + ["mixed"] * 3, ["mixed"] * N]  # fmt: skip
    found = by_head(patterns_of(names))
    assert [(each.name, each.share) for each in found.values()] == [
        ("uniform", 0.8),
        ("shift", pytest.approx(0.7)),
        ("mixed", pytest.approx(0.6)),
        ("mixed", 1),
    ]
    assert list(found[HeadRef(0, 2)].shares) == ["row", "local", "mixed"]
    some = by_head(patterns_of(names), images=[8, 9])
    assert some[HeadRef(0, 0)].name == "content blob"


def test_a_cluster_and_a_head_are_called_by_one_rule():
    random = np.random.default_rng(5)
    for _ in range(200):
        names = random.choice(["one patch left", "one patch right", "row", "blob", "content blob", "mixed"], 7).tolist()
        ours, theirs = called(names, naming.FAMILIES), naming.called(names)
        assert (ours.name, ours.share) == (theirs[0], pytest.approx(theirs[1]))


def test_heads_with_one_name_are_candidates_only_where_they_are_alike():
    """Five heads: two alike corners, a third unlike; left and right; one that holds corners too seldom."""
    names = [["corners"] * N, ["corners"] * N, ["corners"] * N, ["one patch left"] * N, ["one patch right"] * N,
             ["corners"] * 7 + ["row"] * 3]  # fmt: skip
    alike = np.full((6, 6), 0.03)
    np.fill_diagonal(alike, 1)
    alike[0, 1] = alike[1, 0] = 0.97
    alike[5] = alike[:, 5] = 0.99
    found = repeated(run_with(alike), patterns_of(names))
    assert found[["name", "heads", "by"]].values.tolist() == [["corners", [(0, 0), (0, 1)], "mean"]]
    assert found.at[0, "similarity"] == pytest.approx(0.97)
    assert found.at[0, "content_dependence"] == pytest.approx(0.1)
    assert len(repeated(run_with(np.full((6, 6), 0.5)), patterns_of(names))) == 0


def test_heads_whose_matrices_the_image_decides_are_not_compared_by_their_means():
    """Two content blobs have alike means, whatever they look at on an image (content dependence 0.6 to 1)."""
    names = [["row"] * N] * 3 + [["content blob"] * N] * 3
    found = repeated(run_with(np.ones((6, 6))), patterns_of(names))
    assert found["name"].tolist() == ["row"]
    by_output = repeated(run_with(np.ones((6, 6)), ("output",)), patterns_of(names))
    assert sorted(by_output["name"]) == ["content blob", "row"]


def test_outputs_are_compared_where_a_run_keeps_no_mean_and_nothing_is_said_without():
    names, alike = [["corners"] * N] * 2, np.ones((2, 2))
    assert repeated(run_with(alike, ("output", "cls")), patterns_of(names))["by"].tolist() == ["output"]
    assert len(repeated(run_with(alike, ()), patterns_of(names))) == 0
