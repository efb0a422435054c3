"""Data as people hold it: torch's data sets, Hugging Face's, pairs. The same numbers as from files, or one sentence."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny_analysis import tiny_model, to_pixels, write_photos
from tests.zoo import SIZE

import vitscope
from vitscope.errors import BadInput, InvalidArgument, NotAvailable, RunError
from vitscope.models.pictures.images import read_picture
from vitscope.pipeline.live.model import LiveModel
from vitscope.pipeline.plan.at_hand import at_hand
from vitscope.pipeline.plan.labels import ClassNames
from vitscope.pipeline.plan.listing import list_images
from vitscope.server.lab.describe import prune_command

from timm.models.vision_transformer import VisionTransformer  # isort: skip - zoo makes timm importable
from torchvision.datasets import ImageFolder  # isort: skip

SEVEN = ClassNames(7, tuple("abcdefg"))
UNNAMED = ClassNames(2, None)


def pictures(n=4, seed=0):
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (n, 3, 5, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    return [Image.fromarray(each) for each in blocks]


class Pairs(torch.utils.data.Dataset):
    """A data set of torch's kind that counts how often it is read."""

    def __init__(self, items, classes=None):
        self.items, self.read = items, []
        if classes is not None:
            self.classes = classes

    def __len__(self):
        return len(self.items)

    def __getitem__(self, number):
        self.read.append(number)
        return self.items[number]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Photos in the folders c and a."""
    root = tmp_path_factory.mktemp("folders")
    for seed, name in enumerate(("c", "a")):
        write_photos(root / name, 2, seed)
    return root


def listed(images, classes=SEVEN, **options):
    listing = list_images(images, None, classes, **options)
    return list(listing.labels), listing.note


# The same as from files -----------------------------------------------------------------------------------------------


def test_a_data_set_gives_what_its_files_give(tmp_path):
    model = tiny_model(classes=list("abcdefg"))
    shown = pictures()
    for number, picture in enumerate(shown):
        picture.save(tmp_path / f"{number}.png")
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n" + "".join(f"{number}.png,{number}\n" for number in range(4)))
    files = vitscope.analyze(model, table, tmp_path / "files", patterns=0)
    data = Pairs([(picture, torch.tensor(number)) for number, picture in enumerate(shown)])
    run = vitscope.analyze(model, data, tmp_path / "held", patterns=0)
    assert run.images["path"].tolist() == [f"dataset {number}" for number in range(4)]
    for column in ("label", "class_name", "prediction", "width", "height"):
        assert run.images[column].tolist() == files.images[column].tolist()
    assert run.importance.equals(files.importance)
    for row in range(4):
        assert run.preview(row).read_bytes() == files.preview(row).read_bytes()
    assert run.manifest.source.kind == "dataset"
    assert run.manifest.source.images == "a Pairs with 4 pictures"


def test_an_image_folder_is_its_files(tmp_path, folders):
    """Also a Subset of a Subset; its transform is not used, its classes are the model's by name."""
    data = ImageFolder(str(folders), transform=to_pixels)
    part = torch.utils.data.Subset(torch.utils.data.Subset(data, [3, 2, 0]), [0, 2])
    listing = list_images(part, None, SEVEN)
    assert [str(listing.root / path) for path in listing.paths] == [data.samples[3][0], data.samples[0][0]]
    assert listing.labels == (2, 0)
    assert listing.class_names == ("c", "a")
    assert "not the data set's transform" in listing.note
    model = tiny_model(classes=list("abcdefg"))
    run = vitscope.analyze(model, part, tmp_path / "run", patterns=0)
    assert LiveModel(run, model).matrices(0).shape[0] == model.n_layers


