"""The Lab of a loaded model on a run of its own images: numbers are those of `prune`, steps are small."""

import numpy as np
import pytest
import torch
from tests.closeness import assert_close
from tests.reference import hooked
from tests.tiny_analysis import tiny_model, to_pixels, write_photos

import vitscope
from vitscope.analysis import Run
from vitscope.engine import derangement
from vitscope.errors import BadInput, InvalidArgument
from vitscope.models import Model
from vitscope.models.pictures.images import decode_picture, read_bytes
from vitscope.pipeline import LiveModel

HEADS = {(1, 0): "head", (2, 1): "cp"}
WHOLE = {(1, 0): "head", (2, 1): "head"}
N = 9


@pytest.fixture(scope="module")
def analysed(tmp_path_factory) -> tuple[Run, Model, torch.Tensor]:
    folder = tmp_path_factory.mktemp("lab")
    photos = write_photos(folder / "photos", N)
    (photos / "broken.png").write_bytes(b"not a picture")
    model = tiny_model()
    run = vitscope.analyze(model, photos, folder / "run", patterns=0)
    pixels = [to_pixels(decode_picture(read_bytes(photos / f"{i:03d}.png"), channels=3).image) for i in range(N)]
    return run, model, torch.stack(pixels)


@pytest.fixture
def lab(analysed):
    run, model, _ = analysed
    return LiveModel(run, model).lab


def softmaxes(model, pixels, heads, **options):
    return [hooked.softmax(vitscope.prune(model, pixels, chosen, **options).double().numpy()) for chosen in ({}, heads)]


def test_one_image_is_that_of_prune(lab, analysed):
    _, model, pixels = analysed
    found = lab.image(4, HEADS, "zero")
    before, after = softmaxes(model, pixels[4:5], HEADS)
    assert_close(found.before, before[0], rtol=1e-5)
    assert_close(found.after, after[0], rtol=1e-5)
    assert found.jsd == pytest.approx(hooked.jensen_shannon(before[0], after[0]), rel=1e-3)
    assert (found.mask_check.masked, found.mask_check.unchanged) == (0, 1)


def test_a_scope_is_that_of_prune_in_small_steps(lab, analysed, monkeypatch):
    run, model, pixels = analysed
    monkeypatch.setattr(lab, "_seconds", 0.2 / 2 / 2)
    rows = [8, 3, 9, 0, 5]
    parts = list(lab.scope(rows, HEADS, "renormalise"))
    assert parts[0].rows == (8, 3), "two images take the time of a step"
    there = [row for part in parts for row in part.rows]
    assert there == [8, 3, 0, 5]
    assert "not an image" in {**parts[1].problems}[9] or parts[1].problems[9]
    before, after = softmaxes(model, pixels[there], HEADS, fill="renormalise")
    assert np.concatenate([part.prediction for part in parts]).tolist() == after.argmax(-1).tolist()
    targets = run.images["target"].to_numpy()[there]
    at = np.arange(len(there))
    assert_close(
        np.concatenate([part.prob_drop for part in parts]), before[at, targets] - after[at, targets], atol=1e-6
    )
    jsd = [hooked.jensen_shannon(*pair) for pair in zip(before, after, strict=True)]
    assert_close(np.concatenate([part.jsd for part in parts]), jsd, rtol=1e-3, atol=1e-9)


def test_intact_answers_are_computed_once(lab, monkeypatch):
    from vitscope.pipeline.live import lab as module

    calls = []
    real = module.compare
    monkeypatch.setattr(module, "compare", lambda *args: calls.append(args[-1] is None) or real(*args))
    once = [part.jsd for part in lab.scope([0, 1, 2], HEADS, "zero")]
    twice = [part.jsd for part in lab.scope([0, 1, 2], HEADS, "zero")]
    assert calls == [True, False]
    assert_close(np.concatenate(once), np.concatenate(twice), rtol=1e-5)


def test_the_fills_that_need_other_images_take_the_runs(lab, analysed):
    run, model, pixels = analysed
    found = lab.image(2, WHOLE, "mean")
    _, after = softmaxes(model, pixels[2:3], WHOLE, fill="mean", references=pixels)
    assert_close(found.after, after[0], rtol=1e-4)
    cycle = derangement(N + 1, run.manifest.options.seed)
    pair = int(cycle[2])
    pair = int(cycle[pair]) if pair == N else pair  # the broken one is passed over
    found = lab.image(2, WHOLE, "resample")
    two = pixels[[pair, pair]]
    _, after = softmaxes(model, pixels[2:3], WHOLE, fill="resample", references=two)
    assert_close(found.after, after[0], rtol=1e-4)


def test_a_dropped_image_can_be_asked_about(analysed):
    run, model, pixels = analysed
    live = LiveModel(run, model)
    dropped = live.drop((run.path.parent / "photos" / "003.png").read_bytes(), "mine.png")
    mine, own = (live.lab.image(row, WHOLE, "zero") for row in (dropped.image, 3))
    assert_close(mine.after, own.after)
    assert np.isfinite(live.lab.image(dropped.image, WHOLE, "resample").after).all()


def test_curves_are_those_of_pruning_curve(lab, analysed):
    _, model, pixels = analysed
    order = [(2, 2), (0, 1), (1, 1)]
    steps = list(lab.curve([6, 9, 1, 4], {"mine": order}, [0, 1, 3], random=2, seed=4))
    begun = next(step for step in steps if step.lines)
    assert begun.rows == (6, 1, 4)
    assert [name for name, _ in begun.lines] == ["mine", "random 0", "random 1"]
    found = np.full((3, 3, 3), np.nan)
    for step in steps:
        for place in step.places:
            found[*place, step.images] = step.moved
    expected = vitscope.pruning_curve(model, pixels[[6, 1, 4]], {"mine": order}, sizes=[0, 1, 3], random=2, seed=4)
    assert_close(found, expected["jsd"].values, rtol=1e-3, atol=1e-9)
    assert steps[-1].share == 1.0
    stages = [step.stage for step in steps]
    assert stages.index("pruning") > stages.index("reading")


def test_a_search_is_that_of_greedy_order(lab, analysed):
    _, model, pixels = analysed
    steps = list(lab.curve([0], {}, [0, 2], random=0, seed=0, search=[5, 7, 8], length=2))
    ((name, heads),) = next(step.lines for step in steps if step.lines)
    assert name == "greedy"
    assert list(heads) == vitscope.greedy_order(model, pixels[[5, 7, 8]], 2)


def test_what_does_not_fit_is_refused(lab):
    with pytest.raises(InvalidArgument, match="head 7 of layer 0"):
        lab.check({(0, 7): "head"}, "zero")
    with pytest.raises(InvalidArgument, match="at most 256"):
        list(lab.curve([0] * 257, {}, [0], random=1, seed=0))
    with pytest.raises(BadInput, match="can be measured"):
        list(lab.curve([9], {}, [0], random=1, seed=0))
    with pytest.raises(InvalidArgument, match="different"):
        lab.check_curve({"mine": [(0, 0), (0, 0)]}, [1])
