"""The written rules: where each holds and stops holding, what its confidence says, and what a cluster is called."""

import numpy as np
import pytest

from vitscope.errors import InvalidArgument
from vitscope.patterns import FEATURES, PATTERNS, RULES, name_cluster, name_matrices
from vitscope.patterns import naming as rules

PLAIN = {"breadth": 0.3, "entropy": 0.77, "largest_key": 0.02, "second_key": 0.02, "to_cls": 0.02, "self": 0.02}
JUST = {
    "self": {"self": 0.4, "near": 0.4, "row": 0.4, "column": 0.4},
    "local": {"near": 0.3, "equivariance": 0.5},
    "row": {"row": 0.4, "near": 0.1, "equivariance": 0.9},
    "column": {"column": 0.4, "near": 0.1, "equivariance": 0.9},
    "one-key stripe": {"largest_key": 0.4},
    "CLS sink": {"to_cls": 0.4},
    "uniform": {"breadth": 0.65},
    "content blob": {"same_map": 0.5, "same_region": 0.4},
}
"""Features that just fulfil each rule: everything at its threshold."""


def matrix(**values):
    """Features of one matrix [1, feature]; what is not named is that of a broad matrix without structure."""
    return np.array([[(PLAIN | values).get(name, 0.0) for name in FEATURES]])


def name_of(**values):
    code, confidence = name_matrices(matrix(**values))
    return PATTERNS[code[0]], float(confidence[0])


@pytest.mark.parametrize("name", JUST)
def test_a_rule_holds_from_its_threshold_up(name):
    assert name_of(**JUST[name]) == (name, pytest.approx(0.5))
    below = {feature: value - 0.01 for feature, value in JUST[name].items()}
    found, confidence = name_of(**below)
    assert found == "mixed"
    assert 0.5 < confidence < 0.53


@pytest.mark.parametrize("name", ["self", "one-key stripe", "CLS sink", "local", "row", "column", "content blob"])
def test_confidence_grows_with_the_evidence(name):
    confidences = []
    for part in (0, 0.25, 0.5, 0.75):
        more = {
            feature: value + part * (1 - value)
            for feature, value in JUST[name].items()
            if (name, feature) not in (("row", "near"), ("column", "near"))
        }
        found, confidence = name_of(**JUST[name] | more)
        assert found == name
        confidences.append(confidence)
    assert confidences == sorted(set(confidences))


@pytest.mark.parametrize(
    ("name", "rival"),
    [
        ("CLS sink", {"near": 0.3}),
        ("CLS sink", {"largest_key": 0.3}),
        ("one-key stripe", {"second_key": 0.3}),
        ("one-key stripe", {"to_cls": 0.3}),
        ("one-key stripe", {"row": 0.3}),
        ("self", {"to_cls": 0.3}),
        ("self", {"row": 0.7}),
        ("local", {"to_cls": 0.2}),
        ("local", {"equivariance": 0.3}),
        ("row", {"column": 0.35}),
        ("column", {"largest_key": 0.3}),
        ("content blob", {"equivariance": 0.6}),
        ("content blob", {"same_region": 0.2}),
        ("uniform", {"breadth": 0.7, "same_region": -0.9}),
        ("uniform", {"breadth": 0.7, "equivariance": 0.9}),
    ],
)
def test_a_second_pattern_makes_it_mixed(name, rival):
    assert name_of(**JUST[name])[0] == name
    assert name_of(**JUST[name] | rival)[0] == "mixed"


def test_the_shape_of_a_broad_matrix_decides_what_it_is_called():
    shape = {"same_map": 0.9, "equivariance": 0.1}
    assert name_of(breadth=0.75, same_region=0.8, **shape)[0] == "content blob"
    assert name_of(breadth=0.75, same_region=0.5, **shape)[0] == "uniform"
    assert name_of(breadth=0.95, same_region=0.9, **shape)[0] == "uniform"


def test_weight_on_itself_is_self_although_it_is_near():
    assert name_of(self=0.7, near=0.8, row=0.7, column=0.7, equivariance=0.95)[0] == "self"
    assert name_of(self=0.3, near=0.8, row=0.4, column=0.4, equivariance=0.95)[0] == "local"
    assert name_of(self=0.35, near=0.35, row=0.35, column=0.35, equivariance=0.95)[0] == "mixed"


def test_left_and_right_neighbours_are_local_and_a_long_line_is_a_row():
    assert name_of(near=0.9, row=0.8, equivariance=0.9)[0] == "local"
    assert name_of(near=0.3, row=0.8)[0] == "row"


def test_every_name_has_its_sentence_with_the_thresholds():
    assert tuple(RULES) == PATTERNS
    for bound in (rules.BROAD, rules.EVEN, rules.POSITION):
        assert f"{bound:.0%}" in RULES["uniform"]
    for bound in (rules.SAME_MAP, rules.SAME_REGION, f"{rules.POSITION:.0%}", f"{rules.MOST:.0%}"):
        assert str(bound) in RULES["content blob"]
    assert f"{rules.NEAR:.0%}" in RULES["local"]
    for name in ("self", "row", "column", "one-key stripe", "CLS sink"):
        assert f"{rules.MOST:.0%}" in RULES[name]
        assert f"{rules.RIVAL:.0%}" in RULES[name]
    assert f"{rules.RIVAL:.0%}" in RULES["local"]


def test_a_cluster_is_called_what_most_of_its_members_are():
    members = np.concatenate([matrix(**JUST["row"]), matrix(**JUST["row"] | {"row": 0.6}), matrix()])
    found = name_cluster(members)
    assert (found.name, found.rule, found.confidence) == ("row", RULES["row"], pytest.approx(2 / 3))
    assert found.evidence["row"] == pytest.approx(1 / 3)
    assert found.evidence["share: row"] == pytest.approx(2 / 3)
    assert found.evidence["share: mixed"] == pytest.approx(1 / 3)


def test_a_cluster_without_a_majority_is_mixed_and_says_of_what():
    kinds = ["row", "row", "local", "uniform", "self"]
    found = name_cluster(np.concatenate([matrix(**JUST[kind]) for kind in kinds]))
    assert (found.name, found.confidence) == ("mixed", pytest.approx(0.6))
    assert found.evidence["share: row"] == pytest.approx(0.4)
    assert len([key for key in found.evidence if key.startswith("share: ")]) == 2
    assert name_cluster(matrix()).evidence["share: mixed"] == 1
    assert {"second_key", "same_map", "near"} <= set(found.evidence)


def test_what_is_no_table_of_features_is_refused():
    with pytest.raises(InvalidArgument, match=r"shape \(1, 3\): expected \[matrix, 24\]"):
        name_matrices(np.zeros((1, 3)))
    with pytest.raises(InvalidArgument, match="without members"):
        name_cluster(matrix()[:0])
    codes, confidences = name_matrices(matrix()[:0])
    assert len(codes) == len(confidences) == 0
