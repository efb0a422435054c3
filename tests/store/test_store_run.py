"""A run written and read again: what went in comes out, and a growing run shows only what is committed."""

import dataclasses
import errno
import json
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from tests.synthetic_run import (
    NOTED,
    SKIPPED,
    STRONG,
    head_unit,
    synthetic_manifest,
    synthetic_run,
    write_synthetic_run,
)

from vitscope.analysis import open_run
from vitscope.errors import InvalidArgument, RunError, StorageError
from vitscope.quantities import metrics_of, names
from vitscope.store import SCHEMA_VERSION, RunWriter
from vitscope.store import writer as writing
from vitscope.store.arrays import planned_arrays
from vitscope.store.checking import check
from vitscope.store.files import durable
from vitscope.store.files.commits import Unit, commit_file, committed
from vitscope.store.soundness import is_sound


def test_a_complete_run_reads_back(tmp_path):
    run = synthetic_run(tmp_path / "run")
    manifest, images = run.manifest, run.images
    assert manifest.state == "complete"
    assert manifest == dataclasses.replace(synthetic_manifest(), state="complete")
    assert list(images.index) == list(range(10))
    assert images.at[SKIPPED, "problem"].startswith("truncated")
    assert images.at[SKIPPED, "correct"] is None
    assert images.at[NOTED, "note"] == "CMYK converted to RGB"
    assert images["done"].all()
    assert images.at[3, "path"] == "photo 003 é.png"
    assert set(images["correct"]) <= {True, False, None}
    importance = run.importance
    assert dict(importance.sizes) == {"image": 10, "mode": 7, "layer": 2, "head": 3}
    assert set(importance) == set(metrics_of("classes"))
    assert importance["jsd"].attrs == {"units": "bits", "fill": "zero", "method": "exact", "target": "images.target"}
    assert float(importance["jsd"].sel(mode="head")[0, *STRONG]) > 0.4
    np.testing.assert_array_equal(run.effect("jsd", "cc+pp"), importance["jsd"].sel(mode="cc+pp"))
    assert set(run.spread) == set(names("spread"))
    assert run.spread["distance"].attrs["units"] == "pixels"
    assert dict(run.strength.sizes) == {"image": 10, "layer": 2, "head": 3, "hop": 5}
    assert np.isnan(run.strength["mass"][SKIPPED]).all()
    assert run.cls_rows(0).shape == (2, 3, 15)
    assert run.cls_rows(0).dtype == np.float16
    assert run.cls_rows(SKIPPED) is None
    assert run.mean_attention.shape == (2, 3, 16, 16)
    np.testing.assert_allclose(run.mean_attention.sum(-1), 1, rtol=1e-5)
    assert run.featured == (0, 2, 3, 4)
    np.testing.assert_allclose(run.featured_attention(3).astype(np.float32).sum(-1), 1, rtol=5e-3)
    assert run.embedding.shape == (10, 6)
    assert run.embedding.dtype == np.float16
    assert np.isnan(run.embedding).all(axis=1).tolist() == [row == SKIPPED for row in range(10)]
    assert run.preview(0).suffix == ".png"
    assert run.preview(SKIPPED) is None
    assert not list((run.path / "sums").iterdir())


def test_a_run_without_cls_and_classifier(tmp_path):
    run = synthetic_run(tmp_path / "run", prefix=(), classifier=False)
    assert run.manifest.options.modes == ("head", "pp")
    assert run.cls_rows(0) is None
    assert np.isnan(run.effect("prob_drop", "head")).all()
    assert not np.isnan(run.effect("out_cos", "head")[0]).any()
    assert run.images["correct"].isna().all()


def test_partial_modes_are_missing_outside_their_sample(tmp_path):
    run = synthetic_run(tmp_path / "run")
    missing = np.isnan(run.effect("out_cos", "pp")).all(axis=(1, 2))
    expected = ~run.images["partial"].to_numpy() | (np.arange(10) == SKIPPED)
    np.testing.assert_array_equal(missing, expected)


def test_a_growing_run_shows_only_what_is_committed(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=1)
    progress = run.progress()
    assert progress.units == {
        "head": (1, 3),
        "featured": (0, 1),
        "partial": (0, 3),
        "matrices": (0, 0),
        "patterns": (0, 0),
    }
    assert (progress.done_units, progress.total_units, progress.generation) == (1, 7, 1)
    assert run.images["done"].tolist() == [True] * 4 + [False] * 6
    assert run.images["prediction"].tolist()[4:] == [-1] * 6
    assert run.mean_attention is None
    assert run.featured == ()
    assert run.cls_rows(5) is None
    manifest = run.manifest
    commit = commit_file(run.path, Unit("head", 1))
    with RunWriter.opened(run.path) as writer:
        writer.write_head(1, head_unit(manifest, 1, np.zeros(10, int), np.random.default_rng(1)))
    assert not np.isnan(run.effect("jsd", "head")[4:8]).any()
    assert not np.isnan(run.embedding[4:8]).any()
    commit.unlink()  # written, not committed: nobody sees it
    assert np.isnan(run.effect("jsd", "head")[4:8]).all()
    assert np.isnan(run.importance["jsd"][4:8]).all()
    assert np.isnan(run.embedding[4:8]).all()


