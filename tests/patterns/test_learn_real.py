"""Patterns of the real ViT-Tiny on real photos: the clusters are the same whatever the seed."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

import vitscope
from vitscope.patterns import Sample, common_matrix, features, learn, offset_view

pytestmark = [pytest.mark.model, pytest.mark.slow, pytest.mark.timeout(1500)]
WEIGHTS = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"
IMAGES = 200


@pytest.fixture(scope="module")
def sample(data_dir):
    """All heads of every fourth photo."""
    model = vitscope.load_model("timm:vit_tiny_patch16_224", weights=data_dir / WEIGHTS, device="cpu")
    with (data_dir / "images" / "labels.csv").open() as file:
        paths = [row["path"] for row in csv.DictReader(file)][::4][:IMAGES]
    made: list[list[np.ndarray]] = [[], [], []]
    for path in paths:
        pixels = model.preprocess(Image.open(data_dir / "images" / path).convert("RGB"))[None]
        with torch.inference_mode():
            attention = vitscope.attention(model, pixels)[0].flatten(0, 1)
            for kept, view in zip(made, (common_matrix, offset_view, features), strict=True):
                kept.append(view(attention, model.tokens).numpy())
    matrices, offsets, described = (np.concatenate(view) for view in made)
    image, layer, head = np.indices((len(paths), model.n_layers, model.n_heads[0])).reshape(3, -1)
    half = (matrices.astype(np.float16), offsets.astype(np.float16))
    return Sample(*half, described.astype(np.float32), image, layer, head)


def test_clusters_of_real_heads_are_stable_over_five_seeds(sample):
    learned = learn(sample, runs=5)
    found = learned.spaces[learned.chosen]
    assert found.stability >= 0.8, {name: space.stability for name, space in learned.spaces.items()}
    assert found.k >= 4 and np.bincount(found.cluster).max() < 0.6 * len(sample)
