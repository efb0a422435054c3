"""The folder of a pruned model from a stranger: nothing in it is run, followed or fetched."""

import errno
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError

import vitscope
from vitscope.errors import InvalidArgument, ModelLoadError, StorageError
from vitscope.models.sources import pruned, smaller
from vitscope.models.sources.smaller import save_without_heads
from vitscope.pipeline.studies import removing
from vitscope.tokens import HeadRef

VIT = {"timm": "test_vit", "num_classes": 5, "classes": None, "kept_heads": [[0, 1]] * 6}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The demo model without one head."""
    folder = tmp_path_factory.mktemp("whole") / "small"
    save_without_heads(vitscope.load_model("demo"), [(0, 1)], folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "small"))


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def no_network(*address, **options):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", no_network)


def refusal(folder) -> str:
    with pytest.raises(ModelLoadError) as caught:
        vitscope.load_model(str(folder))
    assert caught.value.message.startswith(f"cannot load the pruned model in {folder}: ")
    assert "\n" not in caught.value.message
    return caught.value.message.removeprefix(f"cannot load the pruned model in {folder}: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "pruned.json is no JSON"),
        (b"[]", "pruned.json is no JSON object"),
        (b"7", "pruned.json is no JSON object"),
        (b"{}", "pruned.json names no model"),
        (b"[" * 10**6, "pruned.json is nested too deeply"),
        (b'{"timm": "' + b"1" * 200, "pruned.json is no JSON"),
        (b"\xff\xfe{}", "pruned.json is not text in UTF-8"),
        (b'{"timm": ' + b"1" * 5000 + b"}", "pruned.json is no JSON"),
    ],
    ids=["empty", "list", "number", "no keys", "deep", "cut", "not text", "long number"],
)
def test_a_configuration_that_is_none(folder, content, words):
    (folder / "pruned.json").write_bytes(content)
    assert refusal(folder).startswith(words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kept_heads": None}, "kept_heads is no list of heads"),
        ({"kept_heads": [0, 1]}, "kept_heads is no list of heads"),
        ({"kept_heads": [[0]] * 5}, "kept_heads is of 5 layers, the model has 6"),
        ({"kept_heads": [[0, 4], *[[0, 1, 2, 3]] * 5]}, "kept_heads of layer 0 are [0, 4], expected some of 0 to 3"),
        ({"kept_heads": [[0, 0, 1], *[[0, 1, 2, 3]] * 5]}, "kept_heads of layer 0 are [0, 0, 1]"),
        ({"kept_heads": [[-1], *[[0, 1, 2, 3]] * 5]}, "kept_heads of layer 0 are [-1]"),
        ({"kept_heads": [["a"], *[[0, 1, 2, 3]] * 5]}, "kept_heads of layer 0 are ['a']"),
        ({"kept_heads": [[True], *[[0, 1, 2, 3]] * 5]}, "kept_heads of layer 0 are [True]"),
        ({"kept_heads": [[0]] + [[0, 1, 2, 3]] * 5}, "cannot load model.safetensors into"),
        ({"classes": "abc"}, "classes is no list of names"),
        ({"classes": [1, 2]}, "classes is no list of names"),
        ({"multi_label": "yes"}, "multi_label is neither"),
        ({"architecture": None}, "its architecture is not one"),
        ({"architecture": {"img_size": 28}}, "its architecture is not one"),
        ({"preprocessing": {"url": "http://example.org/x"}}, "its preprocessing is not one"),
        (VIT | {"timm": "hf-hub:somebody/model"}, "'hf-hub:somebody/model' is no name of a timm model"),
        (VIT | {"timm": "hf_hub:somebody/model"}, "'hf_hub:somebody/model' is no name"),
        (VIT | {"timm": "local-dir:/etc"}, "'local-dir:/etc' is no name"),
        (VIT | {"timm": "https://example.org/x"}, "'https://example.org/x' is no name"),
        (VIT | {"timm": "../../x"}, "'../../x' is no name"),
        (VIT | {"timm": ["test_vit"]}, "\"['test_vit']\" is no name"),
        (VIT | {"timm": "no_such_model"}, "RuntimeError: Unknown model (no_such_model)"),
        (VIT | {"timm": "test_resnet"}, "test_resnet is no Vision Transformer"),
        (VIT | {"num_classes": 10**15}, "num_classes is 1000000000000000, expected a number of classes"),
        (VIT | {"num_classes": -1}, "num_classes is -1"),
        (VIT | {"num_classes": "5"}, "num_classes is 5, expected a number"),
        (VIT, "cannot load model.safetensors into VisionTransformer"),
    ],
    ids=str,
)
def test_a_configuration_that_does_not_fit(folder, changes, words):
    path = folder / "pruned.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert refusal(folder).startswith(words)


@pytest.mark.parametrize(
    "change",
    [{"weight_init": "jax"}, {"embed_dim": 10**12}, {"depth": 1.5}, {"img_size": True}, {"block_fn": "os.system"}],
    ids=str,
)
def test_an_architecture_that_vitscope_does_not_write(folder, change):
    path = folder / "pruned.json"
    config = json.loads(path.read_text())
    config["architecture"] |= change
    path.write_text(json.dumps(config))
    assert refusal(folder) == "its architecture is not one that vitscope writes"


def _extra(state):
    return state | {"extra": torch.ones(2)}


def _other_shape(state):
    return state | {"norm.bias": torch.ones(2)}


def _integers(state):
    return {name: value.int() for name, value in state.items()}


def _mixed(state):
    return state | {"norm.bias": state["norm.bias"].double()}


def _missing(state):
    return {name: value for name, value in state.items() if name != "norm.bias"}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_extra, "1 unknown (first extra)"),
        (_other_shape, "1 of another shape (norm.bias: file [2], model [96])"),
        (_missing, "1 missing (first norm.bias)"),
        (_integers, "holds int32, expected floats of one kind"),
        (_mixed, "holds float32, float64, expected floats of one kind"),
        (lambda state: {}, "holds nothing, expected floats"),
    ],
)
def test_weights_that_do_not_fit(folder, spoil, words):
    path = folder / "model.safetensors"
    safetensors.torch.save_file(spoil(safetensors.torch.load_file(path)), path)
    assert words in refusal(folder)


@pytest.mark.parametrize("end", [0, 1, 7, 8, 100, -1])
def test_weights_that_are_cut(folder, end):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:end])
    assert refusal(folder).startswith("SafetensorError: ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and links")
@pytest.mark.parametrize("name", ["pruned.json", "model.safetensors"])
def test_links_pipes_and_folders_are_not_followed(folder, name):
    path = folder / name
    path.rename(folder.parent / name)
    if name == "model.safetensors":
        assert refusal(folder) == f"there is no {name}"
    path.symlink_to(folder.parent / name)
    assert refusal(folder) == f"{name} is a link"
    path.unlink()
    path.symlink_to("nowhere")
    assert refusal(folder) == f"{name} is a link"
    path.unlink()
    os.mkfifo(path)
    assert refusal(folder) == f"{name} is not a regular file"
    path.unlink()
    path.mkdir()
    assert refusal(folder) == f"{name} is not a regular file"


def test_a_configuration_of_any_size_is_not_read(folder):
    with (folder / "pruned.json").open("r+b") as file:
        file.truncate(300 * 2**20)
    assert refusal(folder) == f"pruned.json has {300 * 2**20} bytes, expected at most {16 * 2**20}"


def test_the_loader_in_the_folder_is_not_run(folder):
    (folder / "load.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nraise SystemExit('ran')\n")
    (folder / "__init__.py").write_text("raise SystemExit('ran')\n")
    model = vitscope.load_model(str(folder))
    assert model.n_heads[0] == 3
    save_without_heads(model, [(1, 0)], folder.parent / "smaller")
    assert not (folder / "ran").exists()
    assert "SystemExit" not in (folder.parent / "smaller" / "load.py").read_text()


def test_a_name_of_timm_s_is_built_without_its_weights(tmp_path, monkeypatch):
    from timm import create_model

    module = create_model("test_vit.r160_in1k", pretrained=False, num_classes=5)
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    model = vitscope.load_model("timm:test_vit.r160_in1k", tmp_path / "weights.pth")
    save_without_heads(model, [(0, 1)], tmp_path / "small")
    assert vitscope.load_model(tmp_path / "small").n_heads[0] == 1


class TestFullDisk:
    """`prune --save` where nothing can be written any more: one sentence, nothing left, the rest untouched."""

    def remove(self, folder):
        removing.remove(vitscope.load_model("demo"), [HeadRef(0, 1)], folder)

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        monkeypatch.setattr(removing, "_speed", lambda *models: None)

    @pytest.mark.parametrize("what", ["weights", "configuration", "loader", "rename"])
    def test_it_is_told(self, tmp_path, monkeypatch, what):
        full = OSError(errno.ENOSPC, "No space left on device")

        def fails(*arguments, **options):
            raise SafetensorError("I/O error: No space left on device (os error 28)") if what == "weights" else full

        target = {
            "weights": (smaller, "save_file"),
            "configuration": (Path, "write_text"),
            "loader": (shutil, "copyfile"),
            "rename": (Path, "rename"),
        }
        (tmp_path / "small.safetensors").write_bytes(b"mine")
        (tmp_path / "small").mkdir()
        monkeypatch.setattr(*target[what], fails)
        with pytest.raises(StorageError) as caught:
            self.remove(tmp_path / "small")
        assert caught.value.message.startswith(f"cannot write to {tmp_path}: the disk is full")
        assert caught.value.hint == "Nothing was written. Free some space and run the same command again."
        assert [path.name for path in tmp_path.iterdir() if path.name != "small"] == ["small.safetensors"]
        assert (tmp_path / "small.safetensors").read_bytes() == b"mine"

    @pytest.mark.skipif(sys.platform != "linux", reason="where a limit on files is an error and no signal")
    def test_a_real_limit(self, tmp_path):
        import resource

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            with pytest.raises(StorageError, match="the disk is full"):
                self.remove(tmp_path / "small")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert not list(tmp_path.iterdir())


def test_what_is_there_already_is_not_replaced(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises((StorageError, InvalidArgument)):
        removing.remove(vitscope.load_model("demo"), [HeadRef(0, 1)], folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_passes_for_a_pruned_model_is_taken_for_one(tmp_path):
    assert not pruned.is_saved(tmp_path / "none")
    assert not pruned.is_saved(Path("x" * 300))
    assert not pruned.is_saved(Path("a\0b"))
    (tmp_path / "pruned.json").symlink_to("nowhere")
    assert refusal(tmp_path) == "pruned.json is a link"
