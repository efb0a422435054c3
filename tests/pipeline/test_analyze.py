"""An analysis from photos to a run: what is computed, what is skipped and why, and how it goes on after a stop."""

import errno
import json
import shutil
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from tests.odd_images import READABLE, UNREADABLE, write_all
from tests.tiny_analysis import assert_same_bits, tiny_model, to_pixels, write_photos

import vitscope
from vitscope.analysis import open_run
from vitscope.engine import head_importance
from vitscope.errors import BadInput, ImageUnreadable, InvalidArgument, NotAvailable, RunError, StorageError
from vitscope.models.pictures.images import read_picture
from vitscope.pipeline import LiveModel, Request, analyze, execute
from vitscope.pipeline.plan import planning
from vitscope.pipeline.plan.planning import plan
from vitscope.store import RunWriter
from vitscope.store.files.commits import Unit, committed
from vitscope.store.files.durable import write_sealed


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch):
    """Many units of few images."""
    monkeypatch.setattr(planning, "SHARD_SIZE", 4)
    monkeypatch.setattr(planning, "PATTERNS", 0)  # they have tests of their own
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model():
    return tiny_model(classes=list("abcdefg"))


def test_a_run_holds_what_the_engine_computes(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 7)
    steps = []
    run = analyze(model, photos, tmp_path / "run", modes="pp,cp+pc", partial_images=3, progress=steps.append)
    pixels = torch.stack([to_pixels(read_picture(path).image) for path in sorted(photos.iterdir())])
    expected = head_importance(model, pixels, modes=("head", "cp+pc", "pp"))
    assert run.manifest.options.modes == ("head", "pp", "cp+pc")
    for name in run.manifest.metrics:
        ours = run.importance[name]
        np.testing.assert_allclose(ours.sel(mode="head"), expected[name].sel(mode="head"), rtol=1e-4, atol=1e-6)
        sample = run.images["partial"].to_numpy()
        assert sample.sum() == 3
        np.testing.assert_allclose(
            ours.sel(mode="pp")[sample], expected[name].sel(mode="pp")[sample], rtol=1e-4, atol=1e-6
        )
        assert np.isnan(ours.sel(mode="cp+pc")[~sample]).all()
    attention = vitscope.attention(model, pixels).numpy()
    np.testing.assert_allclose(run.mean_attention, attention.mean(0), rtol=1e-4, atol=1e-6)
    assert run.featured == tuple(range(7))
    np.testing.assert_allclose(run.featured_attention(2), attention[2], rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(run.cls_rows(4), attention[4, :, :, 0, 1:], rtol=2e-3, atol=1e-4)
    with Image.open(run.preview(0)) as preview:
        assert preview.size == (30, 12)
    last = {step.group: (step.done, step.total) for step in steps}
    assert last == {"head": (7, 7), "featured": (7, 7), "partial": (3, 3)}
    assert run.images["target_source"].tolist() == ["prediction"] * 7


def test_odd_images_are_handled_or_skipped_with_a_row_that_says_why(tmp_path, model):
    write_all(tmp_path / "photos")
    (tmp_path / "photos" / "notes.txt").write_text("not looked at")
    run = analyze(model, tmp_path / "photos", tmp_path / "run")
    images = run.images.set_index("path")
    assert set(images.index) == READABLE.keys() | UNREADABLE.keys()
    for name, (_, note) in READABLE.items():
        assert images.at[name, "problem"] is None
        assert (images.at[name, "note"] or "").startswith(note or "")
        assert images.at[name, "width"] > 0
    for name, (_, reason) in UNREADABLE.items():
        assert images.at[name, "problem"].startswith(reason)
        assert images.at[name, "prediction"] == -1
    skipped = run.images["problem"].notna().to_numpy()
    np.testing.assert_array_equal(np.isnan(run.effect("out_cos", "head")).all(axis=(1, 2)), skipped)
    np.testing.assert_allclose(run.mean_attention.sum(-1), 1, rtol=1e-5)
    assert run.manifest.source.ignored_names == ("notes.txt",)
    assert not set(run.featured) & set(np.flatnonzero(skipped))


def test_labels_decide_the_target_and_half_of_the_featured_are_wrong(tmp_path, model, monkeypatch):
    monkeypatch.setattr(planning, "FEATURED", 4)
    photos = write_photos(tmp_path / "photos", 12)
    guesses = analyze(model, photos, tmp_path / "first").images["prediction"]
    rows = [f"photos/{i:03d}.png,{guess if i < 9 else (guess + 1) % 7}" for i, guess in enumerate(guesses)]
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n" + "\n".join(rows[:-1]) + "\n")
    run = analyze(model, photos, tmp_path / "run", labels=table)
    assert run.images["correct"].tolist() == [True] * 9 + [False] * 2 + [None]
    assert run.images["target_source"].tolist() == ["label"] * 11 + ["prediction"]
    assert run.images.at[9, "target"] == (guesses[9] + 1) % 7
    assert run.images.at[0, "class_name"] == "abcdefg"[guesses[0]]
    assert len(run.featured) == 4
    assert sum(row in (9, 10) for row in run.featured) == 2
    assert run.manifest.source.note == "1 of 12 images have no label"


@pytest.mark.parametrize("fill", ["renormalise", "mean", "resample"])
def test_every_fill_gives_the_same_bits_when_resumed(tmp_path, model, fill):
    photos = write_photos(tmp_path / "photos", 9)
    (photos / "005.png").write_bytes(b"")
    run = analyze(model, photos, tmp_path / "run", fill=fill, seed=1)
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        analyze(model, photos, stopped, fill=fill, seed=1, progress=stop_at("head", 6))
    assert committed(stopped) == {Unit("head", 0)}
    assert_same_bits(run, analyze(model, photos, stopped, resume=True))
    assert run.manifest.options.fill == fill
    assert run.importance["jsd"].attrs["fill"] == fill


def stop_at(group, images):
    def progress(step):
        if step.group == group and step.done >= images:
            raise KeyboardInterrupt

    return progress


def test_a_model_without_classifier_and_cls(tmp_path):
    model = tiny_model("SigLIP-like, no CLS, no classifier")
    photos = write_photos(tmp_path / "photos", 5)
    run = analyze(model, photos, tmp_path / "run", modes="all")
    assert run.manifest.options.modes == ("head", "pp")
    assert np.isnan(run.importance["prob_drop"]).all()
    assert not np.isnan(run.importance["out_cos"]).any()
    assert set(run.images["prediction"]) == {-1}
    assert run.images["target_source"].isna().all()
    assert len(run.featured) == 5


def test_a_folder_for_each_class(tmp_path, model):
    for name, seed in (("b", 1), ("g", 2)):
        write_photos(tmp_path / "photos" / name, 2, seed)
    run = analyze(model, tmp_path / "photos", tmp_path / "run")
    assert run.images["label"].tolist() == [1, 1, 6, 6]
    assert run.images["class_name"].tolist() == ["b", "b", "g", "g"]


def test_a_limit_takes_a_seeded_sample(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 12)
    paths = [
        analyze(model, photos, tmp_path / f"run{i}", limit=5, seed=i % 2).images["path"].tolist() for i in range(3)
    ]
    assert paths[0] == paths[2] != paths[1]
    assert paths[0] == sorted(paths[0])


def test_the_image_shown_moves_with_the_images(tmp_path, model):
    """A resumed run reads the same files where they are now."""
    photos = write_photos(tmp_path / "photos", 9)
    with pytest.raises(KeyboardInterrupt):
        analyze(model, photos, tmp_path / "run", progress=stop_at("head", 5))
    photos.rename(tmp_path / "moved")
    run = analyze(model, tmp_path / "moved", tmp_path / "run", resume=True)
    assert run.images["problem"].isna().all()
    assert run.original(0).is_file()


def test_resuming_a_complete_run_changes_nothing(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 3)
    run = analyze(model, photos, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*") if path.is_file()}
    analyze(model, photos, tmp_path / "run", resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in run.path.rglob("*") if path.is_file()}


def test_resume_starts_where_there_is_nothing(tmp_path, model):
    run = analyze(model, write_photos(tmp_path / "photos", 2), tmp_path / "run", resume=True)
    assert run.manifest.state == "complete"


def test_a_damaged_complete_run_is_repaired(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 6)
    whole = analyze(model, photos, tmp_path / "whole", modes="all")
    run = analyze(model, photos, tmp_path / "run", modes="all")
    (run.path / "arrays/importance/jsd/c.1.0.0.0").write_bytes(b"rubbish")
    (run.path / "arrays/importance/jsd/c.0.3.0.0").unlink()
    (run.path / "images.parquet").write_bytes(b"rubbish")
    with pytest.raises(RunError):
        _ = run.images
    assert_same_bits(whole, analyze(model, photos, tmp_path / "run", resume=True))


def test_a_run_whose_arrays_are_gone_is_repaired(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 6)
    whole = analyze(model, photos, tmp_path / "whole", modes="all")
    run = analyze(model, photos, tmp_path / "run", modes="all")
    shutil.rmtree(run.path / "arrays/attention")
    (run.path / "arrays/importance/jsd/zarr.json").write_text("{")
    (run.path / "arrays/spread/nmi/zarr.json").unlink()
    assert_same_bits(whole, analyze(model, photos, tmp_path / "run", resume=True))


def test_a_run_among_the_photos_is_resumed_and_its_previews_are_no_photos(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 9)
    whole = analyze(model, photos, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        analyze(model, photos, photos / "run", progress=stop_at("head", 5))
    assert_same_bits(whole, analyze(model, photos, photos / "run", resume=True))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"modes": "all"}, r"option modes \(head in the run, head,cc,"),
        ({"fill": "renormalise"}, r"option fill \(zero in the run, renormalise now\)"),
        ({"limit": 3}, r"option limit \(None in the run, 3 now\)"),
        ({"seed": 1}, r"option seed \(0 in the run, 1 now\)"),
        ({"threads": 7}, r"option threads \(\d+ in the run, 7 now\)"),
    ],
)
def test_resuming_with_other_options_is_refused_by_name(tmp_path, model, options, expected):
    photos = write_photos(tmp_path / "photos", 5)
    plan(model, photos, tmp_path / "run", Request())
    with pytest.raises(RunError, match=expected) as caught:
        plan(model, photos, tmp_path / "run", Request(**options), resume=True)
    assert "choose another --out" in caught.value.hint


