"""Codes on a plane: PCA always, UMAP where it is installed (extra `maps`).

A map is for looking at: clusters are found in the codes, never in the plane. Knows nothing about: attention, files.
"""

import warnings
from importlib.util import find_spec
from typing import Literal

import numpy as np
from jaxtyping import Float

from vitscope.errors import NotAvailable

Method = Literal["pca", "umap"]

FEWEST = 50
"""Matrices below which a map of neighbours says nothing and PCA is taken."""


def best_method(n_matrices: int) -> Method:
    """UMAP where it is installed, else PCA; PCA for very few matrices."""
    return "umap" if n_matrices >= FEWEST and find_spec("umap") else "pca"


def to_plane(
    codes: Float[np.ndarray, "matrix code"], *, method: Method | None = None, seed: int = 0
) -> Float[np.ndarray, "matrix 2"]:
    """Places on the plane, float32, centred, the wider axis of standard deviation 1.

    Parameters
    ----------
    method: `pca` or `umap`; None takes UMAP where it is installed.

    Raises NotAvailable where the method asked for is not installed. PCA gives the same plane whatever the seed.
    """
    method = best_method(len(codes)) if method is None else method
    if method == "umap" and not find_spec("umap"):
        raise NotAvailable(
            "cannot draw the map by umap: it is not installed", "pip install 'vitscope[maps]', or take pca."
        )
    places = _umap(codes, seed) if method == "umap" else _principal(codes)
    places = places - places.mean(0)
    width = places.std(0).max(initial=0.0)
    return (places / width if width > 0 else places).astype(np.float32)


def _principal(codes: np.ndarray) -> np.ndarray:
    """First two principal components, each with its largest loading positive."""
    wide = codes.astype(np.float64)
    wide = wide - wide.mean(0)
    _, axes = np.linalg.eigh(wide.T @ wide)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.where(np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0) < 0, -1, 1)
    places = wide @ axes
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))


def _umap(codes: np.ndarray, seed: int) -> np.ndarray:
    """Uniform manifold approximation on one thread: the only way it repeats for a seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about parts that are not used, and about the one thread
        import umap  # pyright: ignore[reportMissingImports]

        reducer = umap.UMAP(n_components=2, random_state=seed % 2**32, n_jobs=1)
        return np.asarray(reducer.fit_transform(codes.astype(np.float32)), np.float64)
