"""Images as points: simple truths that any layout must tell, and the reduction of what cannot be laid out to NaN."""

import numpy as np
import pytest

from vitscope.analysis.images import layout as module
from vitscope.analysis.images.layout import embedding_vectors, importance_vectors, layout, principal, trust
from vitscope.errors import NotAvailable


@pytest.fixture
def random():
    return np.random.default_rng(3)


def rotation(random, n):
    return np.linalg.qr(random.normal(size=(n, n)))[0]


@pytest.mark.parametrize("shape", [(211, 7), (7, 31)], ids=["more images", "more features"])
def test_pca_finds_the_two_long_axes_of_a_rotated_gaussian(random, shape):
    n, features = shape
    scores = np.zeros(shape)
    scores[:, :2] = random.normal(size=(n, 2)) * (5, 2)
    scores -= scores.mean(axis=0)
    left, sizes, _ = np.linalg.svd(scores[:, :2], full_matrices=False)
    turn = rotation(random, features)
    placed = layout(scores @ turn + random.normal(size=features), "pca").positions
    np.testing.assert_allclose(np.abs(placed), np.abs(left * sizes), atol=1e-5)
    np.testing.assert_allclose(placed.mean(axis=0), 0, atol=1e-5)


def test_pca_of_points_in_a_plane_is_believed_fully(random):
    plane = random.normal(size=(60, 2)) @ rotation(random, 9)[:2]
    made = layout(plane, "pca")
    assert made.trustworthiness == made.continuity == 1


def test_signs_do_not_depend_on_the_images_at_hand(random):
    vectors = random.normal(size=(50, 4)) * (9, 4, 1, 1)
    whole, part = principal(vectors, 2), principal(vectors[:40], 2)
    assert (np.sum(whole[:40] * part, axis=0) > 0).all()
    np.testing.assert_array_equal(layout(vectors, "pca").positions, layout(vectors, "pca").positions)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_planted_clusters_are_apart(random, method):
    labels = np.repeat([0, 1, 2], 20)
    centres = np.array([[9, 0, 0, 0, 0], [0, 9, 0, 0, 0], [0, 0, 9, 0, 0]])
    made = layout(centres[labels] + random.normal(size=(60, 5)) * 0.3, method)
    distance = np.linalg.norm(made.positions[:, None] - made.positions[None], axis=-1)
    nearest = np.argsort(distance + np.eye(60) * 1e9, axis=1)[:, :5]
    assert (labels[nearest] == labels[:, None]).all()
    assert min(made.trustworthiness, made.continuity) > 0.8
    np.testing.assert_array_equal(
        made.positions, layout(centres[labels] + np.random.default_rng(3).normal(size=(60, 5)) * 0.3, method).positions
    )


def test_a_random_placement_is_not_believed(random):
    vectors = random.normal(size=(200, 2))
    trusted, continuous = trust(vectors, random.permutation(vectors))
    assert max(trusted, continuous) < 0.65
    assert trust(vectors, vectors * 7) == (1, 1)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_images_without_a_vector_have_no_place_and_do_not_disturb(random, method):
    vectors = random.normal(size=(30, 6))
    holed = np.insert(vectors, [0, 11, 30], np.nan, axis=0)
    made = layout(holed, method)
    missing = np.isnan(holed).any(axis=1)
    np.testing.assert_array_equal(np.isnan(made.positions).all(axis=1), missing)
    np.testing.assert_array_equal(made.positions[~missing], layout(vectors, method).positions)
    assert made.positions.dtype == np.float32


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5])
def test_few_images(random, method, n):
    made = layout(random.normal(size=(n, 3)), method)
    assert made.positions.shape == (n, 2)
    assert np.isfinite(made.positions).all()
    assert np.isnan(made.trustworthiness) == (n < 4)


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize("vectors", [np.full((9, 4), 2.5), np.zeros((0, 0)), np.full((5, 3), np.nan), np.zeros((6, 0))])
def test_nothing_to_tell_apart(method, vectors):
    made = layout(vectors, method)
    assert (np.isnan(made.positions) | (made.positions == 0)).all()


@pytest.mark.parametrize("copies", [[8], [5, 4, 3]])
def test_copies_of_a_few_images_are_a_few_points(random, copies):
    """Rounding aside: t-SNE of eight copies of one image ended the process."""
    vectors = np.repeat(random.normal(size=(len(copies), 6)), copies, axis=0)
    made = layout(vectors * (1 + 1e-15 * random.normal(size=vectors.shape)), "tsne")
    places = np.round(made.positions / max(1e-9, np.abs(made.positions).max()), 3)
    assert np.isfinite(made.positions).all()
    assert len(np.unique(places, axis=0)) <= max(len(copies), 8)


def test_a_crash_of_tsne_is_an_answer(random, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(NotAvailable, match="it ended with code 1") as caught:
        layout(random.normal(size=(12, 3)), "tsne")
    assert caught.value.hint == "Use PCA."


def test_one_feature_is_a_line(random):
    placed = layout(random.normal(size=(12, 1)), "pca").positions
    assert (placed[:, 1] == 0).all()
    assert np.ptp(placed[:, 0]) > 0


def test_tsne_of_too_many_images_is_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(module, "TSNE_LIMIT", 10)
    with pytest.raises(NotAvailable, match="11 images by t-SNE: it is computed for up to 10") as caught:
        layout(np.eye(11), "tsne")
    assert caught.value.hint == "Use PCA."
    assert np.isfinite(layout(np.insert(np.eye(10), 3, np.nan, axis=0), "tsne").positions).sum() == 20


def test_trust_is_judged_on_a_sample(monkeypatch, random):
    monkeypatch.setattr(module, "SAMPLE", 40)
    assert trust(random.normal(size=(300, 2)), random.normal(size=(300, 2)))[0] < 1


def test_importance_vectors_are_signed_roots_of_the_heads_that_exist():
    effect = np.array([[[0.25, np.nan], [-0.04, 0.0]], [[np.nan, np.nan], [np.nan, np.nan]]], np.float32)
    vectors = importance_vectors(effect)
    np.testing.assert_allclose(vectors[0], [0.5, -0.2, 0], rtol=1e-6)
    assert np.isnan(vectors[1]).all()


def test_embeddings_are_compared_by_their_angle():
    vectors = embedding_vectors(np.array([[3, 4], [0, 0], [np.nan, np.nan]], np.float16))
    np.testing.assert_allclose(vectors[:2], [[0.6, 0.8], [0, 0]])
    assert np.isnan(vectors[2]).all()
