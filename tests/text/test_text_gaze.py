"""Where a head attends, in words, on planted attention: said where it is so, silent where it is not."""

import numpy as np
import pytest
import torch
from tests.planted_runs import planted_run

from vitscope import measures
from vitscope.analysis.gaze import gaze
from vitscope.text import headline, looks
from vitscope.tokens import HeadRef, TokenLayout

VIT = TokenLayout(("cls",), 14, 14, (16, 16))
REGISTERS = TokenLayout(("cls", "reg1", "reg2"), 7, 7, (16, 16))
HEAD = HeadRef(2, 1)
CORNERS = [(0, 0), (0, 13), (13, 0), (13, 13)]


def token(tokens, row, col):
    return tokens.n_prefix + row * tokens.cols + col


def on_keys(tokens, shares):
    """Attention of all queries: some keys get a share each, the rest is even."""
    attention = torch.full((tokens.n_tokens, tokens.n_tokens), 1.0, dtype=torch.float64)
    attention *= (1 - sum(shares.values())) / tokens.n_tokens
    for key, share in shares.items():
        attention[:, key] += share
    return attention


def shifted(tokens, down, right, share):
    """Each patch attends with a share to one neighbour (itself at the border), the rest is even."""
    attention = on_keys(tokens, {}) * (1 - share)
    for row in range(tokens.rows):
        for col in range(tokens.cols):
            to = (row + down, col + right)
            inside = 0 <= to[0] < tokens.rows and 0 <= to[1] < tokens.cols
            attention[token(tokens, row, col), token(tokens, *(to if inside else (row, col)))] += share
    return attention


def seen(attention, tokens=VIT, version=5):
    """The planted head as a run of three images tells it."""
    run = planted_run(n=3, n_heads=(2, 2, 2), tokens=tokens, version=version)
    summary = measures.summarise(attention, tokens)
    for name in run.spread:
        run.spread[name][:, HEAD.layer, HEAD.head] = summary.spread[name].item()
    run.strength["mass"][:, HEAD.layer, HEAD.head] = summary.mass.numpy()
    run.mean_attention[HEAD] = attention.numpy()
    return run, gaze(run, HEAD)


def test_corners_are_named_and_counted():
    run, found = seen(on_keys(VIT, {token(VIT, *place): 0.19 for place in CORNERS}))
    told = looks.keys(found, VIT)
    assert told.startswith("the 4 corner patches take 76 % of the patches' attention (uniform would be 2.0 %)")
    assert told.endswith("half of the patches' attention is on 3 keys of 197 in the median image")
    assert "is a sink" not in told  # each corner is one; they are told together
    assert "; the 4 corner patches take 76 %" in headline(run)
    distance = looks.distance(found)
    assert "150 px (47 % of the diagonal)" in distance and "116 px without sinks (uniform attention 116 px)" in distance


def test_one_key_with_16_percent_is_a_sink():
    _, found = seen(on_keys(VIT, {token(VIT, 3, 4): 0.16}))
    assert looks.keys(found, VIT) == "patch 3,4 is a sink: 16 % of the patches' attention, 32.4 times uniform"


def test_three_keys_are_three_and_five_are_counted():
    _, found = seen(on_keys(VIT, {token(VIT, 5, col): 0.2 for col in (2, 5, 8)}))
    told = looks.keys(found, VIT)
    assert told.startswith("patch 5,2 (20 %), patch 5,5 (20 %) and patch 5,8 (20 %) are sinks: together 61 % of")
    _, found = seen(on_keys(VIT, {token(VIT, 5, col): 0.1 for col in (2, 4, 6, 8, 10)}))
    assert "patch 5,6 (10 %) and 2 more are sinks: together 51 % of the patches' attention" in looks.keys(found, VIT)


def test_cls_and_registers_are_sinks_like_any_key():
    _, found = seen(on_keys(REGISTERS, {0: 0.3}), REGISTERS)
    assert looks.keys(found, REGISTERS).startswith("CLS is a sink: 31 % of the patches' attention, 16.3 times uniform")
    _, found = seen(on_keys(REGISTERS, {1: 0.3, 2: 0.3}), REGISTERS)
    assert looks.keys(found, REGISTERS).startswith("reg1 (31 %) and reg2 (31 %) are sinks: together 62 % of")


def test_the_border_is_named():
    frame = {token(VIT, r, c): 0.015 for r in range(14) for c in range(14) if r in (0, 13) or c in (0, 13)}
    _, found = seen(on_keys(VIT, frame))
    assert looks.keys(found, VIT) == "the 52 border patches take 84 % of the patches' attention (uniform would be 26 %)"


@pytest.mark.parametrize(
    "attention",
    [on_keys(VIT, {}), shifted(VIT, 0, 1, 0.6), on_keys(VIT, {token(VIT, 6, c): 0.04 for c in range(14)})],
    ids=["even", "shift", "row"],
)
def test_nothing_is_said_of_keys_where_none_stand_out(attention):
    """Neither a finding nor its denial."""
    _, found = seen(attention)
    assert looks.keys(found, VIT) == ""


def test_what_differs_between_images_is_not_said_to_be_one_key():
    run, _ = seen(on_keys(VIT, {}))
    run.spread["few_keys"][:, HEAD.layer, HEAD.head] = 3  # other keys in each image
    assert looks.keys(gaze(run, HEAD), VIT) == "half of the patches' attention is on 3 keys of 197 in the median image"


@pytest.mark.parametrize(
    ("down", "right", "where"),
    [
        (0, -1, "on its left"),
        (0, 1, "on its right"),
        (-1, 0, "above it"),
        (1, 0, "below it"),
        (1, -1, "below it and on its left"),
    ],
)
def test_a_direction_is_named(down, right, where):
    run, found = seen(shifted(VIT, down, right, 0.68))
    share = "59 %" if down and right else "63 %"  # patches at the border have no such neighbour
    assert looks.direction(found) == f"each patch attends to the patch {where}: {share} of the patches' attention"
    assert f"each patch attends to the patch {where}" in headline(run)


@pytest.mark.parametrize(
    "attention",
    [
        on_keys(VIT, {}),
        shifted(VIT, 0, 0, 0.9),
        (shifted(VIT, 0, -1, 0.9) + shifted(VIT, 0, 1, 0.9)) / 2,
        shifted(VIT, 0, 3, 0.9),
        shifted(VIT, 0, 1, 0.2),
    ],
    ids=["even", "self", "left and right", "three to the right", "too little"],
)
def test_no_direction_where_there_is_none(attention):
    _, found = seen(attention)
    assert looks.direction(found) == ""


def test_an_old_run_says_what_it_has_and_claims_nothing():
    corners = on_keys(VIT, {token(VIT, *place): 0.19 for place in CORNERS})
    _, found = seen(corners, version=4)
    told = looks.keys(found, VIT)
    assert told.startswith("patch 0,0 (19 %), patch 0,13 (19 %), patch 13,0 (19 %) and 1 more are sinks")
    assert "whether sinks make it long is not known" in looks.distance(found)
    assert looks.direction(seen(shifted(VIT, 0, 1, 0.9), version=4)[1]) == ""
    assert np.isnan(found.corners) and found.missing