def test_resuming_with_other_weights_is_refused(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 2)
    plan(model, photos, tmp_path / "run", Request())
    other = tiny_model(classes=list("abcdefg"))
    with torch.no_grad():
        other.module.head.bias += 1
    other = vitscope.wrap(other.module, classes=list("abcdefg"), transform=to_pixels)
    with pytest.raises(RunError, match=r"the weights \(sha256 [0-9a-f]{12}… in the run, [0-9a-f]{12}… now\)"):
        plan(other, photos, tmp_path / "run", Request(), resume=True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda photos: write_photos(photos, 3), "1 new: 002.png"),
        (lambda photos: (photos / "000.png").unlink(), "1 gone: 000.png"),
        (lambda photos: (photos / "001.png").write_bytes(b""), "1 with other bytes: 001.png"),
    ],
)
def test_resuming_with_other_images_is_refused(tmp_path, model, change, expected):
    photos = write_photos(tmp_path / "photos", 2)
    plan(model, photos, tmp_path / "run", Request())
    change(photos)
    with pytest.raises(RunError, match=rf"the image set \({expected}\)"):
        plan(model, photos, tmp_path / "run", Request(), resume=True)


def test_resuming_with_another_torch_is_refused(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 2)
    run = plan(model, photos, tmp_path / "run", Request())
    document = json.loads((run.path / "run.json").read_text())
    document["versions"]["torch"] = "1.0"
    write_sealed(run.path / "run.json", {name: value for name, value in document.items() if name != "sha256"}, indent=1)
    with pytest.raises(RunError, match=rf"torch \(1\.0 in the run, {torch.__version__.split('+')[0]}"):
        plan(model, photos, tmp_path / "run", Request(), resume=True)


