import io

import numpy as np
import pytest
from PIL import Image
from tests.synthetic_run import SKIPPED, head_unit, replace_preview, synthetic_run

from vitscope.answers import thumbs
from vitscope.answers.thumbs import Thumbs
from vitscope.errors import NotAvailable
from vitscope.store import RunWriter

CREAM, BLUE = (250, 240, 200), (20, 40, 160)


def atlas(content):
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "WEBP"
    return np.asarray(picture.convert("RGBA"))


def tile(values, place, columns):
    y, x = 64 * (place // columns), 64 * (place % columns)
    return values[y : y + 64, x : x + 64]


@pytest.fixture
def run(tmp_path):
    return synthetic_run(tmp_path / "run")


def test_thumbnails_are_the_previews_in_row_order_missing_ones_transparent(run, monkeypatch):
    monkeypatch.setattr(thumbs, "COLUMNS", 4)
    for row in range(10):
        if row != SKIPPED:
            replace_preview(run, row, Image.new("RGB", (20, 12), CREAM if row % 2 else BLUE))
    values = atlas(Thumbs(run).page(0, 0))
    assert values.shape == (3 * 64, 4 * 64, 4)
    for row in range(12):
        here = tile(values, row, 4)
        if row == SKIPPED or row >= 10:
            assert (here[..., 3] == 0).all()
        else:
            assert (here[..., 3] == 255).all()
            np.testing.assert_allclose(here[4:-4, 4:-4, :3].mean(axis=(0, 1)), CREAM if row % 2 else BLUE, atol=6)


@pytest.mark.parametrize("size", [(300, 100), (100, 300), (20, 8), (8, 20), (64, 64), (65, 63)])
def test_the_middle_square_is_shown(run, size):
    width, height = size
    side = min(size)
    picture = Image.new("RGB", size, BLUE)
    picture.paste(CREAM, ((width - side) // 2, (height - side) // 2, (width + side) // 2, (height + side) // 2))
    replace_preview(run, 0, picture)
    here = tile(atlas(Thumbs(run).page(0, 0)), 0, thumbs.COLUMNS)
    np.testing.assert_allclose(here[..., :3].mean(axis=(0, 1)), CREAM, atol=8)


def test_small_pictures_are_enlarged_without_blur(run):
    squares = np.kron(np.indices((4, 4)).sum(0) % 2, np.ones((2, 2)))[..., None] * np.array([255, 255, 255])
    Image.fromarray(squares.astype(np.uint8)).save(run.path / "previews" / "0.png")
    made = thumbs._thumbnail(run.path / "previews" / "0.png")
    assert set(np.unique(made)) == {0, 255}
    assert made.shape == (64, 64, 3)


def test_pages_follow_each_other_and_end(run, monkeypatch):
    monkeypatch.setattr(thumbs, "COLUMNS", 2)
    monkeypatch.setattr(thumbs, "PER_PAGE", 4)
    replace_preview(run, 9, Image.new("RGB", (20, 12), CREAM))
    last = atlas(Thumbs(run).page(2, 0))
    assert last.shape == (64, 128, 4)
    np.testing.assert_allclose(tile(last, 1, 2)[8:-8, 8:-8, :3].mean(axis=(0, 1)), CREAM, atol=6)
    with pytest.raises(NotAvailable, match="no page 3 of thumbnails: this run has 3"):
        Thumbs(run).page(3, 0)


def test_a_growing_run_adds_to_its_page_and_makes_each_thumbnail_once(tmp_path, monkeypatch):
    run = synthetic_run(tmp_path / "run", complete=False, head_shards=1)
    made = []
    original = thumbs._thumbnail
    monkeypatch.setattr(thumbs, "_thumbnail", lambda path: made.append(path.stem) or original(path))
    page = Thumbs(run)
    (run.path / "previews" / "5.png").write_bytes((run.path / "previews" / "0.png").read_bytes())  # not committed
    first = page.page(0, page.stamp())
    assert page.page(0, page.stamp()) is first
    assert sorted(made) == ["0", "2", "3"]
    with RunWriter.opened(run.path) as writer:
        writer.write_head(1, head_unit(run.manifest, 1, run.images["label"].to_numpy(), np.random.default_rng(5)))
    values = atlas(page.page(0, page.stamp()))
    assert sorted(made) == ["0", "2", "3", "4", "5", "6", "7"]
    assert [bool((tile(values, row, thumbs.COLUMNS)[..., 3] == 255).all()) for row in range(10)] == [
        row in {0, 2, 3, 4, 5, 6, 7} for row in range(10)
    ]


def test_a_damaged_preview_is_a_missing_one(run):
    (run.path / "previews" / "3.png").write_bytes(b"not a picture")
    assert (tile(atlas(Thumbs(run).page(0, 0)), 3, thumbs.COLUMNS)[..., 3] == 0).all()


def test_a_preview_that_is_a_link_out_of_the_run_is_a_missing_one(run, tmp_path):
    (run.path / "previews" / "3.png").rename(tmp_path / "outside.png")
    (run.path / "previews" / "3.png").symlink_to(tmp_path / "outside.png")
    assert (tile(atlas(Thumbs(run).page(0, 0)), 3, thumbs.COLUMNS)[..., 3] == 0).all()


def test_a_preview_of_any_size_is_not_decoded(run, monkeypatch):
    replace_preview(run, 3, Image.new("RGB", (200, 100)))
    monkeypatch.setattr(thumbs, "_LARGEST", 200 * 100)
    assert thumbs._thumbnail(run.path / "previews" / "3.png") is not None
    monkeypatch.setattr(thumbs, "_LARGEST", 200 * 100 - 1)
    assert thumbs._thumbnail(run.path / "previews" / "3.png") is None
