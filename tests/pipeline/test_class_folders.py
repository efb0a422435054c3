"""Folders become classes by what is known, never by a guess: the right numbers, or none and the reason."""

import csv
import json

import pytest
import torch

import vitscope
from vitscope.errors import BadInput
from vitscope.load_options import read_names
from vitscope.models.pictures.images import read_picture
from vitscope.pipeline.plan.class_folders import fitting_orders, labels_from_folders
from vitscope.pipeline.plan.labels import ClassNames, classes_of, with_given
from vitscope.pipeline.plan.listing import list_images

import timm  # isort: skip - after vitscope, which makes torchvision importable
from timm.utils import natural_key  # isort: skip

NAMELESS = {n: ClassNames(n, None) for n in (2, 3, 4, 5, 10, 12, 1000)}
IMAGENET = ClassNames(1000, ("tench, Tinca tinca", "goldfish, Carassius auratus", *(f"class {i}" for i in range(998))))
TWO_CRANES = ClassNames(4, ("crane", "heron", "crane", "Great White, shark"))


def numbers(folders, classes, inside=""):
    """Label by folder; each folder holds one image."""
    found = labels_from_folders([f"{folder}/{inside}x.png" for folder in folders], classes)
    assert len(found.labels) == len(found.class_names) == len(folders)
    return dict(zip(folders, found.labels, strict=True)), found.note


def none_of(folders):
    return dict.fromkeys(folders, -1)


GRADES = [f"grade_{i}" for i in range(1, 13)]
ONE_BASED = [str(i) for i in range(1, 13)]
ZERO_BASED = [str(i) for i in range(12)]


@pytest.mark.parametrize(
    ("folders", "odd"),
    [
        (GRADES, "grade_10 is class 1 for torchvision's ImageFolder, 9 for timm"),
        (ONE_BASED, "10 is class 1 for torchvision's ImageFolder, 9 for timm"),
        (ZERO_BASED, "10 is class 2 for torchvision's ImageFolder, 10 for timm"),
        (["Zebra", "apple", "banana", "Cherry"], "Cherry is class 0 for torchvision's ImageFolder, 2 for timm"),
    ],
)
def test_folders_that_libraries_number_differently_get_no_labels(folders, odd):
    found, note = numbers(folders, NAMELESS[len(folders)])
    assert found == none_of(folders)
    assert note is not None
    assert odd in note
    assert "--classes" in note


@pytest.mark.parametrize(
    "folders", [GRADES, ONE_BASED, ["Zebra", "apple", "banana", "Cherry"], ["b2", "B10", "a", "c1"]]
)
def test_an_order_that_is_said_is_that_library_s_own(folders):
    n = NAMELESS[len(folders)]
    assert numbers(folders, with_given(n, "imagefolder"))[0] == {name: i for i, name in enumerate(sorted(folders))}
    assert numbers(folders, with_given(n, "timm"))[0] == {
        name: i for i, name in enumerate(sorted(folders, key=natural_key))
    }


@pytest.mark.parametrize(
    ("folders", "classes", "expected", "note"),
    [
        (["cat", "dog"], NAMELESS[2], [0, 1], "labels are assumed"),
        ([f"{i:02d}" for i in range(1, 13)], NAMELESS[12], list(range(12)), "labels are assumed"),
        ([f"{i:02d}" for i in range(12)], NAMELESS[12], list(range(12)), None),
        ([str(i) for i in range(10)], NAMELESS[10], list(range(10)), None),
        (["1", "2"], NAMELESS[10], [1, 2], "class numbers from 0"),
        (["7", "207"], NAMELESS[1000], [-1, -1], "no labels"),
        (["7", "207"], IMAGENET, [7, 207], None),
        (["cat", "dog"], NAMELESS[3], [-1, -1], "no labels: 2 folders (cat, dog)"),
        (["Katze", "Hund", "Maus", "Huhn"], TWO_CRANES, [-1] * 4, "no labels"),
        (["heron", "great white"], TWO_CRANES, [1, 3], None),
        (["Heron", "SHARK"], TWO_CRANES, [1, 3], None),
        (["crane", "heron"], TWO_CRANES, [-1, 1], "no labels in crane: not one of the model's classes"),
        (["n01440764", "n01443537"], NAMELESS[1000], [0, 1], None),
        (["n01440764-tench", "n01443537-goldfish"], IMAGENET, [0, 1], None),
        (["n01484850"], IMAGENET, [-1], "no labels"),  # its class 2 has another name
        (["n01440764", "n01443537"], NAMELESS[2], [0, 1], "labels are assumed"),
        (["Tinca Tinca", "gold_fish"], IMAGENET, [0, 1], None),
        (["only"], ClassNames(None, None), [0], None),
    ],
)
def test_folders_are_matched_by_what_is_known(folders, classes, expected, note):
    found, said = numbers(folders, classes)
    assert list(found.values()) == expected
    assert (note is None) == (said is None), said
    assert note is None or note in (said or "")


