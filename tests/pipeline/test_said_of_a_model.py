"""What is said of a model beside its weights is kept with a run, compared on resume, and said again to serve it."""

import json
from dataclasses import asdict

import pytest
import safetensors.torch
import torch
from tests.tiny_analysis import write_photos

import vitscope
from vitscope.answers.rows.sizes import _command
from vitscope.errors import RunError
from vitscope.load_options import NOTHING_SAID, load_options
from vitscope.pipeline.live.model import load_live
from vitscope.server.lab.describe import prune_command
from vitscope.store.files.durable import write_sealed
from vitscope.store.manifest import read_manifest

import timm  # isort: skip - after vitscope, which makes torchvision importable

OPTIONS = {"img_size": (32, 48), "mean": (0.1, 0.2, 0.3), "std": (0.5,), "interpolation": "bilinear"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of a model with everything said, the weights, the names."""
    folder = tmp_path_factory.mktemp("said")
    torch.manual_seed(0)
    weights, names = folder / "five.safetensors", folder / "names.txt"
    safetensors.torch.save_file(timm.create_model("test_vit", num_classes=5).state_dict(), weights)
    names.write_text("\n".join("vwxyz"))
    model = vitscope.load_model("test_vit", weights, **OPTIONS, class_names=names)
    photos = write_photos(folder / "photos", 3)
    run = vitscope.analyze(model, photos, folder / "run", patterns=0, weights_file=weights)
    return run, model, weights, names, photos


def test_a_run_loads_the_same_model_again(made):
    run, model, weights, names, _ = made
    info = run.manifest.model
    assert info.options.said() == OPTIONS
    assert info.options.class_names is None
    assert info.classes == tuple("vwxyz")
    again = load_live(run)._model
    assert again.transform_text == model.transform_text
    assert again.input_size == model.input_size == (3, 32, 48)
    assert again.classes == model.classes
    pixels = torch.rand(2, *model.input_size)
    assert torch.equal(vitscope.prune(again, pixels, {}), vitscope.prune(model, pixels, {}))
    source = type("Source", (), {"run": run})
    for command in (prune_command(run.manifest), _command(source)):
        assert "--img-size 32x48 --mean 0.1,0.2,0.3 --std 0.5 --interpolation bilinear" in command
        assert f"--class-names {names}" in command


def test_another_preprocessing_or_other_names_are_not_the_same_run(made):
    run, _, weights, names, photos = made
    plain = {"weights": weights, **OPTIONS}
    for other, words in (
        (plain | {"class_names": list("abcde")}, "the names of its classes"),
        (plain | {"class_names": names, "mean": 0.5}, "the preprocessing"),
    ):
        with pytest.raises(RunError, match=words):
            vitscope.analyze(
                vitscope.load_model("test_vit", **other),
                photos,
                run.path,
                resume=True,
                patterns=0,
                weights_file=weights,
            )


def test_runs_that_do_not_say_it_are_read(made, tmp_path):
    run = made[0]
    document = json.loads((run.path / "run.json").read_text())
    del document["model"]["options"]
    document.pop("sha256", None)
    write_sealed(tmp_path / "run.json", document, indent=1)
    assert read_manifest(tmp_path).model.options == NOTHING_SAID


def test_words_of_a_command_line_say_the_same():
    options = load_options({"num_classes": 3, "in_chans": 13, "mean": [0.25] * 13, "img_size": "64"})
    words = options.words()
    said = {flag[2:].replace("-", "_"): text for flag, text in zip(words[::2], words[1::2], strict=True)}
    said |= {name: int(said[name]) for name in ("num_classes", "in_chans")}
    assert asdict(load_options(said)) == asdict(options)
