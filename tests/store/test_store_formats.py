"""A run of every format there ever was still opens. To add one: zip a `synthetic_run` before the format changes."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from synthetic_run import SKIPPED, STRONG
from vitscope.store import SCHEMA_VERSION, RunWriter, open_run

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
    with RunWriter.opened(tmp_path) as writer:
        assert writer.pending() == []
