"""The second engine against a module's own forward with edited matrices, and against the first where both can."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests import whole_models as whole
from tests.closeness import assert_close
from tests.own_vit import OwnViT
from tests.reference import hooked
from tests.zoo import make, pixels, randomised
from torch import nn

import vitscope
from vitscope.errors import InvalidArgument, NoAdapter, UnsupportedModel
from vitscope.models import Model, TappedModel
from vitscope.models.sources.by_brute_force import tapped_model
from vitscope.tokens import available_modes


def transform(picture: Image.Image) -> torch.Tensor:
    """Any picture to the pixels of the test models."""
    small = np.asarray(picture.resize((30, 12)), np.float64) / 255
    return torch.from_numpy(small).permute(2, 0, 1)


def second(module: nn.Module, **more) -> TappedModel:
    """The second engine, also where an adapter would fit."""
    given = {"classes": None, "transform": transform, "classifier": None, "multi_label": False} | more
    why = NoAdapter("no adapter")
    return tapped_model(why, "Own", module, own_transform=lambda size: transform, sha256=lambda: "0", **given)


MODELS = {
    "pairs": lambda: whole.PairsViT(),
    "pairs, fused": lambda: whole.PairsViT(whole.Fused),
    "pairs, inner norm": lambda: whole.PairsViT(inner_norm=True),
    "two attentions side by side": lambda: whole.PairsViT(side_by_side=2),
    "no CLS token": lambda: whole.PairsViT(cls=False),
    "TransformerEncoder, post-norm": lambda: whole.TorchEncoder(),
    "TransformerEncoder, pre-norm": lambda: whole.TorchEncoder(norm_first=True),
}


def made(name: str) -> nn.Module:
    return randomised(MODELS[name](), 5).double().eval()


@torch.no_grad()
def edited(module: nn.Module, x: torch.Tensor, edit) -> torch.Tensor:
    """The module's own output with `edit(layer, weights)` for its matrices; no code of vitscope runs."""
    if isinstance(module, whole.TorchEncoder):
        return module.by_formulas(x, edit)
    for layer, attention in enumerate(module.attentions):
        attention.edit = lambda weights, layer=layer: edit(layer, weights)
    out = module(x)
    for attention in module.attentions:
        attention.edit = None
    return out


@pytest.mark.parametrize("name", MODELS)
def test_a_module_that_no_adapter_fits_runs_whole(name):
    module = made(name)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    model = vitscope.wrap(module.train(), transform=transform)
    assert isinstance(model, TappedModel)
    assert module.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert "second engine: brute force" in repr(model)
    assert (model.adapter, model.parity < 1e-12, model.notes) == ("second engine: brute force", True, ())
    cls = () if "Encoder" in name or "no CLS" in name else ("cls",)
    assert (model.tokens.prefix, model.tokens.rows, model.tokens.cols, model.tokens.patch) == (cls, 3, 5, (4, 6))
    assert (model.n_heads, model.n_classes) == ((3,) * (6 if "two" in name else 3), 7)
    assert model.preprocess(Image.new("RGB", (9, 9))).shape == (3, 12, 30)


@pytest.mark.parametrize("name", MODELS)
def test_its_attention_is_that_of_its_own_forward(name):
    module, x, seen = made(name), pixels(3), []
    edited(module, x, lambda layer, weights: seen.append(weights) or weights)
    assert_close(vitscope.attention(vitscope.wrap(module, transform=transform), x), torch.stack(seen, 1), rtol=1e-9)


