"""What a user does, and what is then on the page, in the words of the tests."""

import re
import time
from pathlib import Path

import numpy as np

# Two frames, and what waits for the page to be idle, or a quarter of a second: the address. Chromium does not tell
# every page at rest that it is idle (seen at 1100 x 700, after other sizes).
STILL = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
  () => requestIdleCallback(done, { timeout: 300 }))))"""


VIEWS = re.findall(
    r"^    view: '(\w+)'",
    (Path(__file__).parents[2] / "web" / "src" / "ground" / "perspectives.ts").read_text(encoding="utf-8"),
    re.MULTILINE,
)
"""The perspectives, as the page lists them."""

PATIENCE = 60
"""Seconds until a wait is given up: machines are slow, and nothing is asserted about time."""


def settled(page):
    """Wait until every pane shows what it was asked for; what is read ahead for later may still be on its way."""
    page.evaluate(STILL)
    wait_until(page, "!document.querySelector('main[aria-busy=true], .pane [aria-busy=true]')")
    page.evaluate(STILL)


# Longer than any pause the page itself makes before it reads on (400 ms), by the page's own clock: on a slow machine
# both timers are late together.
PAUSE = "() => new Promise(done => setTimeout(done, 500))"


def read_ahead(page, watch):
    """Wait until everything that a page reads for later is there: three pauses in which nothing is asked."""
    end, calm = time.monotonic() + PATIENCE, 0
    while calm < 3:
        assert time.monotonic() < end, [request.url for request in watch.waiting]
        asked = len(watch.data)
        page.evaluate(PAUSE)
        page.evaluate(STILL)
        calm = calm + 1 if len(watch.data) == asked and not watch.waiting else 0


def painted(page):
    page.evaluate(STILL)


def resized(page, width, height):
    """Give the window a size, and wait until the page is drawn for it."""
    page.set_viewport_size({"width": width, "height": height})
    at_its_end(page)


def at_its_end(page):
    """Wait until the page is painted, with every transition at its end: colours and places are the final ones."""
    painted(page)
    page.evaluate(
        "document.getAnimations().forEach(a => a.effect.getComputedTiming().endTime < Infinity && a.finish())"
    )
    painted(page)


def address_of(page):
    """The page's address, once the browser has been told of the last step."""
    page.evaluate(STILL)
    return page.evaluate("location.href")


def reload(page):
    """Reload the page at the address of its last step: it is that of the one before for a moment."""
    page.evaluate(STILL)
    page.reload()


def wait_until(page, expression, seconds=PATIENCE):
    """Wait until an expression is true; Playwright's own way needs eval, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(30)


def command(page, words):
    """Run the palette's best answer to some words."""
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open]")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    painted(page)


def shown(page, layers, heads):
    """The values behind the cells of the matrix, [layer, head]."""
    grid = page.locator('[data-pane="importance"] [data-head]')
    values = grid.evaluate_all("cells => cells.map(cell => parseFloat(cell.dataset.value))")
    return np.array(values, dtype=float).reshape(layers, heads)


def focus_head(page):
    """The focus head as the matrix marks it: `layer.head`."""
    return page.locator('[data-pane="importance"] [data-head][aria-selected="true"]').get_attribute("data-head")


def outlined(page, selector, corners):
    """Draw an outline with the mouse; corners in shares of the element's box, from the left and from the top."""
    box = page.locator(selector).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    painted(page)


def steps(page):
    """The list of steps: its labels, and the place of the one in force."""
    page.get_by_role("button", name="Steps taken").click()
    items = page.locator(".history button")
    labels = items.all_inner_texts()
    current = items.evaluate_all("all => all.findIndex(one => one.ariaCurrent === 'step')")
    page.keyboard.press("Escape")
    return labels, current
