"""What a live model answers about one image beyond attention: maps of a class, and the image at other sizes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from tests.closeness import assert_close
from tests.reference import gradients as twin
from tests.tiny_analysis import tiny_model, write_photos

import vitscope
from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.models.pictures.images import decode_picture
from vitscope.pipeline import LiveModel
from vitscope.pipeline.live.sizes import same_place
from vitscope.tokens import TokenLayout


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    model = tiny_model("registers, LayerScale, q/k norm")
    run = vitscope.analyze(model, write_photos(folder / "photos", 3), folder / "run", patterns=0)
    return model, run, LiveModel(run, model)


def gradients_of(model, run, row, target, score):
    pixels = torch.stack([model.preprocess(_picture(run, row))])
    return [part[0] for part in twin.gradients(model.module, pixels, [target], score=score)]


def _picture(run, row):
    from PIL import Image

    return Image.open(run.original(row))


@pytest.mark.parametrize("direction", ["from", "to"])
def test_class_maps_are_the_measures_after_each_layer(opened, direction):
    model, run, live = opened
    attention, gradients = gradients_of(model, run, 1, 4, "output")
    for kind, residual in (("gradient_rollout", 0.3), ("relevance", None)):
        found = live.class_map(1, kind, 4, 7, direction, residual=0.3, start=1)
        assert found.shape == (3, 20)
        assert np.isnan(found[0]).all()
        for layer in (1, 2):
            product = twin.weighted(attention[: layer + 1], gradients[: layer + 1], residual, 1)
            product = product - np.eye(20) if residual is None else product
            row = product[7] if direction == "from" else product[:, 7]
            assert_close(found[layer], row, rtol=1e-3, atol=1e-6 * np.abs(product).max())
    for options, score, first in (
        ({}, "layer_mean", 1),
        ({"start": 2, "layers": 3}, "layer_mean", 0),  # its own option says which layers
        ({"reading": "classifier", "layers": 1}, "layer", 2),
    ):
        found = live.class_map(1, "legrad", 4, 7, direction, **options)
        _, by_layer = gradients_of(model, run, 1, 4, score)
        assert np.isnan(found[:first]).all()
        for layer in range(first, 3):
            assert np.isnan(found[layer, :5]).all()
            expected = twin.legrad(by_layer[first : layer + 1], model.tokens).ravel()
            assert_close(found[layer, 5:], expected, rtol=1e-3, atol=1e-7)


def test_the_class_may_be_the_models_own(opened):
    model, run, live = opened
    top = int(run.images.at[2, "prediction"])
    own = live.class_map(2, "relevance", -1, 0, "from")
    assert_close(own, live.class_map(2, "relevance", top, 0, "from"), rtol=1e-6)
    with pytest.raises(InvalidArgument, match="classes of 0..6"):
        live.class_map(2, "relevance", 7, 0, "from")
    with pytest.raises(InvalidArgument, match=r"layers 0\.\.2"):
        live.class_map(2, "relevance", 1, 0, "from", start=3)
    with pytest.raises(InvalidArgument, match="last 0 layers"):
        live.class_map(2, "legrad", 1, 0, "from", layers=0)


def test_an_image_at_a_size_is_what_the_comparison_says(opened):
    model, run, live = opened
    found = vitscope.resolution(model, [run.original(1)], [(8, 18), (16, 24)])
    for i, size in enumerate([(8, 18), (16, 24)]):
        seen = live.at_size(1, size)
        assert (seen.tokens.rows, seen.tokens.cols) == (found["rows"].values[i], found["cols"].values[i])
        assert seen.interpolated
        assert_close(seen.distance, found["distance_no_sinks"].values[i, 0], rtol=1e-4)
        assert_close(seen.entropy, found["entropy"].values[i, 0], rtol=1e-4)
        assert int(seen.probabilities.argmax()) == found["prediction"].values[i, 0]
        rows = live.rows_at_size(1, size, 0)
        assert_close(
            rows.reshape(found[f"map_{size[0]}x{size[1]}"].shape[1:]),
            found[f"map_{size[0]}x{size[1]}"][0],
            rtol=2e-3,
            atol=1e-5,
        )
        patch = live.rows_at_size(1, size, 5 + 7)  # row 1, col 2: the middle of 3 x 5
        place = same_place(12, model.tokens, seen.tokens)
        assert_close(patch, seen.matrices[:, :, place, 5:], rtol=1e-6)
    own = live.at_size(1, (12, 30))
    assert not own.interpolated
    assert_close(own.matrices, live.matrices(1), rtol=2e-3, atol=1e-5)


def test_sizes_and_images_that_do_not_fit_are_refused(opened, monkeypatch):
    _, run, live = opened
    with pytest.raises(InvalidArgument, match="patches are 4 x 6"):
        live.at_size(1, (8, 20))
    with pytest.raises(InvalidArgument, match="million weights"):
        live.at_size(1, (4000, 3996))
    with pytest.raises(InvalidArgument, match="the run has 3"):
        live.at_size(17, (8, 18))
    dropped = live.drop(run.original(0).read_bytes(), "photo.png")
    with pytest.raises(NotAvailable, match="dropped pictures are not kept"):
        live.at_size(dropped.image, (8, 18))
    assert np.isfinite(live.class_map(dropped.image, "relevance", -1, 0, "from")).all()


def test_the_same_place_on_another_grid():
    small, large = (TokenLayout(("cls", "reg1"), *grid, (4, 4)) for grid in ((3, 5), (6, 7)))
    assert [same_place(token, small, large) for token in (0, 1)] == [0, 1]
    assert same_place(2, small, large) == 2 + 1 * 7  # the middle of (0, 0) is a sixth down, a tenth across
    assert same_place(2 + 7, small, large) == 2 + 3 * 7 + 3
    for token in range(17):
        assert same_place(token, small, small) == token


def test_a_dropped_picture_that_takes_long_to_decode_keeps_no_question_out(opened, monkeypatch):
    _, run, live = opened
    decoding, answered, waited, turn = threading.Event(), threading.Event(), [], threading.Lock()

    def decode_for_long(*arguments, **options):
        decoding.set()
        waited.append(not turn.locked() and answered.wait(30))
        return decode_picture(*arguments, **options)

    monkeypatch.setattr("vitscope.pipeline.live.model.decode_picture", decode_for_long)
    with ThreadPoolExecutor(1) as thread:
        dropped = thread.submit(live.drop, run.original(1).read_bytes(), "a.png", turn)
        assert decoding.wait(30)
        live.matrices(0)
        answered.set()
        assert dropped.result().name == "a.png"
    assert waited == [True]
