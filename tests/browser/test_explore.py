"""Explore in a real browser: its numbers are the run's, one selection drives every pane, nothing is asked in vain."""

import re

import numpy as np
import pytest
from tests.browser.hands import (
    address_of,
    command,
    focus_head,
    outlined,
    painted,
    read_ahead,
    settled,
    shown,
    wait_until,
)
from tests.synthetic_run import STRONG, head_unit, synthetic_run

from vitscope.analysis.findings import output_ranking

HEAD = "{}.{}".format(*STRONG)
HUB = '[data-pane="importance"]'


def effects(run, metric="jsd", mode="head"):
    return run.effect(metric, mode).astype(np.float64)


def test_the_matrix_shows_the_means_and_medians_of_the_run(open_page, address, run):
    page, _ = open_page(address)
    np.testing.assert_allclose(shown(page, 6, 4), np.nanmean(effects(run), axis=0), rtol=1e-6)
    assert focus_head(page) == HEAD
    assert page.locator(".headline").inner_text().startswith("L0·H1 matters most")
    page.locator(HUB).get_by_role("button", name="Median").click()
    np.testing.assert_allclose(shown(page, 6, 4), np.nanmedian(effects(run), axis=0), rtol=1e-6)


def test_measure_part_and_scope_show_the_same_numbers_as_numpy(open_page, address, run):
    page, _ = open_page(address)
    page.get_by_label("Measure", exact=True).select_option("prob_drop")
    page.get_by_role("button", name="Pruned part: Whole head").click()
    page.get_by_role("button", name="Patches→patches only").click()
    page.locator('[data-filter="correct"]').get_by_role("button", name="wrong").click()
    settled(page)
    wrong = (run.images["correct"] == False).to_numpy()  # noqa: E712 - None must not count
    np.testing.assert_allclose(shown(page, 6, 4), np.nanmean(effects(run, "prob_drop", "pp")[wrong], axis=0), rtol=1e-6)
    assert f"n = {wrong.sum()} of 23" in page.locator(".scope").inner_text()
    # What is read out follows a frame later; the part is pruned on some of the images only.
    n = np.isfinite(effects(run, "prob_drop", "pp")[wrong][:, 0, 1]).sum()
    assert f"n = {n} images" in page.locator(f'{HUB} [data-head="0.1"]').get_attribute("aria-label")
    assert f"n = {wrong.sum()} images" in page.locator('[data-plot="strength"]').get_attribute("aria-valuetext")
    assert "r=pp" in address_of(page)
    assert "s=wrong" in address_of(page)


def test_hovering_and_choosing_heads_asks_for_nothing_and_a_scope_only_for_its_image(open_page, address):
    page, watch = open_page(address)
    read_ahead(page, watch)  # the columns that later choices need
    before = len(watch.data)
    for place in ("1.1", "3.2", "5.3"):
        page.hover(f'{HUB} [data-head="{place}"]')
    page.click(f'{HUB} [data-head="3.2"]')
    page.click(f'{HUB} [data-head="4.1"]', modifiers=["Control"])
    page.click(f"{HUB} .ranked li:nth-child(3) button")
    page.hover("[data-map]")
    read_ahead(page, watch)
    assert watch.data[before:] == []
    page.get_by_label("Measure", exact=True).select_option("cls_cos")
    settled(page)
    assert not [url for url in watch.data[before:] if url.endswith("/importance?metric=cls_cos&mode=head")], (
        "it was read ahead"
    )
    read_ahead(page, watch)  # the map of the images by the new measure, and its parts
    before = len(watch.data)
    for words in ("show wrong", "class bee", "show all images"):
        command(page, words)
    read_ahead(page, watch)
    asked = {url.split("/answers/")[1].split("?")[0] for url in watch.data[before:] if "/api/" in url}
    assert asked <= {"preview", "attention"}, "the picture of the new focus image, and nothing else"
    before = len(watch.data)
    for key in ("Control+z", "Control+z", "Control+Shift+z"):
        page.keyboard.press(key)
        painted(page)
    read_ahead(page, watch)
    assert not [url for url in watch.data[before:] if "/answers/preview?" not in url]


