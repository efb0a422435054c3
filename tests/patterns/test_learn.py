"""What is learned from planted matrices: clusters, choice of k, planes, quality, the choice between the two spaces."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, silhouette_score
from tests.closeness import assert_close
from tests.patterns import planted

from vitscope.errors import BadInput, InvalidArgument, NotAvailable
from vitscope.patterns import autoencoder, centring, clusters, plane, quality
from vitscope.patterns.baseline import LinearDecoder, baseline_codes, standardised
from vitscope.patterns.common import SIDE, common_matrix, offset_view
from vitscope.patterns.features import CLUSTERED, features
from vitscope.patterns.learn import Learned, learn
from vitscope.patterns.sample import Sample


def planted_sample(tokens, n_each, seed=0, kinds=None):
    """(sample, kind of each matrix): four matrices an image."""
    made, kind, _ = planted.labelled(tokens, n_each, seed, kinds)
    return sample_of(torch.from_numpy(made), tokens), kind


def sample_of(attention, tokens):
    m = np.arange(len(attention))
    views = [f(attention, tokens).numpy() for f in (common_matrix, offset_view, features)]
    return Sample(
        views[0].astype(np.float16), views[1].astype(np.float16), views[2].astype(np.float32), m // 4, m % 4 // 2, m % 2
    )


def joined(samples):
    fields = ("matrices", "offsets", "features", "image", "layer", "head")
    return Sample(*(np.concatenate([getattr(sample, field) for sample in samples]) for field in fields))


@pytest.fixture
def short(monkeypatch):
    """Two epochs and few numbers of clusters: what is learned well is tested elsewhere."""
    monkeypatch.setattr(autoencoder, "EPOCHS", 2)
    for name, few in {"MOST": 4, "STARTS": 2, "SUBSAMPLES": 2}.items():
        monkeypatch.setattr(clusters, name, few)


GRIDS = [planted.layout(14, 14, 1), planted.layout(7, 7, 1), planted.layout(16, 12, 5), planted.layout(10, 13, 0)]


def grid_name(tokens):
    return f"{tokens.rows}x{tokens.cols}+{tokens.n_prefix}"


@pytest.mark.parametrize("tokens", GRIDS[1:3], ids=grid_name)
def test_planted_patterns_are_recovered_by_the_plain_clusters(tokens, monkeypatch):
    monkeypatch.setattr(clusters, "STARTS", 4)
    sample, kind = planted_sample(tokens, 12)
    found = clusters.cluster(baseline_codes(sample.features[:, :CLUSTERED]))
    assert found.k == len(planted.pure_kinds(tokens))
    assert adjusted_rand_score(kind, found.cluster) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("tokens", GRIDS, ids=grid_name)
def test_pure_planted_patterns_are_recovered_among_mixtures_and_confusers(tokens):
    """A run has one grid, so a sample has; all grids in one sample are another test's."""
    pure = planted.pure_kinds(tokens)
    sample, kind = planted_sample(tokens, 25, kinds=(*pure, planted.MIXTURE, *planted.CONFUSERS))
    learned = learn(sample, runs=3)
    cluster = learned.spaces[learned.chosen].cluster
    assert adjusted_rand_score(kind[kind < len(pure)], cluster[kind < len(pure)]) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [*GRIDS, planted.layout(24, 24, 1)], ids=grid_name)
def test_planted_patterns_are_recovered_by_the_chosen_clusters(tokens):
    sample, kind = planted_sample(tokens, 40)
    learned = learn(sample, runs=3)
    found = learned.spaces[learned.chosen]
    assert adjusted_rand_score(kind, found.cluster) >= 0.95
    assert found.stability >= 0.95
    names = np.array([name.name for name in learned.names[learned.chosen]])[found.cluster]
    assert np.mean(names == np.array(planted.pure_kinds(tokens))[kind]) >= 0.95


@pytest.mark.slow
def test_planted_patterns_of_several_grids_in_one_sample_are_recovered():
    made = [planted_sample(tokens, 30, seed=n) for n, tokens in enumerate(planted.LAYOUTS[:2] + planted.LAYOUTS[3:5])]
    learned = learn(joined([sample for sample, _ in made]))
    kind = np.concatenate([kind for _, kind in made])
    assert adjusted_rand_score(kind, learned.spaces[learned.chosen].cluster) >= 0.8


