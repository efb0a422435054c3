"""The same images at several sizes: answers of the library, distances by hand, what a run keeps, what is refused."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from tests import zoo
from tests.closeness import assert_close
from tests.reference import measures as twin
from tests.tiny_analysis import tiny_model, to_pixels, write_photos

import vitscope
from vitscope.analysis import sizes as report
from vitscope.analysis.statistics.proportion import wilson
from vitscope.errors import BadInput, InvalidArgument, RunError, UnsupportedModel
from vitscope.pipeline.studies.resolution_run import as_stored, keep
from vitscope.pipeline.studies.sizing import check_sizes, parse_sizes
from vitscope.store.files.durable import file_sha256
from vitscope.store.resolution import ARRAYS, DOCUMENT, read_resolution

SIZES = [(12, 30), (8, 18), (16, 24)]


@pytest.fixture
def photos(tmp_path):
    folder = write_photos(tmp_path / "photos", 5)
    (tmp_path / "labels.csv").write_text("path,label\n" + "".join(f"photos/{i:03d}.png,{i}\n" for i in range(4)))
    return folder


def test_each_size_is_the_librarys_own_model_at_that_size(photos, tmp_path):
    model = tiny_model()
    found = vitscope.resolution(model, photos, SIZES, tmp_path / "labels.csv")
    assert found["height"].values.tolist() == [8, 12, 16]  # by area
    assert found["tokens"].values.tolist() == [1 + 2 * 3, 1 + 3 * 5, 1 + 4 * 4]
    assert found["interpolated"].values.tolist() == [True, False, True]
    assert_close(found["diagonal"], [math.hypot(8, 18), math.hypot(12, 30), math.hypot(16, 24)])
    pictures = [Image.open(file) for file in sorted(photos.iterdir())]
    own = torch.stack([to_pixels(picture) for picture in pictures])
    top = model.module(own).argmax(-1)
    target = torch.tensor([0, 1, 2, 3, int(top[4])])
    assert found["target"].values.tolist() == target.tolist()
    for i, size in enumerate([(8, 18), (12, 30), (16, 24)]):
        module = model.architecture.resize(*size)
        pixels = own if size == (12, 30) else torch.nn.functional.interpolate(own, size, mode="bicubic", antialias=True)
        with torch.inference_mode():
            logits = module(pixels).double()
        expected = logits.softmax(-1)[torch.arange(5), target]
        assert_close(found["probability"][i], expected, rtol=1e-4, atol=1e-7)
        assert found["prediction"][i].values.tolist() == logits.argmax(-1).tolist()
        right = (logits.argmax(-1) == target).double().numpy()
        right[4] = np.nan
        assert_close(found["correct"][i], right)
        sized = model if size == (12, 30) else model.at_size(*size)
        attention = vitscope.attention(sized, pixels).double().numpy()
        for layer, head in ((0, 2), (2, 1)):
            distance = [twin.mean_distance(attention[k, layer, head], sized.tokens) for k in range(5)]
            assert_close(found["distance"][i, :, layer, head], distance, rtol=1e-4)
            no_sinks = [twin.mean_distance(attention[k, layer, head], sized.tokens, "no-sinks") for k in range(5)]
            assert_close(found["distance_no_sinks"][i, :, layer, head], no_sinks, rtol=1e-4)
            entropy = [twin.mean_entropy(attention[k, layer, head], sized.tokens) for k in range(5)]
            assert_close(found["entropy"][i, :, layer, head], entropy, rtol=1e-4)
        name = f"{size[0]}x{size[1]}"
        rows = attention[:, :, :, 0, 1:].reshape(5, 3, 3, sized.tokens.rows, sized.tokens.cols)
        assert_close(found[f"map_{name}"], rows, rtol=2e-3, atol=1e-6)
        assert_close(found[f"mean_map_{name}"], rows.mean(0), rtol=2e-3, atol=1e-6)


def test_preprocessing_follows_the_size_where_it_can():
    demo = vitscope.load_model("demo")
    folder = demo_images()
    found = vitscope.resolution(demo, folder, [28, 56])
    assert "resize and crop scaled" in found.attrs["preprocessing"]
    assert found["interpolated"].values.tolist() == [False, True]
    larger = demo.at_size(56, 56)
    picture = Image.open(folder[0])
    with torch.inference_mode():
        logits = larger.module(larger.preprocess(picture)[None])
    assert found["prediction"].values[1, 0] == int(logits.argmax())


def demo_images():
    from vitscope.models.sources.bundled import DEMO

    return sorted((DEMO / "images").glob("*.png"))[:2]


@pytest.mark.parametrize("name", ["SigLIP-like, no CLS, no classifier", "DINOv3-like", "BEiT"])
def test_models_without_cls_or_classifier_and_with_other_positions(name, photos):
    model = vitscope.wrap(zoo.make(name, torch.float32), transform=to_pixels)
    found = vitscope.resolution(model, photos, [(8, 18), (12, 30)], limit=3)
    assert found["distance"].notnull().all()
    classifier = "no classifier" not in name
    assert bool(found["probability"].notnull().all()) == classifier
    assert found["correct"].isnull().all()
    assert ("map_8x18" in found) == (model.tokens.cls is not None)
    # Rotary positions are computed for any grid, tables of relative ones are interpolated.
    assert found["interpolated"].values.tolist() == [name != "DINOv3-like", False]
    text = report.as_text(as_stored(found))
    assert "n = 3 images, 0 with a label" in text
    assert json.dumps(report.as_dict(as_stored(found)), allow_nan=False)


def test_heads_that_a_layer_lacks_are_nan(photos):
    model = vitscope.without_heads(tiny_model(), [(0, 1), (1, 0), (1, 1), (1, 2)])
    found = vitscope.resolution(model, photos, [(8, 18), (12, 30)], limit=2)
    missing = found["distance"].isnull().values
    assert (
        missing.all((0, 1)).tolist()
        == missing.any((0, 1)).tolist()
        == [
            [False, False, True],
            [True] * 3,
            [False] * 3,
        ]
    )
    rows = report.by_size(as_stored(found))
    assert np.isnan(rows[0].distance[1])
    assert rows[0].distance[0] > 0


def test_numbers_by_size(photos, tmp_path):
    found = as_stored(vitscope.resolution(tiny_model(), photos, SIZES, tmp_path / "labels.csv"))
    rows = report.by_size(found)
    for i, row in enumerate(rows):
        correct = found.arrays["correct"][i][:4]
        assert (row.n, row.n_labelled) == (5, 4)
        assert_close(row.accuracy, correct.mean())
        assert_close((row.accuracy_low, row.accuracy_high), wilson(int(correct.sum()), 4))
        assert_close(row.probability, found.arrays["probability"][i].astype(float).mean(), rtol=1e-6)
        assert row.probability_low <= row.probability <= row.probability_high
        assert_close(row.distance[1], found.arrays["distance_no_sinks"][i][:, 1].astype(float).mean(), rtol=1e-6)
        assert_close(row.distance_share[1], row.distance[1] / row.size.diagonal, rtol=1e-12)
        assert_close(row.entropy_share[2], row.entropy[2] / math.log(row.size.tokens), rtol=1e-12)
    text = report.as_text(found)
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["8x18", "12x30", "16x24"]
    assert "interpolated" in lines[1]
    assert " own " in lines[2]


def test_wilson_is_the_textbooks():
    assert_close(wilson(0, 10), (0.0, 0.2775), atol=5e-5, rtol=0)
    assert_close(wilson(81, 263), (0.2553, 0.3662), atol=5e-5, rtol=0)  # Newcombe 1998
    assert all(math.isnan(end) for end in wilson(0, 0))


def test_sizes_are_read_as_users_write_them():
    assert parse_sizes("224, 96x160,32×48") == [(224, 224), (96, 160), (32, 48)]
    for words in ("abc", "96x", "-16"):
        with pytest.raises(InvalidArgument, match="cannot read the size"):
            parse_sizes(words)


def test_sizes_and_models_that_do_not_fit_are_refused(photos, monkeypatch):
    model = tiny_model()
    assert check_sizes(model, [(12, 30), (4, 6), (12, 30)]) == [(4, 6), (12, 30)]
    for sizes, message in (
        ([], "none is named"),
        ([(12, 31)], "patches are 4 x 6.*such as 12 x 30"),
        ([(0, 30)], "patches are 4 x 6"),
        ([(4, 6000)], "limit is 4096"),
    ):
        with pytest.raises(InvalidArgument, match=message):
            vitscope.resolution(model, photos, sizes)

    def refuse(**size):
        raise NotImplementedError("fixed positions")

    monkeypatch.setattr(model.module, "set_input_size", refuse)
    with pytest.raises(UnsupportedModel, match=r"cannot resize it \(NotImplementedError: fixed positions\)"):
        vitscope.resolution(model, photos, [(8, 18)])
    with pytest.raises(BadInput, match="no such folder"):
        vitscope.resolution(model, photos / "none", [(12, 30)])


def test_a_run_keeps_a_comparison_and_knows_its_images(photos, tmp_path):
    model = tiny_model()
    run = vitscope.analyze(model, photos, tmp_path / "run", patterns=0)
    other = write_photos(tmp_path / "more", 1, seed=9)
    listed = [photos / "003.png", other / "000.png", photos / "001.png"]
    found = vitscope.resolution(model, listed, SIZES)
    assert read_resolution(run.path) is None
    kept = keep(run.path, found, model)
    assert kept.rows == (3, -1, 1)
    read = read_resolution(run.path)
    assert read is not None
    for name, value in kept.arrays.items():
        assert_close(read.arrays[name], value)
    assert (read.sizes, read.rows, read.paths, read.shown) == (kept.sizes, kept.rows, kept.paths, 3)
    assert vitscope.open_run(run.path).progress().state == "complete"  # the run itself is as it was
    with pytest.raises(RunError, match="not its own"):
        keep(run.path, found, tiny_model("distilled"))
    with (run.path / ARRAYS).open("ab") as file:
        file.write(b"x")
    with pytest.raises(RunError, match="checksum"):
        read_resolution(run.path)
    (run.path / DOCUMENT).write_text("{")
    with pytest.raises(RunError, match="damaged"):
        read_resolution(run.path)
    keep(run.path, found, model)
    document = json.loads((run.path / DOCUMENT).read_text())
    (run.path / DOCUMENT).write_text(json.dumps(document | {"format": 99}))
    with pytest.raises(RunError, match="format 99"):
        read_resolution(run.path)


def test_a_comparison_made_before_distances_without_sinks_compares_none(photos, tmp_path):
    """Format 1 has distances with CLS and sinks in them, which do not compare: none is shown, and why."""
    run = vitscope.analyze(tiny_model(), photos, tmp_path / "run", patterns=0)
    keep(run.path, vitscope.resolution(tiny_model(), photos, [(8, 18), (12, 30)], limit=2), tiny_model())
    with np.load(run.path / ARRAYS) as file:
        kept = {name: file[name] for name in file.files if name != "distance_no_sinks"}
    with (run.path / ARRAYS).open("wb") as file:
        np.savez(file, **kept)
    document = json.loads((run.path / DOCUMENT).read_text())
    (run.path / DOCUMENT).write_text(json.dumps(document | {"format": 1, "sha256": file_sha256(run.path / ARRAYS)}))
    found = read_resolution(run.path)
    assert np.isnan(report.by_size(found)[0].distance).all()
    assert "this comparison was made before they were measured without sinks" in report.as_text(found)
    assert json.dumps(report.as_dict(found), allow_nan=False)
