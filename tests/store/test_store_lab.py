"""Runs of the Lab in a run folder: whole or not there, and never outside of it."""

import os

import pytest

from vitscope.errors import NotAvailable, RunError, StorageError
from vitscope.store.lab import LabRuns, lab_id

ONE, TWO = lab_id({"heads": [[0, 1]]}), lab_id({"heads": [[0, 2]]})


def test_a_question_has_one_id():
    assert lab_id({"b": 1, "a": [2]}) == lab_id({"a": [2], "b": 1})
    assert ONE != TWO
    assert len(ONE) == 12


def test_saved_listed_read_deleted(tmp_path):
    runs = LabRuns(tmp_path)
    assert runs.ids() == []
    runs.save(ONE, {"name": "één"})
    os.utime(tmp_path / "lab" / f"{ONE}.json", (1, 1))
    runs.save(TWO, {"name": "two"})
    assert runs.ids() == [TWO, ONE], "the latest first"
    assert runs.read(ONE) == {"name": "één"}
    runs.save(ONE, {"name": "again"})
    assert runs.read(ONE) == {"name": "again"}
    runs.delete(ONE)
    assert runs.ids() == [TWO]
    with pytest.raises(NotAvailable, match=ONE):
        runs.read(ONE)
    with pytest.raises(NotAvailable, match=ONE):
        runs.delete(ONE)


@pytest.mark.parametrize("name", ["../run", "ABCDEF012345", "", "0" * 13])
def test_only_ids_are_files(tmp_path, name):
    with pytest.raises(NotAvailable):
        LabRuns(tmp_path).read(name)


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_a_damaged_one_says_so(tmp_path, content):
    runs = LabRuns(tmp_path)
    runs.save(ONE, {})
    (tmp_path / "lab" / f"{ONE}.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(RunError, match="damaged"):
        runs.read(ONE)


def test_what_is_not_ours_is_left_alone(tmp_path):
    runs = LabRuns(tmp_path)
    runs.save(ONE, {})
    (tmp_path / "lab" / "notes.json").write_text("mine")
    assert runs.ids() == [ONE]


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "lab").write_text("a file")
    with pytest.raises(StorageError, match="cannot write"):
        LabRuns(tmp_path).save(ONE, {})
