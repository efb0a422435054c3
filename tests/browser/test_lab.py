"""The Lab on a tiny loaded model, by mouse and by keyboard alone; every number on the page is the Python API's.

With it the last steps of the journeys: J1 (prune, see the change, the link), J2 (prune, mask check, the class), and J3
(the scope as it grows, the curve beside random orders, keep the run, take it away).
"""

import json
import re
import shutil
import threading

import numpy as np
import pytest
import torch
from tests.browser.hands import PATIENCE, address_of, command, painted, settled, wait_until
from tests.browser.journeys import HANDS
from tests.browser.test_layout import CLIPPED, OUTSIDE, OVERLAPS, everywhere
from tests.tiny_analysis import tiny_model, to_pixels, write_photos

import vitscope
from vitscope.analysis import open_run
from vitscope.analysis.statistics.paired import paired
from vitscope.models.pictures.images import read_picture
from vitscope.pipeline import LiveModel

pytestmark = pytest.mark.slow  # `make test-browser` runs them

CELL = '[data-prune="{}.{}"]'
N = 12


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A run of 12 labelled images, most of them right, with its model and their pixels."""
    folder = tmp_path_factory.mktemp("lab")
    photos = write_photos(folder / "photos", N)
    model = tiny_model()
    pixels = torch.stack([to_pixels(read_picture(file).image) for file in sorted(photos.iterdir())])
    answers = vitscope.prune(model, pixels, {}).argmax(-1).numpy()
    labels = np.where(np.arange(N) % 4 == 3, (answers + 1) % 7, answers)
    table = photos / "labels.csv"
    table.write_text("path,label\n" + "".join(f"{i:03d}.png,{label}\n" for i, label in enumerate(labels)))
    run = vitscope.analyze(model, table, folder / "run", patterns=0, modes="all", partial_images=N)
    return run, model, pixels, labels


@pytest.fixture
def lab(tiny, serve, tmp_path):
    """A copy of the run that the test may write into, served with its model."""
    run = open_run(shutil.copytree(tiny[0].path, tmp_path / "run"))
    with serve(run, LiveModel(run, tiny[1])) as address:
        yield address, run


def changed(tiny, heads, rows=range(N)):
    """Accuracy before and after, by the Python API."""
    run, model, pixels, labels = tiny
    rows = list(rows)
    after = vitscope.prune(model, pixels[rows], heads).argmax(-1).numpy()
    return paired(run.images["prediction"].to_numpy()[rows] == labels[rows], after == labels[rows])


def answered(page):
    wait_until(page, "document.querySelector('[data-what-if]') && !document.querySelector('.pane [aria-busy=true]')")


def number(page, test_id, name):
    return float(page.locator(f'[data-testid="{test_id}"]').get_attribute(f"data-{name}"))


def ran(page, pane, seconds=60):
    wait_until(page, f"document.querySelector('[data-pane=\"{pane}\"] [data-state=done]')", seconds)
    settled(page)


def toggle(hand, page, layer, head):
    if type(hand).__name__ == "Mouse":
        page.click(CELL.format(layer, head))
    else:
        hand.pane("labHeads")
        hand.focus("[data-prune]")
        page.keyboard.press("Control+Home")
        for _ in range(layer):
            page.keyboard.press("ArrowDown")
        for _ in range(head):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("x")
    painted(page)


@pytest.mark.parametrize("hands", HANDS)
def test_prune_look_run_and_come_back_by_the_link(lab, open_page, tiny, hands):
    address, run = lab
    page, watch = open_page(f"{address}#/lab?v=1&i=4")
    hand = HANDS[hands](page)
    toggle(hand, page, 1, 0)
    toggle(hand, page, 2, 1)
    heads = {(1, 0): "head", (2, 1): "head"}
    answered(page)
    found = vitscope.what_if(tiny[1], tiny[2][4:5], heads)
    before, after = found["probabilities"].values[0]
    for row in page.locator("[data-class]").all():
        number_of = int(row.get_attribute("data-class"))
        assert float(row.locator("[data-before]").get_attribute("data-before")) == pytest.approx(
            before[number_of], 1e-4
        )
        assert float(row.locator("[data-after]").get_attribute("data-after")) == pytest.approx(after[number_of], 1e-4)
    assert "masked max = 0 · layer 0 same" in page.locator('[data-testid="receipt"]').inner_text()
    assert page.locator(CELL.format(1, 0)).get_attribute("aria-selected") == "true"

    hand.press(re.compile("^Run on 12"), '[data-pane="labScope"]')
    ran(page, "labScope")
    expected = changed(tiny, heads)
    assert number(page, "accuracy", "before") == pytest.approx(expected.before)
    assert number(page, "accuracy", "after") == pytest.approx(expected.after)
    assert number(page, "interval", "low") == pytest.approx(expected.low)
    assert number(page, "interval", "p") == pytest.approx(expected.p)
    assert int(page.locator('[data-flips="lost"]').get_attribute("data-n")) == expected.lost
    assert int(page.locator('[data-flips="won"]').get_attribute("data-n")) == expected.won
    assert expected.lost + expected.won > 0, "else the strips say nothing"
    assert f"n = {N}" in page.locator('[data-testid="interval"]').inner_text()
    assert len(list((run.path / "lab").glob("*.json"))) == 1

    link = address_of(page)
    asked = len([url for url in watch.requests if url.endswith("/lab/scope")])
    page.goto("about:blank")
    page.goto(link)
    wait_until(page, "document.querySelector('[data-testid=accuracy]')")
    assert number(page, "accuracy", "after") == pytest.approx(expected.after)
    assert "kept" in page.locator('[data-testid="accuracy"]').inner_text()
    assert len([url for url in watch.requests if url.endswith("/lab/scope")]) == asked, "nothing was run again"


def test_a_flip_becomes_the_focus_image_and_undo_brings_heads_back(lab, open_page):
    page, _ = open_page(f"{lab[0]}#/lab?v=1&x=1.0;2.1")
    page.click('[data-testid="run-scope"]')
    ran(page, "labScope")
    flip = page.locator("[data-flip]").first
    row = int(flip.get_attribute("data-flip"))
    flip.click()
    answered(page)
    wait_until(page, f"document.querySelector('[data-what-if=\"{row}\"]')")
    assert page.locator('[data-testid="verdict"]').inner_text() in ("now right", "now wrong")
    page.click(CELL.format(1, 0))
    painted(page)
    assert page.locator("[data-pruned]").count() == 1
    page.keyboard.press("Control+z")
    wait_until(page, "document.querySelectorAll('[data-pruned]').length === 2")


def test_from_explore_by_a_key_and_by_the_inspector(lab, open_page):
    page, _ = open_page(f"{lab[0]}#/explore?v=1&h=1.2")
    page.locator('[data-pane="importance"] [data-head="1.2"]').focus()
    page.keyboard.press("x")
    painted(page)
    assert "L1·H2 is pruned" in page.locator(".notice").inner_text()
    assert "x=1.2" in address_of(page)
    assert "Pruned in the Lab" in page.locator('[data-pane="importance"] [data-head="1.2"]').get_attribute("aria-label")
    page.keyboard.press("x")
    painted(page)
    assert "L1·H2 is back" in page.locator(".notice").inner_text()
    page.get_by_role("button", name="Prune in Lab").click()
    page.wait_for_selector(CELL.format(1, 2))
    assert page.locator('[data-pruned="1.2"]').count() == 1


def test_sets_to_begin_with(lab, open_page, tiny):
    page, _ = open_page(f"{lab[0]}#/lab?v=1")
    means = tiny[0].effect("jsd", "head").mean(0)
    order = [
        (int(layer), int(head))
        for layer, head in zip(*np.unravel_index(np.argsort(means, axis=None), (3, 3)), strict=True)
    ]
    slider = page.get_by_role("slider", name="Prune the least important heads")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    painted(page)
    pruned = page.locator("[data-pruned]").evaluate_all("all => all.map(one => one.dataset.pruned)")
    assert pruned == [f"{layer}.{head}" for layer, head in order[:3]]
    page.get_by_role("button", name="All but these").click()
    painted(page)
    assert page.locator('[data-testid="n-pruned"]').inner_text() == "6"
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("All heads of a layer").select_option("2")
    painted(page)
    assert sorted(page.locator("[data-pruned]").evaluate_all("all => all.map(one => one.dataset.pruned)")) == [
        "2.0", "2.1", "2.2",
    ]  # fmt: skip


def test_with_autorun_every_change_runs_over_the_scope(lab, open_page, tiny):
    page, _ = open_page(f"{lab[0]}#/lab?v=1&xa=on")
    page.click(CELL.format(1, 0))
    ran(page, "labScope")
    assert number(page, "accuracy", "after") == pytest.approx(changed(tiny, {(1, 0): "head"}).after)
    page.click(CELL.format(2, 1))
    wait_until(page, "document.querySelectorAll('[data-run]').length === 2")
    expected = changed(tiny, {(1, 0): "head", (2, 1): "head"})
    assert number(page, "accuracy", "after") == pytest.approx(expected.after)


def test_modes_and_fills(lab, open_page, tiny):
    page, _ = open_page(f"{lab[0]}#/lab?v=1&i=0&x=1.1")
    page.get_by_label("What of L1·H1 is pruned").select_option("cp+pc")
    painted(page)
    assert page.locator('select[aria-label="Fill"] option[value="mean"]').is_disabled()
    page.get_by_label("Fill", exact=True).select_option("renormalise")
    wait_until(page, "document.querySelector('[data-what-if]')?.getAttribute('aria-busy') === 'false'")
    found = vitscope.what_if(tiny[1], tiny[2][:1], {(1, 1): "cp+pc"}, fill="renormalise")
    top = int(found["prediction"].values[0, 1])
    value = float(page.locator(f'[data-class="{top}"] [data-after]').get_attribute("data-after"))
    assert value == pytest.approx(found["probabilities"].values[0, 1, top], 1e-4)
    assert "xf=renormalise" in address_of(page)


def test_the_curve_is_that_of_pruning_curve(lab, open_page, tiny):
    page, _ = open_page(f"{lab[0]}#/lab?v=1&x=2.1;0.0")
    page.click('[data-testid="run-curve"]')
    ran(page, "labCurve")
    means = tiny[0].effect("jsd", "head").mean(0)
    least = [(int(a), int(b)) for a, b in zip(*np.unravel_index(np.argsort(means, axis=None), (3, 3)), strict=True)]
    orders = {"least JSD first": least, "this set": [(2, 1), (0, 0)]}
    expected = vitscope.pruning_curve(tiny[1], tiny[2], orders, tiny[3].tolist(), sizes=range(10), random=10, seed=0)
    accuracy = expected["right"].mean("image").values
    for i, name in enumerate(orders):
        cells = page.locator(f'td[data-line="{name}"]').evaluate_all("all => all.map(one => one.dataset.value)")
        assert [float(cell) if cell else None for cell in cells] == pytest.approx(
            [None if np.isnan(value) else value for value in accuracy[i]]
        )
    low = page.locator("td[data-low]").evaluate_all("all => all.map(one => parseFloat(one.dataset.low))")
    assert low == pytest.approx(np.percentile(accuracy[2:], 5, axis=0))
    assert "2 heads: " in page.locator('[data-testid="beside"]').inner_text()
    assert "random band" in page.locator('[data-testid="beside"]').inner_text()
    chart = page.locator("svg[data-curves]")
    chart.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    painted(page)
    assert "3 heads pruned" in chart.get_attribute("aria-label")
    page.keyboard.press("Enter")
    painted(page)
    assert page.locator('[data-testid="n-pruned"]').inner_text() == "3"


def test_runs_are_compared_opened_and_deleted(lab, open_page, tiny):
    page, _ = open_page(f"{lab[0]}#/lab?v=1&x=1.0")
    page.click('[data-testid="run-scope"]')
    ran(page, "labScope")
    page.click(CELL.format(2, 2))
    page.click('[data-testid="run-scope"]')
    wait_until(page, "document.querySelectorAll('[data-run]').length === 2")
    for box in page.locator('[data-run] input[type="checkbox"]').all():
        box.check()
    table = page.locator('[data-testid="compare"]')
    wait_until(page, "document.querySelector('[data-testid=compare]')?.textContent.includes('→')")
    assert "L2·H2" in table.locator("tr", has_text="only here").inner_text()
    assert "L1·H0" in table.locator("tr", has_text="in both").inner_text()
    page.get_by_role("button", name="Clear").click()
    page.locator("[data-run] .open").last.click()
    painted(page)
    assert page.locator("[data-pruned]").evaluate_all("all => all.map(one => one.dataset.pruned)") == ["1.0"]
    assert number(page, "accuracy", "after") == pytest.approx(changed(tiny, {(1, 0): "head"}).after)
    page.get_by_role("button", name="Rename L1·H0", exact=True).click()
    page.keyboard.type("the first one")
    page.keyboard.press("Escape")
    painted(page)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Rename L1·H0"
    page.keyboard.press("Enter")
    page.keyboard.type("the first one")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete the first one", exact=True).click()
    wait_until(page, "document.querySelectorAll('[data-run]').length === 1")


def test_the_class_alone_and_what_can_be_taken_away(lab, open_page, tiny):
    label = int(np.bincount(tiny[3]).argmax())
    rows = np.flatnonzero(tiny[3] == label)
    page, _ = open_page(f"{lab[0]}#/lab?v=1&x=1.0;2.1&s=class:{label}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click('[data-testid="run-scope"]')
    ran(page, "labScope")
    expected = changed(tiny, {(1, 0): "head", (2, 1): "head"}, rows)
    assert number(page, "accuracy", "after") == pytest.approx(expected.after)
    page.get_by_role("button", name="Copy or save this set").click()
    page.get_by_role("button", name="Copy Python").click()
    wait_until(page, "document.querySelector('.ways [role=status]').textContent.includes('copied')")
    code = page.evaluate("navigator.clipboard.readText()")
    assert 'heads = {(1, 0): "head", (2, 1): "head"}' in code
    assert f"rows = [{', '.join(map(str, rows))}]" in code
    compile(code, "copied", "exec")
    assert "vitscope.wrap(module)" in code  # the run was made of a module: no command could make it again
    command = page.get_by_role("button", name="Copy vitscope prune")
    assert command.is_disabled() and "vitscope.without_heads" in command.get_attribute("title")
    with page.expect_download() as mask:
        page.get_by_role("button", name="Download mask").click()
    assert json.loads(mask.value.path().read_text("utf-8"))["mask"] == [[1, 1, 1], [0, 1, 1], [1, 0, 1]]


def test_recorded_it_says_why_and_opens_what_is_kept(lab, open_page, serve, tiny):
    address, run = lab
    page, _ = open_page(f"{address}#/lab?v=1&x=1.0")
    page.click('[data-testid="run-scope"]')
    ran(page, "labScope")
    with serve(run) as recorded:
        page, _ = open_page(f"{recorded}#/lab?v=1")
        assert page.locator('[data-testid="run-scope"]').is_disabled()
        told = page.locator('[data-pane="labImage"]').inner_text()
        assert "needs the model" in told
        assert "--live" not in told  # the run was made of a module: that command could not load it
        page.locator("[data-run] .open").click()
        wait_until(page, "document.querySelector('[data-testid=accuracy]')")
        assert number(page, "accuracy", "after") == pytest.approx(changed(tiny, {(1, 0): "head"}).after)
        page.context.close()  # before its server stops


def test_cancel_leaves_what_was_found(open_page, tiny, serve, tmp_path):
    run = open_run(shutil.copytree(tiny[0].path, tmp_path / "run"))
    live = LiveModel(run, tiny[1])
    live.lab._seconds = 1.0  # it believes the model to be slow: one image a step
    real, steps = live.lab._compared, threading.Semaphore(4)

    def gated(*args):
        assert steps.acquire(timeout=2 * PATIENCE)
        return real(*args)

    live.lab._compared = gated
    with serve(run, live) as address:
        page, _ = open_page(f"{address}#/lab?v=1&x=1.0")
        page.click('[data-testid="run-scope"]')
        wait_until(page, "document.querySelector('[data-testid=accuracy]')")
        page.click('[data-testid="cancel"]')
        steps.release()  # the step in hand may end
        wait_until(page, "document.querySelector('[data-state=cancelled]')")
        assert "cancelled: so far" in page.locator('[data-testid="accuracy"]').inner_text()
        steps.release(100)
        page.click('[data-testid="run-scope"]')
        ran(page, "labScope")
        page.context.close()  # before its server stops


def test_the_lab_is_accessible_and_nothing_is_clipped_or_leaves_its_pane(lab, open_page, axe):
    page, _ = open_page(f"{lab[0]}#/lab?v=1&i=4&x=1.0;2.1")
    page.evaluate(axe)
    page.click('[data-testid="run-scope"]')
    ran(page, "labScope")
    page.click('[data-testid="run-curve"]')
    ran(page, "labCurve")
    for where, _ in everywhere(page, views=["lab"]):
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        faults = [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]]
        assert faults == [], where
        assert page.evaluate(OVERLAPS) == [], where
        assert page.evaluate(CLIPPED) == [], where
        assert page.evaluate(OUTSIDE) == [], where


def test_the_palette_goes_there(lab, open_page):
    page, _ = open_page(lab[0])
    command(page, "lab what if")
    page.wait_for_selector("[data-prune]")
