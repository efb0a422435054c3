"""Models that read other than 1 or 3 channels: a transform of the user's makes them of the RGB picture."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from tests.tiny_analysis import to_pixels, write_photos
from tests.zoo import SIZE
from torch.testing import assert_close

import vitscope
from vitscope.errors import ImageUnreadable, InvalidArgument
from vitscope.models.pictures.arrays import as_bytes
from vitscope.models.pictures.images import decode_picture, read_picture

import timm  # isort: skip - zoo makes timm importable
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


def weights(path, channels):
    torch.manual_seed(4)
    module = timm.create_model("test_vit", num_classes=3, in_chans=channels, img_size=32)
    safetensors.torch.save_file(module.state_dict(), path)
    return path


def load(path, channels, **options):
    said = {"mean": [0.1 + 0.05 * i for i in range(channels)], "std": 0.25}
    return vitscope.load_model("test_vit", weights(path, channels), img_size=32, **said | options)


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_arrays_of_any_number_of_channels(tmp_path, channels):
    """Of 12 bits in 16, with the range said: as the library's own module gives on the numbers by hand."""
    model = load(tmp_path / "weights.safetensors", channels)
    random = np.random.default_rng(0)
    shown = random.integers(0, 4096, (3, 32, 32, channels), dtype=np.uint16)
    folder = tmp_path / "arrays"
    folder.mkdir()
    for i, array in enumerate(shown):
        np.save(folder / f"{i}.npy", array)
    run = vitscope.analyze(model, folder, tmp_path / "run", patterns=0, picture_range="12-bit")
    assert run.images["problem"].isna().all()
    assert run.images["note"].str.contains("range 0 to 4095").all()
    mean = torch.tensor([0.1 + 0.05 * i for i in range(channels)]).view(-1, 1, 1)
    seen = {"channels": channels, "picture_range": (0, 4095)}
    pixels = torch.stack([model.preprocess(read_picture(folder / f"{i}.npy", **seen).image) for i in range(3)])
    flat = np.full((40, 40, channels), 1000, dtype=np.uint16)
    np.save(tmp_path / "flat.npy", flat)
    even = model.preprocess(read_picture(tmp_path / "flat.npy", **seen).image)
    assert_close(even, ((1000 / 4095 - mean) / 0.25).expand_as(even), atol=1e-4, rtol=0)
    with torch.no_grad():
        assert run.images["prediction"].tolist() == model.module(pixels).argmax(-1).tolist()
    held = vitscope.analyze(model, list(shown), tmp_path / "held", patterns=0, picture_range="12-bit")
    assert held.importance.equals(run.importance)


def test_without_a_range_what_is_unclear_is_refused_and_never_dark(tmp_path):
    model = load(tmp_path / "weights.safetensors", 13)
    random = np.random.default_rng(0)
    unclear = {
        "reflectance": random.normal(2000, 300, (32, 32, 13)).astype(np.float32),
        "standardised": random.normal(0, 1, (32, 32, 13)),
        "long": random.integers(0, 9999, (32, 32, 13)),
    }
    for name, array in unclear.items():
        with pytest.raises(ImageUnreadable, match="say which are black and white with --range"):
            decode_picture(as_bytes(array), channels=13)
        told = decode_picture(as_bytes(array), channels=13, picture_range=(-5, 9999))
        assert model.preprocess(told.image).isfinite().all(), name
    sixteen = decode_picture(as_bytes(random.integers(0, 4096, (8, 8, 13), dtype=np.uint16)), channels=13)
    assert sixteen.note == "13 channels of 16 bits, uses 6 % of its range: 12-bit data? give --range 12-bit"
    share = decode_picture(as_bytes(random.random((8, 8, 13))), channels=13)
    assert share.image.values.max() > 250


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((13, 8, 8), np.uint8), r"8 channels, the model reads 13 \(its first axis has as many"),
        (np.zeros((8, 8, 12), np.uint8), "12 channels, the model reads 13"),
        (np.zeros((8, 8), np.uint8), "1 channels, the model reads 13"),
        (np.zeros(8), "no picture"),
        (np.zeros((8, 8, 13), complex), "no picture"),
        (np.full((8, 8, 13), np.nan), "not finite"),
        (np.zeros((8, 0, 13)), "no picture"),
        (np.zeros((1000, 2, 13), np.uint8), "too narrow"),
    ],
)
def test_arrays_that_are_no_pictures_for_the_model(array, words):
    with pytest.raises(ImageUnreadable, match=words):
        decode_picture(as_bytes(array), channels=13)


def test_damaged_arrays_and_pickles_are_refused():
    whole = as_bytes(np.zeros((8, 8, 13), np.uint8))
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    header = whole.replace(b"(8, 8, 13)", b"(9999999, 9999999, 13)")
    for content in (whole[:20], whole[:-5], file.getvalue(), header, whole[:6] + b"\x09" + whole[7:]):
        with pytest.raises(ImageUnreadable):
            decode_picture(content, channels=13)


