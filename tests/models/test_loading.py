"""Loading by name with local weights, and every way in which that fails."""

import os
import pickle
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import vitscope
from vitscope.errors import InvalidArgument, ModelLoadError
from vitscope.models.sources.weights import first_line, fitted, parameters_sha256, read_weights
from vitscope.torchvision_ops import define_missing

NAME = "vit_tiny_patch16_224"
WEIGHTS = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"


DINO = {"head.mlp.0.weight": torch.ones(7, 64), "head.last_layer.weight_g": torch.ones(7, 1)}
"""The projection head of a DINO teacher: no classifier."""


@pytest.fixture(scope="module")
def small_state():
    from timm import create_model

    return create_model("test_vit", num_classes=5).state_dict()


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("nested", [False, True])
def test_local_weights(tmp_path, small_state, suffix, nested):
    path = tmp_path / f"weights.{suffix}"
    if suffix == "safetensors":
        safetensors.torch.save_file(small_state, path)
    else:
        torch.save({"model": small_state} if nested else small_state, path)
    model = vitscope.load_model("timm:test_vit", weights=path)
    assert model.n_classes == 5
    assert model.parity < 1e-4
    assert len(model.weights_sha256) == 64
    assert model.id == "timm:test_vit"


@pytest.mark.parametrize(("n_classes", "named"), [(0, None), (5, None), (1000, 1000)])
def test_imagenets_names_only_for_weights_with_imagenets_classes(tmp_path, n_classes, named):
    from timm import create_model

    torch.save(create_model(NAME, num_classes=n_classes).state_dict(), tmp_path / "weights.pth")
    model = vitscope.load_model(NAME, weights=tmp_path / "weights.pth")
    assert model.n_classes == (n_classes or None)
    assert (None if model.classes is None else len(model.classes)) == named


def test_the_checksum_of_parameters_covers_buffers_without_axes():
    module = torch.nn.BatchNorm1d(3)
    before = parameters_sha256(module)
    assert parameters_sha256(torch.nn.BatchNorm1d(3)) == before
    module.num_batches_tracked += 1
    assert parameters_sha256(module) != before


def test_a_pickle_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle ran",))

    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"state": Bomb()}))
    with pytest.raises(ModelLoadError, match="not a safe weights file"):
        read_weights(path)


def test_a_whole_pickled_model_is_refused_by_what_it_holds(tmp_path, small_state):
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 3)), tmp_path / "whole.pth")
    with pytest.raises(ModelLoadError) as error:
        read_weights(tmp_path / "whole.pth")
    assert "it holds Python objects (torch.nn.modules" in error.value.message
    assert "that only running its code could restore" in error.value.message
    assert "\x1b" not in str(error.value)


def test_what_an_error_says_first_has_no_terminal_codes_and_ends_with_a_word():
    long = "\x1b[1mWeights only load failed\x1b[0m. " + "word " * 100 + "\nsecond line"
    said = first_line(RuntimeError(long))
    assert said.startswith("Weights only load failed. word")
    assert said.endswith("word ...")
    assert len(said) < 250
    assert first_line(ValueError()) == "ValueError"


def prefixed(state, prefix):
    return {f"{prefix}{name}": value for name, value in state.items()}


@pytest.mark.parametrize(
    ("saved", "part"),
    [
        (
            lambda s, e: {"state_dict": s, "state_dict_ema": e, "args": Namespace(model="test_vit", lr=0.1)},
            "state_dict_ema",
        ),
        (lambda s, e: {"state_dict": s, "model_ema": e, "args": Namespace(output=Path("out"))}, "model_ema"),
        (lambda s, e: {"model": e, "args": Namespace(), "optimizer": {}, "epoch": 3}, "model"),
        (
            lambda s, e: {"student": prefixed(s, "module.backbone."), "teacher": DINO | prefixed(e, "backbone.")},
            "teacher",
        ),
        (lambda s, e: {"state_dict": prefixed(e, "model."), "hyper_parameters": {"lr": 0.1}}, "state_dict"),
        (lambda s, e: {"state_dict": prefixed(e, "_orig_mod.module."), "loops": {}}, "state_dict"),
        (lambda s, e: {"n_averaged": torch.tensor(3)} | prefixed(e, "module."), None),
        (lambda s, e: {"criterion.weight": torch.ones(3)} | prefixed(e, "net.encoder."), None),
    ],
    ids=["timm", "DeiT", "MAE", "DINO", "Lightning", "compiled DDP", "AveragedModel", "a part of a model"],
)
def test_training_checkpoints(tmp_path, small_state, saved, part):
    """The averaged weights are taken where there are some, names lose what wrappers put before them."""
    average = {name: value + 0.01 for name, value in small_state.items()}
    torch.save(saved(small_state, average), tmp_path / "last.pth.tar")
    found = read_weights(tmp_path / "last.pth.tar")
    assert found.part == part
    state = fitted(found.state, average, tmp_path / "last.pth.tar").state
    assert state.keys() == average.keys()
    assert all(torch.equal(value, average[name]) for name, value in state.items())


