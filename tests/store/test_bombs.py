"""A small file that says it is a huge one is refused before it is unpacked, also where its checksum fits."""

import json
import zipfile

import duckdb
import numcodecs
import numpy as np
import pytest
from PIL import Image
from tests.damaging import copy_of, whole_run
from tests.synthetic_resolution import synthetic_resolution

from vitscope.analysis import Run
from vitscope.answers import thumbs
from vitscope.errors import RunError
from vitscope.store import resolution
from vitscope.store.arrays import ArraySpec, create_array, metadata_file, read_region
from vitscope.store.files import tables
from vitscope.store.files.checksums import read_checksums, write_checksums
from vitscope.store.files.durable import file_sha256, read_sealed, write_sealed
from vitscope.store.files.zstd import zstd_size
from vitscope.store.image_table import PLAN_TABLE

BLOCK = 2**17
"""Bytes, the most that a block of zstd says in four of its own."""
CHUNK = "arrays/spread/nmi/c.0.0.0"


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Run:
    return whole_run(tmp_path_factory.mktemp("bombs"))


@pytest.fixture
def run(whole, tmp_path) -> Run:
    return copy_of(whole, tmp_path)


@pytest.fixture
def little_memory():
    """Fails where the test needs 300 MB more than before it."""
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def frame(size: int, *, stated: int | None) -> bytes:
    """A zstd frame of zeros: magic, descriptor, window or stated size, then blocks that repeat a byte."""
    header = b"\xe0" + stated.to_bytes(8, "little") if stated is not None else b"\x00\x88"
    sizes = [BLOCK] * (size // BLOCK) + [size % BLOCK]  # the last may be of none
    last = len(sizes) - 1
    blocks = [(each << 3 | 1 << 1 | (place == last)).to_bytes(3, "little") + b"\0" for place, each in enumerate(sizes)]
    return b"\x28\xb5\x2f\xfd" + header + b"".join(blocks)


@pytest.mark.parametrize("size", [1, 255, 256, 300, 65_791, 65_792, 10**6])
def test_the_size_in_a_header_is_the_size_that_is_decoded(tmp_path, size):
    file = tmp_path / "chunk"
    packed = numcodecs.Zstd().encode(np.arange(size, dtype=np.uint8))
    file.write_bytes(packed)
    assert zstd_size(file) == size == len(numcodecs.Zstd().decode(packed))
    file.write_bytes(frame(size, stated=size))
    assert zstd_size(file) == size == len(numcodecs.Zstd().decode(file.read_bytes()))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (frame(2**31, stated=2**31), "bytes, expected at most"),  # 64 KiB are too many for a chunk of 48
        (frame(2**25, stated=2**25), "it decodes to 33554432 bytes, expected 48"),
        (frame(2**25, stated=None), "it does not say"),
        (frame(2**22, stated=48), "RuntimeError"),
        (frame(48, stated=48) + frame(2**25, stated=2**25), "not one zstd frame"),
        (frame(48, stated=48)[:-1], "not one zstd frame"),
        (b"x" * 100, "no zstd frame"),
    ],
)
@pytest.mark.usefixtures("little_memory")
def test_a_chunk_is_decoded_to_its_own_size_or_not_at_all(run, content, said):
    (run.path / CHUNK).write_bytes(content)
    with pytest.raises(RunError, match=f"cannot read the array.*{said}"):
        run.measure("spread/nmi")


@pytest.mark.usefixtures("little_memory")
def test_a_chunk_that_needs_gigabytes_is_not_decoded(run):
    """Allowed by its own size: 64 KiB in the place of a matrix of a megabyte."""
    spec = ArraySpec((1, 2**18), (1, 2**18), ("x", "y"), "float32")
    create_array(run.path, "spread/large", spec)
    for stated in (2**31, None):
        (run.path / "arrays/spread/large/c.0.0").write_bytes(frame(2**31, stated=stated))
        with pytest.raises(RunError, match="it decodes to 2147483648 bytes, expected 1048576|it does not say"):
            read_region(run.path, "spread/large")


