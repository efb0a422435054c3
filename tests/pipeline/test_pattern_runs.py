"""Patterns in an analysis: what is sampled, streamed and fitted; how it goes on after a stop; `learn` stands in."""

import numpy as np
import pytest
import torch
from tests import stand_in
from tests.closeness import assert_close
from tests.tiny_analysis import assert_same_bits, tiny_model, to_pixels, write_photos

import vitscope
from vitscope.analysis import open_run
from vitscope.errors import BadInput, InvalidArgument, NotAvailable, RunError
from vitscope.models.pictures.images import read_picture
from vitscope.patterns import FEATURES, common_matrix, features
from vitscope.pipeline import Request, analyze, execute
from vitscope.pipeline.plan import planning
from vitscope.pipeline.plan.planning import plan
from vitscope.store import RunWriter
from vitscope.store.files.commits import Unit, committed

HEADS = 9


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch):
    monkeypatch.setattr(planning, "SHARD_SIZE", 4)
    monkeypatch.setattr(planning, "FEWEST_MATRICES", 20)
    monkeypatch.setattr("vitscope.pipeline.work.patterns.learn", stand_in.learn)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model():
    return tiny_model(classes=list("abcdefg"))


def recorded(model, photos) -> torch.Tensor:
    pixels = torch.stack([to_pixels(read_picture(path).image) for path in sorted(photos.iterdir())])
    return vitscope.attention(model, pixels)


def test_a_run_holds_what_a_plain_pass_gives(tmp_path, model):
    photos, steps = write_photos(tmp_path / "photos", 7), []
    run = analyze(model, photos, tmp_path / "run", patterns=5 * HEADS + 3, progress=steps.append)
    attention = recorded(model, photos).double()
    mean, uniform = attention.mean(0), 1 / attention.shape[-1]
    assert_close(run.measure("patterns/deviation"), (attention - mean).square().sum((-2, -1)), rtol=1e-3, atol=1e-9)
    assert_close(run.measure("patterns/energy"), (attention - uniform).square().sum((-2, -1)), rtol=1e-4, atol=1e-9)
    expected = (attention - mean).square().sum((0, -2, -1)) / (attention - uniform).square().sum((0, -2, -1))
    assert_close(run.patterns.content_dependence.values, expected, rtol=1e-3)
    rows = list(run.sampled)
    assert len(rows) == 5
    assert rows == sorted(rows)
    table = run.patterns.table
    assert table["image"].tolist() == np.repeat(rows, HEADS).tolist()
    assert table["layer"].tolist() == np.tile(np.repeat(range(3), 3), 5).tolist()
    assert table["head"].tolist() == np.tile(range(3), 15).tolist()
    number = 2 * HEADS + 4  # third image of the sample, layer 1, head 1
    own = attention[rows[2], 1, 1]
    assert_close(run.patterns.matrix(number), common_matrix(own, model.tokens), rtol=2e-3, atol=1e-4)
    kept = vitscope.store.arrays.read_region(run.path, "patterns/features")
    assert_close(kept[number], features(own, model.tokens), rtol=1e-3, atol=1e-4)
    assert kept.shape == (45, len(FEATURES))
    last = {(step.group, step.stage): (step.done, step.total) for step in steps}
    assert last["matrices", None] == (7, 7)
    assert [last["patterns", stage] for stage in stand_in.STAGES] == [(2, 2)] * 2
    assert run.progress().units["matrices"] == (2, 2)
    assert run.manifest.options.patterns == 48
    assert run.patterns.space == "features"
    assert run.patterns.quality["stability"].isna().all()
    assert run.patterns.clusters["size"].sum() == 45


def test_the_sample_takes_each_class_in_turn(tmp_path, model):
    for name in "bg":
        write_photos(tmp_path / "photos" / name, 4, ord(name))
    run = analyze(model, tmp_path / "photos", tmp_path / "run", patterns=4 * HEADS)
    assert run.images["label"][list(run.sampled)].tolist() == [1, 1, 6, 6]
    other = analyze(model, tmp_path / "photos", tmp_path / "other", patterns=4 * HEADS, seed=5)
    assert run.sampled != other.sampled


def test_a_skipped_image_is_in_no_sample(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 6)
    (photos / "002.png").write_bytes(b"no")
    run = analyze(model, photos, tmp_path / "run")
    assert run.sampled == (0, 1, 3, 4, 5)
    assert len(run.patterns.table) == 45
    assert np.isnan(run.measure("patterns/deviation")).all(axis=(1, 2)).tolist() == [row == 2 for row in range(6)]
    assert run.manifest.options.patterns == planning.PATTERNS