def test_a_cell_and_a_ranked_head_choose_the_head(open_page, address, run):
    page, _ = open_page(address)
    means = np.nanmean(effects(run), axis=0)
    layer, head = np.unravel_index(np.argsort(-means.ravel())[2], means.shape)
    page.click(f'{HUB} [data-head="3.2"]')
    painted(page)
    assert focus_head(page) == "3.2"
    page.click(f"{HUB} .ranked li:nth-child(3) button")
    painted(page)
    assert focus_head(page) == f"{layer}.{head}"
    assert f"h={layer}.{head}" in address_of(page)
    assert page.locator(f'.scope [data-chip="{layer}.{head}"]').get_attribute("aria-pressed") == "true"
    for _ in range(2):
        page.go_back()
    painted(page)
    assert focus_head(page) == HEAD


def test_a_head_is_painted_with_the_histogram_of_its_values(open_page, address, run):
    page, _ = open_page(address)
    choose = """cell => new Promise(painted => {
      cell.click();
      requestAnimationFrame(() => {
        const section = document.querySelector('[aria-label="Focus head"]');
        painted([section.querySelector('h3').textContent, section.querySelector('[data-bins]').dataset.bins]);
      });
    })"""
    name, bins = page.locator('[data-head="3.2"]').evaluate(choose)
    values = run.effect("jsd", "head")[:, 3, 2]
    assert name == "L3·H2"
    assert [int(n) for n in bins.split()] == np.histogram(values[np.isfinite(values)], 36)[0].tolist()


def test_heads_in_the_set_have_chips_that_take_them_out(open_page, address):
    page, _ = open_page(address)
    page.click(f'{HUB} [data-head="3.2"]', modifiers=["Control"])
    chips = page.locator(".scope [data-chip]")
    assert chips.count() == 3
    page.get_by_role("button", name="All 4 heads of the set").click()
    page.get_by_role("button", name="Take L3·H2 out of the set").last.click()
    painted(page)
    assert "hs=" in address_of(page)
    assert "3.2" not in address_of(page)


def test_tooltip_says_value_unit_spread_rank_and_n(open_page, address, run):
    page, _ = open_page(address)
    page.hover(f'{HUB} [data-head="{HEAD}"]')
    text = page.get_by_role("tooltip").inner_text()
    mean = np.nanmean(effects(run)[:, *STRONG])
    for part in ("L0·H1", f"{mean:.3f} bits", "rank 1 of 24", "n = 23 images", "interquartile range"):
        assert part in text


