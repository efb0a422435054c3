"""A run of every format there ever was still opens. To add one: zip a `synthetic_run` before the format changes."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.synthetic_run import SKIPPED, STRONG, head_unit, synthetic_manifest, synthetic_run

from vitscope import text
from vitscope.analysis import open_run
from vitscope.errors import NotAvailable
from vitscope.quantities import metrics_of, names
from vitscope.store import SCHEMA_VERSION, RunWriter
from vitscope.store.files.commits import Unit

KEPT = sorted(Path(__file__).parent.glob("run-format-*.zip"))


def test_the_present_format_is_kept():
    assert f"run-format-{SCHEMA_VERSION}.zip" in [path.name for path in KEPT]


@pytest.mark.parametrize("archive", KEPT, ids=lambda path: path.stem)
def test_an_old_run_opens(tmp_path, archive):
    with zipfile.ZipFile(archive) as files:
        files.extractall(tmp_path)
    run = open_run(tmp_path)
    assert run.manifest.model.id == "timm:vit_synthetic"
    assert run.images["problem"].notna().tolist() == [False, True, False]
    effect = run.effect("jsd", "head")
    assert effect.shape == (3, 2, 3)
    assert np.isnan(effect[SKIPPED]).all()
    assert effect[0, *STRONG] == effect[0].max()
    assert dict(run.importance.sizes) == {"image": 3, "mode": 7, "layer": 2, "head": 3}
    np.testing.assert_allclose(run.mean_attention.sum(-1), 1, rtol=1e-5)
    assert run.featured == (0, 2)
    assert run.featured_attention(2).shape == (2, 3, 7, 7)
    assert run.preview(0).is_file()
    assert (run.embedding is None) == (run.manifest.schema_version == 1)
    if run.manifest.schema_version < 3:
        with pytest.raises(NotAvailable, match="which has none") as caught:
            _ = run.patterns
        assert "Analyse again" in caught.value.hint
    else:
        assert len(run.patterns.table) == 2 * 6
    with RunWriter.opened(tmp_path) as writer:
        assert writer.pending() == []


def test_a_run_that_lacks_a_quantity_of_the_table_says_so(tmp_path):
    """The table has grown since it was made; what it lists is there, what it does not is said, and nothing fails."""
    manifest = synthetic_manifest(n_images=3)
    kept = manifest.quantities | {"spread": tuple(name for name in names("spread") if name != "nmi")}
    run = synthetic_run(tmp_path / "run", manifest=replace(manifest, quantities=kept))
    assert "nmi" not in run.spread and "focus" in run.spread
    with pytest.raises(NotAvailable, match="no nmi here: this run was made by vitscope 0.1.0, which did"):
        run.measure("spread/nmi")
    assert "– for nmi: this run was made by vitscope 0.1.0" in text.show(run)
    with RunWriter.opened(run.path) as writer:  # a unit made by today's code is written without it
        writer.write_head(0, head_unit(synthetic_manifest(n_images=3), 0, [0, 0, 0], np.random.default_rng(0)))
        assert writer.pending() == []
    assert not (run.path / "arrays" / "spread" / "nmi").exists()


def test_a_run_with_a_quantity_that_this_table_does_not_have_opens(tmp_path):
    manifest = synthetic_manifest(n_images=3)
    kept = manifest.quantities | {"spread": (*names("spread"), "of_tomorrow")}
    run = synthetic_run(tmp_path / "run", manifest=replace(manifest, quantities=kept))
    assert np.isfinite(run.measure("spread/of_tomorrow")[0]).all()
    assert run.spread["of_tomorrow"].attrs["units"] == ""
    assert "of_tomorrow" not in text.show(run)


@pytest.mark.parametrize("archive", KEPT, ids=lambda path: path.stem)
def test_an_old_run_has_what_its_format_had(tmp_path, archive):
    with zipfile.ZipFile(archive) as files:
        files.extractall(tmp_path)
    run = open_run(tmp_path)
    manifest = run.manifest
    assert set(run.importance) == set(manifest.metrics) == set(metrics_of("classes"))
    assert set(run.spread) == set(manifest.quantities["spread"])
    assert {"distance", "to_other"} <= set(run.spread)
    assert bool(manifest.quantities["depth"]) == (manifest.schema_version >= 4)
    assert bool(manifest.quantities["pattern"]) == (manifest.schema_version >= 3)
    assert text.show(run)


def test_a_run_of_format_1_goes_on_as_one(tmp_path):
    """Its damaged shard is computed anew, without what format 1 does not keep; nothing else on disk changes."""
    with zipfile.ZipFile(Path(__file__).parent / "run-format-1.zip") as files:
        files.extractall(tmp_path)
    (tmp_path / "arrays" / "spread" / "nmi" / "c.0.0.0").unlink()
    run = open_run(tmp_path)
    with RunWriter.opened(tmp_path) as writer:
        assert writer.pending() == [Unit("head", 0)]
        writer.write_head(0, head_unit(run.manifest, 0, run.images["label"].to_numpy(), np.random.default_rng(0)))
        assert writer.pending() == []
        writer.set_state("running")
        writer.set_state("complete")
    assert run.embedding is None
    assert not (tmp_path / "arrays" / "features").exists()
    assert set(run.spread) == set(run.manifest.quantities["spread"])
    document = json.loads((tmp_path / "run.json").read_text())
    assert "quantities" not in document and len(document["metrics"]) == 7  # as format 1 has it
    assert open_run(tmp_path).manifest.schema_version == 1
    assert open_run(tmp_path).manifest == run.manifest
