"""Classes told by texts: logits are those of the library's own forward with image and texts."""

import pytest
import torch
from tests.families import scrambled
from tests.texts import MODELS, NAMES, PROMPTS, own_logits, saved, tokenizer, whole

import vitscope
from vitscope.errors import InvalidArgument, ModelLoadError
from vitscope.models.zero_shot import text_embeddings

pytest.importorskip("transformers", reason="the extra vitscope[hf] is not installed")
open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed")


@pytest.mark.parametrize("kind", MODELS)
def test_logits_are_the_librarys_own(kind, tmp_path):
    module = saved(kind, tmp_path)
    model = vitscope.load_model(f"hf:{tmp_path}", classes=NAMES, prompt=PROMPTS[0])
    assert (model.readout, model.zero_shot, model.classes, model.n_classes) == ("classes", True, NAMES, 3)
    assert model.parity <= 1e-5
    x = torch.randn(4, 3, 32, 32)
    ours, theirs = vitscope.prune(model, x, {}), own_logits(module, x, NAMES, PROMPTS[0])
    if hasattr(module, "logit_bias"):  # the same for all texts: it drops out of a softmax
        theirs = theirs - module.logit_bias.detach()
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_several_prompts_are_averaged_as_clip_does(tmp_path):
    module = saved("CLIPModel", tmp_path)
    model = vitscope.load_model(f"hf:{tmp_path}", classes=NAMES, prompt=PROMPTS)
    assert model.options.prompt == PROMPTS
    rows = []
    with torch.inference_mode():
        for name in NAMES:
            each = [
                module.get_text_features(**tokenizer()(prompt.replace("{}", name), return_tensors="pt"))
                for prompt in PROMPTS
            ]
            each = [getattr(one, "pooler_output", one)[0] for one in each]
            mean = torch.stack([one / one.norm() for one in each]).mean(0)
            rows.append(mean / mean.norm())
        x = torch.randn(2, 3, 32, 32)
        image = module.get_image_features(pixel_values=x)
        image = getattr(image, "pooler_output", image)
        expected = module.logit_scale.exp() * (image / image.norm(dim=-1, keepdim=True)) @ torch.stack(rows).T
    torch.testing.assert_close(vitscope.prune(model, x, {}), expected, rtol=1e-4, atol=1e-4)


def test_names_and_prompts_make_the_model_what_it_is(tmp_path):
    saved("CLIPModel", tmp_path)
    spec = f"hf:{tmp_path}"
    one, again, other = (
        vitscope.load_model(spec, classes=NAMES, prompt=prompt) for prompt in (None, PROMPTS[0], PROMPTS[1])
    )
    assert one.options.prompt == (PROMPTS[0],)
    assert one.weights_sha256 == again.weights_sha256 != other.weights_sha256
    plain = vitscope.load_model(spec)
    assert (plain.readout, plain.n_classes) == ("features", None)
    assert plain.at_size(48, 40).parity <= 1e-5
    assert one.at_size(48, 40).zero_shot
    with pytest.raises(InvalidArgument, match="similarities to texts"):
        vitscope.load_model(spec, classes=NAMES, multi_label=True)
    with pytest.raises(InvalidArgument, match="at least two classes"):
        vitscope.load_model(spec, classes=["cat"])
    with pytest.raises(InvalidArgument, match="no names of classes"):
        vitscope.load_model(spec, prompt=PROMPTS[0])
    with pytest.raises(InvalidArgument, match="a text with {} for the name"):
        vitscope.load_model(spec, classes=NAMES, prompt="a photo")
    with pytest.raises(InvalidArgument, match="it reads no texts"):
        vitscope.load_model("demo", prompt=PROMPTS[0])
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ModelLoadError, match="with texts: its folder has no tokenizer"):
        vitscope.load_model(spec, classes=NAMES)


def test_a_model_at_hand_takes_the_scale_it_has_learned():
    module = whole("CLIPModel")

    def encode(texts):
        return module.get_text_features(**tokenizer()(texts, padding=True, return_tensors="pt")).pooler_output

    model = vitscope.wrap(module, classifier=text_embeddings(encode, NAMES, PROMPTS[0]), classes=NAMES)
    x = torch.randn(2, 3, 32, 32)
    expected = own_logits(module, x, NAMES, PROMPTS[0])
    torch.testing.assert_close(vitscope.prune(model, x, {}), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["CLIP", "CustomTextCLIP"])
def test_open_clip(kind):
    torch.manual_seed(0)
    module = getattr(open_clip, kind)(
        12,
        {"image_size": 32, "patch_size": 8, "width": 24, "layers": 2, "head_width": 8},
        {"context_length": 9, "vocab_size": 30, "width": 16, "heads": 2, "layers": 2},
    )
    module = scrambled(module).eval()
    tokens = torch.randint(1, 29, (3, 9))
    with torch.inference_mode():
        rows = text_embeddings(lambda texts: module.encode_text(tokens), NAMES)
        model = vitscope.wrap(module, classifier=rows, classes=NAMES)
        assert (model.parity <= 1e-5, model.n_layers, model.n_heads) == (True, 2, (3, 3))
        x = torch.randn(2, 3, 32, 32)
        torch.testing.assert_close(vitscope.prune(model, x, {}), module.get_logits(x, tokens)[0], rtol=1e-4, atol=1e-4)
        own = module.visual.transformer.resblocks[1].attn
        ours = vitscope.prune(model, x, {(1, 2): "head"})
        own.in_proj_weight[-8:], own.in_proj_bias[-8:] = 0, 0
        theirs = module.get_logits(x, tokens)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert vitscope.wrap(module).at_size(48, 32).parity <= 1e-5