@pytest.mark.parametrize("fill", ["zero", "renormalise"])
@pytest.mark.parametrize("name", MODELS)
def test_pruning_is_that_of_edited_matrices(name, fill):
    module, x = made(name), pixels(2)
    model = vitscope.wrap(module, transform=transform)
    for mode in available_modes(model.tokens):
        mask = hooked.region_mask(mode, model.tokens.prefix, model.tokens.n_tokens)
        chosen = {(0, 2): mode, (2, 0): mode}

        def edit(layer, weights, mask=mask, chosen=chosen):
            for head in (head for at, head in chosen if at == layer):
                weights = hooked.edited_weights(head, mask, fill)(None, None, weights)
            return weights

        theirs = edited(module, x, edit)
        assert_close(vitscope.prune(model, x, chosen, fill=fill), theirs, rtol=1e-9, atol=1e-9)
    assert_close(vitscope.prune(model, x, {}), module(x).detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_importance_is_that_of_edited_matrices(name):
    module, x, labels = made(name), pixels(3), [1, -1, 4]
    model = vitscope.wrap(module, transform=transform)
    modes = available_modes(model.tokens)[:2]
    found = vitscope.head_importance(model, x, labels, modes=modes)
    intact = module(x).detach()
    target = [label if label >= 0 else int(row.argmax()) for label, row in zip(labels, intact, strict=True)]
    for place, mode in enumerate(modes):
        mask = hooked.region_mask(mode, model.tokens.prefix, model.tokens.n_tokens)
        for layer, head in ((0, 0), (1, 2), (model.n_layers - 1, 1)):
            hook = hooked.edited_weights(head, mask, "zero")
            pruned = edited(module, x, lambda at, w, layer=layer, hook=hook: hook(None, None, w) if at == layer else w)
            expected = hooked.of_answers(intact.tolist(), pruned.tolist(), target)
            for metric, values in expected.items():
                assert_close(found[metric].values[:, place, layer, head], values, rtol=1e-6, atol=1e-9, what=metric)


@pytest.mark.parametrize("name", ["plain", "inner norm", "gated", "post-norm", "grouped keys", "BEiT", "EVA-02"])
def test_both_engines_say_the_same(name):
    module, x = make(name), pixels(3)
    one, other = vitscope.wrap(module, transform=transform), second(module)
    assert isinstance(one, Model)
    assert_close(vitscope.attention(other, x), vitscope.attention(one, x), rtol=0, atol=1e-9)
    for fill in ("zero", "renormalise", "mean", "resample"):
        mode = "head" if fill in ("mean", "resample") else "cp+pc"
        ours, theirs = (vitscope.prune(m, x, {(1, 2): mode, (2, 0): mode}, fill=fill) for m in (other, one))
        assert_close(ours, theirs, rtol=0, atol=1e-9, what=fill)
    ours, theirs = (vitscope.head_importance(m, x, [3, -1, 0], modes=("head", "pp")) for m in (other, one))
    for metric in ("prob_drop", "logit_drop", "jsd", "flip", "out_cos"):
        assert_close(ours[metric], theirs[metric], rtol=2e-6, atol=1e-9, what=metric)
    assert set(theirs) - set(ours) == {"cls_cos", "patch_cos", "cls_cos_at", "patch_cos_at"}
    assert "cls_cos, patch_cos, cls_cos_at, patch_cos_at: the second engine sees no tokens" in ours.absent


def test_what_its_output_means():
    bare = make("DINO-like, no classifier")
    model = second(bare)
    assert (model.readout, model.n_classes) == ("features", None)
    assert "its output is taken for pooled features" in model.notes[0]
    assert np.isnan(vitscope.head_importance(model, pixels(1))["jsd"].values).all()
    assert second(bare, classifier=nn.Linear(24, 5).double()).n_classes == 5
    assert second(make("plain"), multi_label=True).readout == "labels"
    with pytest.raises(InvalidArgument, match="it gives 7 answers, got 2 names"):
        second(make("plain"), classes=["a", "b"])
    two = second(make("distilled"))  # the mean of two classifiers: what they read is nowhere as one
    assert "out_cos: the model's pooled features cannot be seen" in vitscope.head_importance(two, pixels(1)).absent


@pytest.mark.parametrize("call", ["analyze", "judge", "resolution", "what_if", "attention_gradients"])
def test_what_needs_layers_refuses_it_in_one_sentence(call, tmp_path):
    model = vitscope.wrap(made("pairs"), transform=transform)
    arguments = {
        "analyze": (str(tmp_path), str(tmp_path / "run")),
        "judge": (str(tmp_path),),
        "resolution": (str(tmp_path), [(12, 30)]),
        "what_if": (pixels(1), [(0, 1)]),
        "attention_gradients": (pixels(1), [0]),
    }
    with pytest.raises(InvalidArgument, match="second engine.*only attention, prune and head_importance work"):
        getattr(vitscope, call)(model, *arguments[call])


class Random(whole.PairsViT):
    """Another number of layers each time."""

    def forward(self, x):
        self.calls = getattr(self, "calls", 0) + 1
        layers, self.layers = self.layers, self.layers[: 2 + self.calls % 2]
        out = super().forward(x)
        self.layers = layers
        return out


class ByImages(whole.PairsViT):
    """Another number of attentions with other images."""

    def forward(self, x):
        layers, self.layers = self.layers, self.layers[: 2 if len(x) == 3 else 3]
        out = super().forward(x)
        self.layers = layers
        return out


class Grids(whole.PairsViT):
    """Half of the tokens in the last layer."""

    def forward(self, x):
        hook = self.layers[-1][0].register_forward_pre_hook(lambda _m, args: (args[0][:, :8],))
        wide = self.layers[-1][1][0].register_forward_hook(lambda _m, _i, out: out.repeat(1, 2, 1))
        out = super().forward(x)
        hook.remove()
        wide.remove()
        return out


class OverImages(whole.PairsViT):
    """Pictures that see each other."""

    def forward(self, x):
        return super().forward(x) + super().forward(x).mean(0)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (lambda: whole.PairsViT(whole.Einsum), "no attention was seen.*einsum"),
        (
            lambda: whole.PairsViT(whole.Sampling),
            r"no attention was seen.*sampling points; softmaxes over \[2, 3, 16, 4\]",
        ),
        (lambda: whole.PairsViT(whole.Causal), "masked"),
        (lambda: whole.PairsViT(whole.Channels), "reaches all 8 rows.*between channels"),
        (lambda: whole.PairsViT(whole.Windows, cls=False), "attends in windows"),
        (Random, "another output the second time"),
        (ByImages, "different attentions: 3 and 2"),
        (Grids, "over 8, 16 tokens: several grids"),
        (OverImages, "depends on the others"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 30, 5)), "no attention was seen"),
    ],
)
def test_what_is_no_plain_attention_is_refused_with_the_reason(module, reason):
    with pytest.raises(
        UnsupportedModel, match=f"no adapter knows this class.*nor does it run by brute force: .*{reason}"
    ):
        vitscope.wrap(randomised(module(), 5).double().eval(), transform=transform)