def test_learned_parts_fit_together_and_repeat(short):
    sample, _ = planted_sample(planted.layout(7, 7, 2), 5)
    told = []
    first = learn(sample, seed=5, runs=2, progress=lambda *step: told.append(step))
    again = learn(sample, seed=5, runs=2)
    m = len(sample)
    assert list(first.spaces) == ["autoencoder", "features"]
    for name, space in first.spaces.items():
        same = again.spaces[name]
        for field in ("cluster", "xy", "codes", "medoids", "prototypes"):
            np.testing.assert_array_equal(getattr(space, field), getattr(same, field))
        assert (space.criterion, space.fair, space.stability) == (same.criterion, same.fair, same.stability)
        sizes = np.bincount(space.cluster)
        assert len(sizes) == space.k == len(first.names[name]) and (np.diff(sizes) <= 0).all()
        assert space.cluster[space.medoids].tolist() == list(range(space.k))
        assert space.xy.shape == (m, 2) and space.xy.dtype == np.float32 and space.codes.dtype == np.float16
        assert_close(
            space.prototypes.sum(-1)[:, 2:], np.ones((space.k, SIDE - 2)), rtol=1e-2, what="rows of prototypes"
        )
        assert -1 <= space.silhouette <= 1 and space.reconstruction <= 1
    assert first.verdict == again.verdict and first.chosen in first.verdict.replace("plain features", "features")
    assert first.pattern.shape == (m,) and first.prototypes is first.spaces[first.chosen].prototypes
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["train", "encode", "cluster", "judge", "map", "name"]
    assert all(0 <= done <= total for _, done, total in told)
    for stage in stages:
        assert [done == total for name, done, total in told if name == stage][-1]


@pytest.mark.parametrize("m", [1, 2, 9])
def test_few_matrices_are_enough(m, short):
    sample = sample_of(torch.from_numpy(planted.matrices("local", planted.layout(7, 7), m)), planted.layout(7, 7))
    check_finite(learn(sample, runs=2))


def test_equal_matrices_are_one_cluster_and_said_to_be(short):
    tokens = planted.layout(7, 7)
    sample = sample_of(torch.from_numpy(planted.matrices("row", tokens, 1)).expand(30, -1, -1), tokens)
    learned = learn(sample, runs=2)
    check_finite(learned)
    assert learned.spaces["features"].k == 1
    assert learned.spaces["features"].criterion == "30 matrices with 1 different codes: one cluster for each"


def check_finite(learned: Learned):
    for space in learned.spaces.values():
        numbers = (space.silhouette, space.fair, space.stability, space.reconstruction)
        assert np.isfinite(numbers).all(), numbers
        for array in (space.xy, space.codes, space.prototypes):
            assert np.isfinite(array).all()


def test_what_cannot_be_learned_from_is_refused_in_a_sentence():
    sample, _ = planted_sample(planted.layout(7, 7), 1)
    with pytest.raises(InvalidArgument, match="over 1 seeds: expected at least 2"):
        learn(sample, runs=1)
    with pytest.raises(BadInput, match="the sample has no matrices"):
        learn(Sample(*(getattr(sample, f)[:0] for f in ("matrices", "offsets", "features", "image", "layer", "head"))))
    sample.features[3, 2] = np.nan
    with pytest.raises(BadInput, match="some features of the sample are not finite"):
        learn(sample)


# The parts ------------------------------------------------------------------------------------------------------------


def test_centring_moves_the_looked_at_place_to_the_middle_and_back():
    tokens = planted.layout(8, 8, 1)
    keys = torch.zeros(65)
    keys[1 + 6 * 8 + 1] = 1.0  # row 6, column 1
    matrix = common_matrix(keys.expand(1, 65, 65), tokens)
    by = centring.shifts(matrix)
    assert (by % 8).tolist() == [[6, 3]]
    moved = centring.move(matrix, by)
    assert moved[0, :, 2 + 4 * 8 + 4].tolist() == [1.0, 0.0, *[1.0] * 64]
    torch.testing.assert_close(centring.move(moved, -by), matrix)