def test_reading_what_is_not_there_says_what_is(tmp_path):
    run = synthetic_run(tmp_path / "run")
    with pytest.raises(InvalidArgument, match="this run has prob_drop, logit_drop"):
        run.effect("accuracy", "head")
    with pytest.raises(InvalidArgument, match="this run has head, cc"):
        run.effect("jsd", "all")
    with pytest.raises(InvalidArgument, match="this run has strength/mass, .*spread/to_other"):
        run.measure("importance/jsd")
    with pytest.raises(InvalidArgument, match="10 images, counted from 0"):
        run.cls_rows(10)
    with pytest.raises(InvalidArgument, match="only 4 featured images"):
        run.featured_attention(SKIPPED)


def test_one_array_is_what_the_dataset_has(tmp_path):
    run = synthetic_run(tmp_path / "run")
    np.testing.assert_array_equal(run.measure("strength/density"), run.strength["density"])
    np.testing.assert_array_equal(run.measure("spread/nmi"), run.spread["nmi"])
    whole = run.featured_attention(3)
    np.testing.assert_array_equal(run.featured_attention(3, 1), whole[1])
    np.testing.assert_array_equal(run.layer_mean_attention(1), run.mean_attention[1])


@pytest.mark.parametrize("bound", [1, 3 * 2 * 2 * 3 * 15, 2**20])
def test_cls_rows_of_all_images_come_in_bounded_blocks(tmp_path, bound):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=2)
    commit_file(run.path, Unit("head", 0)).rename(tmp_path / "kept")
    blocks = list(run.cls_row_blocks(bound))
    assert [row for rows, _ in blocks for row in range(rows.start, rows.stop)] == [4, 5, 6, 7]
    for rows, values in blocks:
        np.testing.assert_array_equal(values, [run.cls_rows(row) for row in range(rows.start, rows.stop)])
    (tmp_path / "kept").rename(commit_file(run.path, Unit("head", 0)))
    assert sum(len(values) for _, values in run.cls_row_blocks(bound)) == 8
    assert list(synthetic_run(tmp_path / "bare", prefix=()).cls_row_blocks()) == []


def test_previews_of_many_are_those_of_each(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=2)
    assert run.previews(range(2, 10)) == {row: run.preview(row) for row in range(2, 8)}
    commit_file(run.path, Unit("head", 1)).unlink()
    assert list(run.previews(range(10))) == [0, 2, 3]


def test_a_folder_with_wildcards_in_its_name_is_read_and_no_other(tmp_path):
    synthetic_run(tmp_path / "run 1", n_images=7)
    synthetic_run(tmp_path / "run 2", n_images=8)
    for name in ("run [1]", "run *", "run ?"):
        assert len(synthetic_run(tmp_path / name).images) == 10


def test_any_zarr_reader_opens_the_arrays(tmp_path):
    import xarray as xr

    run = synthetic_run(tmp_path / "run")
    opened = xr.open_zarr(run.path / "arrays", group="importance", consolidated=False, chunks=None)
    assert opened["jsd"].dims == ("image", "mode", "layer", "head")
    np.testing.assert_array_equal(opened["jsd"], run.importance["jsd"])


def test_no_two_units_share_a_chunk(tmp_path):
    run = synthetic_run(tmp_path / "run", n_images=12, partial_images=12)
    chunks = {path.name for path in (run.path / "arrays/importance/jsd").glob("c.*")}
    assert chunks == {f"c.{shard}.{mode}.0.0" for shard in range(3) for mode in range(7)}


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda text: "", "is damaged"),
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: "[]", "schema_version is None"),
        (lambda text: text.replace('"n_layers": 2', '"n_layers": "two"'), "run.model.n_layers is 'two', expected int"),
        (lambda text: text.replace('"seed"', '"sead"'), "run.options has no seed"),
        (lambda text: text.replace('"state": "complete"', '"state": "done"'), "run.state is 'done'"),
        (lambda text: text.replace('"rows": 3', '"rows": 0'), "cannot lay out tokens"),
    ],
)
def test_a_damaged_manifest_is_refused_with_the_reason(tmp_path, damage, expected):
    run = synthetic_run(tmp_path / "run")
    file = run.path / "run.json"
    file.write_text(damage(file.read_text()))
    with suppress(ValueError, TypeError):  # what has the right checksum is still doubted
        document = json.loads(file.read_text())
        document.pop("sha256")
        durable.write_sealed(file, document, indent=1)
    with pytest.raises(RunError, match=expected) as caught:
        open_run(run.path)
    assert "Restore the file" in caught.value.hint


