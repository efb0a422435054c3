"""The entropies behind spread levels: those of `measures.map_entropy`, from what a run keeps."""

import numpy as np
import torch

from synthetic_run import SKIPPED, synthetic_run
from vitscope import measures
from vitscope.analysis.images.levels import map_entropies, row_entropies


def test_entropies_are_those_of_the_measures(tmp_path):
    run = synthetic_run(tmp_path / "run")
    values = map_entropies(run)
    assert values.shape == (10, 3)
    rows = np.stack([run.cls_rows(i) for i in range(10) if i != SKIPPED]).astype(np.float32)
    expected = measures.map_entropy(torch.from_numpy(rows)).numpy()
    done = np.arange(10) != SKIPPED
    np.testing.assert_allclose(values[done, :2], expected, atol=1e-3)
    np.testing.assert_allclose(values[done, 2], expected.mean(axis=1), atol=1e-3)
    assert np.isnan(values[SKIPPED]).all()


def test_heads_that_do_not_exist_and_rows_without_mass():
    rows = np.random.default_rng(0).dirichlet(np.ones(7), (2, 3, 5)).astype(np.float16)
    rows[:, 1, 2:] = np.nan
    rows[1, 2] = 0
    rows[0, 2] = [1, 0, 0, 0, 0, 0, 0]
    values = row_entropies(rows, (5, 2, 5))
    expected = measures.map_entropy(torch.from_numpy(rows.astype(np.float32))).numpy()
    np.testing.assert_allclose(values, expected, atol=1e-3)
    assert np.isnan(values[1, 2])
    assert values[0, 2] == 0


def test_a_growing_run_and_a_model_without_cls(tmp_path):
    half = synthetic_run(tmp_path / "half", complete=False, head_shards=1)
    np.testing.assert_array_equal(np.isfinite(map_entropies(half)[:, 0]).nonzero()[0], [0, 2, 3])
    bare = synthetic_run(tmp_path / "bare", prefix=(), classifier=False)
    assert np.isnan(map_entropies(bare)).all()
