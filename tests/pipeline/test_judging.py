"""Judging maps: areas by hand, boxes through any preprocessing, baselines, and what does not fit."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from tests import zoo
from tests.closeness import assert_close
from tests.reference import gradients as twin
from tests.tiny_analysis import tiny_model, to_pixels, write_photos

import vitscope
from vitscope.errors import BadInput, InvalidArgument
from vitscope.measures import patch_order
from vitscope.pipeline.studies.boxes import on_patches, read_boxes
from vitscope.pipeline.studies.judging import blur, put_in

BOXES = {"000": [[0.0, 0.0, 0.4, 1.0]], "001.png": {"boxes_norm": [[0.2, 0.0, 0.6, 0.5], [0.4, 0.25, 0.8, 0.75]]}}


@pytest.fixture
def photos(tmp_path):
    return write_photos(tmp_path / "photos", 5)


def boxes_file(tmp_path, boxes=None):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(BOXES if boxes is None else boxes))
    return path


def test_areas_are_those_of_pixels_changed_one_patch_after_the_other(photos):
    model = tiny_model()
    steps = 4
    found = vitscope.judge(model, photos, maps=["rollout", "legrad"], steps=steps, seed=2)
    assert found.steps == steps
    files = sorted(photos.iterdir())
    images = torch.stack([to_pixels(Image.open(file)) for file in files])
    top = model.module(images).argmax(-1)
    module = model.module
    _, gradients = twin.gradients(module, images, top, score="layer_mean")
    maps = np.stack([twin.legrad(g[-2:], model.tokens) for g in gradients])
    orders = patch_order(torch.from_numpy(maps).float(), seed=2)
    blurred = blur(images, (4, 6))
    sizes = [0, 4, 8, 11, 15]
    for i in range(5):
        for kind, before, after in (("deletion", images, torch.zeros_like(images)), ("insertion", blurred, images)):
            scores = []
            for size in sizes:
                changed = before[i].clone()
                for patch in orders[i][:size].tolist():
                    row, col = divmod(patch, 5)
                    place = (slice(None), slice(4 * row, 4 * row + 4), slice(6 * col, 6 * col + 6))
                    changed[place] = after[i][place]
                with torch.inference_mode():
                    scores.append(float(module(changed[None])[0].double().softmax(-1)[top[i]]))
            assert_close(found.values[f"{kind}_curve"].sel(map="legrad")[i], scores, rtol=1e-4, atol=1e-6, what=kind)
            assert_close(found.values[kind].sel(map="legrad")[i], twin.area(scores, sizes), rtol=1e-4)
    assert found.values["pointing"].isnull().all()
    assert found.values["deletion"].map.values.tolist() == ["rollout", "legrad", "centre", "random"]
    # All maps share the ends: nothing gone, everything gone.
    for kind in ("deletion_curve", "insertion_curve"):
        ends = found.values[kind].values[:, :, [0, -1]]
        assert (ends == ends[:1]).all()


def test_boxes_choose_the_images_and_say_where_the_object_is(tmp_path, photos):
    model = tiny_model()
    found = vitscope.judge(model, photos, boxes_file(tmp_path), steps=2)
    assert found.values.image.values.tolist() == ["000.png", "001.png"]
    verdicts = {(v.map, v.measure): v for v in found.verdicts}
    assert all(v.n == 2 for v in found.verdicts)
    # Photos of 40 x 24 pixels; box 1 covers columns 0 and 1 of 5; boxes 2 cover 0.2 + 0.2 - 0.05 of the area.
    assert_close(verdicts["random", "mass"].mean, (0.4 + 0.35) / 2, rtol=0.03)
    hit = found.values["pointing"].sel(map="random").values
    assert_close(hit[0], 6 / 15, rtol=1e-6)
    for measure in ("pointing", "mass", "deletion", "insertion"):
        values = found.values[measure].sel(map="raw").values
        assert ((values >= 0) & (values <= 1)).all()
        assert_close(verdicts["raw", measure].mean, values.mean(), rtol=1e-6)
        assert verdicts["raw", measure].low <= verdicts["raw", measure].mean <= verdicts["raw", measure].high
    assert json.loads(json.dumps(found.as_dict()))["verdicts"]


def test_the_random_map_is_another_one_for_each_image(photos):
    model = tiny_model()
    one = vitscope.judge(model, photos, maps=["raw"], steps=3, seed=0).values["deletion_curve"]
    other = vitscope.judge(model, photos, maps=["raw"], steps=3, seed=1).values["deletion_curve"]
    assert (one.sel(map="raw") == other.sel(map="raw")).all()
    assert not np.allclose(one.sel(map="random")[:, 1], other.sel(map="random")[:, 1])


def test_a_box_is_seen_as_the_model_sees_the_photo():
    model = tiny_model()
    same_size = on_patches(model, (30, 12), [(0.2, 0.0, 0.7, 0.5)])  # pixels 6..20 across, 0..5 down: nothing resized
    expected = torch.zeros(3, 5)
    expected[0, 1:3], expected[1, 1:3] = 1, 0.5
    expected[0, 3], expected[1, 3] = 0.5, 0.25
    assert_close(same_size.covered, expected, rtol=1e-6)
    assert same_size.inside.tolist()[0] == [False, True, True, True, False]
    demo = vitscope.load_model("demo")  # shorter side to 28 pixels, middle 28 x 28
    rows = demo.tokens.rows
    left_half = on_patches(demo, (84, 28), [(0.0, 0.0, 0.5, 1.0)])
    assert_close(left_half.covered.mean(), 0.5, rtol=0.05)
    assert left_half.inside[:, : rows // 2 - 1].all()
    assert not left_half.inside[:, rows // 2 + 1 :].any()
    cut_away = on_patches(demo, (84, 28), [(0.0, 0.0, 0.3, 1.0)])
    assert cut_away.covered.max() < 0.02


def test_pixels_that_belong_to_no_patch_stay():
    before, after = torch.zeros(1, 2, 7, 9), torch.ones(1, 2, 7, 9)
    mixed = put_in(before, after, torch.tensor([[[True, False], [False, True]]]), (3, 4))
    assert mixed.sum() == 2 * 2 * 12
    assert mixed[0, 0, :3, :4].all()
    assert not mixed[0, :, 6].any()


def test_blur_keeps_what_is_even_and_spreads_a_point():
    even = torch.full((1, 1, 5, 40), 0.7, dtype=torch.float64)
    assert_close(blur(even, (4, 6)), even, rtol=1e-12)
    point = torch.zeros(1, 1, 61, 91, dtype=torch.float64)
    point[0, 0, 30, 45] = 1
    spread = blur(point, (4, 6))[0, 0]
    for axis, (middle, sigma) in enumerate(((30, 4), (45, 6))):
        along = spread.sum(1 - axis)
        place = torch.arange(len(along)) - middle
        assert_close((along * place**2).sum().sqrt(), sigma, rtol=0.02)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ({"000": []}, "expected a list"),
        ({"000": [[0, 0, 1]]}, "expected left < right"),
        ({"000": [[10, 20, 110, 120]]}, "as shares from 0 to 1"),
        ({"000": [[0.5, 0.1, 0.4, 0.2]]}, "left < right"),
        ([1], "expected an object"),
    ],
)
def test_boxes_that_are_none_are_refused(tmp_path, boxes, message):
    with pytest.raises(BadInput, match=message):
        read_boxes(boxes_file(tmp_path, boxes))


def test_what_does_not_fit_is_refused(tmp_path, photos):
    model = tiny_model()
    with pytest.raises(BadInput, match="none of the 1 names fits"):
        vitscope.judge(model, photos, boxes_file(tmp_path, {"other": [[0, 0, 1, 1]]}))
    with pytest.raises(BadInput, match="no such|No such"):
        vitscope.judge(model, photos, tmp_path / "missing.json")
    for maps in (["raw", "raw"], ["heat"], []):
        with pytest.raises(InvalidArgument, match="cannot judge the maps"):
            vitscope.judge(model, photos, maps=maps)
    with pytest.raises(InvalidArgument, match="0 steps"):
        vitscope.judge(model, photos, steps=0)
    headless = vitscope.wrap(zoo.make("DINO-like, no classifier", torch.float32), transform=to_pixels)
    with pytest.raises(InvalidArgument, match="no classifier, so there is no class"):
        vitscope.judge(headless, photos)


def test_unreadable_images_are_left_out(photos):
    (photos / "002.png").write_bytes(b"no image")
    seen = []
    found = vitscope.judge(tiny_model(), photos, maps=["raw"], steps=2, progress=lambda *step: seen.append(step))
    assert found.unreadable == 1
    assert found.values.sizes["image"] == 4
    assert seen[-1] == (5, 5)
    for file in photos.iterdir():
        file.write_bytes(b"no image")
    with pytest.raises(BadInput, match="none of the 5 can be read"):
        vitscope.judge(tiny_model(), photos, maps=["raw"])