def test_a_newer_run_is_refused_with_what_to_do(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=0)
    document = json.loads((run.path / "run.json").read_text()) | {
        "schema_version": SCHEMA_VERSION + 1,
        "vitscope": "9.1",
    }
    (run.path / "run.json").write_text(json.dumps(document))
    expected = f"vitscope 9.1 wrote it in format {SCHEMA_VERSION + 1}, this version reads up to {SCHEMA_VERSION}"
    with pytest.raises(RunError, match=expected) as caught:
        open_run(run.path)
    assert "newer vitscope" in caught.value.hint


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(RunError, match=r"not a run, there is no run\.json"):
            open_run(path)


@pytest.mark.parametrize("name", ["images.parquet", "arrays/importance/jsd/c.0.0.0.0", "arrays/spread/nmi/zarr.json"])
def test_a_truncated_file_is_refused(tmp_path, name):
    run = synthetic_run(tmp_path / "run")
    file = run.path / name
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(RunError, match="cannot (read|use)") as caught:
        _ = run.images, run.importance, run.spread
    assert "--resume" in caught.value.hint


def test_a_damaged_unit_is_computed_anew_and_the_sum_stays(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=2)
    chunk = run.path / "arrays/importance/jsd/c.0.0.0.0"
    kept = chunk.read_bytes()
    chunk.unlink()  # zarr reads an absent chunk as NaN: only the checksum can tell
    assert not is_sound(run.path, Unit("head", 0), planned_arrays(run.manifest))
    manifest, random = run.manifest, np.random.default_rng(0)
    labels = random.integers(0, 5, 10)
    random.permutation(10)
    total = (run.path / "sums/000001.npy").read_bytes()
    with RunWriter.opened(run.path) as writer:
        assert writer.pending()[:2] == [Unit("head", 0), Unit("head", 2)]
        writer.write_head(0, head_unit(manifest, 0, labels, random))
    assert chunk.read_bytes() == kept
    assert (run.path / "sums/000001.npy").read_bytes() == total
    assert is_sound(run.path, Unit("head", 0), planned_arrays(run.manifest))


def test_a_lost_sum_starts_the_heads_again(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=2)
    (run.path / "sums/000001.npy").unlink()
    with RunWriter.opened(run.path) as writer:
        assert writer.pending()[:3] == [Unit("head", 0), Unit("head", 1), Unit("head", 2)]
    assert committed(run.path) == set()


@pytest.mark.parametrize("name", ["commits/000000-head.json", "images/000000.parquet", "previews/0.png"])
def test_any_damaged_file_of_a_unit_is_noticed(tmp_path, name):
    run = synthetic_run(tmp_path / "run")
    with RunWriter.opened(run.path) as writer:
        assert writer.pending() == []
        (run.path / name).write_bytes(b"rubbish")
        assert writer.pending() == [Unit("head", 0)]


@pytest.mark.parametrize("name", ["arrays/spread/nmi/zarr.json", "arrays/spread/zarr.json", "arrays/zarr.json"])
@pytest.mark.parametrize("content", ["{", '{"attributes": {"units": "feet"}}', None])
def test_lost_metadata_are_written_anew_and_no_number_is_computed(tmp_path, name, content):
    run = synthetic_run(tmp_path / "run")
    file = run.path / name
    written = file.read_text()
    file.unlink() if content is None else file.write_text(content)
    with RunWriter.opened(run.path) as writer:
        assert writer.pending() == []
    assert json.loads(file.read_text()) == json.loads(written)
    assert check(run).damages == ()


def test_a_lost_array_is_made_anew_and_its_units_are_pending(tmp_path):
    run = synthetic_run(tmp_path / "run")
    shutil.rmtree(run.path / "arrays/attention")
    with RunWriter.opened(run.path) as writer:
        units = writer.pending()
        assert [unit.shard for unit in units if unit.group == "head"] == [0, 1, 2]
        random = np.random.default_rng(0)
        labels = random.integers(0, 5, 10)
        random.permutation(10)
        for shard in range(3):
            writer.write_head(shard, head_unit(run.manifest, shard, labels, random))
        assert not any(unit.group == "head" for unit in writer.pending())


