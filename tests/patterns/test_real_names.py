"""The names of ViT-Tiny's heads on real photos: what one says on seeing the matrices, not one name for everything."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

import vitscope
from vitscope.patterns import PATTERNS, features, name_cluster, name_matrices

pytestmark = [pytest.mark.model, pytest.mark.slow]  # `make test-real` runs it
WEIGHTS = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"


@pytest.fixture(scope="module")
def described(data_dir):
    """Features [image, layer, head, feature] of 12 photos."""
    model = vitscope.load_model("timm:vit_tiny_patch16_224", weights=data_dir / WEIGHTS, device="cpu")
    with (data_dir / "images" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))[::70][:12]
    pictures = (Image.open(data_dir / "images" / row["path"]).convert("RGB") for row in rows)
    pixels = torch.stack([model.preprocess(picture) for picture in pictures])
    return features(vitscope.attention(model, pixels), model.tokens).numpy()


def test_heads_have_the_names_that_one_sees(described):
    seen = {
        (1, 0): "local",  # the neighbour on the left
        (2, 1): "local",  # the neighbour above
        (3, 2): "local",  # a bell
        (0, 2): "CLS sink",
        (3, 1): "uniform",
        (7, 1): "content blob",  # the patches of the query's own object or background
        (10, 0): "mixed",  # the four corner patches: more than one key, far apart
    }
    found = {at: name_cluster(described[:, *at]) for at in seen}
    assert {at: name.name for at, name in found.items()} == seen
    assert found[1, 0].confidence == found[2, 1].confidence == 1


def test_no_name_takes_everything(described):
    codes, _ = name_matrices(described.reshape(-1, described.shape[-1]))
    shares = dict(zip(PATTERNS, np.bincount(codes, minlength=len(PATTERNS)) / len(codes), strict=True))
    assert max(shares.values()) < 0.5
    assert min(shares[name] for name in ("local", "content blob", "mixed")) > 0.15
