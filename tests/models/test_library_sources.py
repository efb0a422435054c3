"""`hf:` folders of transformers and timm, `torchvision:` names: weights, names of classes, preprocessing, refusals."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from tests.converted import as_transformers, save
from tests.families import PLAIN, scrambled, torchvision_vit
from typer.testing import CliRunner

import vitscope
from vitscope.cli import app
from vitscope.errors import InvalidArgument, ModelLoadError, UnsupportedModel
from vitscope.models import sources  # noqa: F401 - makes torchvision importable

transformers = pytest.importorskip("transformers", reason="the extra vitscope[hf] is not installed")
import timm  # noqa: E402
from timm.models import save_for_hf  # noqa: E402

NAMES = ("cat", "dog", "owl", "fox", "bee")


@pytest.fixture
def folder(tmp_path):
    """A small ViT with names of classes and a processor, as save_pretrained writes them."""
    torch.manual_seed(0)
    config = transformers.ViTConfig(**PLAIN, num_labels=5, id2label=dict(enumerate(NAMES)))
    save(scrambled(transformers.ViTForImageClassification(config)), tmp_path, 32, (0.4,) * 3, (0.2,) * 3, bicubic=True)
    return tmp_path


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8))


def test_a_folder_gives_weights_names_and_preprocessing(folder):
    model = vitscope.load_model(f"hf:{folder}")
    assert (model.classes, model.n_classes, model.readout) == (NAMES, 5, "classes")
    assert (model.id, model.adapter) == (f"hf:{folder.resolve()}", "transformers")
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    expected = processor(images=photo(), return_tensors="pt")["pixel_values"][0]
    assert model.preprocess(photo()).shape == (3, 32, 32)
    assert (
        model.preprocess(photo()) - expected
    ).abs().max() < 0.05  # the library's other way of resizing differs a little
    assert "image_mean=" in model.transform_text
    assert "resample=3" in model.transform_text
    own = transformers.ViTForImageClassification.from_pretrained(folder).eval()
    x = model.preprocess(photo())[None]
    with torch.inference_mode():
        torch.testing.assert_close(vitscope.prune(model, x, {}), own(pixel_values=x).logits)
    back = np.asarray(model.to_picture(x[0]), dtype=float)
    assert abs(back - np.asarray(photo().resize((32, 32), Image.Resampling.BICUBIC), dtype=float)).max() <= 1


def test_another_size_prepares_pictures_of_that_size(folder):
    model = vitscope.load_model(f"hf:{folder}").at_size(48, 40)
    assert model.preprocess(photo()).shape == (3, 48, 40)
    assert vitscope.attention(model, model.preprocess(photo())[None]).shape[-1] == 31


def test_classes_without_names_have_none(folder):
    change(folder, id2label={str(i): f"LABEL_{i}" for i in range(5)})
    assert vitscope.load_model(f"hf:{folder}").classes is None


def test_a_multi_label_config_is_read_as_labels(folder):
    change(folder, problem_type="multi_label_classification")
    assert vitscope.load_model(f"hf:{folder}").readout == "labels"


def test_regression_is_refused(folder):
    change(folder, problem_type="regression")
    with pytest.raises(UnsupportedModel, match="regression.*readout"):
        vitscope.load_model(f"hf:{folder}")


def test_weights_that_are_not_there_are_never_random(folder):
    change(folder, architectures=["ViTForMaskedImageModeling"])
    with pytest.raises(ModelLoadError, match="its weights lack .* which would be random"):
        vitscope.load_model(f"hf:{folder}")


def test_a_pooler_without_weights_is_left_out(folder):
    change(folder, architectures=["ViTModel"])
    model = vitscope.load_model(f"hf:{folder}")
    assert model.weights_note is not None
    assert "pooler" in model.weights_note
    own = transformers.ViTForImageClassification.from_pretrained(folder).eval()
    x = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        cls = own.vit(pixel_values=x).last_hidden_state[:, 0]
        torch.testing.assert_close(vitscope.prune(model, x, {}), cls)


def test_code_in_a_folder_is_not_run(folder):
    change(folder, architectures=["MyViT"], auto_map={"AutoModel": "modeling_my.MyViT"})
    with pytest.raises(ModelLoadError, match="which is not run"):
        vitscope.load_model(f"hf:{folder}")


def test_a_folder_without_a_processor_cannot_take_pictures(folder):
    (folder / "preprocessor_config.json").unlink()
    model = vitscope.load_model(f"hf:{folder}")
    with pytest.raises(InvalidArgument, match="nothing says how it prepares them.*save its processor"):
        model.preprocess(photo())


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"weights": "w.safetensors"}, InvalidArgument, "it has its own"),
        ({"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}, InvalidArgument, "its folder says that itself"),
        ({"class_names": ("a", "b")}, InvalidArgument, "it has 5 classes, got 2 names"),
    ],
)
def test_what_a_folder_says_is_not_said_again(folder, options, error, match):
    with pytest.raises(error, match=match):
        vitscope.load_model(f"hf:{folder}", **options)


def test_doctor_tells_what_is_known_and_what_is_not(folder):
    result = CliRunner().invoke(app, ["doctor", f"hf:{folder}"])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "adapter transformers" in said
    assert "proven: pixels of a patch change its own token alone" in said
    assert "5, 5 names" in said


def test_timms_own_folders(tmp_path):
    torch.manual_seed(0)
    module = timm.create_model("vit_tiny_patch16_224", depth=2, num_classes=5, img_size=64).eval()
    save_for_hf(module, tmp_path, model_args={"depth": 2, "img_size": 64}, model_config={"label_names": list(NAMES)})
    model = vitscope.load_model(f"hf:{tmp_path}")
    assert (model.adapter, model.classes, model.n_layers) == ("timm VisionTransformer", NAMES, 2)
    with pytest.raises(InvalidArgument, match="its folder says that itself"):
        vitscope.load_model(f"hf:{tmp_path}", num_classes=3)
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(vitscope.prune(model, x, {}), module(x))


def test_torchvision_by_name_with_local_weights(tmp_path, monkeypatch):
    from torchvision import models

    small = torchvision_vit()
    monkeypatch.setattr(models, "get_model", lambda name, weights, **sizes: torchvision_vit())
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": small.state_dict()}, path)
    monkeypatch.setattr(vitscope.models.sources.from_torchvision, "_patch_of", lambda name: 8)
    with pytest.raises(InvalidArgument, match="torchvision says that itself"):
        vitscope.load_model("torchvision:vit_b_16", path, mean=(0.5,), std=(0.5,))
    model = vitscope.load_model("torchvision:vit_b_16", path)
    assert (model.n_classes, model.classes, model.weights_part) == (7, None, "state_dict")
    with pytest.raises(InvalidArgument, match="nothing says how it prepares them"):
        model.preprocess(photo())  # it was trained at another size than torchvision's own
    with pytest.raises(ModelLoadError, match="no such Vision Transformer.*vit_b_16"):
        vitscope.load_model("torchvision:vit_b_17", path)


@pytest.mark.model
def test_the_real_vit_through_transformers_has_the_same_importance(data_dir, tmp_path):
    weights = data_dir / "weights" / "vit_tiny_patch16_224.augreg_in21k_ft_in1k" / "model.safetensors"
    by_timm = vitscope.load_model("timm:vit_tiny_patch16_224", weights=weights)
    module = as_transformers(by_timm.module, dict(enumerate(by_timm.classes)))
    save(module, tmp_path, 224, (0.5,) * 3, (0.5,) * 3, bicubic=True)
    model = vitscope.load_model(f"hf:{tmp_path}")
    assert model.classes == by_timm.classes
    photos = sorted((data_dir / "images" / "imagenet_val_300").iterdir())[:3]
    pixels = torch.stack([by_timm.preprocess(Image.open(path).convert("RGB")) for path in photos])
    modes = ("head", "pp")
    expected, found = (vitscope.head_importance(m, pixels, modes=modes) for m in (by_timm, model))
    for name, values in expected.data_vars.items():
        largest = abs(values).max().item()
        assert abs(found[name] - values).max().item() <= 1e-3 * largest, name
