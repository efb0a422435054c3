"""Codes on a plane: PCA always, UMAP (extra `maps`) or PaCMAP where one is installed.

A map is for looking at: clusters are found in the codes, never in the plane. Knows nothing about: attention, files.
"""

from importlib.util import find_spec
from typing import Literal

import numpy as np
from jaxtyping import Float

from vitscope.errors import NotAvailable

Method = Literal["pca", "pacmap", "umap"]

NEIGHBOUR_MAPS: tuple[Method, ...] = ("umap", "pacmap")
FEWEST = 50
"""Matrices below which neighbour maps say nothing and PCA is taken."""


def best_method(n_matrices: int) -> Method:
    """UMAP before PaCMAP before PCA, by what is installed; PCA for very few matrices."""
    installed: list[Method] = [method for method in NEIGHBOUR_MAPS if find_spec(method)]
    return installed[0] if installed and n_matrices >= FEWEST else "pca"


def to_plane(
    codes: Float[np.ndarray, "matrix code"], *, method: Method | None = None, seed: int = 0
) -> Float[np.ndarray, "matrix 2"]:
    """Places on the plane, float32, centred, the wider axis of standard deviation 1.

    Parameters
    ----------
    method: `pca`, `pacmap` or `umap`; None takes the best that is installed.

    Raises NotAvailable where the method asked for is not installed. PCA gives the same plane whatever the seed.
    """
    method = best_method(len(codes)) if method is None else method
    if method == "pca":
        places = _principal(codes)
    elif not find_spec(method):
        raise NotAvailable(
            f"cannot draw the map by {method}: it is not installed",
            "pip install 'vitscope[maps]' for umap, or take pca.",
        )
    else:
        places = _pacmap(codes, seed) if method == "pacmap" else _umap(codes, seed)
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


def _pacmap(codes: np.ndarray, seed: int) -> np.ndarray:
    import pacmap  # type: ignore[import-not-found]

    reducer = pacmap.PaCMAP(n_components=2, random_state=seed, apply_pca=False)
    return np.asarray(reducer.fit_transform(codes.astype(np.float32), init="pca"))


def _umap(codes: np.ndarray, seed: int) -> np.ndarray:
    import umap  # type: ignore[import-not-found]

    return np.asarray(umap.UMAP(n_components=2, random_state=seed, n_jobs=1).fit_transform(codes.astype(np.float32)))
