"""`show`, `summary` and `headline` on planted runs: they say what was planted, and little data breaks nothing."""

import json

import numpy as np
import pytest
from tests.planted_runs import CLS, planted_run
from tests.synthetic_run import STRONG, synthetic_run

from vitscope.text import headline, show, summary
from vitscope.tokens import TokenLayout

PATCHES_ONLY = TokenLayout((), 5, 7, (16, 16))
REGISTERS = TokenLayout(("cls", "reg1", "reg2"), 4, 4, (14, 14))


def plain(text):
    """The text without its line breaks."""
    return " ".join(text.split())


def test_show_names_the_planted_heads_and_says_why():
    text = plain(show(planted_run()))
    assert "L2·H1 is the most important head by jsd (0." in text
    assert "n = 60; first in 100 % of the images" in text
    assert (
        "its patches attend with 40 % to CLS, 30 % to themselves, 20 % to their neighbours (1 hop) and 10 % to" in text
    )
    assert "CLS is a sink: 50 % of the patches' attention, 18.0 times uniform" in text
    assert "mean distance 17.0 px (12 % of the diagonal), 25.0 px over patches alone, 23.0 px without sinks" in text
    assert "changes 50 % of 60 predictions" in text
    assert "L1·H0 12 of 12 1.0e-04 cls_cos 1 of 12 0.8" in text
    assert "3 of 3 classes judged" in text


def test_every_number_of_the_why_sentence_comes_from_the_run():
    run = planted_run(n=40)
    told = summary(run)["why"]
    jsd, drop = run.effect("jsd", "head")[:, 2, 1], run.effect("prob_drop", "head")[:, 2, 1]
    assert told["head"] == {"layer": 2, "head": 1}
    assert f"{jsd.mean():.3f} bits" in told["sentence"]
    assert f"by {drop.mean():.3f}, changes 50 % of 40 predictions" in told["sentence"]
    assert "17.0 px" in told["sentence"]
    assert "entropy 0.30 of at most 3.58 nats" in told["sentence"]
    right = (run.images["prediction"] == run.images["label"]).to_numpy()
    changed = np.arange(40) < 20
    assert told["loss"]["accuracy"] == pytest.approx(right.mean())
    assert told["loss"]["accuracy_low"] == pytest.approx((right & ~changed).mean())
    assert told["loss"]["accuracy_high"] == pytest.approx((right & ~changed).mean() + (~right & changed).mean())


def test_headline_is_one_sentence_about_the_top_head():
    told = headline(planted_run())
    assert told is not None
    assert told.startswith("L2·H1 matters most: pruning it changes 50 % of the predictions (JSD 0.")
    assert told.endswith(".") and "\n" not in told


def test_a_top_head_with_a_rival_is_not_called_clear():
    run = planted_run()
    jsd = run.effect("jsd", "head")
    jsd[:, 3, 0] = np.roll(jsd[:, 2, 1], 7)  # the same values over other images: the same mean
    assert headline(run).startswith("L2·H1 comes out first, though not clearly: pruning it changes")
    assert "L2·H1 is first, though not clearly, by jsd (0." in plain(show(run))
    assert "rank 1 to 2, n = 60" in plain(show(run))


def test_one_image_makes_no_head_clearly_the_first():
    run = planted_run(n=1)
    assert headline(run).startswith("L2·H1 comes out first, though not clearly: ")
    text = plain(show(run))
    assert "L2·H1 is first, though not clearly, by jsd" in text
    assert "over 1 image, layers across" in text
    assert "nan" not in text


def test_few_images_are_told():
    assert "few images: with 12 (fewer than 100), 95 % intervals" in plain(show(planted_run(n=12)))
    assert summary(planted_run(n=12))["images"]["few"]
    assert "few images" not in plain(show(planted_run(n=100)))


def test_heads_that_all_tie_make_none_the_first():
    run = planted_run()
    run.effect("jsd", "head")[:] = 0
    alike = "no head comes first: jsd is the same whichever of the 12 heads is pruned (0 bits, n = 60)"
    assert headline(run) == f"N{alike[1:]}."
    assert alike in plain(show(run))
    assert "L0·H0 is" not in show(run) and "most important" not in show(run)
    assert "from 0 " not in show(run)
    assert "nan" not in show(run)
    told = summary(run)
    assert told["why"] is None and told["output"]["first"] is None and not told["output"]["clearly_first"]
    assert told["classes"]["reason"] == "jsd of all heads is the same"


