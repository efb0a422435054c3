"""The first page in a real browser: its numbers are the run's, mouse and keys reach everything, nothing leaks out."""

import threading

import numpy as np
import pytest
from tests.server.clients import FakeLive
from tests.synthetic_run import STRONG, head_unit, synthetic_run

HEAD = "{}.{}".format(*STRONG)


def shown(page, layers, heads):
    """The values behind the cells of the matrix, [layer, head]."""
    values = page.eval_on_selector_all("[data-head]", "cells => cells.map(cell => parseFloat(cell.dataset.value))")
    return np.array(values, dtype=float).reshape(layers, heads)


def settled(page):
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(100)


def test_the_matrix_shows_the_means_of_the_run(open_page, address, run):
    page, _ = open_page(address)
    np.testing.assert_allclose(
        shown(page, 6, 4), np.nanmean(run.effect("jsd", "head").astype(np.float64), axis=0), rtol=1e-6
    )
    assert page.locator(f'[data-head="{HEAD}"]').get_attribute("aria-selected") == "true"
    assert page.locator(".headline").inner_text().startswith("L0·H1 matters most")
    page.get_by_role("button", name="Median").click()
    np.testing.assert_allclose(
        shown(page, 6, 4), np.nanmedian(run.effect("jsd", "head").astype(np.float64), axis=0), rtol=1e-6
    )


def test_measure_part_and_scope_show_the_same_numbers_as_numpy(open_page, address, run):
    page, _ = open_page(address)
    page.get_by_label("Measure").select_option("prob_drop")
    page.get_by_role("button", name="Patches→patches only").click()
    page.get_by_role("button", name="Wrong").click()
    settled(page)
    wrong = (run.images["correct"] == False).to_numpy()  # noqa: E712 - None must not count
    expected = np.nanmean(run.effect("prob_drop", "pp")[wrong].astype(np.float64), axis=0)
    np.testing.assert_allclose(shown(page, 6, 4), expected, rtol=1e-6)
    assert f"n = {wrong.sum()}" in page.locator(".scope").inner_text()
    assert "r=pp" in page.url
    assert "s=wrong" in page.url


def test_the_first_image_is_the_most_confident_wrong_one(open_page, address, run):
    page, _ = open_page(address)
    wrong = run.images[run.images["correct"] == False]  # noqa: E712
    assert f"#{wrong['probability'].idxmax()} ·" in page.locator("section", has_text="One image").inner_text()


def test_a_cell_a_tile_and_a_ranked_head_choose_the_head(open_page, address, run):
    page, watch = open_page(address)
    before = len(watch.data)
    means = np.nanmean(run.effect("jsd", "head").astype(np.float64), axis=0)
    layer, head = np.unravel_index(np.argsort(-means.ravel())[2], means.shape)
    for click in ('[data-head="3.2"]', '[data-tile="5.1"]', ".ranked li:nth-child(3) button"):
        page.click(click)
        page.hover(f'[data-head="{1}.{1}"]')
    page.wait_for_timeout(200)
    assert watch.data[before:] == [], "choosing or hovering heads must ask for nothing"
    assert page.locator(f'[data-head="{layer}.{head}"]').get_attribute("aria-selected") == "true"
    assert f"h={layer}.{head}" in page.url
    image = int(page.locator("section", has_text="One image").inner_text().split("#")[1].split(" ")[0])
    value = f"{run.effect('jsd', 'head')[image, layer, head]:#.3g}"
    assert page.get_by_test_id("on-image").inner_text().startswith(value)
    for _ in range(3):
        page.go_back()
    assert page.locator(f'[data-head="{HEAD}"]').get_attribute("aria-selected") == "true"


def test_tooltip_says_value_unit_spread_rank_and_n(open_page, address, run):
    page, _ = open_page(address)
    page.hover(f'[data-head="{HEAD}"]')
    text = page.get_by_role("tooltip").inner_text()
    mean = np.nanmean(run.effect("jsd", "head")[:, *STRONG])
    for part in ("L0·H1", f"{mean:.3f} bits", "rank 1 of 24", "n = 23 images", "middle half"):
        assert part in text


