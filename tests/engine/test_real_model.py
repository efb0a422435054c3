"""The real ViT-Tiny on real photos: the same answers as plain timm, and the head that is known to matter."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image
from tests.closeness import assert_effects_agree
from tests.reference import hooked

import vitscope
from vitscope.engine import features_and_logits
from vitscope.quantities import metrics_of
from vitscope.tokens import ALL_MODES

pytestmark = pytest.mark.model
WEIGHTS = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"


@pytest.fixture(scope="module")
def model(data_dir):
    return vitscope.load_model("timm:vit_tiny_patch16_224", weights=data_dir / WEIGHTS, device="cpu")


@pytest.fixture(scope="module")
def photos(data_dir, model):
    """60 of the validation photos as pixels, and their labels."""
    with (data_dir / "images" / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("imagenet_val_300")][::5]
    pictures = (Image.open(data_dir / "images" / row["path"]).convert("RGB") for row in rows)
    return torch.stack([model.preprocess(picture) for picture in pictures]), np.array([int(r["label"]) for r in rows])


def test_top1_on_the_validation_photos_is_plain_timms(model, photos, data_dir):
    import timm
    from safetensors.torch import load_file

    pixels, labels = photos
    plain = timm.create_model("vit_tiny_patch16_224").eval()
    plain.load_state_dict(load_file(data_dir / WEIGHTS))
    with torch.inference_mode():
        theirs = plain(pixels).argmax(-1).numpy()
    _, logits = features_and_logits(model, pixels)
    ours = logits.argmax(-1).numpy()
    assert len(labels) == 60
    assert np.array_equal(ours, theirs)
    assert 0.6 < (ours == labels).mean() < 0.9


@pytest.mark.parametrize(
    ("modes", "fill"),
    [
        (("head", "cp+pc"), "renormalise"),
        pytest.param(ALL_MODES, "zero", marks=pytest.mark.slow),  # `make test-real` runs it
        pytest.param(ALL_MODES, "renormalise", marks=pytest.mark.slow),
    ],
)
def test_every_mode_and_metric_equals_one_hook_per_head(model, photos, modes, fill):
    pixels, labels = photos[0][:1], photos[1][:1]
    data = vitscope.head_importance(model, pixels, labels, modes=modes, fill=fill)
    plain = hooked.importance(model.module, pixels, labels, modes=modes, prefix=("cls",), fill=fill)
    for metric in metrics_of("classes"):
        assert_effects_agree(data[metric].values, plain[metric], f"{modes} {fill} {metric}", absolute=1e-7)


def test_one_early_head_matters_most_by_a_wide_margin(model, photos):
    pixels, labels = photos[0][:8], photos[1][:8]
    jsd = vitscope.head_importance(model, pixels, labels).jsd.sel(mode="head").mean("image").values
    first, second = np.sort(jsd.ravel())[::-1][:2]
    assert np.unravel_index(jsd.argmax(), jsd.shape) == (2, 0)
    assert first > 3 * second


@pytest.mark.slow  # `make test-real` runs it
def test_legrad_as_its_authors_make_it_points_at_the_object(model, data_dir):
    images = data_dir / "images"

    def pointing(**options):
        found = vitscope.judge(
            model,
            images / "labels.csv",
            images / "imagenet_val_300_boxes.json",
            maps=["legrad"],
            steps=1,
            limit=40,
            **options,
        )
        return next(one.mean for one in found.verdicts if (one.map, one.measure) == ("legrad", "pointing"))

    assert pointing() >= 0.85  # 0.917 of all 300
    assert pointing(legrad_layers=None, legrad_reading="classifier") <= 0.8  # 0.723 of all 300: CLS, all layers


def test_one_logit_of_it_is_a_sigmoid_and_the_same_head_comes_first(data_dir, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(data_dir / WEIGHTS)
    weights |= {name: weights[name][207:208].contiguous() for name in ("head.weight", "head.bias")}
    save_file(weights, tmp_path / "one.safetensors")
    one = vitscope.load_model("timm:vit_tiny_patch16_224", weights=tmp_path / "one.safetensors", device="cpu")
    assert (one.readout, one.n_classes, one.n_logits) == ("labels", 2, 1)
    files = sorted((data_dir / "images" / "imagenet_val_300").iterdir())[:6]
    pixels = torch.stack([one.preprocess(Image.open(file).convert("RGB")) for file in files])
    found = vitscope.head_importance(one, pixels).sel(mode="head")
    for name in ("jsd", "logit_drop", "prob_drop"):
        means = np.abs(found[name].values).mean(0)
        assert np.unravel_index(means.argmax(), means.shape) == (2, 0), name
