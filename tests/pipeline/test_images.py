"""Every odd file is either read, with a note, or refused, with a reason; and no warning gets out."""

import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.TiffImagePlugin import TiffImageFile
from tests.odd_images import (
    JPEG,
    READABLE,
    RGB,
    SIZE,
    UNREADABLE,
    animation,
    encoded,
    half_clear,
    pixels,
    png16,
    rotated,
    turned,
)

from vitscope.errors import ImageUnreadable
from vitscope.models.pictures import images
from vitscope.models.pictures.images import MAX_BYTES, decode_picture, read_picture
from vitscope.models.pictures.levels import in_eight_bits

FLOATS = {"sixteen.png", "sixteen.tif", "float.tif", "twelve.png"}


@pytest.mark.parametrize("name", READABLE)
def test_odd_images_are_read_with_a_note(name):
    content, note = READABLE[name]
    picture = decode_picture(content)
    assert picture.image.mode == ("F" if name in FLOATS else "RGB")
    assert sorted(picture.image.size) == sorted(SIZE)
    assert (picture.note or "").startswith(note or "")
    assert (picture.note is None) == (note is None)


@pytest.mark.parametrize("name", UNREADABLE)
def test_broken_images_are_refused_with_the_reason(name):
    content, reason = UNREADABLE[name]
    with pytest.raises(ImageUnreadable) as caught:
        decode_picture(content)
    assert caught.value.message.startswith(reason)
    assert "\n" not in caught.value.message


def test_a_plain_photo_is_what_pillow_reads():
    np.testing.assert_array_equal(decode_picture(JPEG).image, RGB_of(JPEG))


def RGB_of(content: bytes) -> np.ndarray:
    import io

    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_rotation_is_undone():
    upright = ImageOps.exif_transpose(Image.open(__import__("io").BytesIO(rotated())))
    np.testing.assert_array_equal(decode_picture(rotated()).image, upright)
    assert decode_picture(rotated()).image.size == SIZE[::-1]


def test_transparency_is_put_on_white():
    result = np.asarray(decode_picture(encoded(half_clear(), "PNG")).image, dtype=float)
    alpha = np.linspace(0, 255, SIZE[0]).astype(np.uint8)[None, :, None] / 255
    expected = pixels() * alpha + 255 * (1 - alpha)
    assert np.abs(result - expected).max() <= 1


def test_sixteen_bits_are_scaled_not_clipped():
    values = np.linspace(0, 65535, SIZE[0] * SIZE[1]).astype(np.uint16).reshape(SIZE[::-1])
    result = decode_picture(encoded(Image.fromarray(values), "PNG")).image
    np.testing.assert_allclose(result, values / 257, rtol=1e-6)
    np.testing.assert_array_equal(in_eight_bits(result), np.round(values / 257).astype(np.uint8))


def test_the_first_frame_is_shown():
    np.testing.assert_array_equal(decode_picture(READABLE["animated.png"][0]).image, pixels(0))


def test_grey_is_nothing_odd_to_a_grey_model():
    assert decode_picture(READABLE["grey.png"][0], channels=1).note is None


def test_every_truncation_is_refused_or_read_but_never_crashes():
    for name in ("plain.jpg", "animated.gif", "sixteen.tif", "plain.webp", "palette.png", "rotated.jpg"):
        content = READABLE[name][0]
        for end in np.random.default_rng(0).integers(1, len(content), 12):
            try:
                decode_picture(content[:end])
            except ImageUnreadable as error:
                assert error.message


def test_random_damage_is_refused_or_read_but_never_crashes():
    random = np.random.default_rng(1)
    for name, (content, _) in READABLE.items():
        for _ in range(8):
            damaged = bytearray(content)
            for place in random.integers(0, len(damaged), 5):
                damaged[place] = random.integers(0, 256)
            try:
                decode_picture(bytes(damaged))
            except ImageUnreadable as error:
                assert error.message, name


def test_what_a_decoder_logs_is_not_printed(capfd):
    with pytest.raises(ImageUnreadable):
        decode_picture(UNREADABLE["bands.tif"][0])
    assert capfd.readouterr().err == ""


def test_a_decoder_that_asks_for_more_for_ever_is_ended(monkeypatch):
    monkeypatch.setattr(images, "MAX_SECONDS", -1.0)
    with pytest.raises(ImageUnreadable, match="too slow: not decoded after"):
        decode_picture(JPEG)