def test_without_a_mean_it_is_taken_over_the_sample(tmp_path, model, monkeypatch):
    monkeypatch.setattr(planning, "MEAN_BYTES", 0)
    photos = write_photos(tmp_path / "photos", 6)
    run = analyze(model, photos, tmp_path / "run", patterns=3 * HEADS)
    assert run.mean_attention is None
    matrices = common_matrix(recorded(model, photos).double(), model.tokens)
    mean = matrices[list(run.sampled)].mean(0)
    assert_close(run.measure("patterns/deviation"), (matrices - mean).square().sum((-2, -1)), rtol=1e-3, atol=1e-9)
    assert run.patterns.content_dependence.attrs["resolution"] == "common (66 x 66)"


def stop_at(group, done, stage=None):
    def progress(step):
        if (step.group, step.stage) == (group, stage) and step.done >= done:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("mean_bytes", [0, planning.MEAN_BYTES])
def test_a_stopped_run_ends_with_the_same_bits(tmp_path, model, monkeypatch, mean_bytes):
    monkeypatch.setattr(planning, "MEAN_BYTES", mean_bytes)
    photos, stopped = write_photos(tmp_path / "photos", 9), tmp_path / "stopped"
    whole = analyze(model, photos, tmp_path / "whole", patterns=7 * HEADS)
    for at in (
        stop_at("head", 5),
        stop_at("matrices", 3),
        stop_at("matrices", 8),
        stop_at("patterns", 1, "clustering"),
    ):
        with pytest.raises(KeyboardInterrupt):
            analyze(model, photos, stopped, patterns=7 * HEADS, resume=True, progress=at)
        with pytest.raises(NotAvailable, match="not learned yet"):
            _ = open_run(stopped).patterns
    assert committed(stopped) == committed(whole.path) - {Unit("patterns", 0)}
    assert_same_bits(whole, analyze(model, photos, stopped, resume=True))
    for name in ("points.parquet", "clusters.json"):
        assert (stopped / "patterns" / name).read_bytes() == (whole.path / "patterns" / name).read_bytes()


def test_damage_is_repaired_with_the_same_bits(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 6)
    whole, run = (analyze(model, photos, tmp_path / name) for name in ("whole", "run"))
    run.patterns.rename(0, "mine")
    (run.path / "arrays/patterns/matrices/c.1.0.0").write_bytes(b"rubbish")
    (run.path / "arrays/patterns/energy/c.1.0.0").unlink()
    (run.path / "patterns/points.parquet").write_bytes(b"rubbish")
    (run.path / "arrays/importance/jsd/c.0.0.0.0").unlink()
    assert_same_bits(whole, analyze(model, photos, run.path, resume=True))
    assert run.patterns.clusters.at[0, "name"] == "mine"


def test_resuming_with_another_number_is_refused_by_name(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 5)
    plan(model, photos, tmp_path / "run", Request())
    with pytest.raises(RunError, match=r"option patterns \(20000 in the run, 36 now\)"):
        plan(model, photos, tmp_path / "run", Request(patterns=36), resume=True)
    assert plan(model, photos, tmp_path / "run", Request(), resume=True).manifest.patterns.images == 5


def test_none_are_learned_where_there_is_too_little(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 2)
    run = analyze(model, photos, tmp_path / "run")
    assert run.manifest.patterns is None
    assert run.manifest.options.patterns == 0
    assert run.progress().units["matrices"] == (0, 0)
    assert not (run.path / "arrays/patterns").exists()
    for number in (3, 18):
        with pytest.raises(InvalidArgument, match="expected at least 20"):
            analyze(model, photos, tmp_path / "other", patterns=number)
    with pytest.raises(InvalidArgument, match="-1 as patterns of an analysis: expected at least 0"):
        Request(patterns=-1)
    write_photos(photos, 5)
    assert analyze(model, photos, tmp_path / "none", patterns=0).manifest.patterns is None


def test_a_sampled_image_that_vanishes_is_a_clear_sentence(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 4)
    with pytest.raises(KeyboardInterrupt):
        analyze(model, photos, tmp_path / "run", progress=stop_at("matrices", 0))
    (photos / "001.png").rename(tmp_path / "kept.png")
    with pytest.raises(BadInput, match=r"001.png was there when the run was planned, and now it is missing") as caught:
        execute(open_run(tmp_path / "run"), model)
    assert "--resume" in caught.value.hint
    (tmp_path / "kept.png").rename(photos / "001.png")
    with RunWriter.opened(tmp_path / "run") as writer:
        assert [unit.group for unit in writer.pending()] == ["matrices", "patterns"]
    assert execute(open_run(tmp_path / "run"), model).manifest.state == "complete"