def test_the_part_of_a_checkpoint_is_kept_with_the_model(tmp_path, small_state):
    torch.save({"state_dict": small_state, "args": Namespace(model="test_vit")}, tmp_path / "last.pth")
    assert vitscope.load_model("test_vit", weights=tmp_path / "last.pth").weights_part == "state_dict"
    torch.save(small_state, tmp_path / "plain.pth")
    assert vitscope.load_model("test_vit", weights=tmp_path / "plain.pth").weights_part is None


def test_weights_that_leave_a_choice_or_are_none_are_refused(tmp_path, small_state):
    torch.save(prefixed(small_state, "student.") | prefixed(small_state, "teacher."), tmp_path / "two.pth")
    with pytest.raises(ModelLoadError, match="2 Vision Transformers, at student, teacher"):
        vitscope.load_model("test_vit", weights=tmp_path / "two.pth")
    torch.save({"epoch": 3, "metric": 70.0}, tmp_path / "none.pth")
    with pytest.raises(ModelLoadError, match="a dict of epoch, metric"):
        read_weights(tmp_path / "none.pth")
    own = {name: value for name, value in small_state.items() if not name.startswith("head.")}
    torch.save(own | {"head.1.weight": torch.ones(5, 64)}, tmp_path / "own.pth")
    with pytest.raises(ModelLoadError, match=r"head\.1\.weight.*give it to vitscope\.wrap"):
        vitscope.load_model("test_vit", weights=tmp_path / "own.pth")


@pytest.mark.parametrize("seed", range(12))
def test_any_stack_of_wrappers_is_taken_off(tmp_path, small_state, seed):
    """In any order, at any depth, also within names and around a part of the names only."""
    random = np.random.default_rng(seed)
    wrappers = ["_orig_mod.", "module.", "model.", "backbone.", "encoder.", "base_model.model."]
    outer, inner = ("".join(random.choice(wrappers, random.integers(1, 5))) for _ in range(2))
    state = {
        f"{outer}{'' if name.startswith('head.') else inner}{name.replace('blocks.0.', 'blocks.0._orig_mod.')}": value
        for name, value in small_state.items()
    }
    torch.save({"net": {"model_state_dict": state}}, tmp_path / "deep.pth")
    model = vitscope.load_model("test_vit", weights=tmp_path / "deep.pth")
    assert model.weights_part == "net.model_state_dict"
    assert model.n_classes == 5
    apart = inner.replace("_orig_mod.", "") != ""  # what only compiled a part is no place of its own
    beside = f"taken from beside the others: {outer}head.weight, {outer}head.bias"
    assert model.weights_note == (beside if apart else None)
    assert all(torch.equal(value, small_state[name]) for name, value in model.module.state_dict().items())


def test_a_teacher_comes_before_its_student(tmp_path, small_state):
    teacher = {name: value + 0.01 for name, value in small_state.items()}
    torch.save({"student": small_state, "teacher": teacher}, tmp_path / "both.pth")
    model = vitscope.load_model("test_vit", weights=tmp_path / "both.pth")
    assert model.weights_part == "teacher"
    assert torch.equal(model.module.norm.bias, teacher["norm.bias"])
    torch.save({"student": small_state, "epoch": 3}, tmp_path / "student.pth")
    assert vitscope.load_model("test_vit", weights=tmp_path / "student.pth").weights_part == "student"


def test_what_is_not_used_is_listed_and_what_is_missing_is_told_with_the_nearest_names(tmp_path, small_state):
    extra = {f"decoder.blocks.{i}.weight": torch.ones(2) for i in range(5)}
    torch.save(small_state | extra, tmp_path / "more.pth")
    note = vitscope.load_model("test_vit", weights=tmp_path / "more.pth").weights_note
    assert note is not None
    assert note.startswith("5 not used: decoder.blocks.0.weight, ")
    renamed = {name.replace("mlp.fc1", "mlp.w1"): value for name, value in small_state.items()}
    torch.save(renamed, tmp_path / "renamed.pth")
    missing = r"12 missing \(first blocks.0.mlp.fc1.weight; most like it in the file: blocks.0.mlp.w1.weight"
    with pytest.raises(ModelLoadError, match=missing):
        vitscope.load_model("test_vit", weights=tmp_path / "renamed.pth")
    lora = {name.replace("qkv.weight", "qkv.base_layer.weight"): value for name, value in small_state.items()}
    torch.save(lora | {"blocks.0.attn.qkv.lora_A.default.weight": torch.ones(2)}, tmp_path / "lora.pth")
    with pytest.raises(ModelLoadError, match="merge_and_unload"):
        vitscope.load_model("test_vit", weights=tmp_path / "lora.pth")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda bias: bias.to_sparse(), "sparse"),
        (lambda bias: bias.to("meta"), "without values"),
        (lambda bias: bias.to(torch.complex64), "complex"),
        (lambda bias: torch.zeros(1).expand(10**12), r"\[1000000000000\] in size, more than the file holds of it"),
    ],
    ids=["sparse", "meta", "complex", "expanded"],
)
def test_tensors_that_are_not_their_own_numbers_are_refused(tmp_path, small_state, spoil, words):
    torch.save(small_state | {"norm.bias": spoil(small_state["norm.bias"])}, tmp_path / "odd.pth")
    with pytest.raises(ModelLoadError, match=f"its norm.bias is {words}"):
        read_weights(tmp_path / "odd.pth")