def test_agreement_is_printed_beside_its_chance_level():
    run = planted_run()
    lines = [" ".join(line.split()) for line in show(run).splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith("IS IT SO FOR EVERY IMAGE?"))
    assert lines[at + 1] == "metric mean Spearman's rho (unrelated: 0) Kendall's W W if unrelated n"
    metric, rho, w, chance, n = lines[at + 2].split()
    assert (metric, n, chance) == ("jsd", "60", "0.017")
    assert float(rho) == pytest.approx((60 * float(w) - 1) / 59, abs=2e-3)
    assert "unrelated" not in lines[at]


def test_low_on_output_high_on_layer_is_printed_beside_chance():
    text = plain(show(planted_run()))
    assert "expected if the rankings were unrelated" in text
    told = summary(planted_run())["low_on_output_high_on_layer"]
    assert told["found"] == len(told["heads"])
    assert f"{told['found']} head" in text and told["expected_by_chance"] > 0


def test_one_patch_without_cls_is_shown(tmp_path):
    run = synthetic_run(tmp_path / "run", grid=(1, 1), prefix=())
    assert "nan" not in show(run) and headline(run) is not None
    json.dumps(summary(run), allow_nan=False)


def test_copies_of_an_image_are_told():
    run = planted_run()
    assert "same bytes" not in show(run)
    run._parts[1].loc[[3, 4], "id"] = run._parts[1].at[2, "id"]
    assert "copies 2 are copies of another image (same bytes)" in plain(show(run))


def test_no_shift_of_a_class_is_not_said_to_be_no_difference():
    run = planted_run()
    jsd = run.effect("jsd", "head")
    labels = run.images["label"].to_numpy()
    jsd[:, 3, 0] = np.where(labels == labels[0], 0.002, 0.001)  # twice as much, beyond chance, and next to nothing
    text = plain(show(run))
    assert "no head differs for a class beyond chance, by a factor of 2 and by at least 10 % of the top head's" in text


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"classes": None},
        {"labels": False},
        {"tokens": PATCHES_ONLY},
        {"tokens": PATCHES_ONLY, "classes": None},
        {"tokens": REGISTERS},
        {"n_heads": (2, 5, 3)},
        {"n": 1},
        {"n": 2},
        {"version": 1},
        {"done": 32},
        {"done": 0},
        {"done": 1, "classes": None},
        {"skipped": {row: "empty file" for row in range(60)}},
        {"n_heads": (12,) * 12, "n": 12},
    ],
    ids=str,
)
def test_nothing_breaks_and_lines_stay_short(options):
    run = planted_run(**options)
    text = show(run)
    assert max(map(len, text.splitlines())) <= 100
    assert "nan" not in text.lower().replace("finance", "")
    json.dumps(summary(run), allow_nan=False)
    headline(run)


def test_json_has_every_head_and_no_nan():
    told = summary(planted_run(n_heads=(2, 5, 3)))
    assert len(told["output"]["heads"]) == 10
    assert told["output"]["heads"][0]["head"] == {"layer": 2, "head": 1}
    assert told["output"]["heads"][0]["rank"] == 1
    assert told["images"] == {
        "planned": 60,
        "measured": 60,
        "few": True,
        "skipped": {},
        "handled": {},
        "note": None,
        "labelled": 60,
    }


def test_without_a_classifier_out_cos_ranks_and_the_reason_is_given():
    run = planted_run(classes=None)
    text = plain(show(run))
    assert "L2·H1 is the most important head by out_cos" in text
    assert "– for prob_drop, logit_drop, jsd and flip: the model has no classifier; ranked by out_cos instead" in text
    assert "not judged: no labels and no predictions" in text
    assert "pruning it moves the pooled output most" in headline(run)


def test_without_cls_nothing_is_said_about_cls():
    run = planted_run(tokens=PATCHES_ONLY)
    text = plain(show(run))
    assert "– for cls_cos and everything measured from CLS: the model has no CLS token" in text
    sentence = summary(run)["why"]["sentence"]
    assert "CLS" not in sentence
    assert "BY LAYER: cls_cos" not in text and "BY LAYER: patch_cos" in text


def test_half_done_run_says_how_far_it_is():
    text = plain(show(planted_run(done=32)))
    assert "32 of 60 measured, 0 skipped" in text
    assert "1 of 2 head, 0 of 1 featured and 0 of 0 partial units done" in text
    assert "n = 32" in text
    assert "a sink" not in text  # the mean matrix comes at the end


def test_an_empty_run_and_one_without_readable_images_say_so():
    assert "No image has been measured yet" in show(planted_run(done=0))
    assert headline(planted_run(done=0)) is None
    broken = planted_run(n=4, skipped={0: "empty file", 1: "empty file", 2: "empty file", 3: "not an image"})
    text = plain(show(broken))
    assert "No image could be measured" in text
    assert "skipped 3 × empty file skipped 1 × not an image" in text


