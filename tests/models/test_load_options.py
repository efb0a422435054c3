"""What weights cannot say, said by the user: taken where it fits, refused in one sentence where it does not."""

import json

import pytest
import safetensors.torch
import torch

import vitscope
from vitscope.errors import BadInput, InvalidArgument, ModelLoadError
from vitscope.load_options import LoadOptions, load_options

import timm  # isort: skip - after vitscope, which makes torchvision importable


def saved(path, **options):
    torch.manual_seed(3)
    safetensors.torch.save_file(timm.create_model("test_vit", **{"num_classes": 5} | options).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    """Weights of a ViT of 160 pixels with five classes."""
    return saved(tmp_path_factory.mktemp("options") / "five.safetensors")


def load(path, **options):
    return vitscope.load_model("test_vit", weights=path, **options)


def normalisation(model):
    step = model.transform.transforms[-1]
    return tuple(map(float, step.mean)), tuple(map(float, step.std))


def test_preprocessing_is_as_said_and_stays_so_at_another_size(five):
    model = load(five, mean="0.1,0.2,0.3", std=0.5, interpolation="bilinear")
    for each in (model, model.at_size(64, 96)):
        mean, std = normalisation(each)
        assert mean == pytest.approx((0.1, 0.2, 0.3))
        assert std == (0.5, 0.5, 0.5)
        assert "bilinear" in each.transform_text
    assert model.options.said() == {"mean": (0.1, 0.2, 0.3), "std": (0.5,), "interpolation": "bilinear"}


def test_names_of_classes_from_a_file_or_a_list(five, tmp_path):
    names = list("abcde")
    (tmp_path / "names.txt").write_text("\n".join(names))
    (tmp_path / "index.json").write_text(json.dumps({str(i): [f"n0000000{i}", name] for i, name in enumerate(names)}))
    for given in (names, tmp_path / "names.txt", str(tmp_path / "index.json")):
        assert load(five, class_names=given).classes == tuple(names)
    with pytest.raises(InvalidArgument, match="it has 5 classes, got 2 names"):
        load(five, class_names=["a", "b"])
    (tmp_path / "gap.json").write_text('{"a": 0, "b": 2}')
    with pytest.raises(BadInput, match="expected the numbers 0 to 1, each once"):
        load(five, class_names=tmp_path / "gap.json")
    with pytest.raises(BadInput, match="cannot read the classes"):
        load(five, class_names=tmp_path / "none.txt")


def test_a_file_says_how_many_classes_and_channels_it_has(tmp_path, five):
    grey = saved(tmp_path / "grey.safetensors", in_chans=1)
    assert load(grey).input_size[0] == 1
    assert load(five, num_classes=5).n_classes == 5
    with pytest.raises(ModelLoadError, match="num_classes 10: its weights have 5 classes"):
        load(five, num_classes=10)
    with pytest.raises(ModelLoadError, match="in_chans 3: its weights have 1 input channels"):
        load(grey, in_chans=3)
    without = load(five, num_classes=0)
    assert without.n_classes is None
    assert without.weights_note == "2 not used: head.bias, head.weight"


def test_the_size_that_weights_were_trained_at_and_any_other(tmp_path, five):
    large = saved(tmp_path / "large.safetensors", img_size=(192, 224))
    with pytest.raises(ModelLoadError, match=r"pos_embed.*another input size: say which with --img-size"):
        load(large)
    model = load(large, img_size="192x224")
    assert model.input_size == (3, 192, 224)
    assert torch.equal(model.module.pos_embed, safetensors.torch.load_file(large)["pos_embed"])
    smaller = load(five, img_size=96, class_names=list("abcde"))
    assert smaller.input_size == (3, 96, 96)
    assert smaller.classes == tuple("abcde")
    assert smaller.parity < 1e-5
    with pytest.raises(InvalidArgument, match="its patches are 16 x 16"):
        load(five, img_size=100)


def test_the_demo_and_pruned_folders_take_them_too(tmp_path):
    demo = vitscope.load_model("demo", mean=[0.25], std=[0.5])
    assert normalisation(demo)[0][0] == 0.25
    with pytest.raises(ModelLoadError, match="cannot load demo with num_classes 7: it has 10"):
        vitscope.load_model("demo", num_classes=7)
    from vitscope.models.sources.smaller import save_without_heads

    model = load(saved(tmp_path / "odd.safetensors", in_chans=1, img_size=96), img_size=96, mean=0.3, std=0.2)
    save_without_heads(model, [(0, 0)], tmp_path / "smaller")
    again = vitscope.load_model(str(tmp_path / "smaller"))
    assert again.input_size == (1, 96, 96)
    assert again.transform_text == model.transform_text
    assert normalisation(vitscope.load_model(str(tmp_path / "smaller"), mean=0.4))[0] == pytest.approx((0.4,))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"std": 0}, "std of 0: expected positive"),
        ({"std": [0.5, -1, 0.5]}, "std of -1"),
        ({"mean": "a,b"}, "expected numbers"),
        ({"mean": [0.1, float("nan"), 0.1]}, "expected finite numbers"),
        ({"mean": [0.5, 0.5]}, r"2 numbers of mean: the model reads 3 channels"),
        ({"mean": [0.5] * 3, "std": [0.5] * 2}, "2 numbers of std: the mean has 3"),
        ({"interpolation": "cubic"}, "expected one of bicubic"),
        ({"img_size": "big"}, "as img_size: expected pixels"),
        ({"img_size": (1, 2, 3)}, "as img_size"),
        ({"num_classes": -1}, "at least 0"),
        ({"in_chans": 2.5}, "expected a whole number"),
        ({"class_names": [1, 2]}, "a file or a list of names"),
        ({"colours": 3}, "no such option"),
    ],
)
def test_misuse_ends_in_one_sentence(five, options, words):
    with pytest.raises(InvalidArgument, match=words):
        load(five, **options)


def test_pretrained_weights_have_their_own_classes():
    with pytest.raises(ModelLoadError, match="with 7 classes: its pretrained weights have 1000"):
        vitscope.load_model("test_vit", num_classes=7)


def test_options_of_nothing_are_nothing():
    assert load_options({"mean": None, "img_size": None}) == LoadOptions()
    assert load_options({"img_size": 224}).img_size == (224, 224)
    assert load_options({"std": torch.tensor([0.5, 0.25])}).std == (0.5, 0.25)