@pytest.mark.parametrize("splits", [("train", "val"), ("Training", "validation", "TEST"), ("test",)])
def test_splits_are_no_classes(splits):
    paths = [f"{split}/{name}/x.png" for split in splits for name in ("cat", "dog")]
    found = labels_from_folders(paths, NAMELESS[2])
    assert found.labels == (0, 1) * len(splits)
    assert found.class_names == ("cat", "dog") * len(splits)
    assert found.note is not None
    assert "splits of the data" in found.note


def test_images_without_a_class_folder():
    found = labels_from_folders(["train/cat/a.png", "train/dog/b.png", "test/c.png"], NAMELESS[2])
    assert found.labels == (0, 1, -1)
    assert found.class_names == ("cat", "dog", None)
    assert "1 of 3 images lie in no class folder" in (found.note or "")
    found = labels_from_folders(["train/a.png", "val/b.png"], NAMELESS[2])
    assert found.labels == (-1, -1)
    assert "no folders inside" in (found.note or "")
    found = labels_from_folders(["a.png", "cat/b.png", "dog/c.png"], NAMELESS[2])
    assert found.labels == (-1, -1, -1)
    assert "1 image lies beside the folders" in (found.note or "")
    assert labels_from_folders(["a.png", "b.png"], NAMELESS[2]).note is None


def test_a_model_with_classes_that_are_called_as_splits():
    assert numbers(["train", "test"], ClassNames(3, ("bus", "train", "test")))[0] == {"train": 1, "test": 2}


def test_folders_inside_folders_are_classes_where_their_names_are():
    animals = ClassNames(3, ("car", "cat", "dog"))
    paths = ["animals/cat/a.png", "animals/dog/b.png", "vehicles/car/c.png"]
    assert labels_from_folders(paths, animals).labels == (1, 2, 0)
    found = labels_from_folders(["cat/siam/a.png", "dog/b.png"], NAMELESS[2])
    assert found.labels == (-1, -1)
    assert "folders inside the folders" in (found.note or "")
    assert labels_from_folders(["cat/siam/a.png", "dog/b.png"], animals).labels == (1, 2)


def test_which_order_the_answers_fit():
    folders = [name for name in GRADES for _ in range(2)]
    answers = [i for i in range(12) for _ in range(2)]
    assert fitting_orders(folders, answers, 12) == {"imagefolder": 2, "timm": 24}
    assert fitting_orders([*folders, None], [*answers, 3], 12) == {"imagefolder": 2, "timm": 24}
    assert fitting_orders(folders, answers, 13) is None
    assert fitting_orders(["a", "b"], [0, 1], 2) is None  # the orders agree
    assert fitting_orders([None], [0], 1) is None


