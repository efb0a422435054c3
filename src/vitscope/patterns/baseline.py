"""The plain baseline beside the autoencoder: standardised features, principal components, a linear way back.

Knows nothing about: networks, clusters, files.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

KEPT = 0.95
"""Share of the variance of the standardised features that the components keep."""

BLOCK = 512


def standardised(features: Float[np.ndarray, "matrix feature"]) -> Float[np.ndarray, "matrix feature"]:
    """Each feature with mean 0 and variance 1 over the sample; one that does not vary is 0."""
    wide = features.astype(np.float64)
    wide -= wide.mean(0)
    spread = wide.std(0)
    return (wide / np.where(spread > 1e-6, spread, np.inf)).astype(np.float32)


def baseline_codes(features: Float[np.ndarray, "matrix feature"]) -> Float[np.ndarray, "matrix code"]:
    """Principal components of the standardised features, as many as keep 95 % of the variance; at least one."""
    wide = standardised(features).astype(np.float64)
    variance, axes = np.linalg.eigh(wide.T @ wide)
    variance, axes = variance[::-1].clip(0), axes[:, ::-1]
    n = int(np.searchsorted(np.cumsum(variance), KEPT * variance.sum() * (1 - 1e-9))) + 1
    axes = axes[:, :n]
    axes = axes * np.where(np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0) < 0, -1, 1)
    return (wide @ axes).astype(np.float32)


@dataclass(frozen=True)
class LinearDecoder:
    """The best linear way from codes to the roots of common matrices (least squares)."""

    weights: Float[np.ndarray, "known entry"]

    @staticmethod
    def fitted(
        codes: Float[np.ndarray, "matrix code"], matrices: np.ndarray, rows: Int[np.ndarray, " row"]
    ) -> "LinearDecoder":
        """Fit on some rows of the codes and of the matrices float16 [m, 66, 66], a block at a time."""
        size = matrices[0].size
        square, product = np.zeros((codes.shape[1] + 1,) * 2), np.zeros((codes.shape[1] + 1, size))
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            known = _with_one(codes[part])
            square += known.T @ known
            product += known.T @ np.sqrt(matrices[part].reshape(len(part), size).astype(np.float32))
        return LinearDecoder(np.linalg.pinv(square, rcond=1e-9, hermitian=True) @ product)

    def __call__(self, codes: Float[np.ndarray, "matrix code"]) -> Float[np.ndarray, "matrix side side"]:
        """Roots of common matrices, float32; not cut at 0."""
        side = round(self.weights.shape[1] ** 0.5)
        return (_with_one(codes) @ self.weights).astype(np.float32).reshape(len(codes), side, side)


def _with_one(codes: np.ndarray) -> np.ndarray:
    return np.concatenate([codes, np.ones((len(codes), 1))], 1)
