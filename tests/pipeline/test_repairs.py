"""What is damaged of a run that was really computed has its bits again after --resume; what users made is set aside."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from tests import stand_in
from tests.damaging import cases_of, damage
from tests.tiny_analysis import assert_same_bits, tiny_model, write_photos

from vitscope.analysis import Run, open_run
from vitscope.pipeline import analyze
from vitscope.pipeline.plan import planning
from vitscope.store.checking import check
from vitscope.store.lab import LabRuns
from vitscope.store.manifest import FILE
from vitscope.store.users import aside

LAB = "0123456789ab"
USERS = ("patterns/names.json", f"lab/{LAB}.json")
KINDS = {
    "a number": "arrays/importance/jsd/c.0.0.0.0",
    "metadata": "arrays/strength/mass/zarr.json",
    "metadata of a group": "arrays/spread/zarr.json",
    "the plan": "plan.parquet",
    "the table": "images.parquet",
    "a table of a shard": "images/000000.parquet",
    "the commit of the last sum": "commits/000001-head.json",
    "a commit": "commits/000001-matrices.json",
    "the checksums": "checksums.json",
    "a preview": "previews/3.png",
    "points": "patterns/points.parquet",
    "clusters": "patterns/clusters.json",
    "codes": "arrays/patterns/codes/zarr.json",
    "the mean": "arrays/attention/mean/zarr.json",
}
"""A file of each kind."""


@pytest.fixture(autouse=True, scope="module")
def small_and_quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "SHARD_SIZE", 3)
        patch.setattr(planning, "FEWEST_MATRICES", 20)
        patch.setattr("vitscope.pipeline.work.patterns.learn", stand_in.learn)
        patch.setattr("os.fsync", lambda descriptor: None)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model():
    return tiny_model(classes=list("abcdefg"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return write_photos(tmp_path_factory.mktemp("repairs") / "photos", 5)


@pytest.fixture(scope="module")
def whole(photos, model, tmp_path_factory) -> Run:
    run = analyze(model, photos, tmp_path_factory.mktemp("repairs") / "run", modes="pp", partial_images=3)
    run.patterns.rename(0, "mine")
    LabRuns(run.path).save(LAB, {"numbers": [0.25, 0.5]})
    return run


def repaired(whole: Run, model, photos: Path, folder: Path, cases: list[tuple[str, str]]) -> None:
    """Damage some files of a copy, resume, and compare all with the run that was left alone."""
    shutil.copytree(whole.path, folder)
    for seed, (name, way) in enumerate(cases):
        damage(folder / name, way, seed)
    run = analyze(model, photos, folder, resume=True)
    assert check(run).damages == (), cases
    assert_same_bits(whole, run)
    for file in sorted(path for path in whole.path.rglob("*") if path.is_file()):
        name = file.relative_to(whole.path)
        if not file.name.endswith("lock"):
            assert content_of(folder / name) == content_of(file), (name, cases)


def content_of(file: Path) -> object:
    """What is in a file, but for what a commit says of the running sum, which is gone once the mean is there."""
    if file.parent.name != "commits":
        return file.read_bytes()
    document = json.loads(file.read_text())
    return {name: value for name, value in document.items() if name not in ("counted", "sum_sha256", "sha256")}


def test_files_of_every_kind_are_repaired_to_the_bit(whole, model, photos, tmp_path):
    cases = [(name, ("deleted", "halved", "flipped")[place % 3]) for place, name in enumerate(KINDS.values())]
    for part in range(2):
        repaired(whole, model, photos, tmp_path / str(part), cases[part::2])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_a_hundred_damages_are_repaired_to_the_bit(whole, model, photos, tmp_path, part):
    cases = [case for case in cases_of(whole) if case[0] not in (*USERS, FILE)]
    for number, case in enumerate(random.Random(part).sample(cases, 10)):
        repaired(whole, model, photos, tmp_path / str(number), [case])


def test_what_users_made_is_reported_and_set_aside(whole, model, photos, tmp_path):
    """Nothing computes it anew: it stays beside, whatever is left of it."""
    shutil.copytree(whole.path, tmp_path / "run")
    for name in USERS:
        damage(tmp_path / "run" / name, "flipped", 1)
    left = {name: (tmp_path / "run" / name).read_bytes() for name in USERS}
    assert {each.where for each in check(open_run(tmp_path / "run")).damages} == set(USERS)
    run = analyze(model, photos, tmp_path / "run", resume=True)
    assert check(run).damages == ()
    assert "mine" not in list(run.patterns.clusters["name"])
    assert LabRuns(run.path).ids() == []
    assert aside(run) == sorted(f"{name}.damaged" for name in USERS)
    for name, content in left.items():
        assert [file.read_bytes() for file in (run.path / name).parent.glob("*.damaged")] == [content]
    run.patterns.rename(0, "mine again")
    assert run.patterns.clusters.at[0, "name"] == "mine again"
