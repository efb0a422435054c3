"""Folders, lists and tables of images, and every sentence for those that do not fit."""

import csv
import os
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.server.clients import client_of
from tests.synthetic_run import synthetic_run
from tests.tiny_analysis import tiny_model, write_photos

import vitscope
from vitscope.errors import BadInput, InvalidArgument
from vitscope.pipeline.plan.identity import file_ids
from vitscope.pipeline.plan.labels import ClassNames
from vitscope.pipeline.plan.listing import list_images, require_text_names
from vitscope.pipeline.plan.request import resolve_modes
from vitscope.store.checking import check
from vitscope.tokens import TokenLayout

FIVE = ClassNames(5, tuple("abcde"))
NAMELESS = ClassNames(5, None)
HEADLESS = ClassNames(None, None)


@pytest.fixture
def photos(tmp_path):
    return write_photos(tmp_path / "photos", 4)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_is_listed_in_order_with_what_is_below_it(photos):
    write_photos(photos / "more" / "deep", 1)
    (photos / ".hidden.png").write_bytes(b"")
    (photos / "data.json").write_text("{}")
    listing = list_images(photos, None, FIVE)
    assert listing.paths == ("000.png", "001.png", "002.png", "003.png", "more/deep/000.png")
    assert set(listing.labels) == {-1}
    assert listing.ignored == ("data.json",)


def test_links_in_a_circle_are_followed_once(photos):
    (photos / "again").symlink_to(photos, target_is_directory=True)
    assert len(list_images(photos, None, FIVE)) == 4


@pytest.mark.parametrize(
    ("names", "classes", "labels"),
    [
        ("bd", FIVE, [1, 3]),
        ("24", FIVE, [2, 4]),
        ("vwxyz", FIVE, [-1, -1, -1, -1, -1]),
        ("vwxyz", NAMELESS, [0, 1, 2, 3, 4]),
        ("xy", HEADLESS, [0, 1]),
        ("07", HEADLESS, [0, 7]),
        ("xy", FIVE, [-1, -1]),
        ("07", NAMELESS, [-1, -1]),
    ],
)
def test_folders_are_classes(tmp_path, names, classes, labels):
    for name in names:
        write_photos(tmp_path / "photos" / name, 1)
    listing = list_images(tmp_path / "photos", None, classes)
    assert listing.labels == tuple(labels)
    assert listing.class_names == tuple(names)
    assert (listing.note is not None) == (-1 in labels or names == "vwxyz")


def test_runs_among_the_photos_are_passed_over(photos):
    synthetic_run(photos / "run")
    assert list((photos / "run").rglob("*.png"))
    assert list_images(photos, None, FIVE).paths == ("000.png", "001.png", "002.png", "003.png")
    (photos / "run" / "plan.parquet").unlink()  # run.json alone makes no run
    assert len(list_images(photos, None, FIVE)) > 4


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_text_are_told(photos):
    odd = os.fsencode(photos) + b"/caf\xe9.png"
    (photos / "000.png").rename(os.fsdecode(odd))
    listing = list_images(photos, None, FIVE)
    assert listing.note == "left out caf\\xe9.png: its name is not text in UTF-8. Rename it"
    assert (len(listing), listing.ignored) == (3, ())
    labels = write(photos.parent / "labels.csv", "path,label\nphotos/001.png,3\n")
    assert list_images(photos, labels, FIVE).note == (
        "left out caf\\xe9.png: its name is not text in UTF-8. Rename it; 2 of 3 images have no label"
    )
    with pytest.raises(BadInput, match=r"caf\\xe9.png: its name is not text in UTF-8"):
        require_text_names(list_images([os.fsdecode(odd)], None, FIVE))
    for photo in photos.glob("00*"):
        photo.unlink()
    with pytest.raises(BadInput, match=r"no images in it or below it; left out caf\\xe9.png: its name"):
        list_images(photos, None, FIVE)