def test_hugging_face(tmp_path):
    datasets = pytest.importorskip("datasets")
    shown = pictures()
    for number, picture in enumerate(shown):
        picture.save(tmp_path / f"{number}.png")
    features = datasets.Features({"img": datasets.Image(), "kind": datasets.ClassLabel(names=["g", "b"])})
    data = datasets.Dataset.from_dict(
        {"img": [str(tmp_path / f"{number}.png") for number in range(4)], "kind": [0, 1, -1, 1]}, features=features
    )
    listing = list_images(data.with_format("torch"), None, SEVEN)
    assert listing.labels == (6, 1, -1, 1)
    assert listing.class_names == ("g", "b", None, "b")
    assert [listing.read(row) for row in range(4)] == [(tmp_path / f"{row}.png").read_bytes() for row in range(4)]
    model = tiny_model(classes=list("abcdefg"))
    run = vitscope.analyze(model, data, tmp_path / "run", patterns=0)
    pixels = torch.stack([to_pixels(picture) for picture in shown])
    assert run.images["prediction"].tolist() == vitscope.prune(model, pixels, {}).argmax(-1).tolist()
    two = data.add_column("other", [0, 1, 0, 1]).cast_column("other", datasets.ClassLabel(names=["x", "y"]))
    assert listed(two) == ([-1] * 4, "no labels: several columns of labels: kind, other; keep one with select_columns")
    with pytest.raises(BadInput, match="no columns of images"):
        list_images(data.remove_columns("img"), None, SEVEN)
    with pytest.raises(BadInput, match=r"DatasetDict.*one of its parts \(train\)"):
        list_images(datasets.DatasetDict(train=data), None, SEVEN)
    with pytest.raises(BadInput, match=r"It streams.*take"):
        list_images(data.to_iterable_dataset(), None, SEVEN)


def test_vitscope_does_not_import_datasets():
    code = "import sys, vitscope.pipeline.plan.at_hand; sys.exit('datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_passes_by_once_is_kept_on_disk(tmp_path):
    shown = pictures()
    held = at_hand((picture, number) for number, picture in enumerate(shown))
    assert [held.label(number) for number in range(4)] == [0, 1, 2, 3]
    listing = list_images(held, None, SEVEN)
    model = tiny_model()
    run = vitscope.analyze(model, iter(shown), tmp_path / "run", patterns=0)
    assert (
        run.images["id"].tolist()
        == vitscope.analyze(model, shown, tmp_path / "again", patterns=0).images["id"].tolist()
    )
    assert len(listing) == len(run.images) == 4
    assert run.images["label"].tolist() == [-1] * 4


def test_pairs_with_paths_are_files(tmp_path):
    photos = sorted(write_photos(tmp_path / "photos", 3).iterdir())
    listing = list_images([(photos[1], "b"), (str(photos[0]), "a")], None, SEVEN)
    assert listing.paths == ("001.png", "000.png")
    assert listing.labels == (1, 0)
    with pytest.raises(BadInput, match="two labels"):
        list_images([(photos[1], "b"), (photos[1], "a")], None, SEVEN)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK", "YCbCr", "HSV"])
def test_pictures_of_every_mode(tmp_path, mode):
    """A picture at hand is what it would be in a file: the same after decoding, with the same notes."""
    picture = pictures(1)[0]
    if mode in ("I;16", "I", "F"):
        values = np.asarray(picture.convert("L"))
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        picture = Image.fromarray((values / 255.0 if mode == "F" else values * 200.0).astype(kind))
    else:
        picture = picture.convert(mode)
    listing = list_images([picture], None, SEVEN)
    (tmp_path / "seen").write_bytes(listing.read(0))
    seen = read_picture(tmp_path / "seen").image
    wanted = picture.convert("RGB") if mode not in ("I;16", "I", "F") else picture
    same = np.asarray(seen, dtype=np.float64)
    scale = {"I;16": 255 / 65535, "I": 255 / 65535, "F": 255}.get(mode, 1)
    assert np.abs(same - np.asarray(wanted, dtype=np.float64) * scale).max() < 1e-2
    assert listing.read(0) == list_images([picture.copy()], None, SEVEN).read(0)


# Labels ---------------------------------------------------------------------------------------------------------------


