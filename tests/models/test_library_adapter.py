"""The adapter by experiment is held against hand-written ones, the library's own matrices, and hooks in its forward."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.families import (
    OPEN_CLIP,
    REFUSED,
    TIMM_BY_EXPERIMENT,
    TRANSFORMERS,
    Family,
    has,
    open_clip_tower,
    torchvision_vit,
)
from tests.library_checks import agreement, hooked, hooks_of
from tests.own_vit import DinoVisionTransformer, OwnViT
from tests.zoo import ZOO, make, pixels, randomised
from torch import nn

import vitscope
from vitscope.errors import InvalidArgument, UnsupportedModel
from vitscope.models.adapters import registry
from vitscope.models.adapters.adapting import adapt
from vitscope.models.adapters.library.architecture import Description, LibraryArchitecture

transformers = pytest.importorskip("transformers", reason="the extra vitscope[hf] is not installed")
open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed")

NOT_PLAIN = ("inner norm", "EVA inner norm", "gated")
"""Something stands between the heads' outputs and the projection: refused by experiment, known by hand."""


def by_experiment(module: nn.Module) -> LibraryArchitecture:
    """A model of the zoo, seen without any knowledge of its class."""
    by_hand = adapt(module)
    names = by_hand.tokens.prefix
    classifier = None if by_hand.n_classes is None else "head"
    return LibraryArchitecture(
        module,
        Description(
            name="by experiment",
            input_size=(3, 12, 30),
            patch=(4, 6),
            prefix=lambda n: names,
            resize=lambda height, width: by_hand.resize(height, width),
            classifier=("head", "head_dist") if names == ("cls", "dist") else classifier,
        ),
    )


@pytest.mark.parametrize("name", [name for name in ZOO if name not in NOT_PLAIN])
def test_what_experiments_find_is_what_a_hand_written_adapter_knows(name):
    module, x = make(name), pixels(2)
    by_hand, found = adapt(module), by_experiment(module)
    assert found.n_classes == by_hand.n_classes
    assert len(found.blocks) == len(by_hand.blocks)
    with torch.no_grad():
        tokens = found.embed(x)
        torch.testing.assert_close(tokens, by_hand.embed(x))
        for ours, theirs in zip(found.blocks, by_hand.blocks, strict=True):
            assert (ours.n_heads, ours.linear_in_z) == (theirs.n_heads, theirs.linear_in_z)
            one, other = ours.attend(tokens), theirs.attend(tokens)
            scores = [p.q @ p.k.mT + (0 if p.bias is None else p.bias) for p in (one, other)]
            torch.testing.assert_close(*(s.softmax(-1) for s in scores))
            torch.testing.assert_close(one.v, other.v)
            z = torch.randn_like(one.v)
            some = slice(1, 5)
            torch.testing.assert_close(
                ours.branch(tokens[:, some], z[:, :, some]), theirs.branch(tokens[:, some], z[:, :, some])
            )
            torch.testing.assert_close(ours.mlp(tokens[:, some]), theirs.mlp(tokens[:, some]))
            if ours.linear_in_z:
                torch.testing.assert_close(ours.output_weight(), theirs.output_weight())
            tokens = ours(tokens)
        first, last = found.reads.start, found.reads.stop
        assert range(*by_hand.reads.indices(found.tokens.n_tokens)) == range(first, last)
        torch.testing.assert_close(found.pool(tokens[:, found.reads]), by_hand.pool(tokens[:, by_hand.reads]))


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_stands_before_the_projection_is_refused(name):
    with pytest.raises(UnsupportedModel, match="outputs alone"):
        by_experiment(make(name))


def answer(out) -> torch.Tensor:
    """Logits, or features as a user takes them."""
    for name in ("logits", "image_embeds", "pooler_output"):
        if getattr(out, name, None) is not None:
            return getattr(out, name)
    return out.last_hidden_state[:, 0]