NAMES = {
    "250 bytes": "n" * 246,
    "chained addresses": "a::b",
    "a newline": "a\nb",
    "a dash": "-a",
    "a format": "%s%d%",
    "an emoji": "\N{GRINNING FACE}\u0301",
    "markup": "[red]x",
    "quotes": "a'b\"c`$(d)",
    "a terminal code": "\x1b[31m",
    "spaces": "a  b",
    "a pattern": "a[1]*?",
    "right to left": "\u202ea",
    "a scheme": "memory:a",
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses most of these names")
def test_odd_names_of_images_folders_and_runs_are_kept(tmp_path):
    odd = "a::b %s\n\N{GRINNING FACE}['"
    photos = write_photos(tmp_path / odd / "photos", len(NAMES))
    listed = [
        photo.rename(photos / f"{name}.png") for photo, name in zip(photos.iterdir(), NAMES.values(), strict=True)
    ]
    table = tmp_path / odd / "-labels.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *((path.relative_to(table.parent), 1) for path in listed)])
    model, out = tiny_model(), tmp_path / odd / "-run"
    run = vitscope.analyze(model, photos, out, labels=table, patterns=0)
    assert sorted(run.images["path"]) == sorted(f"{name}.png" for name in NAMES.values())
    assert run.images["problem"].isna().all()
    assert set(run.images["label"]) == {1}
    resumed = vitscope.analyze(model, photos, out, labels=table, patterns=0, resume=True)
    assert resumed.images["path"].tolist() == run.images["path"].tolist()
    assert check(resumed).damages == ()
    assert sorted(client_of(run).get("/api/answers/images").json()["name"]) == sorted(path.name for path in listed)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(photos):
    os.mkfifo(photos / "pipe.png")
    ids = file_ids(list_images(photos, None, FIVE))
    assert [id == "" for id in ids] == [False] * 4 + [True]


def test_a_table_gives_images_and_labels_relative_to_itself(photos):
    table = write(
        photos.parent / "table.csv",
        "﻿label,path,class_name\n3,photos/001.png,dog\n,photos/000.png,\nb,photos/002.png,\n",
    )
    listing = list_images(str(table), None, FIVE)
    assert listing.paths == ("photos/001.png", "photos/000.png", "photos/002.png")
    assert listing.labels == (3, -1, 1)
    assert listing.class_names == ("dog", None, "b")
    assert (listing.root / listing.paths[0]).is_file()


def test_a_list_a_text_file_and_a_data_frame_name_the_same_images(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    paths = ["photos/002.png", "photos/000.png"]
    text = write(photos / "list.txt", "# two of them\n002.png\n000.png\n")
    frame = pd.DataFrame({"path": paths, "label": [4.0, None]})
    listings = [list_images(paths, None, FIVE), list_images(text, None, FIVE), list_images(frame, None, FIVE)]
    files = [[os.path.realpath(listing.root / path) for path in listing.paths] for listing in listings]
    assert files[0] == files[1] == files[2]
    assert listings[2].labels == (4, -1)
    assert list_images(photos / "001.png", None, FIVE).paths == ("001.png",)


def test_labels_for_a_folder_may_lie_beside_the_table_or_the_images(photos):
    near = write(photos.parent / "near.csv", "path,label\nphotos/000.png,1\nphotos/003.png,2\n")
    (photos.parent / "far").mkdir()
    far = write(photos.parent / "far" / "far.tsv", "path\tlabel\n000.png\t1\n003.png\t2\n")
    for table in (near, far):
        listing = list_images(photos, table, FIVE)
        assert listing.labels == (1, -1, -1, 2)
        assert listing.class_names == ("b", None, None, "c")
        assert listing.note == "2 of 4 images have no label"


def test_a_sample_is_seeded_and_in_order(photos):
    listing = list_images(photos, None, FIVE)
    assert listing.sample(2, 0) == listing.sample(2, 0)
    assert listing.sample(9, 0) is listing
    assert list(listing.sample(3, 1).paths) == sorted(listing.sample(3, 1).paths)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("file,label\n000.png,1\n", "no column path, it has file, label"),
        ("path\n000.png\n", "no column label, it has path"),
        ("", "no column path and label, it has none"),
        ("path,label\n000.png,5\n", r"the label 5 of line 2 of t.csv: the model has 5 classes \(0..4\)"),
        ("path,label\n000.png,-2\n", "the label -2 of line 2"),
        ("path,label\n000.png,cat\n", "the label 'cat' of line 2 of t.csv: expected a class number or one of"),
        ("path,label\n000.png,1\n000.png,2\n", "000.png has two labels, 1 and 2"),
        ("path,label\n,1\n", "line 2 of t.csv has no path"),
        ("path,label\n000.png,1\ngone.png,1\nlost.png,1\n", "2 of 3 files it names do not exist, first .*gone.png"),
        ("path,label\n", "it has no rows"),
    ],
)
def test_tables_that_do_not_fit(photos, rows, expected):
    with pytest.raises(BadInput, match=expected) as caught:
        list_images(write(photos / "t.csv", rows), None, FIVE)
    assert "\n" not in caught.value.message


