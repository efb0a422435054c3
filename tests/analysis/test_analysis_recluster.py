"""Another number of clusters: against brute force over the same codes, on a run whose sample was written by hand."""

import numpy as np
import pytest
from tests.synthetic_run import synthetic_run

from vitscope.analysis import recluster
from vitscope.analysis.patterns.recluster import MOST, most_clusters
from vitscope.errors import InvalidArgument, NotAvailable

K = 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("recluster") / "run", pattern_images=9)


@pytest.fixture(scope="module")
def found(run):
    return recluster(run.patterns, K)


def test_every_matrix_is_nearest_the_middle_of_its_own_cluster_and_the_largest_comes_first(run, found):
    codes, labels = run.patterns.codes.astype(np.float64), found.table["cluster"].to_numpy()
    centres = [codes[labels == number].mean(0) for number in range(K)]
    for code, label in zip(codes, labels, strict=True):
        assert int(np.argmin([np.square(code - centre).sum() for centre in centres])) == label
    sizes = [int((labels == number).sum()) for number in range(K)]
    assert sizes == sorted(sizes, reverse=True) == found.clusters["size"].tolist()


def test_a_medoid_has_the_smallest_sum_of_squared_distances(run, found):
    codes, labels = run.patterns.codes.astype(np.float64), found.table["cluster"].to_numpy()
    for number, medoid in found.clusters["medoid"].items():
        members = np.flatnonzero(labels == number)
        sums = [np.square(codes[members] - codes[member]).sum() for member in members]
        assert np.square(codes[members] - codes[medoid]).sum() == pytest.approx(min(sums), rel=1e-6)
        np.testing.assert_array_equal(found.medoids[number], run.patterns.matrix(medoid))


def test_a_cluster_is_called_as_most_of_its_members_are_one_by_one(run, found):
    table, own = found.table, run.patterns.clusters
    for number, cluster in found.clusters.iterrows():
        names = table["pattern"][table["cluster"] == number].tolist()
        shares = {name: names.count(name) / len(names) for name in set(names) - {"mixed"}}
        most = max(shares.values(), default=0)
        if most >= 0.5:
            assert shares[cluster["name"]] == pytest.approx(most)
            assert cluster["confidence"] == pytest.approx(most)
        else:
            assert (cluster["name"], cluster["confidence"]) == ("mixed", pytest.approx(1 - most))
        if cluster["name"] in set(own["auto_name"]):
            assert cluster["rule"] in set(own["rule"][own["auto_name"] == cluster["name"]])


def test_prototypes_are_means_and_mixes_follow(run, found):
    labels = found.table["cluster"].to_numpy()
    for number, prototype in enumerate(found.prototypes):
        mean = np.mean(
            [run.patterns.matrix(member) for member in np.flatnonzero(labels == number)], axis=0, dtype=float
        )
        np.testing.assert_allclose(prototype, mean, atol=1e-3)
    np.testing.assert_allclose(found.mix.sum("cluster"), 1)
    assert (found.mix.sizes["cluster"], run.patterns.mix.sizes["cluster"]) == (K, 5)


def test_a_name_that_a_user_gave_stays_where_the_rules_call_both_alike_and_nothing_is_written(tmp_path):
    run = synthetic_run(tmp_path / "run", pattern_images=9)
    own = run.patterns.clusters
    for cluster in own.index:
        run.patterns.rename(cluster, f"mine {cluster}")
    found = recluster(run.patterns, K)
    table = found.table.assign(before=run.patterns.table["cluster"])
    for number, cluster in found.clusters.iterrows():
        before = table["before"][table["cluster"] == number]
        like = before[before >= 0].value_counts().idxmax()
        alike = own.at[like, "auto_name"] == cluster["auto_name"]
        assert cluster["name"] == (f"mine {like}" if alike else cluster["auto_name"])
    with pytest.raises(NotAvailable, match="names are kept for the run's own clusters"):
        found.rename(0, "other")


@pytest.mark.parametrize("k", [0, 1, MOST + 1, 1000])
def test_a_number_that_cannot_be_is_refused_in_one_sentence(run, k):
    with pytest.raises(
        InvalidArgument, match=f"cannot make {k} clusters of .* 2 to {most_clusters(run.patterns)} can be made"
    ):
        recluster(run.patterns, k)


def test_the_space_that_was_not_chosen_has_no_codes(run):
    other = "features" if run.patterns.chosen == "autoencoder" else "autoencoder"
    with pytest.raises(NotAvailable, match="cannot cluster again"):
        recluster(run.patterns.seen_by(other), K)
