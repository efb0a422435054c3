"""Images as points in the plane: near each other where their vectors are, by PCA or t-SNE, with trustworthiness.

NumPy and scikit-learn, which is imported when it is needed. Knows nothing about: models, torch, the server.
"""

from contextlib import AbstractContextManager
from typing import Final, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from vitscope.analysis.heads.similarity import one_thread
from vitscope.errors import NotAvailable

Method = Literal["pca", "tsne"]
METHODS: Final[tuple[Method, ...]] = ("pca", "tsne")
TSNE_LIMIT: Final = 3000
"""Images, at most, that t-SNE is computed for: its time grows faster than their number."""
SAMPLE: Final = 1500
"""Images, at most, that trust is judged on."""
NEIGHBOURS: Final = 10
_SEED: Final = 0
_DIMENSIONS: Final = 50
"""t-SNE starts from as many principal components: the rest is noise that costs time."""
_MANY: Final = 1000
"""With more images t-SNE stops after half of its usual 1000 steps: trust is the same to 0.1 %, the time half."""
_TSNE_MINIMUM: Final = 4
"""With fewer different points t-SNE has no neighbourhood to keep; PCA is used."""
_SAME: Final = 1e-6
"""Points nearer than this part of the largest number are the same: what differs is rounding."""


class Layout(NamedTuple):
    """Positions and their trustworthiness: shares in [0, 1], NaN below 4 points.

    `trustworthiness`: points that are near in the plane are near in truth. `continuity`: what is near in truth is near
    in the plane.
    """

    positions: Float32[np.ndarray, "image 2"]
    trustworthiness: float
    continuity: float


def importance_vectors(effect: Float[np.ndarray, "image layer head"]) -> Float[np.ndarray, "image feature"]:
    """One vector an image: the effect of every head that exists, as signed square roots.

    Effects are skewed: a few heads on a few images are a hundred times the rest, and would be all that a distance sees.
    The root tames that and keeps sign and order. A head without values on any image is left out.
    """
    vectors = effect.reshape(len(effect), -1).astype(np.float64)
    vectors = vectors[:, ~np.isnan(vectors).all(axis=0)]
    return np.sign(vectors) * np.sqrt(np.abs(vectors))


def embedding_vectors(embedding: Float[np.ndarray, "image channel"]) -> Float[np.ndarray, "image channel"]:
    """The model's pooled output at unit length: angles say what is alike, lengths mostly how sure the model is."""
    vectors = embedding.astype(np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def layout(vectors: Float[np.ndarray, "image feature"], method: Method) -> Layout:
    """Positions of the images; NaN where an image has no vector (any NaN in it). Seeded: the same again each time.

    Raises
    ------
    NotAvailable: t-SNE of more than `TSNE_LIMIT` images.
    """
    there = np.isfinite(vectors).all(axis=1) if vectors.shape[1] else np.zeros(len(vectors), bool)
    known = vectors[there]
    if method == "tsne" and len(known) > TSNE_LIMIT:
        raise NotAvailable(
            f"cannot lay out {len(known)} images by t-SNE: it is computed for up to {TSNE_LIMIT}", "Use PCA."
        )
    placed = _tsne(known) if method == "tsne" else principal(known, 2)
    positions = np.full((len(vectors), 2), np.nan, np.float32)
    positions[there] = placed
    return Layout(positions, *trust(known, placed))


@one_thread()
def principal(vectors: Float[np.ndarray, "image feature"], number: int) -> Float[np.ndarray, "image component"]:
    """The first principal components, 0 where there are fewer; of each, the largest loading is positive."""
    scores = np.zeros((len(vectors), number))
    if not vectors.size:
        return scores
    centred = vectors - vectors.mean(axis=0)
    if len(centred) > centred.shape[1]:
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1].T
    else:
        axes = np.linalg.svd(centred, full_matrices=False)[2]
    axes = axes[:number]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    scores[:, : len(axes)] = centred @ (axes * np.sign(largest)).T
    return scores


def _tsne(vectors: Float[np.ndarray, "image feature"]) -> Float[np.ndarray, "image 2"]:
    start = principal(vectors, min(_DIMENSIONS, max(2, vectors.shape[1])))
    size = np.abs(vectors).max(initial=0.0)
    apart = len(np.unique(np.round(start / (size * _SAME), 0), axis=0)) if size > 0 else 1
    if apart < _TSNE_MINIMUM:  # all in a few places, copies of one image say: nothing to unfold
        return start[:, :2]
    from vitscope.analysis.images import tsne

    return tsne.places(start, 1000 if len(vectors) <= _MANY else 500)


def _one_thread() -> AbstractContextManager[object]:
    """Keep scikit-learn to one thread; other threads of this process are not touched.

    On cores that an analysis keeps busy its threads spin, waiting for each other, and seconds become minutes.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="openmp")


@one_thread()
def trust(vectors: Float[np.ndarray, "image feature"], placed: Float[np.ndarray, "image 2"]) -> tuple[float, float]:
    """(trustworthiness, continuity) of positions, on a seeded sample of at most `SAMPLE` images."""
    order = np.sort(np.random.default_rng(_SEED).permutation(len(vectors))[:SAMPLE])
    neighbours = min(NEIGHBOURS, len(order) // 2 - 1)
    if neighbours < 1:
        return float("nan"), float("nan")
    from sklearn.manifold import trustworthiness

    truth, plane = vectors[order], placed[order]
    with _one_thread():
        return (
            float(trustworthiness(truth, plane, n_neighbors=neighbours)),
            float(trustworthiness(plane, truth, n_neighbors=neighbours)),
        )