@pytest.mark.usefixtures("little_memory")
def test_a_chunk_that_is_not_packed_is_bounded(run):
    file = run.path / metadata_file("spread/nmi")
    file.write_text(
        json.dumps(
            json.loads(file.read_text()) | {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}
        )
    )
    with (run.path / CHUNK).open("wb") as sparse:
        sparse.truncate(2**31)
    with pytest.raises(RunError, match="it has 2147483648 bytes, expected at most 48"):
        run.measure("spread/nmi")


@pytest.mark.parametrize("shape", [[2**40, 4], [2**28, 4]])
@pytest.mark.usefixtures("little_memory")
def test_an_array_whose_size_only_its_metadata_say_is_bounded(run, shape):
    file = run.path / metadata_file("patterns/codes")
    metadata = json.loads(file.read_text())
    for chunk in (shape, metadata["chunk_grid"]["configuration"]["chunk_shape"]):
        grid = {"name": "regular", "configuration": {"chunk_shape": chunk}}
        file.write_text(json.dumps(metadata | {"shape": shape, "chunk_grid": grid}))
        with pytest.raises(RunError, match="size of a chunk"):
            _ = run.patterns.codes


def fitting(run: Run, name: str) -> None:
    """Let the checksum of a table fit what is there now."""
    write_checksums(run.path, [name], kept=read_checksums(run.path))


def write_plan(run: Run, columns: str, rows: int) -> None:
    with duckdb.connect() as connection:
        select = f"SELECT 'a' AS id, {columns}, 0 AS label, 'c' AS class_name, true AS partial FROM range({rows})"
        file = run.path / PLAN_TABLE
        connection.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
    fitting(run, PLAN_TABLE)


@pytest.mark.usefixtures("little_memory")
def test_a_table_of_more_rows_than_images_is_not_read(run):
    write_plan(run, "'p' AS path", 5_000_000)
    with pytest.raises(RunError, match="it has 5000000 rows, expected 4"):
        _ = run.planned_images


def test_texts_that_are_there_once_in_a_file_are_bounded(run, monkeypatch):
    """1 KiB of a file may be gigabytes of a table."""
    monkeypatch.setattr(tables, "_LONGEST_TEXTS", 2**22)
    write_plan(run, "repeat('x', 2097152) AS path", 4)
    assert (run.path / PLAN_TABLE).stat().st_size < 2**14
    with pytest.raises(RunError, match="its texts have 8388616 bytes, expected at most 4194304"):
        _ = run.planned_images


@pytest.mark.usefixtures("little_memory")
def test_a_comparison_of_sizes_that_unpacks_to_gigabytes_is_not_read(run):
    synthetic_resolution(run)
    file, document = run.path / resolution.ARRAYS, run.path / resolution.DOCUMENT
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(3):
            with packed.open(f"{number}.npy", "w", force_zip64=True) as member:
                member.write(b"\0" * 2**20)
    content = file.read_bytes()  # what its directory says is what is believed
    file.write_bytes(content.replace((2**20).to_bytes(4, "little"), (2**30).to_bytes(4, "little")))
    write_sealed(document, read_sealed(document, indent=1) | {"arrays": file_sha256(file)}, indent=1)
    with pytest.raises(RunError, match="it unpacks to 3221225472 bytes"):
        resolution.read_resolution(run.path)


@pytest.mark.usefixtures("little_memory")
def test_a_picture_of_gigabytes_makes_no_thumbnail(tmp_path):
    """1 MiB of a PNG that is 13000 x 13000 pixels, which the picture library would decode with a warning."""
    file = tmp_path / "0.png"
    Image.new("1", (13_000, 13_000)).save(file)
    assert thumbs._thumbnail(file) is None
