"""The journeys of the design on runs of real models, by mouse and by keyboard alone; every number is the Python API's.

J1: which heads matter, and why? J2: why is this image misclassified? Runs: the bundled demo, the real ViT-Tiny on a few
photos, and any whole run that VITSCOPE_JOURNEY_RUN names (with its model, where it is found).
"""

import os
import re
from functools import partial

import numpy as np
import pytest
import torch
from tests.browser.hands import address_of, settled, shown, wait_until
from tests.browser.journeys import HANDS, VIEW

import vitscope
from vitscope import measures, text
from vitscope.analysis.statistics.descriptive import spearman
from vitscope.analysis.statistics.paired import paired
from vitscope.models.sources.bundled import DEMO
from vitscope.pipeline.live.model import load_live

pytestmark = pytest.mark.slow  # `make test-browser` runs them

WRONG_PHOTOS = (
    "n01978287_Dungeness_crab",
    "n02128925_jaguar",
    "n02526121_eel",
    "n02892201_brass",
    "n02107908_Appenzeller",
)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journey") / "demo"
    return vitscope.analyze(
        vitscope.load_model("demo"), DEMO / "images" / "labels.csv", folder, limit=32, modes="all", partial_images=8,
        patterns=6 * 24,
    )  # fmt: skip


@pytest.fixture(scope="session")
def vit_tiny(tmp_path_factory, data_dir):
    """Some photos that the model gets wrong with confidence, and some that it gets right."""
    folder = tmp_path_factory.mktemp("journey")
    weights = next((data_dir / "weights").rglob("model.safetensors"))
    header, *lines = (data_dir / "images" / "labels.csv").read_text("utf-8").splitlines()
    wrong = [line for line in lines if any(name in line for name in WRONG_PHOTOS)]
    chosen = [f"{data_dir}/images/{line}" if '"' not in line[:1] else line for line in (*wrong, *lines[:3])]
    table = folder / "photos.csv"
    table.write_text("\n".join([header, *chosen]), "utf-8")
    model = vitscope.load_model("timm:vit_tiny_patch16_224", weights=weights)
    return vitscope.analyze(
        model, table, folder / "run", weights_file=weights, modes="all", partial_images=2, patterns=6 * 36
    )


@pytest.fixture(scope="session")
def whole_run():
    path = os.environ.get("VITSCOPE_JOURNEY_RUN")
    if not path:
        pytest.skip("no run named: set VITSCOPE_JOURNEY_RUN to go through one that is there already")
    return vitscope.open_run(path)


IMPORTANCE = "document.querySelector('[data-pane=importance]')"
RUNS = ["demo", pytest.param("vit_tiny", marks=pytest.mark.model), "whole_run"]


@pytest.fixture(scope="session")
def journey_address(request, chromium):
    """The address of a run by its name, served live; servers live as long as the session."""
    from contextlib import ExitStack

    from tests.browser.conftest import serving

    with ExitStack() as open_servers:
        addresses = {}

        def of(run):
            if run.path not in addresses:
                addresses[run.path] = open_servers.enter_context(serving(run, load_live(run)))
            return addresses[run.path]

        yield of


@pytest.fixture(params=RUNS)
def run(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["mouse", "keyboard"])
def hands(request):
    return HANDS[request.param]


def means(run, metric="jsd", mode="head", rows=slice(None)):
    with np.errstate(invalid="ignore"):
        return np.nanmean(run.effect(metric, mode)[rows].astype(np.float64), axis=0)