def test_numbers_without_names_are_the_models():
    shown = pictures(2)
    assert listed(Pairs([(shown[0], 6), (shown[1], np.int64(-1))])) == ([6, -1], None)
    with pytest.raises(BadInput, match="the label 7 of picture 1: the model has 7 classes"):
        listed([(shown[0], 6), (shown[1], 7)])
    assert listed([(shown[0], {"boxes": []})]) == ([-1], "no labels: a dict is no class number or name")


def test_names_come_before_numbers():
    """The data set's numbers are its own: a subset of ImageNet numbered from 0 is not ImageNet's first classes."""
    shown = pictures(2)
    assert listed(Pairs([(shown[0], 0), (shown[1], 1)], ["g", "C"])) == ([6, 2], None)
    found, note = listed(Pairs([(shown[0], 0), (shown[1], 1)], ["g", "zebra"]))
    assert (found, note) == ([6, -1], "no labels in zebra: not one of the model's classes")
    found, note = listed(Pairs([(shown[0], 0), (shown[1], 1)], ["x", "y"]))
    assert found == [-1, -1]
    assert "nothing says which of the model's 7" in note
    imagenet = ClassNames(1000, None)
    assert listed(Pairs([(shown[0], 0), (shown[1], 1)], ["n02123045", "n01440764"]), imagenet) == ([281, 0], None)
    assert listed([(shown[0], "n02123045"), (shown[1], "")], imagenet) == ([281, -1], None)


def test_a_model_without_names_takes_the_numbers_only_of_as_many_classes():
    shown = pictures(2)
    data = Pairs([(shown[0], 1), (shown[1], 0)], ["x", "y"])
    found, note = listed(data, UNNAMED)
    assert found == [1, 0]
    assert "the data set's own numbers (x = 0)" in note
    assert listed(data, ClassNames(3, None))[0] == [-1, -1]
    assert listed(data, ClassNames(3, None, given={"y": 2, "x": 1}))[0] == [2, 1]
    assert listed(data, ClassNames(3, None, order="numbers"))[0] == [1, 0]
    assert listed(data, ClassNames(None, None))[0] == [1, 0]
    assert listed([(shown[0], "y"), (shown[1], "x")], ClassNames(2, None))[0] == [-1, -1]
    digits = Pairs([(shown[0], 1), (shown[1], 0)], ["0", "1"])
    assert listed(digits, ClassNames(3, ("p", "q", "r"))) == ([1, 0], None)
    with pytest.raises(BadInput, match="none of the data set's 2"):
        listed(data, ClassNames(3, None, given={"p": 2}))


# Reading --------------------------------------------------------------------------------------------------------------


def test_pictures_are_read_when_they_are_needed(tmp_path):
    data = Pairs([(picture, 0) for picture in pictures(6)])
    vitscope.analyze(tiny_model(), data, tmp_path / "run", patterns=0, limit=2, seed=3)
    kept = set(data.read) - {0}  # the first one tells what the items are
    assert len(kept) <= 2


