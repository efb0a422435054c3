"""What is damaged on disk is said, never read as numbers; what is foreign is neither decoded, nor followed, nor run."""

import json
import os
import random
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from tests.damaging import LAB, SHAPE, answers, cases_of, copy_of, damage, damaged, is_said, shown, whole_run
from tests.server.clients import client_of
from tests.synthetic_run import synthetic_run

from vitscope.analysis import open_run
from vitscope.analysis.run import Run
from vitscope.errors import RunError, VitscopeError
from vitscope.store.checking import check
from vitscope.store.files import durable
from vitscope.store.files.commits import Unit, committed
from vitscope.store.lab import LabRuns

PARTS = 16
"""Of the whole campaign."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Run:
    return whole_run(tmp_path_factory.mktemp("damage"))


def everything(run: Run) -> Iterator[np.ndarray | str]:
    """All that a reader of the run can get at."""
    yield run.images.to_json()
    for dataset in (run.importance, run.strength, run.spread, run.repair):
        yield from (values.to_numpy() for values in dataset.values())
    yield from (run.mean_attention, run.embedding, run.heads.outputs)
    yield from (run.cls_rows(image) for image in range(len(run.images)))
    yield from (run.featured_attention(image) for image in run.featured)
    patterns = run.patterns
    yield from (patterns.table.to_json(), patterns.clusters.to_json(), patterns.codes, patterns.medoids)
    yield from (patterns.prototypes, *(patterns.matrix(number) for number in range(len(patterns.table))))
    yield from (str(path and path.read_bytes()) for path in map(run.preview, range(len(run.images))))
    yield json.dumps(LabRuns(run.path).read(LAB))


def same(one: Run, other: Run) -> bool:
    pairs = zip(everything(one), everything(other), strict=True)
    return all(np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


def campaign(run: Run, cases: list[tuple[str, str]]) -> list[str]:
    """Do each damage, see whether it is said; returns those that are not said and change what is read."""
    intact, unseen = open_run(run.path), []
    for name, way in damaged(run, cases):
        if not is_said(run.path):
            beside = copy_of(run, run.path.with_name("beside"))
            if not same(beside, intact):
                unseen.append(f"{name} {way}")
            shutil.rmtree(run.path.with_name("beside"))
    return unseen


def answer_campaign(run: Run, cases: list[tuple[str, str]]) -> list[str]:
    """Do each damage, ask the server and `vitscope show`; returns answers that are neither as before nor an error."""
    text, before, other = shown(run.path), answers(run.path, client_of), []
    assert text is not None
    assert [asked for asked, answer in before.items() if answer is None] == []
    named = ("patterns/names.json", "deleted")  # `vitscope check` says it; the automatic names are no numbers
    for name, way in damaged(run, [case for case in cases if case != named]):
        if shown(run.path) not in (text, None):
            other.append(f"{name} {way}: show")
        found = answers(run.path, client_of)
        other += [f"{name} {way}: {asked}" for asked in before if found[asked] not in (before[asked], None)]
    return other


def part_of(cases: list[tuple[str, str]], part: int) -> list[tuple[str, str]]:
    """One of `PARTS` parts, so that each test stays far below its time limit."""
    return cases[part::PARTS]


def test_a_sound_run_is_found_sound(whole):
    found = check(whole)
    assert found.damages == ()
    assert found.units == len(whole.all_units()) == len(committed(whole.path))
    assert found.uncovered == ()


def test_damage_of_any_file_is_said(whole):
    """A seeded part of the campaign."""
    cases = cases_of(whole)
    assert len(cases) >= 500
    assert campaign(whole, random.Random(0).sample(cases, 10)) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_damage_of_every_file_is_said(whole, part):
    assert campaign(whole, part_of(cases_of(whole), part)) == []


def test_damage_is_never_answered_with_other_numbers(whole):
    """A seeded part of the campaign."""
    assert answer_campaign(whole, random.Random(1).sample(cases_of(whole), 3)) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_damage_of_every_file_is_never_answered_with_other_numbers(whole, part):
    assert answer_campaign(whole, part_of(cases_of(whole), part)) == []


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("arrays/importance/jsd/c.0.0.0.0", lambda run: run.effect("jsd", "head")),
        ("arrays/attention/mean/c.0.0.0.0", lambda run: run.layer_mean_attention(0)),
        ("arrays/attention/cls_rows/c.0.0.0.0", lambda run: run.cls_rows(0)),
        ("arrays/patterns/codes/c.0.0", lambda run: run.patterns.codes),
        ("arrays/heads/outputs/c.0.0.0.0.0", lambda run: run.heads.outputs),
        ("arrays/depth/cls_cos_at/c.0.0.0.0.0", lambda run: run.repair),
        ("patterns/points.parquet", lambda run: run.patterns.table),
        ("patterns/clusters.json", lambda run: run.patterns),
        ("previews/0.png", lambda run: run.preview(0)),
        ("images.parquet", lambda run: run.images),
        ("plan.parquet", lambda run: run.planned_images),
    ],
)
def test_reading_what_is_damaged_is_an_error_and_no_numbers(tmp_path, whole, name, read):
    for way in ("deleted", "halved"):
        shutil.copytree(whole.path, tmp_path / way)
        damage(tmp_path / way / name, way, 0)
        with pytest.raises(RunError, match="cannot"):
            read(open_run(tmp_path / way))


def test_a_chunk_with_other_numbers_is_an_error(tmp_path, whole):
    """Valid for zarr and for its codec: the checksum of what was committed tells."""
    shutil.copytree(whole.path, tmp_path / "run")
    chunks = tmp_path / "run/arrays/importance/jsd"
    shutil.copyfile(chunks / "c.1.0.0.0", chunks / "c.0.0.0.0")
    with pytest.raises(RunError, match=r"unit 000000-head wrote has changed") as caught:
        open_run(tmp_path / "run").effect("jsd", "head")
    assert "vitscope check" in caught.value.hint


def test_a_unit_that_was_computed_anew_is_read(tmp_path, whole):
    """An open run meets the commit of a later writer."""
    shutil.copytree(whole.path, tmp_path / "run")
    run = open_run(tmp_path / "run")
    before = run.effect("jsd", "head")
    other = synthetic_run(tmp_path / "other", **SHAPE, seed=5)
    for part in ("arrays", "commits"):
        shutil.copytree(other.path / part, run.path / part, dirs_exist_ok=True)
    np.testing.assert_array_equal(run.effect("jsd", "head"), other.effect("jsd", "head"))
    assert not np.array_equal(run.effect("jsd", "head"), before, equal_nan=True)


# What is foreign ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data_type": "string"}, "data_type"),
        ({"zarr_format": 2}, "zarr_format"),
        ({"codecs": [{"name": "bytes"}, {"name": "numcodecs.pickle"}]}, "codecs"),
        ({"codecs": [{"name": "bytes"}, {"name": "sharding_indexed"}]}, "codecs"),
        ({"shape": [10**12, 2, 3]}, "shape differ"),
        ({"shape": "all"}, "shape"),
        ({"fill_value": 0}, "fill_value"),
        ({"chunk_grid": {"name": "rectangular", "configuration": {"chunk_shape": [1, 2, 3]}}}, "chunk_grid"),
        ({"codecs": None}, "TypeError"),
    ],
)
def test_metadata_that_vitscope_does_not_write_is_refused_before_anything_is_decoded(tmp_path, whole, change, said):
    shutil.copytree(whole.path, tmp_path / "run")
    file = tmp_path / "run/arrays/spread/nmi/zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(RunError, match=said):
        open_run(tmp_path / "run").measure("spread/nmi")


def test_a_pickle_in_the_place_of_an_array_is_not_loaded(tmp_path, whole):
    """zarr 2 metadata with an object type and a pickle codec ran code when opened without a format."""
    shutil.copytree(whole.path, tmp_path / "run")
    array = tmp_path / "run/arrays/spread/nmi"
    (array / "zarr.json").unlink()
    mark = tmp_path / "executed"
    pickle = f"cposix\nsystem\n(S'touch {mark}'\ntR.".encode()
    metadata = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "compressor": None, "fill_value": None,
        "order": "C", "filters": [{"id": "pickle", "protocol": 5}],
    }  # fmt: skip
    (array / ".zarray").write_text(json.dumps(metadata))
    (array / "0").write_bytes(pickle)
    with pytest.raises(RunError, match="cannot read the array spread/nmi"):
        open_run(tmp_path / "run").measure("spread/nmi")
    assert not mark.exists()


@pytest.mark.parametrize(
    "name", ["run.json", "checksums.json", "commits/000000-head.json", "patterns/names.json", f"lab/{LAB}.json"]
)
@pytest.mark.parametrize(
    "content", [b"[]", b"0", b'{"a": NaN}', b"[" * 10_000, b'{"a":' * 10_000, b"\xff\xfe", "300 MB", "pipe", "link"]
)
def test_a_document_that_is_not_ours_is_one_sentence(tmp_path, whole, name, content):
    shutil.copytree(whole.path, tmp_path / "run")
    file = tmp_path / "run" / name
    file.unlink()
    if content == "300 MB":
        with file.open("wb") as sparse:
            sparse.truncate(300 * 2**20)
    elif content == "pipe":
        os.mkfifo(file)
    elif content == "link":
        file.symlink_to(tmp_path / "nowhere")
    else:
        file.write_bytes(content)
    try:
        run = open_run(tmp_path / "run")
        assert check(run).damages
        with pytest.raises(VitscopeError):
            _ = run.effect("jsd", "head"), run.images, run.patterns.given_names, LabRuns(run.path).read(LAB)
    except RunError as error:
        assert name == "run.json"
        assert "damaged" in error.message


def test_links_out_of_the_run_are_not_followed(tmp_path, whole):
    shutil.copytree(whole.path, tmp_path / "run")
    for name in ("previews/0.png", "arrays/spread/nmi/c.0.0.0", "images.parquet"):
        file = tmp_path / "run" / name
        file.rename(tmp_path / "outside")
        file.symlink_to(tmp_path / "outside")  # with the right bytes: it is refused for being a link
    run = open_run(tmp_path / "run")
    for read in (lambda: run.preview(0), lambda: run.measure("spread/nmi"), lambda: run.images):
        with pytest.raises(RunError, match="it is a link"):
            read()


def test_odd_names_among_the_commits_are_no_units(tmp_path, whole):
    shutil.copytree(whole.path, tmp_path / "run")
    odd = ("000000-hood.json", "1-head.json", "999999-head.json", "²-head.json", "0000000-head.json", "x.json")
    for name in odd:
        (tmp_path / "run/commits" / name).write_text("{}")
    run = open_run(tmp_path / "run")
    assert run.done_units() == whole.all_units()
    np.testing.assert_array_equal(run.effect("jsd", "head"), whole.effect("jsd", "head"))
    assert len(check(run).damages) == len(odd)


def test_names_and_lab_runs_of_many_writers_are_all_kept(tmp_path, whole):
    from concurrent.futures import ThreadPoolExecutor

    shutil.copytree(whole.path, tmp_path / "run")
    run, labs = open_run(tmp_path / "run"), LabRuns(tmp_path / "run")
    n = run.patterns.n_clusters

    def write(number: int) -> None:
        open_run(run.path).patterns.rename(number % n, f"name {number}")
        labs.save(f"{number:012x}", {"number": number})
        labs.ids()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(100)))
    assert set(run.patterns.given_names) == set(range(n))
    assert all(labs.read(f"{number:012x}") == {"number": number} for number in range(100))


def test_only_files_of_our_own_are_removed(tmp_path, whole):
    from vitscope.store import RunWriter

    shutil.copytree(whole.path, tmp_path / "run")
    theirs = [tmp_path / "run" / name for name in ("notes.partial", "commits/x.partial", "arrays/c.partial")]
    for file in theirs:
        file.write_text("mine")
    ours = tmp_path / "run/commits" / durable.partial_name("000000-head.json")
    ours.write_text("half")
    with RunWriter.opened(tmp_path / "run"):
        pass
    assert all(file.exists() for file in theirs)
    assert not ours.exists()


def test_a_unit_of_the_right_bytes_in_a_commit_of_another_name_is_damage(tmp_path, whole):
    shutil.copytree(whole.path, tmp_path / "run")
    commits = tmp_path / "run/commits"
    shutil.copyfile(commits / "000001-head.json", commits / "000000-head.json")
    with pytest.raises(RunError, match="commit is damaged"):
        open_run(tmp_path / "run").effect("jsd", "head")
    assert Unit("head", 0) in {each.unit for each in check(open_run(tmp_path / "run")).damages}