def test_a_model_of_many_channels_needs_to_be_told_how_they_are_normalised(tmp_path):
    model = load(tmp_path / "weights.safetensors", 13, mean=None)
    with pytest.raises(InvalidArgument, match=r"13 input channels.*--mean and --std"):
        model.preprocess(Image.new("RGB", (8, 8)))
    told = load(tmp_path / "again.safetensors", 13)
    with pytest.raises(ImageUnreadable, match="3 channels, the model reads 13"):
        told.preprocess(Image.new("RGB", (8, 8)))
    with pytest.raises(InvalidArgument, match="3 numbers of mean: the model reads 13 channels"):
        load(tmp_path / "more.safetensors", 13, mean=[0.5] * 3)


def test_four_channels_of_a_picture(tmp_path):
    """A model that reads four gets all of them, transparency or infrared; one that reads three gets white behind."""
    values = np.random.default_rng(0).integers(0, 256, (40, 40, 4), dtype=np.uint8)
    for ending in ("png", "tif"):
        Image.fromarray(values, "RGBA").save(tmp_path / f"four.{ending}")
        four = read_picture(tmp_path / f"four.{ending}", channels=4).image
        assert np.array_equal(four.values, values)
        assert read_picture(tmp_path / f"four.{ending}").image.mode == "RGB"
    assert tuple(load(tmp_path / "weights.safetensors", 4).preprocess(four).shape) == (4, 32, 32)


def tiff(values, *, order="<", compression=1, predictor=1, planar=1, tile=None):
    """A TIFF by its specification, written by hand: no reader of ours or of Pillow's takes part."""
    height, width, bands = values.shape
    numbers = values.astype(values.dtype.newbyteorder(order))
    down, across = tile or (5, width)
    planes = [numbers[..., i : i + 1] for i in range(bands)] if planar == 2 else [numbers]
    parts = []
    for plane in planes:
        for top in range(0, height, down):
            for left in range(0, width, across):
                part = plane[top : top + down, left : left + across]
                if tile:
                    part = np.pad(part, ((0, down - part.shape[0]), (0, across - part.shape[1]), (0, 0)))
                if predictor == 2:
                    part = np.concatenate([part[:, :1], np.diff(part, axis=1)], 1).astype(numbers.dtype)
                raw = np.ascontiguousarray(part).astype(numbers.dtype).tobytes()
                parts.append(zlib.compress(raw) if compression != 1 else raw)
    starts = np.cumsum([8, *(len(part) for part in parts)])
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = {256: [width], 257: [height], 258: [values.dtype.itemsize * 8] * bands, 259: [compression], 262: [1]}
    tags |= {277: [bands], 284: [planar], 317: [predictor], 339: [kind] * bands}
    places, sizes = [int(start) for start in starts[:-1]], [len(part) for part in parts]
    tags |= {322: [across], 323: [down], 324: places, 325: sizes} if tile else {273: places, 278: [down], 279: sizes}
    beside, entries = b"", b""
    at = int(starts[-1])
    table = at + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        data = struct.pack(f"{order}{len(tags[tag])}I", *tags[tag])
        if len(data) > 4:
            data, beside = struct.pack(f"{order}I", table + len(beside)), beside + data
        entries += struct.pack(f"{order}HHI", tag, 4, len(tags[tag])) + data
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", at)
    return head + b"".join(parts) + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + beside


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("stored", [{}, {"compression": 8}, {"compression": 8, "predictor": 2}])
@pytest.mark.parametrize("laid", [{}, {"planar": 2}, {"tile": (16, 16)}, {"tile": (16, 32), "planar": 2}])
def test_tiffs_of_many_channels(order, stored, laid):
    values = np.random.default_rng(0).integers(0, 65536, (23, 37, 13), dtype=np.uint16)
    picture = decode_picture(tiff(values, order=order, **stored, **laid), channels=13)
    assert_close(torch.from_numpy(picture.image.values), torch.from_numpy(values * np.float32(255 / 65535)))


def test_tiffs_that_are_stored_otherwise_or_damaged():
    values = np.random.default_rng(0).random((9, 9, 13)).astype(np.float32)
    whole = tiff(values, compression=8)
    assert decode_picture(whole, channels=13).note == "13 channels of floats in 0 to 1"
    with pytest.raises(ImageUnreadable, match=r"compression 5.*or as .npy"):
        decode_picture(tiff(values, compression=5), channels=13)
    with pytest.raises(ImageUnreadable, match="13 bands: vitscope reads 1, 3 or 4"):
        decode_picture(whole, channels=3)
    random = np.random.default_rng(1)
    for place in random.integers(8, len(whole), 200):
        damaged = whole[:place] + bytes([random.integers(256)]) + whole[place + 1 :]
        with suppress(ImageUnreadable):
            decode_picture(damaged, channels=13)
