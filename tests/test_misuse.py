"""Whoever calls a public function wrongly is told so in one sentence, and what to do, not by an error of another kind.

The whole campaign is slow; an eighth of it, another one for each argument, runs always.
"""

import inspect

import jaxtyping
import numpy as np
import pytest
import torch
from tests import misuse, zoo

import vitscope
from vitscope import measures
from vitscope.errors import InvalidArgument, VitscopeError

ACCEPTED = {
    ("attention", "pixels"): {"no entries"},
    ("attention", "layers"): {"None", "empty list", "one head", "no entries"},
    ("attention_gradients", "targets"): {"None", "one head"},
    ("head_importance", "labels"): {"None", "one head"},
    ("head_importance", "references"): {"None", "no entries"},  # fill zero does not look at them
    ("prune", "pixels"): {"no entries"},
    ("prune", "heads"): {"empty list", "empty dict", "no entries", "dict of heads"},
    ("prune", "references"): {"None"},
    ("what_if", "labels"): {"None", "one head"},
    ("what_if", "references"): {"None"},
    ("legrad", "layers"): {"None", "sixty"},  # all of them
    ("interactions", "pixels"): {"no entries"},
    ("interactions", "labels"): {"None", "one head"},
    ("shapley", "labels"): {"None", "one head"},
    ("pruning_curve", "orders"): {"empty list", "empty dict", "no entries"},
    ("pruning_curve", "labels"): {"None", "one head"},
    ("pruning_curve", "sizes"): {"None", "one head"},
    ("greedy_order", "length"): {"None"},
    ("wrap", "classes"): {"None"},
    ("wrap", "transform"): {"None", "type", "function", "module", "class"},  # all can be called
    ("wrap", "classifier"): {"None"},
    ("load_model", "weights"): {"None"},
    ("TokenLayout", "prefix"): {"empty list", "list of text"},
    ("coverage", "mass"): {"half"},
    ("entropy", "attention"): {"no entries", "seven axes"},
    ("sink", "attention"): {"no entries", "seven axes"},
    ("map_entropy", "cls_rows"): {"array", "no entries", "seven axes"},
    ("spread_level", "entropies"): {"array", "one axis", "no entries", "seven axes"},
    ("fuse", "values"): {"array", "one axis", "no axes", "no entries", "seven axes"},
    ("fuse", "dim"): {"minus one"},
    ("curve_area", "scores"): {"one axis"},
    ("head_diversity", "variant"): {"text"},
    ("head_similarity", "variant"): {"text"},
}
"""What is wrong elsewhere and right here, by function and argument."""
BY_ARGUMENT = {
    "tokens": {"layout"},
    "images": {"pictures"},  # without labels
    "residual": {"half"},
    "discard": {"half"},
    "seed": {"sixty"},
    "permutations": {"sixty"},
    "random": {"sixty"},
    "steps": {"sixty"},
    "n_patches": {"sixty"},
    "number": {"sixty"},
    "rows": {"sixty"},
    "cols": {"sixty"},
}


def outcome(call, name, junk):
    """What a call with one argument wrong ends in: nothing to say of it, or what is wrong with it."""
    function, said = call.function.__name__, f"{call.function.__name__}({name}={junk})"
    try:
        call.function(**{**call.arguments, name: misuse.JUNK[junk]})
    except VitscopeError as error:
        return [] if error.message and error.hint else [f"{said}: no hint: {error}"]
    except Exception as error:
        return [f"{said}: {type(error).__name__}: {error}"]
    right = ACCEPTED.get((function, name), set()) | BY_ARGUMENT.get(name, set())
    if name == "tokens" and function in ("check_attention", "rollout", "gradient_rollout"):
        right = right | {"None"}
    return [] if junk in right else [f"{said}: accepted"]


