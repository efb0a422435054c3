"""Pictures with more than 8 bits a channel: the range is said, its use too, and levels last until after the resize."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image
from tests.closeness import assert_close
from tests.odd_images import encoded, png16, tiff
from tests.tiny_analysis import tiny_model, write_photos

import vitscope
from vitscope.analysis import open_run
from vitscope.errors import ImageUnreadable, InvalidArgument, RunError
from vitscope.models.pictures.images import decode_picture, read_picture
from vitscope.models.pictures.levels import parse_range
from vitscope.models.pictures.preprocessing import own_transform, to_pixels

RANDOM = np.random.default_rng(5)
TWELVE = RANDOM.integers(0, 4096, (31, 53)).astype(np.uint16)


def sixteen_bit(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values.astype(np.uint16)), "PNG")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, None),
        ("0,4095", (0, 4095)),
        (" 0 4095 ", (0, 4095)),
        ("-1024, 3071.5", (-1024, 3071.5)),
        ("12-bit", (0, 4095)),
        ("10 bits", (0, 1023)),
        ("32bit", (0, 2**32 - 1)),
        ((0, 255), (0, 255)),
        ([0.0, 1e6], (0, 1e6)),
    ],
)
def test_ranges_as_they_are_said(said, expected):
    assert parse_range(said) == expected


@pytest.mark.parametrize(
    "said", ["", "4095", "5,5", "9,3", "0,inf", "nan,1", "0,1,2", "40-bit", "x,y", (1,), [None, 2]]
)
def test_ranges_that_are_none(said):
    with pytest.raises(InvalidArgument, match="as the range of pictures: expected two numbers"):
        parse_range(said)


@pytest.mark.parametrize(
    ("top", "note"),
    [
        (65535, "16-bit grey"),
        (32767, "16-bit grey, uses 50 % of its range"),
        (8191, "16-bit grey, uses 12 % of its range: 13-bit data? give --range 13-bit"),
        (4080, "16-bit grey, uses 6 % of its range: 12-bit data? give --range 12-bit"),
        (255, "16-bit grey, uses less than 1 % of its range: 8-bit data? give --range 8-bit"),
    ],
)
def test_how_much_of_the_range_is_used_is_said(top, note):
    assert decode_picture(sixteen_bit(np.linspace(0, top, 31 * 53).reshape(31, 53))).note == note
    coarse = decode_picture(png16(np.full((31, 53, 3), top, np.uint16)))
    assert coarse.note == note.replace("16-bit grey", "16 bits a channel, the upper 8 read")


def test_a_range_that_is_given_is_used_and_cuts():
    picture = decode_picture(sixteen_bit(TWELVE), picture_range=(0, 4095))
    assert picture.note == "16-bit grey, range 0 to 4095"
    np.testing.assert_allclose(picture.image, TWELVE / 4095 * 255, rtol=1e-6)
    picture = decode_picture(sixteen_bit(TWELVE), picture_range=(1000, 3000))
    outside = np.mean((TWELVE < 1000) | (TWELVE > 3000))
    assert picture.note == f"16-bit grey, range 1000 to 3000, {outside:.0%} of its pixels outside".replace("%", " %")
    np.testing.assert_allclose(picture.image, ((TWELVE / 1.0 - 1000) / 2000 * 255).clip(0, 255), rtol=1e-5, atol=1e-4)


def test_a_range_for_colours_of_which_the_decoder_keeps_8_bits():
    values = RANDOM.integers(0, 4096, (31, 53, 3)).astype(np.uint16)
    picture = decode_picture(png16(values), picture_range=(0, 4095))
    assert picture.note == "16 bits a channel, the upper 8 read, range 0 to 4095"
    assert np.abs(np.asarray(picture.image) - values / 4095 * 255).max() < 17
    eight = decode_picture(encoded(Image.new("RGB", (3, 2), (10, 20, 30)), "PNG"), picture_range=(0, 4095))
    assert eight.note is None
    assert eight.image.getpixel((0, 0)) == (10, 20, 30)


def test_signed_unsigned_and_32_bits():
    signed = TWELVE.astype(np.int16)[..., None] - 1024
    picture = decode_picture(tiff(signed), picture_range=(-1024, 3071))
    np.testing.assert_allclose(picture.image, (signed[..., 0] + 1024.0) / 4095 * 255, rtol=1e-5, atol=1e-4)
    wide = RANDOM.integers(0, 255_001, (31, 53, 1)).astype(np.uint32)
    with pytest.raises(ImageUnreadable, match="unclear: its pixels run from .* with --range"):
        decode_picture(tiff(wide))
    picture = decode_picture(tiff(wide), picture_range=(0, 255_000))
    np.testing.assert_allclose(picture.image, wide[..., 0] / 1000, rtol=1e-5, atol=1e-4)
    full = RANDOM.integers(0, 2**32, (31, 53, 1)).astype(np.uint32)
    np.testing.assert_allclose(decode_picture(tiff(full)).image, full[..., 0] / (2**32 - 1) * 255, rtol=1e-5)
    floats = (TWELVE * 1.0).astype(np.float32)[..., None]
    with pytest.raises(ImageUnreadable, match="unclear"):
        decode_picture(tiff(floats))
    np.testing.assert_allclose(
        decode_picture(tiff(floats), picture_range=(0, 4095)).image, TWELVE / 4095 * 255, rtol=1e-5
    )
    with pytest.raises(ImageUnreadable, match="not finite"):
        decode_picture(tiff(np.where(floats > 9, np.nan, floats)), picture_range=(0, 4095))


@pytest.mark.parametrize("channels", [1, 3])
def test_levels_last_until_after_the_resize(channels):
    """The reference: resize the floats, then scale. 8 bits first would leave 17 levels of 12-bit values."""
    model = vitscope.load_model("demo")
    transform = own_transform(model.module, (channels, 28, 28))
    picture = decode_picture(sixteen_bit(TWELVE)).image
    pixels = to_pixels(picture, transform, (channels, 8, 8))
    rounded = to_pixels(
        picture.convert("L").convert("RGB") if channels == 3 else picture.convert("L"), transform, (channels, 8, 8)
    )
    assert pixels.shape == rounded.shape == (channels, 28, 28)
    assert len(rounded[0].unique()) <= 17 < len(pixels[0].unique())
    middle = (
        TWELVE >> 5
    ) + 64  # a resize that overshoots is cut after each of its two passes in 8 bits, once in floats
    eight, floats = Image.fromarray(middle.astype(np.uint8)), Image.fromarray(middle.astype(np.float32))
    seen = to_pixels(eight, transform, (channels, 8, 8))
    scale = (seen.max() - seen.min()).item()
    assert_close(to_pixels(floats, transform, (channels, 8, 8)), seen, atol=scale / 100, rtol=0)


def test_a_transform_of_the_user_gets_eight_bits():
    modes = []
    to_pixels(
        decode_picture(sixteen_bit(TWELVE)).image,
        lambda image: modes.append(image.mode) or torch.zeros(3, 1, 1),
        (3, 1, 1),
    )
    assert modes == ["RGB"]


def test_the_range_is_kept_with_the_run_and_resumed(tmp_path):
    photos = write_photos(tmp_path / "photos", 3)
    for path in photos.iterdir():
        grey = np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 16
        path.write_bytes(sixteen_bit(grey))
    model = tiny_model()
    run = vitscope.analyze(model, photos, tmp_path / "run", picture_range="0,4080", patterns=0)
    assert run.manifest.options.picture_range == (0, 4080)
    assert set(run.images["note"]) == {"16-bit grey, range 0 to 4080"}
    dark = vitscope.analyze(model, photos, tmp_path / "dark", patterns=0)
    assert dark.images["note"].str.startswith("16-bit grey, uses 6 % of its range").all()
    assert not np.allclose(run.images["probability"], dark.images["probability"], atol=1e-4)
    vitscope.analyze(model, photos, tmp_path / "run", resume=True)  # as in the run
    with pytest.raises(RunError, match="option picture_range"):
        vitscope.analyze(model, photos, tmp_path / "run", picture_range="12-bit", resume=True)
    assert open_run(tmp_path / "run").manifest.options.picture_range == (0, 4080)


@pytest.mark.model
def test_photos_of_12_bits_are_predicted_as_those_of_8(data_dir, tmp_path):
    weights = data_dir / "weights" / "vit_tiny_patch16_224.augreg_in21k_ft_in1k" / "model.safetensors"
    model = vitscope.load_model("timm:vit_tiny_patch16_224", weights, device="cpu")
    with (data_dir / "images" / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:500:62]
    eight, twelve, dark = [], [], []
    for i, row in enumerate(rows):
        grey = Image.open(data_dir / "images" / row["path"]).convert("L")
        path = tmp_path / f"{i}.png"
        path.write_bytes(sixteen_bit(np.asarray(grey).astype(np.uint16) * 16))
        eight.append(model.preprocess(grey.convert("RGB")))
        twelve.append(model.preprocess(read_picture(path, picture_range=(0, 4080)).image))
        dark.append(model.preprocess(read_picture(path).image))
    with torch.no_grad():
        one, two, three = (model.module(torch.stack(pixels)).softmax(-1) for pixels in (eight, twelve, dark))
    assert torch.equal(one.argmax(-1), two.argmax(-1))
    assert_close(two, one, atol=0.02, rtol=0)
    assert not torch.equal(one.argmax(-1), three.argmax(-1))