def three_digits(value):
    """As the page prints it: three significant digits, a real minus sign."""
    if abs(value) < 1e-4:
        digits, exponent = f"{abs(value):.1e}".split("e")
        text = f"{digits}·10" + "".join("⁻" if c == "-" else "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] for c in str(int(exponent)))
    else:
        text = f"{abs(value):#.3g}"
    return ("−" if value < 0 else "") + text


def test_j1_which_heads_matter_and_why(open_page, journey_address, run, hands):
    page, _ = open_page(journey_address(run))
    hand = hands(page)
    model = run.manifest.model
    heads = partial(shown, page, model.n_layers, max(model.n_heads))

    # 1. The matrix is there at once; headline and inspector name the top head.
    jsd = means(run)
    np.testing.assert_allclose(heads(), jsd, rtol=1e-6)
    layer, head = np.unravel_index(np.nanargmax(jsd), jsd.shape)
    assert page.locator("[data-headline-head]").inner_text() == f"L{layer}·H{head}"
    assert three_digits(jsd[layer, head]) in page.get_by_test_id("head-value").inner_text()

    # 2. Four measures: is it the same heads by each? The rank correlations say so.
    hand.choose(VIEW, "metrics")
    wait_until(page, f"({IMPORTANCE}.innerText.match(/ρ = [−\\d]/g) ?? []).length === 6")
    told = [
        float(rho.replace("−", "-"))
        for rho in re.findall(r"ρ = (−?\d\.\d\d)", page.locator('[data-pane="importance"]').inner_text())
    ]
    metrics = [means(run, metric).ravel() for metric in ("jsd", "prob_drop", "cls_cos", "patch_cos")]
    expected = [spearman(a, b) for i, a in enumerate(metrics) for b in metrics[i + 1 :]]
    np.testing.assert_allclose(told, expected, atol=0.0051)

    # 3. Distributions: for all images, or for some? Quartiles and consistency of the head.
    hand.choose(VIEW, "distributions")
    strip = page.locator(f'[data-strip="{layer}.{head}"]')
    low, median, high = np.nanquantile(run.effect("jsd", "head")[:, layer, head].astype(np.float64), [0.25, 0.5, 0.75])
    words = strip.get_attribute("aria-label") or strip.inner_text()
    for value in (low, high):
        assert three_digits(value) in words
    steady = 1 - (high - low) / (high - low + abs(median))
    assert f"{steady:.3f}"[:5].rstrip("0") in page.get_by_label("Focus head").inner_text()

    # 4. Why: where the head looks, over these images, in the words of `vitscope show`.
    hand.choose(VIEW, "matrix")
    hand.pick_head(layer, head)
    page.wait_for_selector('[data-testid="why"][aria-busy="false"]')
    why = text.summary(run)["why"]["sentence"]
    clauses = page.locator('[data-testid="why"] li').all_inner_texts()
    assert len(clauses) >= 4
    for clause in clauses:
        assert clause.removesuffix(".") in why, clause
    mass = np.nanmean(run.strength["mass"].values[:, layer, head].astype(np.float64), axis=0)
    if run.has_patterns:  # which pattern the head shows, and whether the image decides
        page.wait_for_selector('[data-testid="why"] [data-clause="pattern"]')
        assert page.locator('[data-testid="why"] [data-clause="pattern"]').inner_text() in why
        mix = page.get_by_test_id("focus-mix")
        assert float(mix.get_attribute("data-bits")) == pytest.approx(float(run.patterns.mix_entropy[layer, head]))
        dependence = float(run.patterns.content_dependence[layer, head])
        assert float(mix.get_attribute("data-content")) == pytest.approx(dependence, rel=1e-5)
    curve = page.locator('[data-plot="strength"]').get_attribute("aria-valuetext")
    name, hop, value = re.search(r"(L\d+·H\d+) · k = (\d+): ([\d.]+) mass", curve).groups()
    if name == f"L{layer}·H{head}":
        assert float(value) == pytest.approx(mass[int(hop)], rel=0.01, abs=2e-3)

    # 5. Through which part of its matrix does it act?
    hand.prune_only("Between CLS and patches")
    np.testing.assert_allclose(heads(), means(run, mode="cp+pc"), rtol=1e-6)
    assert "r=cp+pc" in address_of(page)
    n = int(np.isfinite(run.effect("jsd", "cp+pc")[:, 0, 0]).sum())
    assert f"n = {n}" in page.locator('[data-pane="importance"]').inner_text()


def test_j2_why_is_this_image_misclassified(open_page, journey_address, run, hands):
    page, _ = open_page(f"{journey_address(run)}#/explore?v=1&im=dots")
    hand = hands(page)
    images, values = run.images, run.effect("jsd", "head").astype(np.float64)
    model = run.manifest.model

    # 1. Wrong images that the model is sure of.
    hand.press("wrong", '[data-filter="correct"]')
    hand.confidence_from(0.6)
    sure = images[(images["correct"] == False) & (images["probability"] >= 0.6)]  # noqa: E712 - None must not count
    assert len(sure) > 0, "the run has no confident mistakes to look at"
    assert f"n = {len(sure)}" in page.locator('[data-region="scope"]').inner_text()
    np.testing.assert_allclose(
        shown(page, model.n_layers, max(model.n_heads)), np.nanmean(values[sure.index], axis=0), rtol=1e-6
    )

    # 2. One of them on the map, and those that lose alike.
    row = int(sure.index[len(sure) // 2])
    page.wait_for_selector("[data-map]")
    settled(page)
    hand.pick_image(row, map_place(page, run, row))
    assert f"i={row}" in address_of(page)
    vectors = values.reshape(len(values), -1)
    distance = np.sqrt(np.nansum((vectors[sure.index] - vectors[row]) ** 2, axis=1))
    nearest = [int(other) for other in sure.index[np.argsort(distance, kind="stable")] if other != row]
    alike = page.locator("[data-alike]").evaluate_all("all => all.map(e => Number(e.dataset.alike))")
    assert alike[: min(6, len(nearest))] == nearest[: min(6, len(nearest), len(alike))]

    # 3. In depth: where does CLS look in the last layer?
    hand.open_image()
    last = model.n_layers - 1
    hand.pick_tile(last, 1)
    hand.choose("Draw", "spotlight")
    attention = live_attention(run, row)[last, 1]
    entropy = float(measures.entropy(attention)[0])
    numbers = page.locator('[data-pane="numbers"]').inner_text()
    assert f"{three_digits(entropy)} of" in numbers
    top = attention[0, run.tokens.n_prefix :].max()
    assert (
        f"max {100 * float(top):.{2 if top < 0.01 else 1}f} %"
        in page.locator('[data-pane="picture"] .ticks').first.inner_text()
    )

    # 5. Against its class: which heads do something else here than on most images of the class?
    hand.back_to_explore()
    label = int(images.at[row, "label"])
    hand.press(re.compile(f"^{re.escape(images.at[row, 'class_name'].split(',')[0])}$"), '[aria-label="Focus image"]')
    settled(page)
    assert f"s=class:{label}" in address_of(page)
    assert f"i={row}" in address_of(page), "the image is in its own class: it stays"
    members = images.index[images["target"] == label]
    low, high = np.nanquantile(values[members], [0.25, 0.75], axis=0)
    outside = int(((values[row] < low - 1e-9) | (values[row] > high + 1e-9)).sum())
    assert page.get_by_test_id("differ").inner_text().split("differ")[0].split()[-2] == str(outside)


def test_j1_and_j2_end_in_the_lab(open_page, journey_address, run, hands):
    """J1, step 6: prune the top head. J2, steps 6 and 7: a wrong image without it, then its class, flips both ways."""
    jsd = means(run)
    layer, head = (int(i) for i in np.unravel_index(np.nanargmax(jsd), jsd.shape))
    images = run.images
    wrong = int(images.index[images["correct"] == False][0])  # noqa: E712 - None must not count
    label = int(images.at[wrong, "label"])
    page, _ = open_page(f"{journey_address(run)}#/explore?v=1&i={wrong}&h={layer}.{head}&s=class:{label}")
    hand = hands(page)
    hand.press("Prune in Lab")
    wait_until(page, "location.hash.startsWith('#/lab') && document.querySelector('[data-what-if]')")
    found = vitscope.what_if(load_live(run)._model, pixels_of(run, [wrong]), {(layer, head): "head"})
    top = int(found["prediction"].values[0, 1])
    shown_after = float(page.locator(f'[data-class="{top}"] [data-after]').get_attribute("data-after"))
    assert shown_after == pytest.approx(float(found["probabilities"].values[0, 1, top]), rel=1e-3)
    assert "masked max = 0" in page.get_by_test_id("receipt").inner_text()
    check_the_scope(page, hand, run, {(layer, head)}, [int(row) for row in images.index[images["target"] == label]])
    link = address_of(page)
    page.goto("about:blank")
    page.goto(link)
    wait_until(page, "document.querySelector('[data-testid=accuracy]')")


def test_j3_are_these_heads_redundant_prune_and_check(open_page, journey_address, run, hands):
    threshold = next(share for share in (0.9, 0.8, 0.7, 0.6, 0.5) if run.heads.groups("mean", share))
    group = run.heads.groups("mean", threshold)[0]
    page, _ = open_page(f"{journey_address(run)}#/heads?v=1&hb=mean&gf={threshold}")
    hand = hands(page)

    # 1. The largest group of heads that do the same thing, 2. and what patterns they hold.
    hand.press_option('[role="listbox"] [data-group="A"]')
    chosen = page.evaluate("location.hash.match(/hs=([^&]*)/)[1]").split(",")
    assert {tuple(map(int, one.split("."))) for one in chosen} == {tuple(one) for one in group.heads}
    card = page.locator('[data-card="A"]')
    assert f"{group.similarity:.3f}" in card.inner_text()
    if run.has_patterns:
        card.locator("canvas").first.wait_for()  # patterns are fetched when the card first asks for them

    # 3. To the Lab, one is kept.
    hand.press("Send to Lab", '[data-card="A"]')
    wait_until(page, "location.hash.startsWith('#/lab') && document.querySelector('[data-what-if]')")
    pruned = page.locator("[data-pruned]").evaluate_all("all => all.map(one => one.dataset.pruned)")
    heads = {tuple(map(int, one.split("."))) for one in pruned}
    assert heads < {tuple(one) for one in group.heads}
    assert len(heads) == len(group.heads) - 1

    # 4. All images, as they come; 6. the run is kept.
    check_the_scope(page, hand, run, heads, [int(row) for row in run.images.index])
    wait_until(page, "document.querySelectorAll('[data-run]').length >= 1")


def check_the_scope(page, hand, run, heads, rows):
    """Run the Lab over the images in scope: accuracy, interval and flips are those of Python."""
    hand.press(re.compile("^Run on "), '[data-pane="labScope"]')
    wait_until(page, "document.querySelector('[data-pane=\"labScope\"] [data-state=done]')", 120)
    settled(page)
    images = run.images.loc[rows]
    logits = vitscope.prune(load_live(run)._model, pixels_of(run, rows), dict.fromkeys(heads, "head"))
    labels = images["label"].to_numpy(dtype=int)
    expected = paired(images["prediction"].to_numpy(dtype=int) == labels, logits.argmax(-1).numpy() == labels)
    told = page.get_by_test_id("accuracy")
    assert float(told.get_attribute("data-before")) == pytest.approx(expected.before)
    assert float(told.get_attribute("data-after")) == pytest.approx(expected.after)
    assert float(page.get_by_test_id("interval").get_attribute("data-low")) == pytest.approx(expected.low)
    assert int(page.locator('[data-flips="lost"]').get_attribute("data-n")) == expected.lost
    assert int(page.locator('[data-flips="won"]').get_attribute("data-n")) == expected.won


def pixels_of(run, rows):
    live = load_live(run)
    return torch.stack([live._pixels(row) for row in rows])


def map_place(page, run, row):
    """Where an image is on the map by importance vectors: shares of the box, by the layout that the server gives."""
    from vitscope.analysis.images.layout import importance_vectors, layout

    positions = layout(importance_vectors(run.effect("jsd", "head")), "pca").positions
    box = page.locator("[data-map]").bounding_box()
    across, up = (float((axis[row] - np.nanmin(axis)) / (np.nanmax(axis) - np.nanmin(axis))) for axis in positions.T)
    rim = 10
    return (
        (rim + across * (box["width"] - 2 * rim)) / box["width"],
        (box["height"] - rim - up * (box["height"] - 2 * rim)) / box["height"],
    )


def live_attention(run, row):
    """Attention [layer, head, query, key] of an image by the Python API."""
    import torch

    return torch.from_numpy(load_live(run).matrices(row))  # half precision, as it crosses the wire