@pytest.fixture
def plain_users():
    """Users have no run-time type checks: what the annotations refuse here, the functions refuse there."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def campaign(folder, part, parts):
    kinds = list(misuse.JUNK)
    wrong, turn = [], 0
    for call in misuse.calls(folder):
        for name in call.arguments:
            turn += 1
            for junk in kinds[(part + turn) % parts :: parts]:
                wrong += outcome(call, name, junk)
    return wrong


def test_wrong_arguments_end_in_a_sentence(tmp_path, plain_users):
    wrong = campaign(tmp_path, 0, 8)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(1, 8))
def test_all_wrong_arguments_end_in_a_sentence(tmp_path, plain_users, part):
    wrong = campaign(tmp_path, part, 8)
    assert not wrong, "\n".join(wrong)


def test_every_public_function_is_in_the_campaign(tmp_path):
    public = {name for name in vitscope.__all__ if inspect.isroutine(getattr(vitscope, name))} | {
        name for name in measures.__all__ if inspect.isroutine(getattr(measures, name))
    }
    assert public <= {call.function.__name__ for call in misuse.calls(tmp_path)}


@pytest.fixture(scope="module")
def model():
    return vitscope.wrap(zoo.make("plain"))


def test_heads_are_taken_as_pairs_and_as_dicts_everywhere(model):
    """The modes of a dict are those of `prune`; pairs mean whole heads."""
    pixels, pairs, whole = zoo.pixels(2), [(2, 0), (0, 1)], {(2, 0): "head", (0, 1): "head"}
    arrays = np.array(pairs)
    expected = vitscope.prune(model, pixels, whole)
    for heads in (pairs, tuple(pairs), arrays, torch.from_numpy(arrays), set(pairs)):
        assert torch.equal(vitscope.prune(model, pixels, heads), expected)
    for function in (vitscope.what_if, vitscope.interactions, vitscope.shapley):
        assert function(model, pixels, whole).identical(function(model, pixels, pairs))
    curves = [vitscope.pruning_curve(model, pixels, orders, random=0) for orders in (whole, pairs, {"given": arrays})]
    assert curves[0].identical(curves[1])
    assert curves[0].identical(curves[2])
    assert vitscope.without_heads(model, whole).n_heads == vitscope.without_heads(model, arrays).n_heads == (2, 3, 2)
    for function in (vitscope.interactions, vitscope.shapley):
        with pytest.raises(InvalidArgument, match="mode 'pp'.*only whole heads"):
            function(model, pixels, {(2, 0): "pp", (0, 1): "head"})
    with pytest.raises(InvalidArgument, match="0.5 as layer.*whole number"):
        vitscope.without_heads(model, [(0.5, 1)])
    with pytest.raises(InvalidArgument, match="True as head.*whole number"):
        vitscope.prune(model, pixels, [(0, True)])


def test_modes_are_taken_as_analyze_takes_them(model):
    pixels = zoo.pixels(1)
    named = vitscope.head_importance(model, pixels, modes="all")
    assert list(named["mode"].values) == ["head", "cc", "cp+pc", "pp", "cc+cp+pc", "cc+pp", "cp+pc+pp"]
    assert list(vitscope.head_importance(model, pixels, modes="pp, pc+cp")["mode"].values) == ["pp", "cp+pc"]
    assert list(vitscope.head_importance(model, pixels, modes="head")["mode"].values) == ["head"]


@pytest.mark.parametrize(
    ("given", "words", "hint"),
    [
        ("demo", "expected a Model", r"load_model\('demo'\)"),
        (zoo.make("plain"), "a VisionTransformer as model", r"vitscope\.wrap\(module\)"),
    ],
)
def test_a_model_that_is_none_is_told_how_to_become_one(tmp_path, given, words, hint):
    for call in (lambda: vitscope.attention(given, zoo.pixels(1)), lambda: vitscope.analyze(given, "x", tmp_path)):
        with pytest.raises(InvalidArgument, match=f"{words}.*{hint}"):
            call()


def test_pictures_are_no_pixels(model):
    picture = misuse.JUNK["picture"]
    for given in (picture, [picture], "photo.jpg"):
        with pytest.raises(InvalidArgument, match=r"model\.preprocess\(picture\)"):
            vitscope.prune(model, given, {})
    with pytest.raises(InvalidArgument, match=r"tensor\[None\]"):
        vitscope.attention(model, zoo.pixels(1)[0])


def test_options_of_an_analysis_are_whole_numbers_and_known(model, tmp_path):
    for options, words in (
        ({"limit": 2.5}, "2.5 as limit.*whole number"),
        ({"limit": True}, "True as limit"),
        ({"seed": -1}, "-1 as seed.*at least 0"),
        ({"limitt": 3}, "no such option.*limit"),
        ({"fill": 3}, "fill 3.*a name"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            vitscope.analyze(model, tmp_path, tmp_path / "run", **options)
    from vitscope.pipeline.plan.request import Request

    assert Request(limit=np.int64(3)).limit == 3