@pytest.mark.parametrize("attention", [None, "eager"], ids=["default", "eager"])
@pytest.mark.parametrize("family", TRANSFORMERS, ids=lambda family: family.label)
def test_a_model_of_transformers(family: Family, attention: str | None):
    if not has(family):
        pytest.skip(f"transformers {transformers.__version__} has no {family.model}")
    module = family.make(attention)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    n_hooks = hooks_of(module)
    model = vitscope.wrap(module)
    assert (model.adapter, hooks_of(module), model.proof.unproven) == ("transformers", n_hooks, ())
    found = agreement(module, model, family.make("eager"))
    assert found.effect > 1e-3
    assert max(found.parity, found.seen, found.prune) <= 1e-5
    assert found.blocks <= 1e-4
    assert found.attention is None or found.attention <= 1e-6
    after = module.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize("family", REFUSED, ids=lambda family: family.label)
def test_what_is_no_plain_encoder_is_refused_with_the_reason(family: Family):
    reasons = {"Yolos": r"patch 0,0 .* changes tokens \[1\]", "ViTMAE": "masks 75%", "Swin": "windowed"}
    (reason,) = (reason for kind, reason in reasons.items() if family.model.startswith(kind))
    with pytest.raises(UnsupportedModel, match=reason):
        vitscope.wrap(family.make())


@pytest.mark.parametrize("representation", [None, 11])
def test_torchvision(representation):
    module = torchvision_vit(representation_size=representation)
    model = vitscope.wrap(module)
    assert (model.adapter, model.n_classes, model.tokens.prefix) == ("torchvision VisionTransformer", 7, ("cls",))
    x = torch.randn(2, 3, 32, 32)
    seen: list[torch.Tensor] = []
    own = module.encoder.layers[1].self_attention
    forward = own.forward

    def with_weights(*args, **kwargs):
        out, weights = forward(*args, **kwargs | {"need_weights": True, "average_attn_weights": False})
        seen.append(weights)
        return out, weights

    with torch.inference_mode():
        own.forward = with_weights
        module(x)
        del own.forward
        assert (vitscope.attention(model, x)[:, 1] - seen[0]).abs().max() <= 1e-6
        ours = vitscope.prune(model, x, {(1, 2): "head"})
        own.in_proj_weight[-8:], own.in_proj_bias[-8:] = 0, 0  # the values of the last head: its z is 0
        theirs = module(x)
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@pytest.mark.parametrize("kind", OPEN_CLIP)
def test_open_clip(kind):
    module = open_clip_tower(**OPEN_CLIP[kind])
    model = vitscope.wrap(module)
    assert model.parity <= 1e-5
    assert (model.n_classes, model.n_layers, model.n_heads) == (None, 2, (3, 3))
    x = torch.randn(2, 3, 32, 32)
    own = module.transformer.resblocks[1].attn
    with torch.inference_mode():
        ours = vitscope.prune(model, x, {(1, 2): "head"})
        own.in_proj_weight[-8:], own.in_proj_bias[-8:] = 0, 0
        theirs = module(x)
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@pytest.mark.parametrize("name", TIMM_BY_EXPERIMENT)
def test_timm_by_experiment(name):
    module = TIMM_BY_EXPERIMENT[name]()
    model = vitscope.wrap(module)
    assert model.parity <= 1e-5
    assert not model.proof.unproven
    x = torch.randn(2, *model.input_size)
    with torch.inference_mode():
        run = lambda: model.architecture.reference(x)  # noqa: E731
        ours = vitscope.prune(model, x, {(1, 1): "head"})
        theirs = hooked(module, 1, 1, model.n_heads[1], run)
    assert (ours - theirs).abs().max() <= 2e-5 * theirs.abs().max()


@pytest.mark.parametrize(
    ("make", "height", "width"),
    [(torchvision_vit, 48, 48), (open_clip_tower, 48, 32), (TIMM_BY_EXPERIMENT["ViT as NaFlexVit"], 160, 96)],
    ids=["torchvision", "open_clip", "NaFlexVit"],
)
def test_another_size_is_the_librarys_own(make, height, width):
    model = vitscope.wrap(make()).at_size(height, width)
    assert model.input_size == (3, height, width)
    assert model.parity <= 1e-5


