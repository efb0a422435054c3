"""Tables of labels as people and programs write them: exactly the right labels, or one clear error."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitscope.errors import BadInput
from vitscope.pipeline.plan.label_tables import read_label_table, table_from_frame
from vitscope.pipeline.plan.labels import ClassNames
from vitscope.pipeline.plan.listing import list_images

FIVE = ClassNames(5, ("ant, emmet", "bee", "cow", "dog", "hen, biddy"))
FILES = ("a.jpg", "b c.jpg", "sub/d.jpg", "e,f.jpg", 'g"h.jpg', "sub/i;j.jpg")
SPELLED = {
    "plain": lambda path, root: path,
    "dotted": lambda path, root: f"./{path}",
    "absolute": lambda path, root: str(root / path),
    "windows": lambda path, root: path.replace("/", "\\"),
}
WRITTEN = {
    "number": lambda label: "" if label < 0 else str(label),
    "float": lambda label: f"{label}.0",
    "spaces": lambda label: f" {label} ",
    "name": lambda label: "" if label < 0 else ("Ant", "bee", "COW", "dog", "hen, biddy", "owl")[label],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables").resolve()
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


@st.composite
def tables(draw):
    """(bytes of a table, label by file, separator), and whether something in it is wrong."""
    chosen = draw(st.lists(st.sampled_from(FILES), min_size=1, unique=True))
    label_of = {name: draw(st.integers(-1, 4)) for name in chosen}
    order = draw(st.permutations(["path", "label", "class_name", "other"]))[: draw(st.integers(3, 4))]
    columns = [name for name in order if name in ("path", "label") or draw(st.booleans())]
    columns += [name for name in ("path", "label") if name not in columns]
    rows = [(name, label_of[name]) for name in chosen]
    rows += draw(st.lists(st.sampled_from(rows), max_size=2))
    fault = draw(st.sampled_from([None, None, None, "header", "two labels", "range", "ragged", "spaces"]))
    if fault == "two labels":
        rows.append((chosen[0], label_of[chosen[0]] + 1 if label_of[chosen[0]] < 4 else 0))
    if fault == "range":
        rows.append((chosen[0], 5))
    return columns, rows, label_of, fault


def table(columns, rows, root, fault, draw):
    """The text of a table in one of many styles."""
    separator = " " if fault == "spaces" else draw(st.sampled_from(",;\t"))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    header = [draw(st.sampled_from([name, name.upper(), f" {name}"])) for name in columns]
    writer.writerow([*header, "label"] if fault == "header" else header)
    for i, (name, label) in enumerate(rows):
        cells = {
            "path": SPELLED[draw(st.sampled_from(sorted(SPELLED)))](name, root),
            "label": WRITTEN[draw(st.sampled_from(sorted(WRITTEN)))](label),
            "class_name": "",
            "other": "x, y",
        }
        row = [cells[name] for name in columns]
        writer.writerow([*row, "1"] if fault in ("header", "ragged") and i in (0, len(rows) - 1) else row)
        if draw(st.booleans()):
            text.write("\n")
    return draw(st.sampled_from(["utf-8", "utf-8-sig"])), text.getvalue(), separator


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables(), st.data())
def test_a_table_gives_its_labels_or_one_error(root, made, data):
    columns, rows, label_of, fault = made
    encoding, text, separator = table(columns, rows, root, fault, data.draw)
    path = root / "table.csv"
    path.write_bytes(text.encode(encoding))
    try:
        found = read_label_table(path, FIVE)
    except BadInput as error:
        assert fault is not None, error.message
        assert "\n" not in error.message
        return
    assert fault is None
    assert {
        os.path.normpath(found.root / name): label for name, label in zip(found.paths, found.labels, strict=True)
    } == {os.path.normpath(root / name): label for name, label in label_of.items()}
    assert len(found.paths) == len(label_of)
    assert ("name an image again" in (found.note or "")) or len(rows) - len(label_of) < 2
    frame = pd.read_csv(io.StringIO(text), sep=separator)
    frame[frame.columns[columns.index("path")]] = [str(root / name) for name, _ in rows]
    assert table_from_frame(frame, FIVE).labels == found.labels


def write(root, text, name="t.csv"):
    path = root / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,label,label\na.jpg,1,2\n", "it has 2 columns label"),
        ("path,label,Label\na.jpg,1,2\n", "it has 2 columns label"),
        ("path label\na.jpg 1\n", "separated by none of commas, semicolons, tabs"),
        ("path|label\na.jpg|1\n", "separated by none of commas, semicolons, tabs"),
        ("path,label\na.jpg,1\n./a.jpg,2\n", "a.jpg has two labels, 1 and 2"),
        ("path,label\na.jpg,1\nsub/../a.jpg,2\n", r"a.jpg \(also spelled sub/../a.jpg\) has two labels, 1 and 2"),
        ("path,label\na.jpg,1\na.jpg,\n", "a.jpg has two labels, 1 and -1"),
        ("path,label,class_name\na.jpg,0,ant, emmet\n", "line 2 of t.csv has 4 columns, the header 3"),
        ("path,label\na.jpg\n", "line 2 of t.csv has 1 column, the header 2"),
        ('path,label\n"a.jpg,1\nb c.jpg,2\n', "unexpected end of data in line 3"),
        ("path,label\na.jpg,1.5\n", "the label '1.5' of line 2"),
        ("path,label\na.jpg,1_0\n", "the label '1_0' of line 2"),
        ("path,label\na.jpg,nan\n", "the label 'nan' of line 2"),
        ("path,label\na.jpg,True\n", "the label 'True' of line 2"),
        ("path,label\na\0.jpg,1\n", "NUL"),
    ],
)
def test_tables_that_are_refused(root, text, reason):
    with pytest.raises(BadInput, match=reason) as caught:
        read_label_table(write(root, text), FIVE)
    assert "\n" not in caught.value.message


def test_a_link_to_an_image_with_another_label(root):
    (root / "link.jpg").symlink_to(root / "a.jpg")
    with pytest.raises(BadInput, match="a.jpg .also spelled link.jpg. has two labels, 1 and 2"):
        read_label_table(write(root, "path,label\na.jpg,1\nlink.jpg,2\n"), FIVE)
    assert read_label_table(write(root, "path,label\na.jpg,1\nlink.jpg,1\n"), FIVE).labels == (1, 1)


def test_names_that_contradict_are_said(root):
    def note(rows):
        return read_label_table(write(root, "path,label,class_name\n" + rows), FIVE).note

    assert note('a.jpg,0,"ant, emmet"\nb c.jpg,1,Bee\n') is None
    assert note("a.jpg,0,emmet\n") is None
    assert note("a.jpg,1,Bee\nb c.jpg,0,cow\n") == (
        "class 0 is 'cow' in the table, 'ant, emmet' in the model: are these its labels?"
    )
    nameless = ClassNames(5, None)
    found = read_label_table(write(root, "path,label,class_name\na.jpg,0,cow\nb c.jpg,0,hen\n"), nameless)
    assert found.note == "class 0 has two names in the table, 'cow' and 'hen'"


def test_a_frame_with_a_column_twice_or_of_other_types(root):
    path = str(root / "a.jpg")
    with pytest.raises(BadInput, match="the data frame: it has 2 columns label"):
        table_from_frame(pd.DataFrame([[path, 1, 2]], columns=["path", "label", "label"]), FIVE)
    for label in (2.0, np.int64(2), "2", "2.0", "cow", Path("2"), pd.Categorical([2])[0]):
        assert table_from_frame(pd.DataFrame({"path": [Path(path)], "label": [label]}), FIVE).labels == (2,)
    for label in (None, pd.NA, float("nan"), ""):
        assert table_from_frame(pd.DataFrame({"path": [path], "label": [label]}), FIVE).labels == (-1,)
    with pytest.raises(BadInput, match="the label 'True' of row 0"):
        table_from_frame(pd.DataFrame({"path": [path], "label": [True]}), FIVE)


def test_labels_reach_every_spelling_of_an_image(root):
    labels = write(root, "path;label\n.\\a.jpg;1.0\nsub\\d.jpg;4\n")
    listing = list_images([root / "a.jpg", root / "sub" / "d.jpg", root / "sub" / ".." / "a.jpg"], labels, FIVE)
    assert listing.paths == ("a.jpg", "sub/d.jpg")
    assert listing.labels == (1, 4)
    assert listing.note == "1 path left out: named twice"
    with pytest.raises(BadInput, match="1 of 1 files it names do not exist"):
        list_images(write(root, f"path,label\n{'x' * 300}.jpg,1\n"), None, FIVE)


def test_a_name_of_several_classes_is_no_label():
    cranes = ClassNames(3, ("crane", "heron", "crane"))
    with pytest.raises(BadInput, match="the label 'crane' of here: it may mean the classes 0 and 2"):
        cranes.label("crane", "here")
