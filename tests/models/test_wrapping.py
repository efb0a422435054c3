"""Modules as users hold them: wrapped, subclassed, with heads of their own, under autocast; weights without values."""

import copy
from types import SimpleNamespace

import pytest
import torch
import torch.nn.utils.prune
from tests import zoo
from tests.closeness import assert_close
from torch import nn

import vitscope
from vitscope.errors import InvalidArgument, ModelLoadError, ParityError, UnsupportedModel

from timm.models.vision_transformer import VisionTransformer  # isort: skip - zoo makes timm importable
from timm.utils import ModelEmaV2, ModelEmaV3  # isort: skip


class Lightning(nn.Module):
    """A training module, as Lightning's, of a model and a loss."""

    def __init__(self, model):
        super().__init__()
        self.model, self.loss = model, nn.CrossEntropyLoss()

    def forward(self, x):
        return self.model(x)


class Peft(nn.Module):
    """As PEFT nests a model: base_model.model."""

    def __init__(self, model):
        super().__init__()
        self.base_model = Lightning(model)


class Task(nn.Module):
    """A backbone with two heads of its own."""

    def __init__(self, trunk):
        super().__init__()
        self.trunk, self.age, self.species = trunk, nn.Linear(24, 3), nn.Linear(24, 2)


class Compiled(nn.Module):
    """As torch.compile wraps a module (to import the compiler itself takes seconds)."""

    def __init__(self, model):
        super().__init__()
        self._orig_mod = model


Compiled.__name__ = "OptimizedModule"
WRAPPERS = {
    "DataParallel": (nn.DataParallel, "module"),
    "OptimizedModule": (Compiled, "_orig_mod"),
    "ModelEmaV2": (ModelEmaV2, "module"),
    "ModelEmaV3": (ModelEmaV3, "module"),
    "AveragedModel": (torch.optim.swa_utils.AveragedModel, "module"),
    "Lightning": (Lightning, "model"),
    "Peft": (Peft, "base_model.model"),
    "Task": (Task, "trunk"),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_is_refused_by_naming_the_module_inside(name):
    make, path = WRAPPERS[name]
    wrapper = make(zoo.make("plain"))
    with pytest.raises(UnsupportedModel) as error:
        vitscope.wrap(wrapper)
    assert error.value.message == f"cannot adapt a {name} of {type(wrapper).__module__.partition('.')[0]}: " + (
        f"it wraps a VisionTransformer at `.{path}`"
    )
    assert f"vitscope.wrap(module.{path})" in error.value.hint
    assert vitscope.wrap(wrapper.get_submodule(path)).parity < 1e-12  # what the hint says works


def test_a_wrapper_of_several_names_all():
    pair = nn.ModuleDict({"student": zoo.make("plain"), "teacher": zoo.make("distilled")})
    with pytest.raises(UnsupportedModel, match=r"2 Vision Transformers, at `\.student`, `\.teacher`"):
        vitscope.wrap(pair)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (lambda: vitscope.wrap(zoo.make("plain")), "It is one already"),
        (lambda: VisionTransformer, r"vitscope\.wrap\(VisionTransformer\(\.\.\.\)\)"),
        (lambda: zoo.make("plain").state_dict(), "load_state_dict"),
        (lambda: SimpleNamespace(module=zoo.make("plain")), r"vitscope\.wrap\(it\.module\)"),
        (lambda: "vit_tiny_patch16_224", r"vitscope\.load_model"),
    ],
)
def test_what_is_no_module_is_told_what_to_do(given, hint):
    with pytest.raises(UnsupportedModel, match=hint):
        vitscope.wrap(given())


class Same(VisionTransformer):
    """A user's subclass that changes nothing of what is computed."""

    def forward(self, x):
        return super().forward(x)


class Scaled(VisionTransformer):
    """A user's subclass that does."""

    def forward(self, x):
        return 1.1 * super().forward(x) + x.mean()


class Pair(VisionTransformer):
    """A user's subclass with two outputs."""

    def forward(self, x):
        return super().forward(x), x


def test_a_subclass_is_tried_and_parity_judges():
    torch.manual_seed(0)
    model = vitscope.wrap(Same(**zoo.SIZE).double())
    assert model.parity < 1e-12
    assert vitscope.head_importance(model, zoo.pixels(1)).jsd.shape == (1, 1, 3, 3)
    with pytest.raises(ParityError, match="Scaled of .* computes something else"):
        vitscope.wrap(Scaled(**zoo.SIZE).double())
    with pytest.raises(UnsupportedModel, match="its forward gives a tuple|its own forward fails"):
        vitscope.wrap(Pair(**zoo.SIZE))


HEADS = {
    "dropout": lambda: nn.Sequential(nn.Dropout(), nn.Linear(24, 4)),
    "MLP": lambda: nn.Sequential(nn.Linear(24, 9), nn.GELU(), nn.BatchNorm1d(9), nn.Linear(9, 4)),
}