def test_libraries_own_windows_and_channels_are_seen_for_what_they_are():
    from timm.models.swin_transformer import SwinTransformer
    from timm.models.xcit import Xcit

    swin = SwinTransformer(img_size=32, patch_size=4, window_size=4, embed_dim=12, depths=(2, 2), num_heads=(2, 2))
    with pytest.raises(UnsupportedModel, match="windows"):
        second(swin.eval())
    xcit = Xcit(img_size=32, patch_size=16, embed_dim=16, depth=2, num_heads=2, cls_attn_layers=1)
    xcit.image_size = 32
    with pytest.raises(UnsupportedModel, match="between channels"):
        second(xcit.eval())


def test_patches_by_a_linear_are_found_for_the_first_engine_too():
    module = randomised(OwnViT(), 3).double().eval()
    by_linear = randomised(OwnViT(), 3).double().eval()
    by_linear.to_patches = Unfolded(module.to_patches)
    one, other = vitscope.wrap(module), vitscope.wrap(by_linear)
    assert (other.adapter, other.tokens, other.input_size) == (one.adapter, one.tokens, one.input_size)
    assert_close(vitscope.prune(other, pixels(2), [(1, 1)]), vitscope.prune(one, pixels(2), [(1, 1)]), rtol=1e-9)


class Unfolded(nn.Module):
    """A convolution over patches written as a Linear."""

    def __init__(self, convolution):
        super().__init__()
        self.linear = nn.Linear(72, 24).double()
        self.linear.weight.data, self.linear.bias.data = convolution.weight.data.flatten(1), convolution.bias.data

    def forward(self, x):
        return self.linear(nn.functional.unfold(x, (4, 6), stride=(4, 6)).mT).mT.unflatten(2, (3, 5))


def test_without_a_size_a_transform_is_asked_for():
    with pytest.raises(UnsupportedModel, match="nothing says how large its pictures are: give transform="):
        vitscope.wrap(made("pairs"))
    with pytest.raises(UnsupportedModel, match=r"makes no pixels \[color, row, col\] of a plain picture"):
        vitscope.wrap(made("pairs"), transform=lambda picture: None)
    with pytest.raises(UnsupportedModel, match=r"its own forward fails on images of \[3, 480, 640\]"):
        vitscope.wrap(made("pairs"), transform=lambda p: torch.zeros(3, p.height, p.width))