def test_an_array_that_may_not_be_read_is_left_alone(tmp_path, monkeypatch):
    run = synthetic_run(tmp_path / "run")

    def denied(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("zarr.open_array", denied)
    with RunWriter.opened(run.path) as writer, pytest.raises(RunError, match="PermissionError"):
        writer.pending()
    monkeypatch.undo()
    assert is_sound(run.path, Unit("head", 0), planned_arrays(run.manifest))


def test_a_run_that_may_not_be_written_is_a_sentence(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=0)
    (run.path / ".lock").unlink()
    (run.path / ".lock").mkdir()  # as good as a read-only disk, for which root would not care
    with pytest.raises(StorageError, match="cannot write to .*: Is a directory"), RunWriter.opened(run.path):
        pass


def test_rubbish_of_a_killed_writer_is_removed(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=2)
    rubbish = [
        run.path / durable.partial_name("run.json"),
        run.path / f"arrays/spread/nmi/c.0.0.{'0a' * 16}.partial",
        run.path / "sums/000000.npy",
    ]
    for file in rubbish:
        file.write_bytes(b"half")
    with RunWriter.opened(run.path):
        assert not any(file.exists() for file in rubbish)
        assert (run.path / "sums/000001.npy").exists()


def test_two_writers_never_meet(tmp_path):
    run = synthetic_run(tmp_path / "run", complete=False)
    script = (
        "import sys; from pathlib import Path; from vitscope.store import RunWriter\n"
        "with RunWriter.opened(Path(sys.argv[1])): pass"
    )
    with RunWriter.opened(run.path):
        other = subprocess.run([sys.executable, "-c", script, str(run.path)], capture_output=True, text=True)
    assert "another vitscope is working on this run" in other.stderr
    assert subprocess.run([sys.executable, "-c", script, str(run.path)]).returncode == 0


def test_a_run_is_created_whole_or_not_at_all(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "write_manifest", fail)
    with pytest.raises(StorageError, match="the disk is full") as caught:
        write_synthetic_run(tmp_path / "run")
    assert "--resume" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("run", "there is a run in it already"), ("files", "not empty"), ("file", "a file"), ("link", "it is a link")],
)
def test_nothing_is_overwritten(tmp_path, kind, expected):
    path = tmp_path / "run"
    if kind == "run":
        synthetic_run(path)
    elif kind == "files":
        path.mkdir()
        (path / "thesis.txt").write_text("the only copy")
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        path.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    else:
        path.write_text("the only copy")
    with pytest.raises(StorageError, match=expected):
        write_synthetic_run(path)


def test_a_folder_without_a_name_of_its_own_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (".", "..", "new/.."):
        with pytest.raises(StorageError, match="it has no name of its own"):
            write_synthetic_run(Path(name))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_loses_nothing_that_was_committed(tmp_path, monkeypatch):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=1)
    flushed = 0

    def full_after_a_while(paths):
        nonlocal flushed
        flushed += 1
        if flushed > 10:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vitscope.store.arrays.flush", full_after_a_while)
    unit = head_unit(run.manifest, 1, np.zeros(10, int), np.random.default_rng(1))
    with RunWriter.opened(run.path) as writer, pytest.raises(StorageError, match="the disk is full"):
        writer.write_head(1, unit)
    monkeypatch.undo()
    assert committed(run.path) == {Unit("head", 0)}
    assert is_sound(run.path, Unit("head", 0), planned_arrays(run.manifest))
    with RunWriter.opened(run.path) as writer:
        writer.write_head(1, unit)
    assert is_sound(run.path, Unit("head", 1), planned_arrays(run.manifest))


def test_atomic_writing_leaves_the_old_file_when_it_fails(tmp_path):
    file = tmp_path / "a.json"
    durable.write_json(file, {"a": 1})

    def fail(beside):
        beside.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        durable.write_atomically(file, fail)
    assert durable.read_json(file) == {"a": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_a_run_in_the_place_of_another_is_not_read_on(tmp_path):
    """Its numbers would stand beside images of the one before."""
    run = synthetic_run(tmp_path / "run")
    assert len(run.images) == 10
    other = dataclasses.replace(synthetic_manifest(), run_id="fedcba9876543210")
    shutil.rmtree(tmp_path / "run")
    write_synthetic_run(tmp_path / "run", manifest=other, seed=1)
    for read in (lambda: run.images, lambda: run.effect("jsd", "head"), run.progress, lambda: run.preview(0)):
        with pytest.raises(RunError, match="another run is in its place"):
            read()