@pytest.mark.parametrize("name", ["ViTForImageClassification", "Dinov2Model", "CLIPVisionModel", "SiglipVisionModel"])
def test_another_size_of_a_model_of_transformers(name):
    family = next(family for family in TRANSFORMERS if family.model == name)
    module = family.make()
    model = vitscope.wrap(module).at_size(48, 40)
    assert (model.tokens.rows, model.tokens.cols) == (6, 5)
    more = {} if "Dinov2" in name else {"interpolate_pos_encoding": True}
    x = torch.randn(2, 3, 48, 40)
    with torch.inference_mode():
        torch.testing.assert_close(vitscope.prune(model, x, {}), answer(module(pixel_values=x, **more)))


@pytest.mark.parametrize("by_hand", [False, True], ids=["torch's attention", "softmax by hand"])
def test_a_module_of_the_users_own_is_taken_apart_by_experiment(by_hand):
    module = randomised(OwnViT(by_hand), 3).double().eval()
    model = vitscope.wrap(module)
    assert (model.adapter, model.parity < 1e-12, model.proof.unproven) == ("by experiment", True, ())
    assert (model.tokens.prefix, model.tokens.rows, model.tokens.cols) == (("cls",), 3, 5)
    assert (model.n_heads, model.n_classes) == ((3, 3, 3), 7)
    x = pixels(2)
    ours = vitscope.prune(model, x, {(1, 2): "head"})

    def zero(_module, args):
        z = args[0].clone()
        z[..., 16:24] = 0
        return (z,)

    module.layers[1].attention.to_out.register_forward_pre_hook(zero)
    assert (ours - module(x)).abs().max() < 1e-12
    with pytest.raises(InvalidArgument, match="nothing says how it prepares them"):
        model.preprocess(Image.new("RGB", (30, 12)))
    with pytest.raises(UnsupportedModel, match="how it is resized is not known"):
        model.at_size(16, 36)


def test_the_example_of_the_docs_registers_an_adapter(monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)

    class MyViT(OwnViT):
        def __init__(self) -> None:
            super().__init__(image_size=(224, 224), patch=(16, 16))

        @classmethod
        def like(cls, module, height, width):
            return OwnViT(image_size=(height, width), patch=(16, 16))

    monkeypatch.setattr(registry, "_OTHERS", [])
    names = {"MyViT": MyViT, "my_transform": lambda picture: torch.zeros(3, 224, 224)}
    exec(code, names)
    model = names["model"]
    assert (model.adapter, model.n_classes, model.tokens.prefix) == ("MyViT", 7, ("cls",))
    assert model.architecture.resize(32, 48).image_size == (32, 48)
    with pytest.raises(InvalidArgument, match="expected classes of torch.nn.Module"):
        vitscope.register_adapter(dict)


def test_the_class_of_torch_hubs_dinov2():
    module = randomised(DinoVisionTransformer(), 5).double().eval()
    model = vitscope.wrap(module)
    assert model.tokens.prefix == ("cls", "reg1", "reg2", "reg3", "reg4")
    assert (model.n_classes, model.readout, model.parity < 1e-12) == (None, "features", True)
    other = model.at_size(48, 40)
    x = torch.randn(2, 3, 48, 40, dtype=torch.float64)
    assert (vitscope.prune(other, x, {}) - module(x)).abs().max() < 1e-12


def test_installed_packages_register_theirs_by_an_entry_point(monkeypatch, tmp_path):
    (tmp_path / "other_vits.py").write_text(
        "import vitscope\n"
        "from tests.own_vit import OwnViT\n"
        "from vitscope.models.adapters import unknown_vit\n"
        "vitscope.register_adapter(OwnViT, name='another package')(unknown_vit.adapt)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_OTHERS", [])
    point = EntryPoint("other", "other_vits", registry.ENTRY_POINT)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == "vitscope.adapters" else [])
    registry._load_entry_points.cache_clear()
    assert [adapter.name for adapter in registry.others()] == ["another package"]
    assert vitscope.wrap(OwnViT()).n_heads == (3, 3, 3)
