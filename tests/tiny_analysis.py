"""What the tests of the pipeline share: a tiny model, tiny photos, and a comparison of two runs down to the bit."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tests import zoo

import vitscope
from vitscope.analysis import Run
from vitscope.models import Model


def to_pixels(image: Image.Image) -> torch.Tensor:
    """The zoo's 12 x 30 pixels, [color, row, col] in -1..1."""
    return torch.from_numpy(np.asarray(image.resize((30, 12)), dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)


def tiny_model(kind: str = "plain", **options) -> Model:
    return vitscope.wrap(zoo.make(kind, torch.float32), transform=to_pixels, **options)


def write_photos(folder: Path, number: int, seed: int = 0) -> Path:
    """Seeded photos of a few coarse blocks, so that predictions differ."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for i in range(number):
        blocks = random.integers(0, 256, (3, 5, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(blocks).save(folder / f"{i:03d}.png")
    return folder


def assert_same_bits(run: Run, other: Run) -> None:
    """Every array, table, preview and commit of two runs agrees to the bit."""
    import zarr

    names = sorted(path.parent.relative_to(run.path / "arrays").as_posix() for path in run.path.rglob("zarr.json"))
    others = sorted(path.parent.relative_to(other.path / "arrays").as_posix() for path in other.path.rglob("zarr.json"))
    assert names == others
    for name in names:
        one, two = (zarr.open(str(r.path / "arrays" / name), mode="r") for r in (run, other))
        if isinstance(one, zarr.Array):
            assert one[...].tobytes() == two[...].tobytes(), name
    assert run.featured == other.featured
    assert run.images.equals(other.images)
    for folder in ("previews", "commits"):
        assert {path.name for path in (run.path / folder).iterdir()} == {
            path.name for path in (other.path / folder).iterdir()
        }
    for path in (run.path / "previews").iterdir():
        assert path.read_bytes() == (other.path / "previews" / path.name).read_bytes()