def test_skipped_and_handled_images_are_counted_with_their_reasons():
    run = planted_run(skipped={5: "truncated file", 9: "truncated file"})
    frame = run.images
    frame.loc[7, "note"] = "CMYK converted to RGB"
    run._parts = (run._parts[0], frame, *run._parts[2:])
    text = plain(show(run))
    assert "58 of 60 measured, 2 skipped" in text
    assert "skipped 2 × truncated file" in text
    assert "handled 1 × CMYK converted to RGB" in text
    assert summary(run)["images"]["skipped"] == {"truncated file": 2}


def test_a_head_that_attends_to_cls_is_called_neither_local_nor_global():
    for distance in (0.1, 100):
        run = planted_run()
        run.spread["distance"][:, 3, 2] = run.spread["distance_no_sinks"][:, 3, 2] = distance
        run.strength["mass"][:, 3, 2] = 0.01
        text = show(run)
        ordered = text[text.index("most local") : text.index("CLASSES THAT")]
        assert "L3·H2" not in ordered
        assert "1 head left out" in plain(text)


def test_global_is_said_of_the_distance_that_sinks_do_not_explain():
    run = planted_run()
    run.spread["distance"][:, 1, 1] = run.spread["distance_rescaled"][:, 1, 1] = 90  # far corners that draw it
    run.spread["distance_no_sinks"][:, 1, 1] = 17
    text = show(run)
    far = text[text.index("most global") : text.index("CLASSES THAT")]
    assert [line.split()[0] for line in far.splitlines()[2:5]] == ["L3·H2", "L3·H1", "L3·H0"]
    assert "uniform attention 49.6 px" in plain(text)


def test_a_run_that_did_not_measure_sinks_calls_no_head_global():
    run = planted_run(version=4)
    text = plain(show(run))
    assert "most local" in text
    assert (
        "– most global: a distant sink makes a distance as long as global attention does, and this run was made by"
        in text
    )
    assert "whether sinks make it long is not known: this run was made by vitscope 0.1.0" in text
    assert "– for distance_rescaled, distance_no_sinks, few_keys, corners" in text
    assert summary(run)["reach"]["heads"][0]["distance_no_sinks"] is None


def test_the_matrix_marks_halvings_of_the_largest_mean():
    run = planted_run(n_heads=(2, 2, 2), n=3)
    for metric in ("jsd", "cls_cos", "patch_cos"):
        run.effect(metric, "head")[:] = np.array([[0.8, 0.41], [0.21, 0.11], [0.051, 0.01]])
    lines = show(run).splitlines()
    start = next(i for i, line in enumerate(lines) if "layers across" in line)
    assert [line.split()[1:] for line in lines[start + 3 : start + 5]] == [["█", "▓", "░"], ["█", "▒", "·"]]


def test_the_layout_of_cls_and_registers_is_told():
    text = show(planted_run(tokens=REGISTERS))
    assert "19 = CLS, reg1 and reg2 + 4 × 4 patches of 14 × 14 px" in text
    assert "37 = " not in text and CLS.n_tokens == 36


def test_a_run_from_disk_shows_its_strong_head_and_the_regions_it_acts_through(tmp_path):
    run = synthetic_run(tmp_path / "run", n_images=40, partial_images=12, modes=("head", "cc", "pp"))
    text = plain(show(run))
    strong = "L{}·H{}".format(*STRONG)
    assert f"{strong} is the most important head by jsd" in text
    assert f"THROUGH WHICH REGION {strong} ACTS" in text
    told = summary(run)
    assert [effect["mode"] for effect in told["regions_of_the_top_head"]] == ["cc", "pp"]
    pp = run.effect("jsd", "pp")[:, *STRONG]
    present = np.isfinite(pp)
    assert told["regions_of_the_top_head"][1]["n"] == present.sum()
    assert told["regions_of_the_top_head"][1]["mean"] == pytest.approx(pp[present].mean())
    assert told["regions_of_the_top_head"][1]["whole"] == pytest.approx(
        run.effect("jsd", "head")[present][:, *STRONG].mean()
    )
    assert "39 of 40 measured, 1 skipped" in text
    assert f"pruning that alone has {100 * told_share(told):.0f} % of the effect" in text


def told_share(told):
    """The largest share of the head's effect that a region has."""
    return max(effect["mean"] / effect["whole"] for effect in told["regions_of_the_top_head"])


@pytest.mark.parametrize(
    "shape", [{"complete": False}, {"complete": False, "head_shards": 0}, {"prefix": (), "classifier": False}]
)
def test_runs_from_disk_that_lack_something(tmp_path, shape):
    run = synthetic_run(tmp_path / "run", **shape)
    assert max(map(len, show(run).replace(str(run.path), "RUN").splitlines())) <= 100
    json.dumps(summary(run), allow_nan=False)
    headline(run)