@pytest.mark.parametrize("fill", ["zero", "mean", "resample"])
def test_an_image_that_goes_away_or_changes_stops_the_run_until_it_is_back(tmp_path, model, fill):
    photos = write_photos(tmp_path / "photos", 3)
    run = plan(model, photos, tmp_path / "run", Request(fill=fill))
    file = photos / "001.png"
    kept = file.read_bytes()
    for spoil in (file.unlink, lambda: file.write_bytes((photos / "000.png").read_bytes())):
        spoil()
        with pytest.raises(BadInput, match="001.png was there when the run was planned, and now it is") as caught:
            execute(run, model)
        assert "--resume" in caught.value.hint
        file.write_bytes(kept)
    whole = analyze(model, photos, tmp_path / "whole", fill=fill)
    assert_same_bits(whole, execute(run, model))
    assert run.images["problem"].isna().all()


def test_a_full_disk_is_said_and_the_run_goes_on_later(tmp_path, model, monkeypatch):
    photos = write_photos(tmp_path / "photos", 9)
    whole = analyze(model, photos, tmp_path / "whole")
    run = plan(model, photos, tmp_path / "run", Request())
    real, calls = RunWriter._write_previews, []

    def full(self, previews):
        calls.append(previews)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, previews)

    monkeypatch.setattr(RunWriter, "_write_previews", full)
    with pytest.raises(StorageError, match=r"the disk is full \(No space left on device\)") as caught:
        execute(run, model)
    assert "What was committed is kept" in caught.value.hint
    assert committed(run.path) == {Unit("head", 0)}
    assert_same_bits(whole, analyze(model, photos, tmp_path / "run", resume=True))


