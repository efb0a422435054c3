"""Image in a real browser: what a token attends to, what is not stored and why, and every control by mouse and keys."""

import threading

import numpy as np
import pytest
from playwright.sync_api import expect
from tests.browser.hands import PATIENCE, address_of, painted, read_ahead, settled
from tests.server.clients import FakeLive
from tests.synthetic_run import STRONG

pytestmark = pytest.mark.slow  # `make test-browser` runs them

HEAD = "{}.{}".format(*STRONG)
PICTURE = '[data-pane="picture"]'


def recorded(run):
    """An image of which only attention from CLS is stored."""
    return next(row for row in range(3, 24) if row not in run.featured)


def test_the_first_image_is_the_most_confident_wrong_one(open_page, address, run):
    page, _ = open_page(f"{address}#/image?v=1")
    wrong = run.images[run.images["correct"] == False]  # noqa: E712 - None must not count
    assert f"#{wrong['probability'].idxmax()} ·" in page.locator(PICTURE).inner_text()


def test_a_tile_chooses_the_head_and_its_value_on_the_image_is_told(open_page, address, run):
    page, watch = open_page(f"{address}#/image?v=1&i=4")
    read_ahead(page, watch)
    before = [url for url in watch.data if "/answers/attention?" in url]
    page.click('[data-tile="5.1"]')
    page.hover('[data-tile="1.1"]')
    painted(page)
    assert "h=5.1" in address_of(page)
    assert [url for url in watch.data if "/answers/attention?" in url] == before, "all heads are here already"
    value = f"{run.effect('jsd', 'head')[4, 5, 1]:#.3g}"
    assert page.get_by_test_id("on-image").inner_text().startswith(value)


def test_everything_by_keyboard(open_page, address):
    page, _ = open_page(f"{address}#/image?v=1&h=1.1")
    page.focus('[data-tile="1.1"]')
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert "h=2.1" in address_of(page)
    page.focus('[role="gridcell"][data-patch][tabindex="0"]')
    page.keyboard.press("n")
    settled(page)
    assert "i=" in address_of(page)
    page.keyboard.press("u")
    painted(page)
    assert "u=bilinear" in address_of(page)
    assert "interpolated" in page.locator(PICTURE).inner_text()


def test_a_featured_image_answers_any_patch(open_page, address, run):
    image = run.featured[1]
    page, watch = open_page(f"{address}#/image?v=1&i={image}&h={HEAD}")
    page.click('[data-patch="2,3"]')
    settled(page)
    assert "q=2,3" in address_of(page)
    weight = run.featured_attention(image)[0, 1, 1 + 2 * 11 + 3, 1:].astype(np.float64).max()
    assert f"max {100 * weight:.1f} %" in page.locator(PICTURE).inner_text()
    page.keyboard.press("ArrowRight")
    settled(page)
    assert "q=2,4" in address_of(page)
    page.get_by_role("button", name="To", exact=True).click()
    settled(page)
    assert "d=to" in address_of(page)
    page.focus('[data-patch="2,4"]')
    page.keyboard.press("0")
    settled(page)
    assert "q=" not in address_of(page)
    asked = [url for url in watch.requests if "/answers/attention?" in url]
    assert len(asked) == len(set(asked)), "what is here already is not asked for again"


def test_what_is_not_stored_is_explained_with_the_command(open_page, address, run):
    image = recorded(run)
    page, watch = open_page(f"{address}#/image?v=1&i={image}&q=1,1")
    tiles = page.locator("section", has_text="All heads, this query").last
    assert "is not stored for this image" in tiles.inner_text()
    assert f"vitscope serve {run.path} --live" in tiles.inner_text()
    assert not any("/answers/attention?" in url for url in watch.requests)
    page.get_by_role("button", name="Back to attention from CLS").click()
    settled(page)
    assert page.locator("[data-tile]").count() == 24


def test_a_live_model_answers_the_rest(open_page, chromium, serve, run):
    live = FakeLive(run)
    image = recorded(run)
    with serve(run, live) as address:
        page, _ = open_page(f"{address}#/image?v=1&i={image}")
        page.click('[data-patch="0,1"]')
        settled(page)
        weight = live.of(image)[0, 1, 2, 1:].astype(np.float64).max()
        page.click('[data-tile="0.1"]')
        painted(page)
        assert f"max {100 * weight:.1f} %" in page.locator(PICTURE).inner_text()
        page.close()  # before its server
    assert image in live.asked


def test_a_slow_model_shows_no_answer_of_another_question(open_page, chromium, serve, run):
    gate = threading.Event()
    slow = recorded(run)

    class SlowLive(FakeLive):
        def matrices(self, image_row, /):
            assert image_row != slow or gate.wait(2 * PATIENCE)
            return super().matrices(image_row)

    with serve(run, SlowLive(run)) as address:
        page, _ = open_page(f"{address}#/image?v=1&i={run.featured[0]}")
        page.wait_for_selector(".tile + .bar")
        page.evaluate(f"location.hash = '#/image?v=1&i={slow}&q=0,1'")
        page.wait_for_selector(".asking")
        for patch in ("0,2", "0,3", "0,4"):
            page.click(f'[data-patch="{patch}"]')
            painted(page)
        expect(page.locator(".tile + .bar"), "the scales of the token before are gone").to_have_count(0)
        assert "max" not in page.locator(PICTURE).locator(".ticks").inner_text()
        gate.set()
        page.wait_for_selector(".asking", state="detached")
        settled(page)
        assert "patch (0, 4)" in page.locator(PICTURE).inner_text(), "the last question is answered"
        page.close()


def test_the_strip_is_reached_by_keyboard_when_the_image_is_out_of_scope(open_page, address, run):
    right = int(run.images.index[run.images["correct"] == True][0])  # noqa: E712 - None must not count
    page, _ = open_page(f"{address}#/image?v=1&s=wrong&i={right}")
    strip = '[aria-label="Images in scope"] [tabindex="0"]'
    assert page.locator(strip).count() == 1
    page.focus(strip)
    page.keyboard.press("ArrowRight")
    settled(page)
    assert page.evaluate("document.activeElement.ariaSelected") == "true"
