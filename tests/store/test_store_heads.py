"""Heads against each other and over depth, as a run gives them: equal to the measures, honest about what is missing."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.closeness import assert_close
from tests.synthetic_run import SKIPPED, synthetic_run

from vitscope import measures
from vitscope.analysis import open_run
from vitscope.analysis.heads import similarity
from vitscope.analysis.heads.seriation import mean_similarity, tree
from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.measures.similarity import cosines, diversity_of_rows
from vitscope.tokens import HeadRef, TokenLayout


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("heads") / "run", layers=3, heads=4)


def rows_as_attention(rows: np.ndarray) -> tuple[torch.Tensor, TokenLayout]:
    """Whole matrices whose CLS->patch rows are these [image, layer, head, patch]; the other rows are uniform."""
    n = rows.shape[-1] + 1
    attention = torch.full((*rows.shape[:-1], n, n), 1 / n, dtype=torch.float64)
    attention[..., 0, 1:] = 0.99 * torch.from_numpy(rows.astype(np.float64))  # half precision may sum to more than 1
    attention[..., 0, 0] = 1 - attention[..., 0, 1:].sum(-1)
    return attention, TokenLayout(("cls",), 3, 5, (4, 4))


@pytest.mark.parametrize("variant", ["cls", "jensen-shannon"])
def test_diversity_is_that_of_the_measures(run, variant):
    rows = np.concatenate([block for _, block in run.cls_row_blocks()])
    done = ~np.isnan(rows).any((1, 2, 3))
    attention, tokens = rows_as_attention(rows[done])
    found = run.heads.diversity(variant)
    assert found.dims == ("image", "layer")
    assert_close(found.values[done], measures.head_diversity(attention, tokens, variant), rtol=1e-4, atol=1e-6)
    assert np.isnan(found.values[SKIPPED]).all()
    assert np.isfinite(found.values).all(1).sum() == 9


def test_diversity_of_whole_matrices_was_streamed(run):
    found = run.heads.diversity("full")
    assert np.isnan(found.values[SKIPPED]).all()
    assert int(np.nanmean(found.values, 0).argmax()) == 2
    np.testing.assert_array_equal(found.values, run.measure("heads/diversity"))


def test_similarity_by_rows_is_the_mean_of_the_measures_over_images(run):
    rows = np.concatenate([block for _, block in run.cls_row_blocks()])
    rows = rows[~np.isnan(rows).any((1, 2, 3))]
    attention, tokens = rows_as_attention(rows)
    found = run.heads.similarity("cls")
    assert_close(found, measures.head_similarity(attention.flatten(1, 2), tokens).mean(0), rtol=1e-5)
    assert found.attrs["n"] == 9
    assert found["head"].values[:5].tolist() == ["L0·H0", "L0·H1", "L0·H2", "L0·H3", "L1·H0"]


def test_similarity_by_means_and_outputs(run):
    mean = torch.from_numpy(run.mean_attention).double().flatten(0, 1)
    mean = mean / mean.sum(-1, keepdim=True)
    expected = measures.head_similarity(mean, run.tokens, "full")
    assert_close(run.heads.similarity("mean"), expected, rtol=1e-5)
    outputs = run.heads.outputs
    assert outputs.shape == (21, 3, 4, 4)
    found = run.heads.similarity("output")
    assert_close(found, measures.linear_cka(torch.from_numpy(outputs).double().flatten(1, 2)), rtol=1e-4, atol=1e-6)
    assert found.attrs["n"] == 21
    assert found.values[0, -1] == pytest.approx(1, abs=1e-4)


def test_groups_are_what_is_alike(run):
    group, *others = run.heads.groups("output", 0.95)
    assert group.heads == (HeadRef(0, 0), HeadRef(2, 3))
    assert group.similarity == pytest.approx(1, abs=1e-4)
    assert not others
    everything = run.heads.groups("cls", 0.01)
    assert [len(found.heads) for found in everything] == [12]
    assert run.heads.groups("cls", 1.0) == ()


@pytest.mark.parametrize("by", ["cls", "mean", "output"])
def test_the_order_has_every_head_once(run, by):
    found = run.heads.tree(by)
    assert sorted(found.order) == list(range(12))
    assert [found.order[found.place[head]] for head in range(12)] == list(range(12))
    heights = [similarity for *_, similarity, _ in found.merges]
    assert heights == sorted(heights, reverse=True)
    assert found.merges[-1][3] == 12


def planted() -> np.ndarray:
    """Heads 0, 3, 5 alike; 1 and 4 alike; 2 like none."""
    values = np.full((6, 6), 0.1)
    for heads, alike in (((0, 3, 5), 0.95), ((1, 4), 0.8)):
        for one in heads:
            for other in heads:
                values[one, other] = alike
    np.fill_diagonal(values, 1)
    return values


def test_planted_blocks_are_cut_out_and_stand_together():
    found = tree(planted())
    assert {frozenset(heads) for heads in found.cut(0.9)} == {frozenset({0, 3, 5})}
    assert {frozenset(heads) for heads in found.cut(0.5)} == {frozenset({0, 3, 5}), frozenset({1, 4})}
    places = [sorted(found.place[head] for head in heads) for heads in ((0, 3, 5), (1, 4))]
    assert all(place[-1] - place[0] == len(place) - 1 for place in places)
    assert mean_similarity(planted(), (0, 3, 1)) == pytest.approx((0.95 + 0.1 + 0.1) / 3)


def test_what_is_not_known_is_alike_to_nothing():
    values = planted()
    values[0] = values[:, 0] = np.nan
    found = tree(values)
    assert {frozenset(heads) for heads in found.cut(0.9)} == {frozenset({3, 5})}
    assert tree(np.ones((1, 1))).order == (0,)
    assert tree(np.ones((1, 1))).cut(0.5) == ()


def test_zero_and_missing_rows_have_no_direction():
    rows = np.random.default_rng(0).uniform(0, 1, (4, 3, 5)).astype(np.float32)
    rows[1, 2], rows[2] = 0, np.nan
    for variant in ("cls", "jensen-shannon"):
        assert np.isnan(diversity_of_rows(rows, variant)).tolist() == [False, True, True, False]
        assert np.isnan(diversity_of_rows(rows[:, :1], variant)).all()
    total = similarity.SimilaritySum(3)
    total.add(rows[:3])
    total.add(rows[3:])
    kept = [cosines(rows[image]) for image in (0, 3)]
    assert_close(total.mean()[0, 2], (kept[0][0, 2] + kept[1][0, 2]) / 2, rtol=1e-5)
    assert total.n_images == 3


def test_repair_is_the_mean_over_the_images_of_all_shards(run):
    data = run.repair
    assert dict(data.sizes) == {"mode": 7, "layer": 3, "head": 4, "observed": 3}
    assert data["n"].sel(mode="head") == 9
    assert data["n"].sel(mode="pp") == int((run.images["partial"] & run.images["problem"].isna()).sum())
    curve = data["cls_cos_at"].sel(mode="head").values[0, 1]
    assert curve[1:] == pytest.approx(curve[:-1] / 2)
    assert 0.1 < curve[0] < 0.2
    patches = data["patch_cos_at"].sel(mode="head").values
    assert np.isnan(patches[:2, :, 2]).all()
    assert np.isfinite(patches[2, :, 2]).all()
    assert np.isnan(data["cls_cos_at"].values[:, 1, :, 0]).all()


def test_a_growing_run_has_what_is_done(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=1)
    assert run.repair["n"].values.tolist() == [3, 0, 0, 0, 0, 0, 0]
    assert np.isnan(run.repair["cls_cos_at"].sel(mode="pp")).all()
    assert len(run.heads.outputs) == 7
    assert np.isfinite(run.heads.diversity("full").values).any(1).sum() == 3
    with pytest.raises(NotAvailable, match="not complete yet"):
        run.heads.similarity("mean")


def test_without_cls_the_rest_is_there(tmp_path):
    run = synthetic_run(tmp_path / "run", prefix=(), classifier=False)
    for call in (run.heads.diversity, run.heads.similarity, run.heads.tree, run.heads.groups):
        with pytest.raises(NotAvailable, match="no CLS token"):
            call("cls")
    assert np.isfinite(run.heads.diversity("full").values).any()
    assert np.isfinite(run.heads.similarity("mean").values).all()
    assert np.isnan(run.repair["cls_cos_at"]).all()


def test_names_that_do_not_exist_are_refused_with_those_that_do(run):
    with pytest.raises(InvalidArgument, match="cls, jensen-shannon, full"):
        run.heads.diversity("dot")
    for call in (run.heads.similarity, run.heads.tree, run.heads.groups):
        with pytest.raises(InvalidArgument, match="cls, mean, output"):
            call("dot")
    with pytest.raises(InvalidArgument, match=r"expected a number in \(0, 1\]"):
        run.heads.groups("cls", 0.0)


def test_an_old_run_has_what_its_arrays_give(tmp_path):
    with zipfile.ZipFile(Path(__file__).parent / "run-format-3.zip") as files:
        files.extractall(tmp_path)
    run = open_run(tmp_path)
    assert np.isfinite(run.heads.diversity("jensen-shannon").values).any()
    assert np.isfinite(run.heads.similarity("cls").values).all()
    for read in (lambda: run.repair, lambda: run.heads.diversity("full"), lambda: run.heads.similarity("output")):
        with pytest.raises(NotAvailable, match="of format 3") as caught:
            read()
        assert "Analyse again" in caught.value.hint