def test_names_and_numbers_that_are_none(tmp_path, small_state):
    torch.save({1: torch.ones(2)}, tmp_path / "numbered.pth")
    with pytest.raises(ModelLoadError, match="a dict of 1"):
        read_weights(tmp_path / "numbered.pth")
    torch.save(small_state | {"head.weight": torch.tensor(1.0)}, tmp_path / "point.pth")
    with pytest.raises(ModelLoadError, match=r"classifier is a module of your own \(head"):
        vitscope.load_model("test_vit", weights=tmp_path / "point.pth")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_what_is_no_file_is_not_waited_for(tmp_path, suffix):
    os.mkfifo(tmp_path / f"pipe.{suffix}")
    (tmp_path / f"folder.{suffix}").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(ModelLoadError, match=rf"{name}.{suffix} is not a file"):
            read_weights(tmp_path / f"{name}.{suffix}")
    (tmp_path / f"dangling.{suffix}").symlink_to("nowhere")
    with pytest.raises(ModelLoadError, match="no file"):
        read_weights(tmp_path / f"dangling.{suffix}")


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "bin"])
def test_files_that_are_cut_or_changed_end_in_one_sentence(tmp_path, suffix):
    """In the older of torch's formats too, which is a pickle without an archive around it."""
    path = tmp_path / f"weights.{suffix}"
    state = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    if suffix == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=suffix == "pth")
    content = path.read_bytes()
    random = np.random.default_rng(7)
    damaged = [content[:end] for end in random.integers(1, len(content), 60)]
    for place, value in zip(random.integers(0, len(content), 100), random.integers(0, 256, 100), strict=True):
        damaged.append(content[:place] + bytes([value]) + content[place + 1 :])
    refused = 0
    for each in damaged:
        path.write_bytes(each)
        try:
            read_weights(path)  # a changed number is still one
        except ModelLoadError as error:
            refused += 1
            assert "\n" not in error.message
    assert refused >= 60


@pytest.mark.parametrize("content", [b"", b"x", b"not weights at all" * 10, b"\x80\x02.", b"\x80\x02h\x07."])
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_damaged_files(tmp_path, content, suffix):
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelLoadError, match="not a safe weights file"):
        read_weights(path)


def test_weights_that_do_not_fit(tmp_path, small_state):
    path = tmp_path / "other.safetensors"
    state = dict(small_state)
    del state["norm.bias"]
    state["extra"] = torch.zeros(2)
    state["pos_embed"] = torch.zeros(1, 3, 64)
    safetensors.torch.save_file(state, path)
    with pytest.raises(
        ModelLoadError, match=r"1 missing \(first norm.bias\), 1 unknown \(first extra\), 1 of another shape"
    ):
        vitscope.load_model("test_vit", weights=path)


def test_names_and_options_that_do_not_exist(tmp_path):
    with pytest.raises(ModelLoadError, match="no such model.*Did you mean.*vit_tiny"):
        vitscope.load_model("timm:vit_tiny_patch16_225")
    with pytest.raises(ModelLoadError, match="unknown source 'jax'"):
        vitscope.load_model("jax:vit")
    with pytest.raises(ModelLoadError, match="no folder"):
        vitscope.load_model(f"hf:{tmp_path / 'none'}")
    with pytest.raises(ModelLoadError, match="no file"):
        vitscope.load_model("test_vit", weights=tmp_path / "none.pth")
    with pytest.raises(InvalidArgument, match="float31"):
        vitscope.load_model("test_vit", dtype="float31")
    with pytest.raises(InvalidArgument, match="cannot use device"):
        vitscope.load_model("test_vit", weights=None, device="abacus")


def test_operators_that_another_library_defined_first_are_left_as_they_are():
    schemas = ("first(Tensor a) -> Tensor", "second(Tensor a) -> Tensor")
    other = torch.library.Library("vitscope_test", "DEF")  # noqa: TOR901 - a name space of this test's own
    other.define(schemas[0])
    held = [define_missing("vitscope_test", schemas) for _ in range(2)]  # the second time nothing is missing
    assert torch.ops.vitscope_test.first.default
    assert torch.ops.vitscope_test.second.default
    assert len(held) == 2


@pytest.mark.model
def test_the_real_vit_tiny(data_dir):
    model = vitscope.load_model(NAME, weights=data_dir / WEIGHTS)
    assert model.parity <= 1e-4
    assert model.tokens == vitscope.TokenLayout(("cls",), 14, 14, (16, 16))
    assert (model.n_layers, model.n_heads, model.n_classes) == (12, (3,) * 12, 1000)
    assert model.classes is not None
    assert model.classes[0].startswith("tench")
    assert "Resize(size=248" in model.transform_text