def test_everything_by_keyboard(open_page, address):
    page, _ = open_page(address)
    page.focus(f'[data-head="{HEAD}"]')
    for key in ("ArrowDown", "ArrowRight", "End", "Home", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert page.locator('[data-head="1.1"]').get_attribute("aria-selected") == "true"
    assert page.evaluate("document.activeElement.dataset.head") == "1.1"
    page.keyboard.press("Control+End")
    assert page.evaluate("document.activeElement.dataset.head") == "5.3"
    page.focus('[data-tile="1.1"]')
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    assert "h=2.1" in page.url
    page.focus('[role="gridcell"][data-patch][tabindex="0"]')
    page.keyboard.press("n")
    settled(page)
    assert "i=" in page.url


def test_a_featured_image_answers_any_patch(open_page, address, run):
    image = run.featured[1]
    page, watch = open_page(f"{address}#/explore?v=1&i={image}&h={HEAD}")
    page.click('[data-patch="2,3"]')
    settled(page)
    assert "q=2,3" in page.url
    weight = run.featured_attention(image)[0, 1, 1 + 2 * 11 + 3, 1:].astype(np.float64).max()
    assert f"max {100 * weight:.1f} %" in page.locator("section", has_text="One image").inner_text()
    page.keyboard.press("ArrowRight")
    settled(page)
    assert "q=2,4" in page.url
    page.get_by_role("button", name="To", exact=True).click()
    settled(page)
    assert "d=to" in page.url
    page.focus('[data-patch="2,4"]')
    page.keyboard.press("0")
    settled(page)
    assert "q=" not in page.url
    asked = [url for url in watch.requests if "/api/attention/" in url]
    assert len(asked) == len(set(asked)), "what is here already is not asked for again"


def test_what_is_not_stored_is_explained_with_the_command(open_page, address, run):
    image = next(row for row in range(2, 24) if row not in run.featured)
    page, watch = open_page(f"{address}#/explore?v=1&i={image}&q=1,1")
    tiles = page.locator("section", has_text="All heads, this query")
    assert "is not stored for this image" in tiles.inner_text()
    assert f"vitscope serve {run.path} --live" in tiles.inner_text()
    assert not any("/api/attention/" in url for url in watch.requests)
    page.get_by_role("button", name="Back to attention from CLS").click()
    settled(page)
    assert page.locator("[data-tile]").count() == 24


def test_a_live_model_answers_the_rest(open_page, chromium, serve, run):
    live = FakeLive(run)
    image = next(row for row in range(2, 24) if row not in run.featured)
    with serve(run, live) as address:
        page, _ = open_page(f"{address}#/explore?v=1&i={image}")
        page.click('[data-patch="0,1"]')
        settled(page)
    assert image in live.asked


def test_the_address_brings_the_view_back(open_page, address):
    view = "#/explore?v=1&s=wrong&h=4.0&m=out_cos&r=pp&a=median&c=log&later=1"
    page, _ = open_page(address + view)
    assert page.locator('[data-head="4.0"]').get_attribute("aria-selected") == "true"
    assert page.get_by_label("Measure").input_value() == "out_cos"
    page.click('[data-head="4.1"]')
    assert page.url.endswith(view.replace("h=4.0", "h=4.1"))
    page, _ = open_page(address + "#/explore?v=1&m=nonsense")
    assert "metric “nonsense”" in page.locator(".notice").inner_text()


def test_the_page_fills_while_shards_land(open_page, chromium, serve, tmp_path):
    from vitscope.store import RunWriter

    run = synthetic_run(tmp_path / "run", complete=False, head_shards=0, layers=3, heads=3)
    with serve(run) as address:
        page, _ = open_page(address)
        assert page.locator(".missing").count() == 9
        labels = run.images["label"].to_numpy()
        with RunWriter.opened(run.path) as writer:
            writer.write_head(0, head_unit(run.manifest, 0, labels, np.random.default_rng(1)))
        page.wait_for_selector(".missing", state="detached")
        np.testing.assert_allclose(
            shown(page, 3, 3), np.nanmean(run.effect("jsd", "head").astype(np.float64), axis=0), rtol=1e-6
        )
        assert "n = 4 of 10" in page.locator("header.top").inner_text()
        assert page.locator(".headline").inner_text().startswith("L0·H1")


def test_without_cls_and_classifier(open_page, chromium, serve, tmp_path):
    run = synthetic_run(tmp_path / "run", prefix=(), classifier=False, layers=6, heads=4)
    with serve(run) as address:
        page, _ = open_page(address)
        assert page.get_by_label("Measure").input_value() == "out_cos"
        assert page.get_by_role("button", name="CLS", exact=True).is_disabled()
        assert page.get_by_role("button", name="Wrong").is_disabled()
        assert page.locator("[data-tile]").count() == 24
        assert "patch (1, 2)" in page.locator("section", has_text="One image").inner_text()


def test_a_server_that_is_away_is_said_and_the_page_recovers(open_page, address):
    page, watch = open_page(address)
    page.route("**/api/**", lambda route: route.abort())
    page.get_by_label("Measure").select_option("out_cos")
    page.wait_for_selector("main [role=alert]:has-text('does not answer')")
    page.wait_for_selector(".notice:has-text('Is vitscope serve still running?')")
    page.unroute("**/api/**")
    page.wait_for_selector(".notice", state="detached")
    page.wait_for_selector("[data-head]")
    assert page.locator("header.top").inner_text().count("no connection") == 0
    watch.complaints[:] = [line for line in watch.complaints if "Failed to load resource" not in line]


def test_a_slow_model_shows_no_answer_of_another_question(open_page, chromium, serve, run):
    gate = threading.Event()

    class SlowLive(FakeLive):
        def matrices(self, image_row, /):
            matrices = super().matrices(image_row)
            assert len(self.asked) == 1 or gate.wait(20)  # the first question, CLS, is answered at once
            return matrices

    live = SlowLive(run)
    image = next(row for row in range(2, 24) if row not in run.featured)
    with serve(run, live) as address:
        page, watch = open_page(f"{address}#/explore?v=1&i={image}")
        page.wait_for_selector(".tile + .bar")
        for patch in ("0,1", "0,2", "0,3", "0,4"):
            page.click(f'[data-patch="{patch}"]')
            page.wait_for_timeout(50)
        page.wait_for_selector(".asking")
        assert page.locator(".bar b").count() == 0, "the scales of the token before are gone"
        assert "max" not in page.locator("section", has_text="One image").locator(".ticks").inner_text()
        gate.set()
        page.wait_for_selector(".asking", state="detached")
        settled(page)
    asked = [url for url in watch.requests if "/api/attention/" in url]
    assert "query=5" in asked[-1], "the last question is asked"
    assert len(live.asked) <= 3, "questions that nobody waits for any more are not computed"


def test_the_ranked_heads_are_all_there_with_intervals_and_keys(open_page, address):
    page, _ = open_page(address, height=700)
    page.wait_for_function("document.querySelectorAll('.ranked .interval').length === 24")
    assert page.evaluate("(list => list.scrollHeight > list.clientHeight)(document.querySelector('.ranked ol'))")
    page.focus(".ranked li:first-child button")
    for key in ("End", "Enter"):
        page.keyboard.press(key)
    last = page.locator(".ranked li:last-child button")
    assert last.get_attribute("aria-pressed") == "true"
    name = last.locator(".name").inner_text()
    assert page.locator('[data-head][aria-selected="true"]').get_attribute("aria-label").startswith(name)


def test_the_strip_is_reached_by_keyboard_when_the_image_is_out_of_scope(open_page, address, run):
    right = int(run.images.index[run.images["correct"] == True][0])  # noqa: E712 - None must not count
    page, _ = open_page(f"{address}#/explore?v=1&s=wrong&i={right}")
    assert page.locator('.strip [tabindex="0"]').count() == 1
    page.focus('.strip [tabindex="0"]')
    page.keyboard.press("ArrowRight")
    settled(page)
    assert page.evaluate("document.activeElement.ariaSelected") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(open_page, address, axe, scheme):
    page, _ = open_page(address, color_scheme=scheme)
    page.evaluate(axe)
    faults = page.evaluate("axe.run().then(result => result.violations)")
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (1366, 768)])
def test_nothing_is_clipped_or_overlaps(open_page, address, scheme, size, tmp_path):
    page, _ = open_page(address, *size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.screenshot(path=tmp_path / "page.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate("document.documentElement.scrollHeight") <= size[1]
    overlaps = page.evaluate("""() => {
      const boxes = [...document.querySelectorAll('button, select')].filter(e => e.offsetParent && !e.closest('.strip'))
        .map(e => [e.textContent.trim() || e.ariaLabel, e.getBoundingClientRect()]);
      return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([, q]) =>
        p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
        .map(([b]) => [a, b]));
    }""")
    assert overlaps == []
    texts = "button, h1, h2, .headline, .legend, .n, figcaption, .ranked p, .words"
    clipped = page.evaluate(
        """texts => [...document.querySelectorAll(texts)]
      .filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.trim())""",
        texts,
    )
    assert clipped == []


@pytest.mark.parametrize("view", ["", "#/explore?v=1&i=0&q=6,10"])
def test_no_text_leaves_its_pane(open_page, chromium, serve, tmp_path, view):
    run = synthetic_run(tmp_path / "run", prefix=(), classifier=False, layers=12, heads=12, grid=(7, 11), n_featured=10)
    with serve(run) as address:
        for size in ((1440, 900), (1366, 768), (1100, 700), (720, 450)):
            page, _ = open_page(address + view, *size)
            outside = page.evaluate("""() => [...document.querySelectorAll('.pane :is(button, span, p, b)')]
              .filter(e => e.offsetParent && !e.closest('.space') && !e.closest('.visually-hidden')).filter(e => {
                const [own, pane] = [e.getBoundingClientRect(), e.closest('.pane').getBoundingClientRect()];
                const squeezed = e.tagName === 'BUTTON' && e.scrollWidth > e.clientWidth + 1;
                return squeezed || own.right > pane.right + 1 || own.bottom > pane.bottom + 1;
              }).map(e => e.textContent.trim())""")
            assert outside == [], size


def test_the_theme_can_be_chosen_and_is_remembered(open_page, address):
    page, _ = open_page(address, color_scheme="light")
    page.get_by_role("button", name="Dark theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    page.wait_for_selector("[data-head]")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
