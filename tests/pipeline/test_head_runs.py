"""Over depth and heads against each other in an analysis: what is streamed equals a plain pass; old runs go on."""

import dataclasses

import numpy as np
import pytest
import torch
from tests.closeness import assert_close
from tests.tiny_analysis import tiny_model, to_pixels, write_photos

import vitscope
from vitscope import measures
from vitscope.analysis import open_run
from vitscope.engine.forward import heads_by_layer
from vitscope.models import Evaluation
from vitscope.models.pictures.images import read_picture
from vitscope.pipeline import Request, analyze, execute
from vitscope.pipeline.plan import planning
from vitscope.pipeline.plan.head_outputs import sampled_pairs
from vitscope.pipeline.plan.planning import plan
from vitscope.store.manifest import write_manifest


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch):
    monkeypatch.setattr(planning, "SHARD_SIZE", 3)
    monkeypatch.setattr("vitscope.pipeline.plan.head_outputs.OUTPUT_TOKENS", 20)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model():
    return tiny_model(classes=list("abcdefg"))


def pixels_of(photos) -> torch.Tensor:
    return torch.stack([to_pixels(read_picture(path).image) for path in sorted(photos.iterdir())])


def test_a_run_holds_what_a_plain_pass_gives(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 8)
    run = analyze(model, photos, tmp_path / "run", modes="all", partial_images=4, patterns=0)
    pixels = pixels_of(photos)
    whole = vitscope.head_importance(model, pixels)
    data = run.repair
    assert data["n"].values.tolist() == [8, 4, 4, 4, 4, 4, 4]
    sampled = torch.tensor(run.images["partial"].tolist())
    partial = vitscope.head_importance(model, pixels[sampled], modes=run.manifest.options.modes[1:])
    for name in ("cls_cos_at", "patch_cos_at"):
        assert_close(data[name].sel(mode="head"), whole[name].sel(mode="head"), rtol=1e-4, atol=1e-9)
        assert_close(data[name].values[1:], partial[name].values, rtol=1e-4, atol=1e-9)
    attention = vitscope.attention(model, pixels)
    assert_close(run.heads.diversity("full"), measures.head_diversity(attention, model.tokens, "full"), rtol=1e-4)
    assert_close(run.heads.diversity("cls"), measures.head_diversity(attention, model.tokens), rtol=1e-2, atol=1e-5)
    with Evaluation(model.module):
        z = torch.stack([z for _, z in heads_by_layer(model, pixels)], 1)
    pairs = np.concatenate([sampled_pairs(run.manifest, shard) for shard in range(3)])
    assert len(pairs) == 3 * 7
    assert len({tuple(pair) for pair in pairs.tolist()}) == len(pairs)
    assert_close(run.heads.outputs, z[pairs[:, 0], :, :, pairs[:, 1]], rtol=1e-3, atol=1e-4)


def test_what_cannot_be_read_is_left_out(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 5)
    (photos / "001.png").write_bytes(b"not a picture")
    run = analyze(model, photos, tmp_path / "run", patterns=0)
    assert run.repair["n"].values.tolist() == [4]
    pairs = np.concatenate([sampled_pairs(run.manifest, shard) for shard in range(2)])
    assert len(run.heads.outputs) == (pairs[:, 0] != 1).sum() < len(pairs)
    assert np.isnan(run.heads.diversity("full").values).all(1).tolist() == [False, True, False, False, False]


def test_a_run_of_format_3_goes_on_as_one(tmp_path, model):
    photos = write_photos(tmp_path / "photos", 4)
    run = plan(model, photos, tmp_path / "run", Request(patterns=0))
    write_manifest(run.path, dataclasses.replace(run.manifest, schema_version=3, outputs=None))
    for name in ("depth", "heads"):
        for file in sorted((run.path / "arrays" / name).rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        (run.path / "arrays" / name).rmdir()
    execute(open_run(run.path), model)
    run = open_run(run.path)
    assert run.manifest.state == "complete"
    assert not (run.path / "arrays" / "heads").exists()
    assert np.isfinite(run.effect("jsd", "head")).all()
