"""The names of real heads on real photos: what one says on seeing the matrices, and what is not said of them."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

import vitscope
from vitscope.patterns import FEATURES, PATTERNS, common_matrix, constancy, features, name_matrices
from vitscope.patterns.names.naming import called

pytestmark = [pytest.mark.model, pytest.mark.slow]  # `make test-real` runs it
WEIGHTS = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"
DINO = "weights/vit_small_patch14_dinov2.saliency/model.safetensors"


def names_of(model, data_dir, n):
    """Names [image, layer, head] of n photos, and their features."""
    with (data_dir / "images" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))[:: 800 // n][:n]
    found, common = [], []
    for row in rows:
        pixels = model.preprocess(Image.open(data_dir / "images" / row["path"]).convert("RGB"))[None]
        with torch.inference_mode():
            attention = vitscope.attention(model, pixels)[0]
            found.append(features(attention, model.tokens).numpy())
            common.append(common_matrix(attention, model.tokens).numpy())
    described = np.stack(found)
    _, layer, head = np.indices(described.shape[:3]).reshape(3, -1)
    alike = constancy(np.concatenate([each.reshape(-1, 66, 66) for each in common]), layer, head)
    codes, _ = name_matrices(described.reshape(-1, len(FEATURES)), alike)
    return np.array(PATTERNS)[codes].reshape(described.shape[:3])


@pytest.fixture(scope="module")
def tiny(data_dir):
    model = vitscope.load_model("timm:vit_tiny_patch16_224", weights=data_dir / WEIGHTS, device="cpu")
    return names_of(model, data_dir, 12)


def test_heads_have_the_names_that_one_sees(tiny):
    seen = {
        (1, 0): "one patch left",
        (1, 2): "one patch right",
        (2, 1): "one patch up",
        (3, 2): "local",  # a bell
        (0, 2): "CLS sink",
        (3, 1): "uniform",
        (7, 0): "content blob",  # the patches of the query's own object or background
        (10, 0): "corners",
    }
    assert {at: called(list(tiny[:, *at]))[0] for at in seen} == seen
    for at in ((1, 0), (1, 2), (2, 1), (10, 0)):
        assert set(tiny[:, *at]) == {seen[at]}


def test_the_last_layers_look_at_the_corners_and_little_is_mixed(tiny):
    assert (tiny[:, 9:] == "corners").mean() > 0.9
    assert (tiny == "mixed").mean() < 0.1
    assert max(np.mean(tiny == name) for name in PATTERNS) < 0.5


def test_dino_has_no_corner_sinks_and_its_seven_shift_heads_are_found(data_dir):
    import timm
    from safetensors.torch import load_file
    from timm.models.vision_transformer import checkpoint_filter_fn

    module = timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=224)
    weights = {name: value.float() for name, value in load_file(data_dir / DINO).items()}
    module.load_state_dict(checkpoint_filter_fn(weights, module))
    mean, std = (torch.tensor(three)[:, None, None] for three in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    def transform(picture):
        square = picture.resize((224, 224), Image.Resampling.BICUBIC)
        return (torch.from_numpy(np.array(square)).permute(2, 0, 1) / 255 - mean) / std

    names = names_of(vitscope.wrap(module.eval(), transform=transform), data_dir, 6)
    assert not (names == "corners").any()
    assert (names == "border").mean() < 0.01
    heads = {(layer, head): called(list(names[:, layer, head]))[0] for layer in range(12) for head in range(6)}
    assert {head: name for head, name in heads.items() if name.startswith("one patch")} == {
        (1, 1): "one patch right",
        (2, 3): "one patch left",
        (3, 1): "one patch down",
        (3, 4): "one patch up",
        (3, 5): "one patch left",
        (4, 0): "one patch up",
        (4, 5): "one patch right",
    }