def test_resuming_knows_the_pictures_again(tmp_path):
    model = tiny_model()
    shown = pictures()

    def stop(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vitscope.analyze(model, shown, tmp_path / "run", patterns=0, progress=stop)
    run = vitscope.analyze(model, list(shown), tmp_path / "run", patterns=0, resume=True)
    assert run.manifest.state == "complete"
    with pytest.raises(RunError, match="1 with other bytes: dataset 3"):
        vitscope.analyze(model, [*shown[:3], shown[0]], tmp_path / "run", patterns=0, resume=True)


def test_what_a_data_set_cannot_read_is_left_out_with_the_reason(tmp_path):
    class Broken(Pairs):
        def __getitem__(self, number):
            if number == 1:
                raise OSError("image file is truncated")
            return super().__getitem__(number)

    data = Broken([(picture, 3) for picture in pictures(3)])
    run = vitscope.analyze(tiny_model(), data, tmp_path / "run", patterns=0)
    problem = "its data set cannot read it (OSError: image file is truncated)"
    assert run.images["problem"].fillna("").tolist() == ["", problem, ""]
    assert run.images["label"].tolist() == [3, -1, 3]


def test_random_transforms_stop_the_analysis(tmp_path):
    class Random(Pairs):
        def __getitem__(self, number):
            return Image.fromarray(np.random.default_rng().integers(0, 256, (9, 9, 3), dtype=np.uint8)), 0

    with pytest.raises(BadInput, match=r"dataset 0 .*changed.*without random transforms"):
        vitscope.analyze(tiny_model(), Random([0] * 3), tmp_path / "run", patterns=0)


def test_a_served_run_says_that_its_pictures_are_not_here(tmp_path):
    model = tiny_model()
    run = vitscope.analyze(model, pictures(), tmp_path / "run", patterns=0)
    live = LiveModel(run, model)
    with pytest.raises(NotAvailable, match=r"dataset 1\): not here.*featured"):
        live.matrices(1)
    named = SimpleNamespace(
        by_name=True, id="demo", weights=None, readout="classes", options=run.manifest.model.options
    )
    assert prune_command(SimpleNamespace(model=named, source=run.manifest.source)) == "vitscope prune demo"


def test_other_studies_take_data_sets(folders):
    model = tiny_model(classes=list("abcdefg"))
    data = Pairs([(picture, number) for number, picture in enumerate(pictures())])
    assert vitscope.judge(model, data, steps=2).values.sizes["image"] == 4
    assert vitscope.resolution(model, ImageFolder(str(folders)), [(12, 30)]).sizes["image"] == 4


# Tensors and arrays ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain():
    """A model with timm's preprocessing: ImageNet's mean and std."""
    torch.manual_seed(1)
    return vitscope.wrap(VisionTransformer(**SIZE).eval())


def test_tensors_are_pixels_where_they_are_normalised_and_fit(tmp_path, plain):
    pixels = torch.randn(3, 3, 12, 30)
    run = vitscope.analyze(plain, [(one, 2) for one in pixels], tmp_path / "run", patterns=0)
    assert run.images["prediction"].tolist() == vitscope.prune(plain, pixels, {}).argmax(-1).tolist()
    with pytest.raises(BadInput, match="none of the 3 can be measured; dataset 0: .* not normalised"):
        vitscope.analyze(plain, [(one.sigmoid(), 2) for one in pixels], tmp_path / "unit", patterns=0)
    with pytest.raises(BadInput, match=r"dataset 0: a tensor \[3, 12, 12\], the model reads \[3, 12, 30\]"):
        vitscope.analyze(plain, torch.utils.data.TensorDataset(torch.randn(2, 3, 12, 12)), tmp_path / "o", patterns=0)


def test_bytes_of_colour_are_a_picture(tmp_path, plain):
    picture = pictures(1)[0]
    array = np.array(picture)
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    run = vitscope.analyze(plain, [picture, array, tensor], tmp_path / "run", patterns=0)
    assert run.images["prediction"].nunique() == 1
    assert len({run.preview(row).read_bytes() for row in range(3)}) == 1


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([], "names no images"),
        ([3], "item 0: a int is no picture"),
        ([(torch.zeros(7), 1)], r"item 0: a Tensor \[7\] is no picture"),
        ([{"photo": 1}], "item 0: it has photo, expected one of image"),
        (torch.utils.data.TensorDataset(torch.zeros(0, 3)), "holds no pictures"),
        (iter([]), "holds no pictures"),
        (torch.utils.data.DataLoader(Pairs(pictures(2))), r"as loader\.dataset"),
        ({"train": [1]}, r"one of its parts \(train\)"),
    ],
)
def test_what_is_no_data_set_is_refused_in_one_sentence(images, words):
    with pytest.raises(BadInput, match=words):
        list_images(images, None, SEVEN)


def test_pixels_alone_are_no_data_set(tmp_path, plain):
    with pytest.raises(InvalidArgument, match="zip"):
        vitscope.analyze(plain, torch.randn(2, 3, 12, 30), tmp_path / "run")