def test_centring_agrees_with_rolling_the_grids_and_leaves_relative_patterns():
    generator = torch.Generator().manual_seed(1)
    matrix = torch.rand(3, SIDE, SIDE, generator=generator)
    by = torch.tensor([[1, -3], [0, 4], [2, 2]])
    slow = matrix.clone()
    for i, (down, right) in enumerate(by.tolist()):
        patches = matrix[i, 2:, 2:].reshape(8, 8, 8, 8).roll((down, right, down, right), (0, 1, 2, 3))
        slow[i, 2:, 2:] = patches.reshape(64, 64)
        slow[i, :2, 2:] = matrix[i, :2, 2:].reshape(2, 8, 8).roll((down, right), (1, 2)).reshape(2, 64)
        slow[i, 2:, :2] = matrix[i, 2:, :2].reshape(8, 8, 2).roll((down, right), (0, 1)).reshape(64, 2)
    torch.testing.assert_close(centring.move(matrix, by), slow)
    eye = torch.eye(SIDE)[None]
    assert centring.shifts(eye).tolist() == [[0, 0]]
    torch.testing.assert_close(centring.move(eye, torch.tensor([[3, 5]])), eye)


def test_silhouettes_and_agreement_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(60, 5)).astype(np.float32)
    labels = rng.integers(3, size=60)
    wide = codes.astype(np.float64)
    assert_close(clusters.silhouettes(codes, [labels])[0], silhouette_score(wide, labels), rtol=1e-4)
    assert clusters.silhouettes(codes, [np.zeros(60, int)]) == [0.0]
    others = [rng.integers(3, size=60) for _ in range(2)]
    pairs = [(labels, others[0]), (labels, others[1]), (others[0], others[1])]
    assert_close(
        clusters.mean_agreement([labels, *others]), np.mean([adjusted_rand_score(a, b) for a, b in pairs]), rtol=1e-12
    )


@pytest.mark.parametrize("k", [2, 7])
def test_k_is_that_of_separate_clouds_numbered_by_size_with_true_medoids(k, monkeypatch):
    monkeypatch.setattr(clusters, "STARTS", 4)
    rng = np.random.default_rng(k)
    sizes = rng.permutation(np.arange(k) * 10 + 20)
    codes = np.concatenate([rng.normal(size=(n, 4)) + 20 * rng.normal(size=4) for n in sizes]).astype(np.float32)
    found = clusters.cluster(codes, seed=1)
    assert found.k == k and np.bincount(found.cluster).tolist() == sorted(sizes, reverse=True)
    assert f"k = {k}, silhouette" in found.criterion
    for number, medoid in enumerate(clusters.medoids(codes, found)):
        members = np.flatnonzero(found.cluster == number)
        sums = [np.square(codes[members] - codes[one]).sum(dtype=np.float64) for one in members]
        assert members[np.argmin(sums)] == medoid


def test_k_prefers_the_finest_peak_near_the_best_and_passes_over_unstable_ones():
    tried = {2: (0.50, 1.0), 3: (0.40, 1.0), 4: (0.49, 0.95), 5: (0.46, 0.95), 6: (0.495, 0.5), 7: (0.3, 1.0)}
    assert clusters._choose(tried) == 4
    assert clusters._choose(tried | {4: (0.47, 0.95)}) == 2
    assert clusters._choose(tried | {6: (0.485, 0.9)}) == 6
    assert clusters._choose({2: (0.9, 0.3), 3: (0.1, 0.6), 4: (0.5, 0.5)}) == 3


def test_the_baseline_keeps_the_variance_it_claims():
    rng = np.random.default_rng(3)
    values = (rng.normal(size=(40, 3)) @ rng.normal(size=(3, 9)) + 0.01 * rng.normal(size=(40, 9))).astype(np.float32)
    values[:, 4] = 0.25  # does not vary
    codes = baseline_codes(values)
    assert codes.shape[1] <= 3 and not standardised(values)[:, 4].any()
    assert codes.var(0).sum() >= 0.95 * standardised(values).var(0).sum()


