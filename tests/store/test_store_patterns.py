"""Patterns written and read again; what a run without them says; names that a user gives."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
from tests.synthetic_run import (
    CLUSTERS,
    SKIPPED,
    clusters_of,
    matrices_unit,
    patterns_unit,
    sampled_rows,
    synthetic_manifest,
    synthetic_run,
)

from vitscope.analysis import Run, open_run
from vitscope.analysis.patterns.of_run import content_dependence, main_patterns
from vitscope.errors import InvalidArgument, NotAvailable, RunError, StorageError
from vitscope.store import RunWriter
from vitscope.store.files.commits import Unit, commit_file

SHAPE = {"pattern_images": 6}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return synthetic_run(tmp_path_factory.mktemp("patterns") / "run", **SHAPE)


@pytest.fixture
def copied(run, tmp_path) -> Run:
    shutil.copytree(run.path, tmp_path / "run")
    return open_run(tmp_path / "run")


def test_patterns_read_back(run):
    manifest, patterns = run.manifest, run.patterns
    rows = sampled_rows(manifest)
    assert run.sampled == patterns.images == tuple(rows)
    assert SKIPPED not in rows
    table = patterns.table
    assert list(table) == ["image", "layer", "head", "cluster", "x", "y", "pattern"]
    assert len(table) == 6 * 6
    np.testing.assert_array_equal(table["image"], np.repeat(rows, 6))
    np.testing.assert_array_equal(table["cluster"], clusters_of(manifest))
    assert table["pattern"].cat.categories[0] == "self"
    assert patterns.clusters["name"].tolist() == list(CLUSTERS)
    assert patterns.clusters["size"].sum() == (table["cluster"] >= 0).sum()
    assert patterns.medoids.shape == patterns.prototypes.shape == (5, 66, 66)
    assert patterns.quality.loc["features", "n_clusters"] == 4
    assert "autoencoder is the better one" in patterns.verdict
    units = [matrices_unit(manifest, shard) for shard in range(3)]
    whole = np.concatenate([unit.matrices for unit in units])
    np.testing.assert_array_equal(patterns.matrix(31), whole[31])
    np.testing.assert_array_equal(run.measure("patterns/energy"), np.concatenate([unit.energy for unit in units]))


def test_the_other_space_is_there_too(run):
    other = run.patterns.seen_by("features")
    assert len(other.clusters) == 4
    assert set(other.table["cluster"]) <= {-1, 0, 1, 2, 3}
    assert other.medoids.shape == (4, 66, 66)
    with pytest.raises(NotAvailable, match="keeps those of autoencoder"):
        _ = other.prototypes
    with pytest.raises(InvalidArgument, match="this run has autoencoder, features"):
        run.patterns.seen_by("pixels")


def test_the_mix_and_its_entropy_are_those_of_a_loop(run):
    table, mix = run.patterns.table, run.patterns.mix
    assert mix.dims == ("layer", "head", "cluster")
    for layer in range(2):
        for head in range(3):
            own = table[(table["layer"] == layer) & (table["head"] == head)]["cluster"].tolist()
            shares = [own.count(cluster) / len(own) for cluster in range(-1, 5)]
            np.testing.assert_allclose(mix[layer, head], shares[1:])
            bits = -sum(share * math.log2(share) for share in shares if share)
            assert float(run.patterns.mix_entropy[layer, head]) == pytest.approx(bits, abs=1e-12)
    some = run.patterns.images[:2]
    part = run.patterns.mix_of(some)
    counts = table[table["image"].isin(some) & (table["layer"] == 1) & (table["head"] == 2)]["cluster"]
    np.testing.assert_allclose(part[1, 2], [(counts == cluster).mean() for cluster in range(5)])


def test_content_dependence_is_that_of_a_loop(run):
    deviation, energy = run.measure("patterns/deviation"), run.measure("patterns/energy")
    assert np.isnan(deviation[SKIPPED]).all()
    dependence = run.patterns.content_dependence
    assert dependence.attrs == {"units": "0 to 1", "resolution": "full", "mean": "over all images"}
    for layer, head in ((0, 0), (1, 2)):
        rows = [row for row in range(10) if row != SKIPPED]
        above = sum(float(deviation[row, layer, head]) for row in rows)
        below = sum(float(energy[row, layer, head]) for row in rows)
        assert float(dependence[layer, head]) == pytest.approx(above / below, rel=1e-12)
    only = run.patterns.content_dependence_of([3])
    assert float(only[1, 1]) == pytest.approx(float(deviation[3, 1, 1]) / float(energy[3, 1, 1]))


def test_content_dependence_at_its_limits():
    nothing = np.zeros((2, 1, 3), np.float32)
    values = np.array([[[0, 1, np.nan]], [[0, 2, np.nan]]], np.float32)
    np.testing.assert_array_equal(content_dependence(nothing, values), [[np.nan, 0, np.nan]])
    main, share = main_patterns(np.array([[[0.2, 0.7], [0, 0], [np.nan, np.nan]]]))
    np.testing.assert_array_equal(main, [[1, -1, -1]])
    np.testing.assert_array_equal(share, [[0.7, np.nan, np.nan]])


def test_nearest_matrices_and_typical_images(run):
    nearest = run.patterns.nearest(7, 4)
    codes = patterns_unit(run.manifest).codes.astype(np.float64)
    distance = np.linalg.norm(codes - codes[7], axis=1)
    assert nearest["matrix"].tolist() == [m for m in np.argsort(distance, kind="stable") if m != 7][:4]
    np.testing.assert_allclose(nearest["distance"], sorted(distance)[1:5], rtol=1e-5)
    assert nearest["image"].tolist() == run.patterns.table["image"][nearest["matrix"]].tolist()
    deviation = run.measure("patterns/deviation")[:, 1, 0]
    most, least = run.patterns.typical(1, 0, 3)
    assert most["image"].tolist() == np.argsort(deviation)[:3].tolist()
    assert least["image"].tolist() == np.argsort(np.nan_to_num(-deviation, nan=np.inf))[:3].tolist()
    with pytest.raises(InvalidArgument, match="head 3 of layer 0"):
        run.patterns.typical(0, 3)
    with pytest.raises(InvalidArgument, match="the run has 36, counted from 0"):
        run.patterns.nearest(36)


def test_importance_by_pattern_is_that_of_a_loop(run):
    table, effect = run.patterns.table, run.effect("jsd", "pp")
    found = run.patterns.importance("jsd", "pp")
    total, in_cluster = 0.0, {cluster: [] for cluster in range(5)}
    for row in table.itertuples():
        value = float(effect[row.image, row.layer, row.head])
        if not math.isnan(value):
            total += value
            in_cluster.get(row.cluster, []).append(value)
    for cluster, values in in_cluster.items():
        assert found.at[cluster, "n"] == len(values)
        if values:
            assert found.at[cluster, "mean"] == pytest.approx(sum(values) / len(values))
            assert found.at[cluster, "share"] == pytest.approx(sum(values) / total)
    assert found["heads"].sum() == 6


def test_heads_that_repeat_a_pattern(tmp_path):
    run = synthetic_run(tmp_path / "run", layers=3, heads=4, pattern_images=9)
    table, alike = run.patterns.table, run.heads.similarity("mean").values
    for row in run.patterns.repeated.itertuples():
        assert (row.by, len(row.heads) > 1) == ("mean", True)
        places = [layer * 4 + head for layer, head in row.heads]
        pairs = [alike[one, other] for at, one in enumerate(places) for other in places[at + 1 :]]
        assert row.similarity == pytest.approx(np.mean(pairs)) >= 0.9
        for layer, head in row.heads:
            own = table[(table["layer"] == layer) & (table["head"] == head)]["pattern"]
            assert (own == row.name).mean() >= 0.8


def test_a_name_is_kept_and_taken_back(copied):
    copied.patterns.rename(1, "  a   stripe ")
    assert open_run(copied.path).patterns.clusters["name"].tolist()[1] == "a stripe"
    assert copied.patterns.clusters["auto_name"].tolist() == list(CLUSTERS)
    copied.patterns.seen_by("features").rename(1, "other")
    assert copied.patterns.clusters.at[1, "name"] == "a stripe"
    kept = json.loads((copied.path / "patterns/names.json").read_text())
    assert kept.pop("sha256")
    assert kept == {"autoencoder": {"1": "a stripe"}, "features": {"1": "other"}}
    copied.patterns.rename(1, None)
    assert copied.patterns.clusters["name"].tolist() == list(CLUSTERS)
    with RunWriter.opened(copied.path) as writer:
        assert writer.pending() == []


def test_names_that_do_not_fit_are_refused(copied):
    for name in ("", "  ", "x" * 61, "a\x00b"):
        with pytest.raises(InvalidArgument, match="expected 1 to 60 printable characters"):
            copied.patterns.rename(0, name)
    with pytest.raises(InvalidArgument, match="the run has 5, counted from 0"):
        copied.patterns.rename(5, "far")
    (copied.path / "patterns/names.json").mkdir()  # as good as a read-only disk, for which root would not care
    with pytest.raises((StorageError, RunError)):
        copied.patterns.rename(0, "name")


def test_a_folder_that_cannot_be_written_says_so(copied, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("vitscope.store.pattern_files.write_sealed", refuse)
    with pytest.raises(StorageError, match="cannot write to .*Permission denied") as caught:
        copied.patterns.rename(0, "name")
    assert "change its permissions" in caught.value.hint


def test_a_run_without_patterns_says_what_to_do(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=0)
    with pytest.raises(NotAvailable, match="too little to learn from, 10 images with 6 heads make 60 matrices"):
        _ = run.patterns
    assert run.sampled == ()
    growing = synthetic_run(tmp_path / "growing", complete=False, head_shards=1, **SHAPE)
    assert growing.progress().units["matrices"] == (0, 3)
    assert growing.progress().units["patterns"] == (0, 1)
    with pytest.raises(NotAvailable, match="not learned yet") as caught:
        _ = growing.patterns
    assert "--resume" in caught.value.hint


def test_units_of_patterns_come_last_and_damage_is_noticed(copied):
    with RunWriter.opened(copied.path) as writer:
        (copied.path / "arrays/patterns/matrices").joinpath("c.0.0.0").write_bytes(b"rubbish")
        assert writer.pending() == [Unit("matrices", 0)]
        writer.write_matrices(0, matrices_unit(copied.manifest, 0))
        assert writer.pending() == []
        for name in ("patterns/points.parquet", "patterns/clusters.json", "arrays/patterns/codes/c.0.0"):
            kept = (copied.path / name).read_bytes()
            (copied.path / name).write_bytes(b"rubbish")
            assert writer.pending() == [Unit("patterns", 0)]
            (copied.path / name).write_bytes(kept)
        shutil.rmtree(copied.path / "arrays/patterns")
        expected = [*(Unit("matrices", shard) for shard in range(3)), Unit("patterns", 0)]
        assert writer.pending() == expected
        for shard in range(3):
            writer.write_matrices(shard, matrices_unit(copied.manifest, shard))
        writer.write_patterns(patterns_unit(copied.manifest))
        assert writer.pending() == []


def test_damaged_documents_say_what_to_do(copied):
    (copied.path / "patterns/names.json").write_text("{")
    with pytest.raises(RunError, match=r"names.json is damaged") as caught:
        _ = copied.patterns.clusters
    assert "sets it aside" in caught.value.hint
    (copied.path / "patterns/clusters.json").write_text("{}")
    with pytest.raises(RunError, match=r"cannot use patterns/clusters.json .* checksum does not fit"):
        _ = open_run(copied.path).patterns
    (copied.path / "patterns/points.parquet").write_bytes(b"")
    commit_file(copied.path, Unit("patterns", 0)).unlink()
    with pytest.raises(RunError, match="the commits of 1 of its units are missing, such as patterns"):
        _ = copied.patterns


def test_a_run_without_mean_attention_says_at_which_resolution(tmp_path):
    manifest = synthetic_manifest(pattern_images=3)
    manifest = dataclasses.replace(manifest, options=dataclasses.replace(manifest.options, mean_attention=False))
    run = synthetic_run(tmp_path / "run", manifest=manifest)
    assert run.patterns.content_dependence.attrs["resolution"] == "common (66 x 66)"
    assert run.patterns.content_dependence.attrs["mean"] == "over the sample"