def test_heads_by_keyboard(open_page, address):
    page, _ = open_page(address)
    page.focus(f'{HUB} [data-head="{HEAD}"]')
    for key in ("ArrowDown", "ArrowRight", "End", "Home", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    painted(page)
    assert focus_head(page) == "1.1"
    assert page.evaluate("document.activeElement.dataset.head") == "1.1"
    page.keyboard.press("Control+End")
    painted(page)
    assert page.evaluate("document.activeElement.dataset.head") == "5.3"
    page.keyboard.press(" ")
    assert "5.3" in address_of(page).split("hs=")[1]
    page.keyboard.press("o")
    page.wait_for_selector("[data-tile]")
    assert "#/image" in address_of(page)


def test_the_matrix_stays_and_is_empty_while_another_measure_is_on_its_way(chromium, address, run):
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    held = []
    asked = re.compile("(importance|summary).metric=patch_cos&mode=head")
    page.route(asked, lambda route: held.append(route))  # noqa: PLW0108
    page.goto(address)
    page.wait_for_selector(f'{HUB} [data-head="2.1"]')
    page.focus(f'{HUB} [data-head="2.1"]')
    page.wait_for_selector("[data-testid=why] [data-clause=standing]")
    page.evaluate("window.__cell = document.activeElement; window.__why = document.querySelector('[data-testid=why]')")
    command(page, "measure patch")
    wait_until(page, f"document.querySelector('{HUB} [role=grid]').ariaBusy === 'true'")
    assert np.isnan(shown(page, 6, 4)).all()
    assert page.locator(f'{HUB} [data-head="2.1"]').get_attribute("aria-label") == "L2·H1"
    assert "loading" in page.locator(HUB).inner_text()
    assert page.evaluate("window.__why.isConnected"), "why a head matters does not hang on the measure that is shown"
    while len(held) < 2:
        page.wait_for_timeout(30)
    for route in held:
        route.fallback()
    settled(page)
    np.testing.assert_allclose(shown(page, 6, 4), np.nanmean(effects(run, "patch_cos"), axis=0), rtol=1e-6)
    assert page.evaluate("document.activeElement === window.__cell")
    page.context.close()


def test_a_map_of_images_that_takes_its_time_says_so(chromium, address):
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    held = []
    asked = re.compile("answers/layout")
    page.route(asked, lambda route: held.append(route))  # noqa: PLW0108
    with page.expect_request(asked):
        page.goto(address)
    images = page.locator("[data-pane=images]")
    images.get_by_text("The images are being laid out").wait_for()
    held[0].fallback()
    images.get_by_text("trustworthiness").wait_for()
    assert "laid out" not in images.inner_text()
    page.context.close()


def test_a_head_has_one_interval_on_the_page_and_in_the_report(open_page, address, run):
    page, _ = open_page(address)
    ranking = output_ranking(run)
    index = ranking.order[0]
    ends = [f"{end[index]:#.3g}" for end in (ranking.interval.low, ranking.interval.high)]
    told = page.get_by_test_id("head-interval")
    told.filter(has_text="to").wait_for()
    assert told.inner_text() == f"{ends[0]} to {ends[1]} · few images"
    assert f"95 % interval {float(ends[0]):.3f} to {float(ends[1]):.3f}" in page.locator(".headline").inner_text()
    first = page.locator(".ranked li:first-child button")
    wait_until(page, "document.querySelectorAll('.ranked .interval').length === 24")
    assert f"95 % interval {ends[0]} to {ends[1]}" in first.get_attribute("title")


def test_over_all_images_the_page_says_what_the_server_says(chromium, address):
    standing = {"metric": "jsd", "rank": 1, "top": True, "clear": True, "flat": False, "mean": 0.5, "n": 23, "leads": 1}
    one = {"standing": standing | {"consistency": 0.25}, "clauses": [{"name": "cls", "text": "planted, 77 %"}]}
    answers = {"headline": {"text": "L0·H1 is planted: so it is."}, "why": [[one] * 4] * 6}
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    planted = re.compile(f"answers/({'|'.join(answers)})$")
    page.route(planted, lambda route: route.fulfill(json=answers[planted.search(route.request.url)[1]]))
    page.goto(address)
    page.wait_for_selector('[data-testid="why"][aria-busy="false"]')
    assert "is planted: so it is." in page.locator(".headline").inner_text()
    why = page.get_by_test_id("why")
    assert why.locator("li").all_inner_texts() == ["planted, 77 %"]
    assert "is the most important head" in why.inner_text()
    assert "first in 100 % of the images, consistency 0.25" in why.inner_text()
    command(page, "show wrong")
    page.wait_for_selector('[data-testid="why"][aria-busy="false"] [data-clause="distance"]')
    assert "planted" not in why.inner_text(), "over a part of the images the page says it itself"
    command(page, "show all images")
    page.wait_for_selector('[data-testid="why"][aria-busy="false"] [data-clause="cls"] >> text=planted')
    page.context.close()


def test_the_ranked_heads_are_all_there_with_intervals_and_keys(open_page, address):
    page, _ = open_page(address, height=700)
    wait_until(page, "document.querySelectorAll('.ranked .interval').length === 24")
    assert page.evaluate("(list => list.scrollHeight > list.clientHeight)(document.querySelector('.ranked ol'))")
    page.focus(".ranked li:first-child button")
    for key in ("End", "Enter"):
        page.keyboard.press(key)
    last = page.locator(".ranked li:last-child button")
    assert last.get_attribute("aria-pressed") == "true"
    name = last.locator(".name").inner_text()
    assert page.locator(f'{HUB} [data-head][aria-selected="true"]').get_attribute("aria-label").startswith(name)


def test_a_lasso_sets_the_scope_and_undo_and_redo_bring_it_back(open_page, address):
    page, watch = open_page(address)
    read_ahead(page, watch)
    before = len(watch.data)
    corners = [(0.02, 0.02), (0.6, 0.02), (0.6, 0.98), (0.02, 0.98), (0.02, 0.1)]
    outlined(page, "[data-map]", corners)
    scope = page.locator(".scope")
    assert "lasso" in address_of(page)
    assert scope.get_by_role("button", name="Remove: inside the lasso").count() == 1
    lassoed, url = scope.locator(".n").inner_text(), address_of(page)
    means = shown(page, 6, 4)
    page.keyboard.press("Control+z")
    wait_until(page, "!location.hash.includes('lasso')")
    assert "n = 23" in scope.inner_text()
    page.keyboard.press("Control+Shift+z")
    wait_until(page, "location.hash.includes('lasso')")
    assert (address_of(page), scope.locator(".n").inner_text()) == (url, lassoed)
    np.testing.assert_array_equal(shown(page, 6, 4), means)
    read_ahead(page, watch)
    asked = {url.split("/answers/")[1].split("?")[0] for url in watch.data[before:] if "/api/" in url}
    assert asked <= {"preview", "attention"}, "the picture of the new focus image, and nothing else"
    page.get_by_role("button", name="Remove: inside the lasso").click()
    painted(page)
    assert "n = 23" in scope.inner_text()


NUMBERS = """() => {
  const said = [];
  const note = () => said.push(['importance', 'strength', 'inspector'].map(pane =>
    document.querySelector(`[data-pane=${pane}]`).innerText.match(/n = [\\d,]+( of [\\d,]+)?/)?.[0]));
  note();
  new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
  window.__said = said;
}"""


def test_the_n_that_is_said_is_of_the_numbers_shown_while_others_are_made(open_page, chromium, serve, tmp_path):
    run = synthetic_run(tmp_path / "run", n_images=300, layers=12, heads=12, grid=(3, 5), shard_size=150)
    with serve(run) as address:
        page, _ = open_page(f"{address}#/explore?v=1&s=wrong")
        page.wait_for_selector("[data-plot=strength] >> text=n = ")
        settled(page)
        n = page.locator("[data-region=scope] .n b")
        few = n.inner_text()
        page.evaluate(NUMBERS)
        page.locator("[data-pane=filters]").get_by_role("button", name="wrong").first.click()
        # Of all images the values are so many that the worker makes the numbers.
        wait_until(page, f"window.__said.at(-1).every(said => said !== '{few}')")
        settled(page)
        said = page.evaluate("window.__said")
        assert n.inner_text() != few
        assert {number for numbers in said for number in numbers} == {few, n.inner_text()}
        page.close()  # before its server


def test_the_page_fills_while_shards_land(open_page, chromium, serve, tmp_path):
    from vitscope.store import RunWriter

    run = synthetic_run(tmp_path / "run", complete=False, head_shards=0, layers=3, heads=3)
    with serve(run) as address:
        page, _ = open_page(address)
        assert "n = 0" in page.locator(".scope").inner_text()
        labels = run.images["label"].to_numpy()
        with RunWriter.opened(run.path) as writer:
            writer.write_head(0, head_unit(run.manifest, 0, labels, np.random.default_rng(1)))
        page.wait_for_selector(".scope >> text=n = 3")
        wait_until(page, f"parseFloat(document.querySelector('{HUB} [data-head]').dataset.value) > 0")
        np.testing.assert_allclose(shown(page, 3, 3), np.nanmean(effects(run), axis=0), rtol=1e-6)
        assert "n = 4 of 10" in page.locator("header.top").inner_text()
        page.wait_for_selector(".headline >> text=L0·H1")
        page.close()  # before its server


def test_without_cls_and_classifier(open_page, chromium, serve, tmp_path):
    run = synthetic_run(tmp_path / "run", prefix=(), classifier=False, layers=6, heads=4)
    with serve(run) as address:
        page, _ = open_page(address)
        assert page.get_by_label("Measure", exact=True).input_value() == "out_cos"
        assert page.locator('[data-filter="correct"] button:not(:disabled)', has_text="wrong").count() == 0
        page.get_by_role("button", name="And on one image?").click()
        page.wait_for_selector("[data-tile]")
        assert page.locator("[data-tile]").count() == 24
        assert page.get_by_role("button", name="CLS", exact=True).is_disabled()
        assert "patch (1, 2)" in page.locator('[data-pane="picture"]').inner_text()
        page.close()


@pytest.mark.slow
def test_a_server_that_is_away_is_said_and_the_page_recovers(open_page, address):
    page, watch = open_page(address)
    page.route("**/api/**", lambda route: route.abort())
    page.wait_for_selector(".notice:has-text('Is vitscope serve still running?')")
    page.unroute("**/api/**")
    page.wait_for_selector(".notice", state="detached")
    assert page.locator("header.top").inner_text().count("no connection") == 0
    assert page.locator(f"{HUB} [data-head]").count() == 24
    watch.complaints[:] = [line for line in watch.complaints if "Failed to load resource" not in line]
