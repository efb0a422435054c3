"""Models without some heads: what is left out is what pruning masks, and the saved one needs no vitscope."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from tests import zoo
from tests.closeness import assert_close
from tests.tiny_analysis import tiny_model

import vitscope
from vitscope.errors import InvalidArgument, ModelLoadError, UnsupportedModel
from vitscope.models.sources import standalone
from vitscope.models.sources.smaller import save_without_heads, without_heads

HEADS = [(0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
"""One of a layer, all of a layer, the first of a layer."""
KINDS = [
    "plain",
    "registers, LayerScale, q/k norm",
    "gated",
    "post-norm",
    "distilled",
    "SigLIP-like, no CLS, no classifier",
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_smaller_model_is_the_masked_one(kind):
    model = vitscope.wrap(zoo.make(kind))
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    smaller = without_heads(model, HEADS)
    masked = vitscope.prune(model, zoo.pixels(3), dict.fromkeys(HEADS, "head"))
    assert_close(vitscope.prune(smaller, zoo.pixels(3), {}), masked, rtol=1e-11, atol=1e-12)
    assert_close(smaller.module(zoo.pixels(3)), smaller.architecture.reference(zoo.pixels(3)))
    assert smaller.n_heads == (2, 0, 2)
    lost = sum(p.numel() for p in model.module.parameters()) - sum(p.numel() for p in smaller.module.parameters())
    assert lost >= len(HEADS) * 8 * 24 * 4  # q, k, v rows and projection columns of 8 channels, width 24
    assert all(torch.equal(value, before[name]) for name, value in model.module.state_dict().items())


def test_layers_with_fewer_heads_and_with_none_are_analysed_with_gaps():
    smaller = without_heads(tiny_model(), HEADS)
    pixels = zoo.pixels(2, torch.float32)
    effects = vitscope.head_importance(smaller, pixels, modes=("head", "pp"))["jsd"].values
    there = np.array([[True, True], [False, False], [True, True]])
    assert (np.isfinite(effects) == there).all()
    for layer, head in ((0, 1), (2, 0)):
        pruned = vitscope.prune(smaller, pixels, {(layer, head): "head"}).softmax(-1)
        intact = vitscope.prune(smaller, pixels, {}).softmax(-1)
        middle = (pruned + intact) / 2
        entropy = [-(p * p.log2()).sum(-1) for p in (middle, pruned, intact)]
        np.testing.assert_allclose(
            effects[:, 0, layer, head], entropy[0] - (entropy[1] + entropy[2]) / 2, rtol=1e-5, atol=1e-5
        )
    assert vitscope.attention(smaller, pixels)[:, 1].isnan().all()


def test_a_smaller_model_has_other_sizes_too():
    smaller = without_heads(vitscope.wrap(zoo.make("plain")), HEADS).at_size(16, 36)
    assert smaller.n_heads == (2, 0, 2)
    assert (smaller.tokens.rows, smaller.tokens.cols) == (4, 6)


@pytest.mark.parametrize(
    ("kind", "heads", "words"),
    [
        ("plain", [], "none is named"),
        ("plain", [(0, 3)], "head 3 out of layer 0"),
        ("plain", [(3, 0)], "3 layers of 3 heads"),
        ("inner norm", [(1, 0)], "a norm over all heads"),
        ("BEiT", [(0, 0)], "for timm VisionTransformer only"),
    ],
)
def test_what_cannot_be_taken_out_is_refused_by_name(kind, heads, words):
    with pytest.raises((InvalidArgument, UnsupportedModel), match=words):
        without_heads(vitscope.wrap(zoo.make(kind)), heads)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The demo model without some heads, then without one more."""
    folder = tmp_path_factory.mktemp("smaller")
    save_without_heads(vitscope.load_model("demo"), [(0, 1), (3, 0), (3, 1), (3, 2), (3, 3)], folder / "once")
    save_without_heads(vitscope.load_model(str(folder / "once")), [(0, 1)], folder / "twice")
    return folder


def test_a_saved_model_is_the_masked_one_and_can_lose_more(saved):
    demo, once, twice = (
        vitscope.load_model(name) for name in ("demo", str(saved / "once"), f"pruned:{saved / 'twice'}")
    )
    pixels = torch.randn(3, *demo.input_size, generator=torch.Generator().manual_seed(1))
    heads = [(0, 1), *((3, head) for head in range(4))]
    assert_close(
        vitscope.prune(once, pixels, {}),
        vitscope.prune(demo, pixels, dict.fromkeys(heads, "head")),
        rtol=1e-5,
        atol=1e-5,
    )
    # The heads that stay close up: the second head of layer 0 was its third.
    heads.append((0, 2))
    assert_close(
        vitscope.prune(twice, pixels, {}),
        vitscope.prune(demo, pixels, dict.fromkeys(heads, "head")),
        rtol=1e-5,
        atol=1e-5,
    )
    assert json.loads((saved / "twice" / "pruned.json").read_text())["kept_heads"][0] == [0, 3]
    assert once.classes == demo.classes
    assert vitscope.load_model(once.id).weights_sha256 == once.weights_sha256


def test_the_loader_needs_no_vitscope(saved):
    demo = vitscope.load_model("demo")
    pixels = torch.randn(2, *demo.input_size, generator=torch.Generator().manual_seed(1))
    torch.save(pixels, saved / "pixels.pt")
    # Where torch and torchvision do not match timm cannot be imported at all: what vitscope does about it is ours.
    code = (
        "import sys; sys.modules['vitscope'] = None\n"
        "from load import load\nimport torch\n"
        "torch.save(load()(torch.load('../pixels.pt')).detach(), '../logits.pt')\n"
        "assert not any(name.startswith('vitscope.') for name in sys.modules)\n"
    )
    shim = "import runpy; runpy.run_path({!r})['make_torchvision_importable']()\n"
    path = standalone.__file__.replace("models/sources/standalone.py", "torchvision_ops.py")
    subprocess.run(
        [sys.executable, "-c", shim.format(path) + code],
        cwd=saved / "once",
        check=True,
        env={"PYTHONPATH": str(saved / "once"), "OMP_NUM_THREADS": "1"},
    )
    ours = vitscope.prune(vitscope.load_model(str(saved / "once")), pixels, {})
    assert_close(torch.load(saved / "logits.pt"), ours, atol=1e-5)


def test_a_damaged_folder_and_foreign_weights_are_told(saved, tmp_path):
    (tmp_path / "pruned.json").write_text("{}")
    with pytest.raises(ModelLoadError, match="cannot load the pruned model"):
        vitscope.load_model(str(tmp_path))
    with pytest.raises(InvalidArgument, match="has its own"):
        vitscope.load_model(str(saved / "once"), weights="other.safetensors")
    with pytest.raises(InvalidArgument, match="it was wrapped"):
        save_without_heads(tiny_model(), [(0, 0)], tmp_path / "new")
    assert not list(tmp_path.glob("new*"))
