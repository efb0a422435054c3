"""Where known heads of real models attend: corners, one patch aside; and what sinks do to their distance."""

import numpy as np
import pytest
import torch
from PIL import Image

import vitscope
from vitscope import measures
from vitscope.quantities import bounds
from vitscope.text import looks

pytestmark = pytest.mark.model
VIT = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"
DINO = "weights/vit_small_patch14_dinov2.saliency/model.safetensors"


def means_of(model, data_dir, count):
    """Mean over photos of each measure [layer, head]."""
    files = sorted((data_dir / "images" / "imagenet_sample_500").iterdir())[::63][:count]
    pixels = torch.stack([model.preprocess(Image.open(file).convert("RGB")) for file in files])
    spread = measures.summarise(vitscope.attention(model, pixels), model.tokens).spread
    return {name: values.double().mean(0).numpy() for name, values in spread.items()}


def test_vit_tiny_attends_to_corners_and_one_patch_aside(data_dir):
    model = vitscope.load_model("timm:vit_tiny_patch16_224", weights=data_dir / VIT, device="cpu")
    found = means_of(model, data_dir, 4)
    assert (found["corners"][9:] > 0.4).all() and (found["corners"][:7] < bounds.CORNER_SHARE).all()
    assert found["few_keys"][10, 0] <= 5
    directions = {}
    for layer, head in np.argwhere(found["neighbour"] >= bounds.NEIGHBOUR_SHARE).tolist():
        directions[layer, head] = looks.side(found["step_down"][layer, head], found["step_right"][layer, head])
    assert directions == {(1, 0): "on its left", (1, 2): "on its right", (2, 1): "above it"}
    assert found["distance"][9:].mean() > 130  # corners are far from most patches
    thirds = found["distance_no_sinks"].reshape(3, -1).mean(1)
    np.testing.assert_allclose(thirds, [52, 81, 106], atol=6)


def test_dinov2_has_no_corner_sinks(data_dir):
    import timm
    from safetensors.torch import load_file
    from timm.layers import resample_abs_pos_embed
    from torchvision import transforms as T

    module = timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=224).eval()
    weights = {name: value.float() for name, value in load_file(data_dir / DINO).items()}
    weights["pos_embed"] = resample_abs_pos_embed(weights["pos_embed"], (16, 16), num_prefix_tokens=1)
    module.load_state_dict(weights)
    steps = [T.Resize(256, T.InterpolationMode.BICUBIC), T.CenterCrop(224), T.ToTensor()]
    transform = T.Compose([*steps, T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    found = means_of(vitscope.wrap(module, transform=transform), data_dir, 3)
    assert (found["corners"] < bounds.CORNER_SHARE).all()
    assert (found["neighbour"] >= bounds.NEIGHBOUR_SHARE).sum() == 7