def test_labels_of_a_model_without_classifier_have_a_limit(photos):
    table = write(photos / "t.csv", "path,label\n000.png,2147483647\n")
    assert list_images(table, None, HEADLESS).labels == (2**31 - 1,)
    with pytest.raises(BadInput, match=r"the label 2147483648 of line 2 of t.csv: expected -1..2147483647"):
        list_images(write(photos / "t.csv", "path,label\n000.png,2147483648\n"), None, HEADLESS)


def test_labels_that_do_not_fit(photos, tmp_path):
    other = write_photos(tmp_path / "other", 1)
    table = write(other / "labels.csv", "path,label\n000.png,1\n")
    (other / "000.png").rename(other / "900.png")
    with pytest.raises(BadInput, match="none of the 1 rows of .* fits"):
        list_images(photos, write(other / "labels.csv", "path,label\n900.png,1\n"), FIVE)
    with pytest.raises(BadInput, match="cannot read the labels .*: No such file"):
        list_images(photos, tmp_path / "gone.csv", FIVE)
    with pytest.raises(BadInput, match="has its own"):
        list_images(write(photos / "t.csv", "path,label\n000.png,1\n"), table, FIVE)
    binary = tmp_path / "labels.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not text in UTF-8"):
        list_images(photos, binary, FIVE)


def test_images_that_are_not_there(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="there is no such folder or file"):
        list_images(tmp_path / "gone", None, FIVE)
    with pytest.raises(BadInput, match="no images in it or below it"):
        list_images(tmp_path, None, FIVE)
    write(tmp_path / "readme.md", "")
    with pytest.raises(BadInput, match="1 other files are there, such as readme.md"):
        list_images(tmp_path, None, FIVE)
    with pytest.raises(BadInput, match="expected a folder, a .csv table or a .txt list"):
        list_images(tmp_path / "readme.md", None, FIVE)
    with pytest.raises(BadInput, match="names no images"):
        list_images([], None, FIVE)
    with pytest.raises(BadInput, match="1 of 1 files it names do not exist, first gone.png"):
        list_images(["gone.png"], None, FIVE)

    for pictures, what in (
        (Image.new("RGB", (2, 2)), "an object of type Image"),
        (np.zeros((2, 3)), "an object of type ndarray"),
        ({"a.png": 1}, "an object of type dict"),
        (None, "an object of type NoneType"),
        (b"a.png", "an object of type bytes"),
        (3, "an object of type int"),
    ):
        with pytest.raises(BadInput, match=f"cannot analyse {what}: expected a folder"):
            list_images(pictures, None, FIVE)

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(BadInput, match="cannot list .*: Permission denied"):
        list_images(tmp_path, None, FIVE)


def test_an_order_of_folders_needs_folders(photos):
    with pytest.raises(BadInput, match="cannot number folders as timm: the labels of a list of 1 path are not"):
        list_images([photos / "000.png"], None, ClassNames(5, None, order="timm"))


def test_modes_are_named_canonically_with_head_first():
    cls = TokenLayout(("cls",), 2, 3, (4, 4))
    none = TokenLayout((), 2, 3, (4, 4))
    assert resolve_modes("head", cls) == ("head",)
    assert resolve_modes("pc+cp, pp, pp", cls) == ("head", "cp+pc", "pp")
    assert resolve_modes(["all"], cls)[:3] == ("head", "cc", "cp+pc")
    assert resolve_modes("all", none) == ("head", "pp")
    with pytest.raises(InvalidArgument, match="no CLS token"):
        resolve_modes("cc", none)
