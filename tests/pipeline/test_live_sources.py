"""What a run, which may be a stranger's, makes this computer load: what it has, and nothing from a hub unasked."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.tiny_analysis import tiny_model, write_photos

import vitscope
from vitscope.errors import ModelLoadError, NotAvailable
from vitscope.pipeline.live import model as live


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    return vitscope.analyze(tiny_model(), write_photos(folder / "photos", 2), folder / "run")


def naming(run, name: str, weights: str | None = None):
    """The run, as one that was made with another model."""
    info = replace(run.manifest.model, id=name, weights=weights)
    return SimpleNamespace(manifest=SimpleNamespace(model=info))


@pytest.mark.parametrize("name", ["timm:vit_tiny_patch16_224", "torchvision:vit_b_16"])
def test_weights_of_a_library_are_not_downloaded_unasked(run, name):
    with pytest.raises(NotAvailable, match="unasked"):
        live.load_live(naming(run, name))


@pytest.mark.parametrize("name", ["timm:hf-hub:someone/else", "timm:local-dir:/etc"])
def test_a_run_does_not_choose_an_address(run, name):
    with pytest.raises(NotAvailable, match="may not choose where"):
        live.load_live(naming(run, name), download=True)


def test_a_name_on_the_hub_is_looked_up_on_this_computer_alone(run, monkeypatch):
    transformers = pytest.importorskip("transformers", reason="the extra vitscope[hf] is not installed")
    asked: list[bool] = []

    def from_pretrained(_name, **where):
        asked.append(where["local_files_only"])
        raise OSError("not here")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", from_pretrained)
    with pytest.raises(ModelLoadError, match="not here"):
        live.load_live(naming(run, "hf:someone/else"), download=True)
    assert asked == [True]
