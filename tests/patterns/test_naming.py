"""The written rules: where each holds and stops holding, what its confidence says, and what a cluster is called."""

import numpy as np
import pytest

from vitscope.errors import InvalidArgument
from vitscope.patterns import FEATURES, PATTERNS, RULES, name_cluster, name_matrices
from vitscope.patterns.names import thresholds
from vitscope.patterns.names.naming import FAMILIES, called, step_name, with_steps

PLAIN = {
    "breadth": 0.3, "entropy": 0.77, "largest_key": 0.02, "second_key": 0.02, "to_cls": 0.02, "self": 0.02,
    "eight_keys": 0.1, "place": 0.3, "structure": 0.3, "by_offset": 0.4, "by_key": 0.3, "by_query": 0.3,
}  # fmt: skip
JUST = {
    "self": {"self": 0.4, "near": 0.4, "row": 0.4, "column": 0.4, "cross": 0.4},
    "one patch left": {"step": 0.2, "near": 0.2, "row": 0.2, "step_right": -1},
    "one patch down": {"step": 0.2, "near": 0.2, "column": 0.2, "step_down": 1},
    "shift": {"step": 0.2, "step_down": -3, "step_right": 1},
    "CLS sink": {"to_cls": 0.4},
    "one-key stripe": {"largest_key": 0.25, "eight_keys": 0.25},
    "registers": {"to_other": 0.25, "largest_key": 0.15},
    "corners": {"corners": 0.25, "place": 0.5, "eight_keys": 0.3},
    "border": {"border": 0.25, "place": 0.5},
    "few keys": {"eight_keys": 0.25, "place": 0.5},
    "local": {"near": 0.3, "by_offset": 0.5},
    "row": {"row": 0.4, "near": 0.1, "cross": 0.4},
    "column": {"column": 0.4, "near": 0.1, "cross": 0.4},
    "cross": {"cross": 0.4, "row": 0.2, "column": 0.2, "near": 0.1},
    "ring": {"ring": 0.4, "by_offset": 0.5},
    "wide local": {"wide": 0.08, "by_offset": 0.5, "same_map": 0.2},
    "CLS on a blob": {"breadth": 0.5, "place": 0.1, "structure": 0.02, "cls_place": 0.25, "cls_region": 0.3},
    "uniform": {"breadth": 0.5, "place": 0.1, "structure": 0.02},
    "blob": {"profile_region": 0.25, "same_region": 0.25},
}
"""Features that just fulfil each rule: what decides is at its threshold."""
LOWERED = {
    "wide local": "wide", "CLS on a blob": "cls_place", "corners": "corners", "border": "border",
    "few keys": "eight_keys",
    "registers": "to_other", "ring": "ring", "cross": "cross", "blob": "profile_region", "uniform": "breadth",
}  # fmt: skip


def matrix(**values):
    """Features of one matrix [1, feature]; what is not named is that of a matrix without a plain pattern."""
    return np.array([[(PLAIN | values).get(name, 0.0) for name in FEATURES]])


def name_of(constancy=None, **values):
    code, confidence = name_matrices(matrix(**values), None if constancy is None else np.array([constancy]))
    return PATTERNS[code[0]], float(confidence[0])


@pytest.mark.parametrize("name", JUST)
def test_a_rule_holds_from_its_threshold_up(name):
    assert name_of(**JUST[name]) == (name, pytest.approx(0.5))
    feature = LOWERED.get(name) or next(iter(JUST[name]))
    assert name_of(**JUST[name] | {feature: JUST[name][feature] - 0.02})[0] != name


@pytest.mark.parametrize(
    ("name", "feature"),
    [("self", "self"), ("CLS sink", "to_cls"), ("one-key stripe", "largest_key"), ("local", "near"), ("ring", "ring")],
)
def test_confidence_grows_with_the_evidence(name, feature):
    more = [name_of(**JUST[name] | {feature: JUST[name][feature] + part, "by_offset": 0.9}) for part in (0, 0.2, 0.4)]
    assert {found for found, _ in more} == {name}
    assert [sure for _, sure in more] == sorted({sure for _, sure in more})


@pytest.mark.parametrize(
    ("name", "rival"),
    [
        ("CLS sink", {"near": 0.3}),
        ("CLS sink", {"largest_key": 0.3}),
        ("one-key stripe", {"second_key": 0.2}),
        ("one-key stripe", {"to_cls": 0.3}),
        ("corners", {"to_cls": 0.2}),
        ("corners", {"place": 0.6}),
        ("corners", {"largest_key": 0.2}),
        ("corners", {"eight_keys": 0.6, "place": 0.5, "profile_region": 0.2}),
        ("border", {"eight_keys": 0.2}),
        ("few keys", {"profile_region": 0.6}),
        ("registers", {"largest_key": 0.24}),
        ("self", {"to_cls": 0.3}),
        ("self", {"row": 0.7}),
        ("one patch left", {"step_rival": 0.15}),
        ("one patch left", {"self": 0.15}),
        ("one patch left", {"near": 0.8}),
        ("local", {"to_cls": 0.35}),
        ("local", {"by_offset": 0.3}),
        ("row", {"column": 0.35}),
        ("column", {"largest_key": 0.3}),
        ("ring", {"ring_inside": 0.3}),
        ("ring", {"step": 0.3}),
        ("wide local", {"same_map": 0.0}),
        ("blob", {"by_offset": 0.6}),
        ("blob", {"profile_region": 0.1}),
        ("uniform", {"structure": 0.2}),
        ("uniform", {"place": 0.4}),
    ],
)
def test_a_second_pattern_takes_the_name_away(name, rival):
    assert name_of(**JUST[name])[0] == name
    assert name_of(**JUST[name] | rival)[0] != name