def test_no_readable_image_is_one_clear_sentence(tmp_path, model):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(5):
        (photos / f"{i}.jpg").write_bytes(b"no")
    with pytest.raises(BadInput, match=r"none of the 5 can be measured; 0.jpg: not an image"):
        analyze(model, photos, tmp_path / "run")


def test_the_mean_needs_two_images_and_one_that_can_be_read(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 1)
    with pytest.raises(InvalidArgument, match="cannot fill with the mean over 1 image: it is the image itself"):
        analyze(model, photos, tmp_path / "run", fill="mean")
    assert not (tmp_path / "run").exists()
    for name in ("000.png", "001.png"):
        (photos / name).write_bytes(b"")
    with pytest.raises(BadInput, match="none of the 2 images it is taken over can be used"):
        analyze(model, photos, tmp_path / "run", fill="mean")


def test_resampling_needs_two_readable_images(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 1)
    with pytest.raises(InvalidArgument, match="cannot resample from 1 image"):
        analyze(model, photos, tmp_path / "run", fill="resample")
    assert not (tmp_path / "run").exists()
    (photos / "bad.png").write_bytes(b"")
    with pytest.raises(BadInput, match=r"no other image than 000.png can be used"):
        analyze(model, photos, tmp_path / "run", fill="resample")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"modes": "heads"}, "cannot prune mode 'heads'"),
        ({"fill": "noise"}, "cannot fill with 'noise'"),
        ({"fill": "mean", "modes": "all"}, "replaces a whole head's output"),
        ({"limit": 0}, "0 as limit of an analysis: expected at least 1"),
        ({"seed": -1}, "-1 as seed of an analysis: expected at least 0"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_written(tmp_path, model, options, expected):
    photos = write_photos(tmp_path / "photos", 2)
    with pytest.raises(InvalidArgument, match=expected):
        analyze(model, photos, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_an_analysis_in_a_thread_is_watched_while_it_grows(tmp_path, model):
    run = plan(model, write_photos(tmp_path / "photos", 9), tmp_path / "run", Request())
    assert run.progress().state == "planned"
    seen, go_on = [], threading.Event()

    def progress(step):
        if step.group == "head" and step.done >= 5 and not seen:
            seen.append(open_run(run.path).progress())
            go_on.set()

    thread = threading.Thread(target=execute, args=(run, model), kwargs={"progress": progress})
    thread.start()
    assert go_on.wait(60)
    thread.join()
    assert seen[0].state == "running"
    assert seen[0].units["head"] == (1, 3)
    assert open_run(run.path).progress().state == "complete"


def test_the_live_model_answers_for_any_token(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 2)
    run = analyze(model, photos, tmp_path / "run")
    live = LiveModel(run, model)
    stored = run.featured_attention(1)
    np.testing.assert_allclose(live.matrices(1), stored, atol=2e-3)
    assert live.matrices(1).dtype == np.float16
    with pytest.raises(InvalidArgument, match="the run has 2, counted from 0"):
        live.matrices(2)
    (photos / "000.png").unlink()
    with pytest.raises(NotAvailable, match="missing"):
        live.matrices(0)


def test_a_dropped_image_is_seen_as_one_of_the_run(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 3)
    run = analyze(model, photos, tmp_path / "run")
    live = LiveModel(run, model)
    dropped = live.drop((photos / "001.png").read_bytes(), "copy.png")
    assert (dropped.image, dropped.name, dropped.note) == (3, "copy.png", None)
    assert dropped.digest == run.images.at[1, "id"]
    assert dropped.top[0] == (run.images.at[1, "prediction"], pytest.approx(run.images.at[1, "probability"]))
    assert [probability for _, probability in dropped.top] == sorted((p for _, p in dropped.top), reverse=True)
    assert len(dropped.top) == 5
    assert dropped.preview[1] == run.preview(1).read_bytes()
    np.testing.assert_array_equal(live.matrices(3), live.matrices(1))
    with pytest.raises(ImageUnreadable, match="cannot look at odd.txt: not an image"):
        live.drop(b"not an image at all", "odd.txt")
    numbers = [live.drop((photos / "002.png").read_bytes(), "again.png").image for _ in range(8)]
    assert numbers == list(range(4, 12))
    with pytest.raises(NotAvailable, match="too long ago"):
        live.matrices(3)
    assert live.matrices(4).shape == live.matrices(0).shape


def test_a_dropped_image_without_a_classifier(tmp_path):
    model = tiny_model("DINO-like, no classifier")
    photos = write_photos(tmp_path / "photos", 2)
    run = analyze(model, photos, tmp_path / "run")
    assert LiveModel(run, model).drop((photos / "000.png").read_bytes(), "x.png").top == ()
    assert run.embedding.shape == (2, 24)


def test_the_pooled_output_is_kept(tmp_path, model):
    from vitscope.engine import features_and_logits

    run = analyze(model, write_photos(tmp_path / "photos", 5), tmp_path / "run")
    pixels = torch.stack([model.preprocess(Image.open(tmp_path / "photos" / f"{i:03d}.png")) for i in range(5)])
    assert run.embedding.dtype == np.float16
    np.testing.assert_allclose(run.embedding, features_and_logits(model, pixels)[0], rtol=2e-3, atol=1e-3)


def test_the_live_model_must_be_the_run_s_own(tmp_path, model):
    run = plan(model, write_photos(tmp_path / "photos", 2), tmp_path / "run", Request())
    with pytest.raises(NotAvailable, match="not those of the run"):
        LiveModel(run, tiny_model("DINO-like, no classifier"))