@pytest.mark.model
def test_grades_of_photos_that_the_model_knows(data_dir, tmp_path):
    """faults: 12 photos in grade_1 .. grade_12, the head's rows in timm's order, had accuracy 0.083."""
    weights = data_dir / "weights" / "vit_tiny_patch16_224.augreg_in21k_ft_in1k" / "model.safetensors"
    model = vitscope.load_model("timm:vit_tiny_patch16_224", weights, device="cpu")
    with (data_dir / "images" / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:500:40]
    pixels = torch.stack([model.preprocess(read_picture(data_dir / "images" / row["path"]).image) for row in rows])
    with torch.no_grad():
        known = model.module(pixels).argmax(-1)
    head = model.module.head
    grades = timm.create_model("vit_tiny_patch16_224", num_classes=12)
    state = model.module.state_dict() | {"head.weight": head.weight[known[:12]], "head.bias": head.bias[known[:12]]}
    grades.load_state_dict(state)
    for grade, row in zip(GRADES, rows, strict=False):
        (tmp_path / grade).mkdir()
        (tmp_path / grade / "x.jpg").symlink_to(data_dir / "images" / row["path"])
    smaller = vitscope.wrap(grades)
    with torch.no_grad():
        answers = smaller.module(pixels[:12]).argmax(-1).tolist()
    assert answers == list(range(12))
    assert set(list_images(tmp_path, None, classes_of(smaller)).labels) == {-1}
    listing = list_images(tmp_path, None, classes_of(smaller, "timm"))
    right = dict(zip(GRADES, answers, strict=True))
    assert all(right[name] == label for name, label in zip(listing.class_names, listing.labels, strict=True))
    assert fitting_orders(listing.class_names, [right[name] for name in listing.class_names], 12) == {
        "imagefolder": 1,
        "timm": 12,
    }


def write(path, text):
    path.write_text(text, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "\n".join(GRADES) + "\n"),
        ("classes.json", json.dumps(GRADES)),
        ("classes.json", json.dumps({name: i for i, name in enumerate(GRADES)})),
        ("classes.json", json.dumps({str(i): name for i, name in enumerate(GRADES)})),
        ("classes.json", json.dumps({str(i): ["n0", name] for i, name in enumerate(GRADES)})),
    ],
)
def test_classes_from_a_file(tmp_path, name, text):
    classes = with_given(NAMELESS[12], str(write(tmp_path / name, text)))
    assert numbers(GRADES, classes) == ({name: i for i, name in enumerate(GRADES)}, None)
    assert classes.label("grade_11", "here") == 10
    assert numbers(["grade_2", "Grade 12"], classes)[0] == {"grade_2": 1, "Grade 12": 11}


def test_what_is_said_counts_before_numbers_and_the_model_s_names():
    classes = with_given(ClassNames(2, ("cat", "dog")), {"dog": 0, "1": 0})
    assert numbers(["cat", "dog"], classes)[0] == {"cat": 0, "dog": 0}
    assert classes.label("1", "here") == 0
    found, note = numbers(["dog", "owl"], classes)
    assert found == {"dog": 0, "owl": -1}
    assert "owl: not one of the given classes" in (note or "")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["a", "b"], "cannot use the 2 names of classes: the model has 12 classes"),
        ([*GRADES[:11], "grade_1"], "'grade_1' appears twice"),
        ({"a": 12}, "expected a name and a number from 0 to 11"),
        ({"a": "b"}, "expected a name and a number"),
        ({"a": True}, "expected a name and a number"),
        ({3: "a"}, "expected a name and a number"),
        ("alphabetical", "cannot read the classes alphabetical: No such file"),
    ],
)
def test_classes_that_do_not_fit(given, reason):
    with pytest.raises(BadInput, match=reason):
        with_given(NAMELESS[12], given)


def test_files_of_classes_that_do_not_fit(tmp_path):
    for text, reason in (("{", "not JSON"), ("3", "expected a list or an object"), ('{"a": "b"}', "name to number")):
        with pytest.raises(BadInput, match=reason):
            read_names(write(tmp_path / "classes.json", text), "")
    with pytest.raises(BadInput, match="expected a list or an object"):
        with_given(NAMELESS[2], str(write(tmp_path / "classes.json", "null")))


def test_orders_that_do_not_fit():
    with pytest.raises(BadInput, match="cannot number the 2 folders in the order of timm: the model has 12 classes"):
        numbers(["a", "b"], with_given(NAMELESS[12], "timm"))
    with pytest.raises(BadInput, match=r"cannot take the 2 folders \(1, b\) as class numbers: expected 0 to 11"):
        numbers(["1", "b"], with_given(NAMELESS[12], "numbers"))
    with pytest.raises(BadInput, match="as class numbers: expected 0 to 11"):
        numbers(["1", "12"], with_given(NAMELESS[12], "numbers"))
    assert numbers(["10", "2"], with_given(NAMELESS[12], "numbers"))[0] == {"10": 10, "2": 2}
    with pytest.raises(BadInput, match="none of the 2 folders"):
        numbers(["a", "b"], with_given(NAMELESS[2], ["x", "y"]))