def test_content_is_said_only_where_the_other_images_say_so():
    blob = JUST["blob"] | {"profile_region": 0.6, "same_region": 0.6}
    assert name_of(**blob)[0] == "blob"
    assert name_of(constancy=float("nan"), **blob)[0] == "blob"
    assert name_of(constancy=0.95, **blob)[0] == "fixed place"
    assert name_of(constancy=0.1, **blob)[0] == name_of(constancy=-0.3, **blob)[0] == "content blob"
    between = (thresholds.CONSTANT + thresholds.CHANGES) / 2
    assert name_of(constancy=between, **blob)[0] == "blob"


def test_four_directions_have_a_name_and_other_offsets_say_which():
    rows = [
        {"step_right": -1},
        {"step_right": 1},
        {"step_down": -1},
        {"step_down": 1},
        {"step_down": 2, "step_right": -1},
    ]
    table = np.concatenate([matrix(step=0.5, near=0.3, **row) for row in rows])
    codes, names = with_steps(name_matrices(table)[0], table)
    told = ["one patch left", "one patch right", "one patch up", "one patch down", "2 patches down and one left"]
    assert [names[code] for code in codes] == told
    assert names[: len(PATTERNS)] == PATTERNS
    assert [step_name(*step) for step in ((0, 3), (-1, 0), (-1, 1))] == [
        "3 patches right",
        "one patch up",
        "one patch up and one right",
    ]


def test_weight_on_itself_is_self_although_it_is_near():
    assert name_of(self=0.7, near=0.8, row=0.7, column=0.7, by_offset=0.95)[0] == "self"
    assert name_of(self=0.3, near=0.8, row=0.4, column=0.4, by_offset=0.95)[0] == "local"


def test_every_name_has_its_sentence_with_the_thresholds():
    assert tuple(RULES) == PATTERNS
    said = {
        "self": ["40%"], "one patch up": ["20%", "40%", "above"], "corners": ["25%", "60%"], "local": ["30%"],
        "uniform": ["50%", "4%", "22%"], "fixed place": ["0.8"], "content blob": ["0.7"], "wide local": ["8%", "0.15"],
    }  # fmt: skip
    for name, bounds in said.items():
        assert all(bound in RULES[name] for bound in bounds), RULES[name]


def test_a_cluster_is_called_what_most_of_its_members_are():
    members = np.concatenate([matrix(**JUST["row"]), matrix(**JUST["row"] | {"row": 0.6}), matrix()])
    found = name_cluster(members)
    assert (found.name, found.rule, found.confidence) == ("row", RULES["row"], pytest.approx(2 / 3))
    assert found.evidence["row"] == pytest.approx(1 / 3)
    assert found.evidence["share: row"] == pytest.approx(2 / 3)
    assert found.evidence["share: mixed"] == pytest.approx(1 / 3)


def test_members_that_agree_on_no_more_have_the_name_of_their_family():
    left_and_right = [matrix(**JUST["one patch left"] | {"step_right": way}) for way in (-1, 1, 1, -1, -1)]
    found = name_cluster(np.concatenate([*left_and_right, matrix(), matrix(), matrix()]))
    assert (found.name, found.confidence) == ("shift", pytest.approx(5 / 8))
    assert called(["corners", "few keys", "mixed", "border", "mixed"])[:2] == ("few keys", pytest.approx(3 / 5))
    assert all(name in PATTERNS for name in (*FAMILIES, *sum(FAMILIES.values(), ())))


def test_a_cluster_without_a_majority_is_mixed_and_says_of_what():
    kinds = ["row", "row", "local", "uniform", "self"]
    found = name_cluster(np.concatenate([matrix(**JUST[kind]) for kind in kinds]))
    assert (found.name, found.confidence) == ("mixed", pytest.approx(0.6))
    assert found.evidence["share: row"] == pytest.approx(0.4)
    assert len([key for key in found.evidence if key.startswith("share: ")]) == 2
    assert name_cluster(matrix()).evidence["share: mixed"] == 1
    assert {"largest_key", "by_offset", "near"} <= set(found.evidence)


def test_what_is_no_table_of_features_is_refused():
    with pytest.raises(InvalidArgument, match=rf"shape \(1, 3\): expected \[matrix, {len(FEATURES)}\]"):
        name_matrices(np.zeros((1, 3)))
    with pytest.raises(InvalidArgument, match="without members"):
        name_cluster(matrix()[:0])
    codes, confidences = name_matrices(matrix()[:0])
    assert len(codes) == len(confidences) == 0
