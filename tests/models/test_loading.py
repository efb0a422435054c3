"""Loading by name with local weights, and every way in which that fails."""

import pickle

import pytest
import safetensors.torch
import torch

import vitscope
from vitscope.errors import InvalidArgument, ModelLoadError, NotAvailable
from vitscope.models.loading import parameters_sha256, read_weights

NAME = "vit_tiny_patch16_224"
WEIGHTS = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"


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


@pytest.mark.parametrize("content", [b"", b"not weights at all" * 10, b"\x80\x02.", b"\x80\x02h\x07."])
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
    with pytest.raises(NotAvailable, match="later version"):
        vitscope.load_model("hf:google/vit-base-patch16-224")
    with pytest.raises(ModelLoadError, match="no file"):
        vitscope.load_model("test_vit", weights=tmp_path / "none.pth")
    with pytest.raises(InvalidArgument, match="float31"):
        vitscope.load_model("test_vit", dtype="float31")
    with pytest.raises(InvalidArgument, match="cannot use device"):
        vitscope.load_model("test_vit", weights=None, device="abacus")


@pytest.mark.model
def test_the_real_vit_tiny(data_dir):
    model = vitscope.load_model(NAME, weights=data_dir / WEIGHTS)
    assert model.parity <= 1e-4
    assert model.tokens == vitscope.TokenLayout(("cls",), 14, 14, (16, 16))
    assert (model.n_layers, model.n_heads, model.n_classes) == (12, (3,) * 12, 1000)
    assert model.classes is not None
    assert model.classes[0].startswith("tench")
    assert "Resize(size=248" in model.transform_text