@pytest.mark.parametrize("name", HEADS)
def test_any_module_may_be_the_head(name):
    torch.manual_seed(0)
    module, head = zoo.make("plain"), HEADS[name]().double()
    module.head = head
    model = vitscope.wrap(module)
    assert model.n_classes == 4
    assert model.parity < 1e-12
    assert_close(vitscope.prune(model, zoo.pixels(2), {}), module.eval()(zoo.pixels(2)), rtol=1e-9)
    assert vitscope.attention_gradients(model, zoo.pixels(1)).isfinite().all()
    bare = zoo.make("plain")
    bare.head = nn.Identity()
    given = vitscope.wrap(bare, classifier=head.train())
    assert head.training  # nothing of it is changed
    assert_close(
        vitscope.prune(given, zoo.pixels(2), [(1, 1)]), vitscope.prune(model, zoo.pixels(2), [(1, 1)]), rtol=1e-9
    )


def test_a_head_that_makes_no_logits_is_refused():
    module = zoo.make("plain")
    module.head = nn.Unflatten(1, (4, 6))
    with pytest.raises(UnsupportedModel, match="Unflatten, makes no logits"):
        vitscope.wrap(module)
    bare = zoo.make("DINO-like, no classifier")
    for wrong in (nn.Sequential(nn.Linear(23, 5)), nn.Unflatten(1, (4, 6)), torch.ones(5, 24, dtype=torch.int64)):
        with pytest.raises(InvalidArgument, match="classifier"):
            vitscope.wrap(bare, classifier=wrong)


def test_autocast_around_a_call_changes_nothing():
    module = zoo.make("plain", torch.float32)
    model, pixels = vitscope.wrap(module), zoo.pixels(2, torch.float32)
    expected = vitscope.head_importance(model, pixels), vitscope.attention_gradients(model, pixels)
    with torch.autocast("cpu", torch.bfloat16):
        inside = vitscope.wrap(module)
        assert inside.parity == model.parity
        assert vitscope.head_importance(inside, pixels).identical(expected[0])
        assert torch.equal(vitscope.attention_gradients(inside, pixels), expected[1])
        assert torch.is_autocast_enabled("cpu")


def test_weights_made_in_inference_mode_have_no_gradients():
    with torch.inference_mode():
        module = VisionTransformer(**zoo.SIZE)
    model, pixels = vitscope.wrap(module), zoo.pixels(1, torch.float32)
    assert vitscope.attention(model, pixels).isfinite().all()
    with pytest.raises(UnsupportedModel, match=r"inference_mode.*copy\.deepcopy"):
        vitscope.attention_gradients(model, pixels)
    assert vitscope.attention_gradients(vitscope.wrap(copy.deepcopy(module)), pixels).isfinite().all()


def not_a_number():
    module = zoo.make("plain")
    module.blocks[1].attn.qkv.weight.data[0, :2] = torch.nan
    return module


def of_two_types():
    module = zoo.make("plain", torch.float32)
    module.blocks[1].mlp.half()
    return module


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (
            not_a_number,
            ModelLoadError,
            r"2 of 1728 values of its parameter blocks\.1\.attn\.qkv\.weight are not",
        ),
        (lambda: VisionTransformer(**zoo.SIZE, device="meta"), ModelLoadError, "on the meta device.*to_empty"),
        (lambda: VisionTransformer(**zoo.SIZE | {"depth": 0}), UnsupportedModel, "has no blocks"),
        (of_two_types, UnsupportedModel, "its own forward fails.*of one type"),
    ],
    ids=["NaN", "meta device", "no blocks", "two types"],
)
def test_weights_without_values_are_refused_by_name(make, kind, words):
    with pytest.raises(kind, match=words):
        vitscope.wrap(make())


@pytest.mark.filterwarnings("ignore")
def test_quantised_layers_are_named():
    module = torch.ao.quantization.quantize_dynamic(zoo.make("plain", torch.float32), {nn.Linear})
    with pytest.raises(UnsupportedModel, match=r"blocks\.0\.attn\.qkv is a quantised Linear"):
        vitscope.wrap(module)


class Lora(nn.Module):
    """As PEFT's: the weight is the base layer's, what it adds is beside it."""

    def __init__(self, base):
        super().__init__()
        self.base_layer, self.down, self.up = base, nn.Linear(24, 2, False), nn.Linear(2, base.out_features, False)

    weight = property(lambda self: self.base_layer.weight)
    bias = property(lambda self: self.base_layer.bias)

    def forward(self, x):
        return self.base_layer(x) + self.up(self.down(x))


@pytest.mark.parametrize("change", ["LoRA", "weight norm", "pruned weights"])
def test_heads_cannot_be_taken_out_of_weights_made_of_others(change):
    module = zoo.make("plain")
    attention = module.blocks[2].attn
    if change == "LoRA":
        attention.qkv = Lora(attention.qkv).double()
    elif change == "weight norm":
        nn.utils.parametrizations.weight_norm(attention.qkv)
    else:
        nn.utils.prune.l1_unstructured(attention.proj, "weight", 0.5)
    model = vitscope.wrap(module)
    with pytest.raises(UnsupportedModel, match=r"out of layer 2 .* (qkv|proj) is a .*merge_and_unload\(\)"):
        vitscope.without_heads(model, [(2, 1)])
    assert vitscope.without_heads(model, [(1, 1)]).n_heads == (3, 2, 3)