def test_frames_beyond_the_first_are_not_read(monkeypatch):
    def never(self):
        raise AssertionError("all frames are read to count them")

    monkeypatch.setattr(GifImageFile, "n_frames", property(never))
    monkeypatch.setattr(TiffImageFile, "n_frames", property(never))
    for kind in ("GIF", "TIFF"):
        picture = decode_picture(animation(kind))
        assert picture.image.size == SIZE
        assert picture.note is not None
        assert picture.note.startswith("first of several frames")


@pytest.mark.parametrize("kind", ["JPEG2000", "WEBP"])
def test_formats_whose_decoders_need_more_may_have_fewer_pixels(monkeypatch, kind):
    monkeypatch.setattr(images, "MAX_PIXELS", 2 * SIZE[0] * SIZE[1])
    assert decode_picture(encoded(RGB, kind)).image.size == SIZE
    assert decode_picture(encoded(RGB.resize((80, 24)), "PNG")).image.size == (80, 24)
    with pytest.raises(ImageUnreadable, match=f"too large: 80 x 24 .* the limit of {kind} is"):
        decode_picture(encoded(RGB.resize((80, 24)), kind))


def test_ppm_that_is_decoded_in_python_may_have_fewer_still(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 4 * 6)
    assert decode_picture(b"P3 3 2 255\n" + b"7 " * 18).image.size == (3, 2)
    assert decode_picture(b"P5 4 3 255\n" + bytes(12)).image.size == (4, 3)
    for content in (b"P2 4 3 255\n" + b"7 " * 12, b"P5 4 3 100\n" + bytes(12)):
        with pytest.raises(ImageUnreadable, match="too large: 4 x 3 .* the limit of such PPM is"):
            decode_picture(content)


def test_an_icon_is_no_way_around_the_limit(monkeypatch):
    content = bytearray(encoded(RGB.resize((64, 64)), "ICO", sizes=[(64, 64)]))
    content[6:8] = 16, 16  # what it says of itself
    assert decode_picture(bytes(content)).image.size == (64, 64)
    monkeypatch.setattr(images, "MAX_PIXELS", 63 * 64)
    with pytest.raises(ImageUnreadable, match="too large: 64 x 64"):
        decode_picture(bytes(content))


MEASURE = """
import resource, sys, types
from pathlib import Path
import vitscope
package = sys.modules["vitscope.models"] = types.ModuleType("vitscope.models")  # without torch, which takes seconds
package.__path__ = [str(Path(vitscope.__file__).parent / "models")]
from vitscope.models.pictures.images import decode_picture
contents = [Path(name).read_bytes() for name in sys.argv[1:]]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for content in contents:
    decode_picture(content, picture_range=(0, 4095))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of memory in kilobytes")
def test_decoding_takes_at_most_twelve_bytes_a_pixel(tmp_path):
    side = 2000
    ones = np.ones((side, side), np.uint16)
    contents = [
        encoded(Image.fromarray(ones), "PNG", compress_level=1),
        png16(np.broadcast_to(ones[..., None], (side, side, 3))),
        encoded(Image.new("RGBA", (side, side)), "PNG", compress_level=1),
        encoded(Image.new("F", (side, side)), "TIFF", compression="tiff_deflate"),
        encoded(Image.new("RGB", (side, side)), "JPEG", exif=turned()),
    ]
    names = [str(tmp_path / str(i)) for i in range(len(contents))]
    for name, content in zip(names, contents, strict=True):
        Path(name).write_bytes(content)
    done = subprocess.run([sys.executable, "-c", MEASURE, *names], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 12 * side * side + 32 * 2**20


def test_no_warning_gets_out_and_filters_stay(tmp_path):
    before = list(warnings.filters)
    contents = [content for content, _ in READABLE.values()] * 2
    caught: list[BaseException] = []

    def work() -> None:
        try:
            for content in contents:
                decode_picture(content)
        except BaseException as error:
            caught.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not caught
    assert list(warnings.filters) == before


def test_files_that_are_no_files(tmp_path, monkeypatch):
    with pytest.raises(ImageUnreadable, match="missing"):
        read_picture(tmp_path / "gone.png")
    with pytest.raises(ImageUnreadable, match="not a file"):
        read_picture(tmp_path)
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ImageUnreadable, match="too large: 512 MB"):
        read_picture(huge)

    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", denied)
    (tmp_path / "a.png").write_bytes(JPEG)
    with pytest.raises(ImageUnreadable, match="cannot be opened: Permission denied"):
        read_picture(tmp_path / "a.png")
