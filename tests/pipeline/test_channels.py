"""Models that read other than 1 or 3 channels: a transform of the user's makes them of the RGB picture."""

import pytest
import torch
from PIL import Image
from tests.tiny_analysis import to_pixels, write_photos
from tests.zoo import SIZE

import vitscope
from vitscope.errors import InvalidArgument
from vitscope.models.pictures.images import read_picture

from timm.models.vision_transformer import VisionTransformer  # isort: skip - zoo makes timm importable


def shape_of(path):
    with Image.open(path) as picture:
        return picture.size[::-1]


@pytest.mark.parametrize("channels", [2, 4])
def test_a_run_of_many_channels(tmp_path, channels):
    def bands(image):
        colours = to_pixels(image)
        return torch.cat([colours, colours.mean(0, keepdim=True)])[-channels:]

    torch.manual_seed(3)
    module = VisionTransformer(**SIZE | {"in_chans": channels}).eval()
    photos = write_photos(tmp_path / "photos", 3)
    run = vitscope.analyze(vitscope.wrap(module, transform=bands), photos, tmp_path / "run", patterns=0)
    assert run.images["problem"].isna().all()
    pixels = torch.stack([bands(read_picture(path).image) for path in sorted(photos.iterdir())])
    with torch.no_grad():
        assert run.images["prediction"].tolist() == module(pixels).argmax(-1).tolist()
    previews = sorted((tmp_path / "run" / "previews").iterdir())
    assert [shape_of(path) for path in previews] == [(12, 30)] * 3
    with pytest.raises(InvalidArgument, match=f"a model with {channels} input channels"):
        vitscope.analyze(vitscope.wrap(module), photos, tmp_path / "other", patterns=0)
