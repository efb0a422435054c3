"""The entropies behind spread levels, from what a run keeps."""

import numpy as np
from tests.reference import measures as twin
from tests.synthetic_run import SKIPPED, synthetic_run

from vitscope.analysis.images.levels import map_entropies


def test_entropies_are_those_of_the_measures(tmp_path):
    run = synthetic_run(tmp_path / "run")
    values = map_entropies(run)
    assert values.shape == (10, 3)
    rows = [run.cls_rows(i).astype(np.float64) for i in range(10) if i != SKIPPED]
    expected = np.array([[twin.map_entropy(layer) for layer in image] for image in rows])
    done = np.arange(10) != SKIPPED
    np.testing.assert_allclose(values[done, :2], expected, atol=1e-5)
    np.testing.assert_allclose(values[done, 2], expected.mean(axis=1), atol=1e-5)
    assert np.isnan(values[SKIPPED]).all()


def test_a_growing_run_and_a_model_without_cls(tmp_path):
    half = synthetic_run(tmp_path / "half", complete=False, head_shards=1)
    np.testing.assert_array_equal(np.isfinite(map_entropies(half)[:, 0]).nonzero()[0], [0, 2, 3])
    bare = synthetic_run(tmp_path / "bare", prefix=(), classifier=False)
    assert np.isnan(map_entropies(bare)).all()