def test_the_linear_decoder_is_least_squares_and_explained_variance_its_formula():
    rng = np.random.default_rng(4)
    matrices = rng.random((50, 6, 6)).astype(np.float16)
    codes = rng.normal(size=(50, 4)).astype(np.float32)
    fit, rows = np.arange(35), np.arange(35, 50)
    roots = np.sqrt(matrices.astype(np.float64)).reshape(50, 36)
    known = np.concatenate([codes, np.ones((50, 1))], 1)
    weights = np.linalg.lstsq(known[fit], roots[fit], rcond=None)[0]
    again = known @ weights
    decoder = LinearDecoder.fitted(codes, matrices, fit)
    assert_close(decoder(codes).reshape(50, 36), again, rtol=1e-4, atol=1e-5)
    share = 1 - np.square(roots[rows] - again[rows]).sum() / np.square(roots[rows] - roots[fit].mean(0)).sum()
    assert_close(quality.explained(matrices, lambda part: decoder(codes[part]), rows, fit), share, rtol=1e-3)


def test_the_autoencoder_must_earn_its_place():
    def standing(fair, stability):
        return quality.Standing(fair, stability, 0.5)

    def choice(ours, plain):
        return quality.choose(standing(*ours), standing(*plain))

    assert choice((0.5, 0.9), (0.4, 0.95))[0] == "autoencoder"
    chosen, verdict = choice((0.5, 0.7), (0.4, 0.95))
    assert chosen == "features" and "change from seed to seed (silhouette judged alike for both 0.50" in verdict
    assert choice((0.5, 0.7), (0.4, 0.6))[0] == "autoencoder"
    assert "by less than 0.02" in choice((0.41, 0.9), (0.4, 0.9))[1]
    assert "not separated better" in choice((0.3, 0.9), (0.4, 0.9))[1]


def test_training_lowers_the_loss_of_the_linear_code_and_repeats():
    sample, _ = planted_sample(planted.layout(7, 7, 1), 12, kinds=("local", "mixture", "content blob", "ring"))
    rows = np.random.default_rng(0).permutation(len(sample))
    found = [autoencoder.train(sample.matrices, sample.offsets, rows[:40], rows[40:], seed=2) for _ in range(2)]
    assert found[0].losses == found[1].losses
    assert min(found[0].losses) <= found[0].losses[0]
    codes = autoencoder.encode(found[0], sample.matrices, sample.offsets)
    np.testing.assert_array_equal(codes, autoencoder.encode(found[1], sample.matrices, sample.offsets))
    state = torch.random.get_rng_state()
    autoencoder.train(sample.matrices, sample.offsets, rows[:8], rows[8:12])
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_plane_is_that_of_the_first_two_components():
    rng = np.random.default_rng(5)
    codes = (rng.normal(size=(80, 6)) * [5, 3, 1, 1, 0.5, 0.1]).astype(np.float32)
    places = plane.to_plane(codes, method="pca")
    centred = codes.astype(np.float64) - codes.mean(0, dtype=np.float64)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    slow = left[:, :2] * values[:2]
    slow /= slow[:, 0].std()
    assert_close(np.abs(places), np.abs(slow), rtol=1e-4, atol=1e-5)
    assert plane.to_plane(codes[:, :1], method="pca")[:, 1].any() == np.False_


def test_neighbour_maps_are_taken_only_where_installed(monkeypatch):
    monkeypatch.setattr(plane, "find_spec", lambda name: None)
    assert plane.best_method(1000) == "pca"
    with pytest.raises(NotAvailable, match="by umap: it is not installed"):
        plane.to_plane(np.zeros((60, 3), np.float32), method="umap")
    fake = ModuleType("umap")
    fake.UMAP = lambda **options: SimpleNamespace(fit_transform=lambda codes: codes[:, :2] * options["random_state"])
    monkeypatch.setitem(sys.modules, "umap", fake)
    monkeypatch.setattr(plane, "find_spec", lambda name: True)
    assert plane.best_method(1000) == "umap" and plane.best_method(10) == "pca"
    codes = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    places = plane.to_plane(codes, seed=3)
    assert_close(places.std(0).max(), 1.0, rtol=1e-5)
