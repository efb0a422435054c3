"""Slices of whole matrices and their averages over blocks."""

import numpy as np

from vitscope.answers.rows.matrices import of_token, pooled


def test_one_token_s_rows():
    matrices = np.random.default_rng(0).dirichlet(np.ones(6), (4, 3, 6))
    np.testing.assert_array_equal(of_token(matrices, 2, "from"), matrices[:, :, 2])
    np.testing.assert_array_equal(of_token(matrices, 2, "to"), matrices[:, :, :, 2])


def test_pooling_is_the_mean_of_each_block():
    values = np.random.default_rng(1).uniform(size=(2, 11, 11)).astype(np.float32)
    blocks = pooled(values, 4)
    bounds = [0, 2, 5, 8, 11]
    for i in range(4):
        for j in range(4):
            block = values[:, bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]]
            np.testing.assert_allclose(blocks[:, i, j], block.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(pooled(values, 11), values)
    np.testing.assert_array_equal(pooled(values, 64), values)
