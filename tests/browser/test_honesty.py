"""Every number has a unit and its n, every heat map a colour bar, every interpolation a badge, every gap a reason."""

import pytest
from tests.browser.hands import settled, wait_until

pytestmark = pytest.mark.slow  # `make test-browser` runs them

UNIT = "bits"
LABELLED = {
    "matrix": ("[data-head]", (UNIT, "n = ")),
    "distributions": ("[data-strip]", (UNIT, "n = ")),
    "metrics": ("[data-head]", ("n = ",)),
    "scatter": ("[data-scatter]", (UNIT, "n = ")),
    "classes": ('[role="gridcell"][aria-label]', (UNIT, "n = ")),
    "difference": ("[data-head]", (UNIT, "n = ")),
}
COLOURED = {"matrix", "classes", "difference"}
"""Drawings with one colour bar; four measures have one each, the others have axes."""


@pytest.fixture
def honest_page(open_page, address):
    page, _ = open_page(address)
    return page


def test_honest_numbers_of_head_importance(honest_page, address):
    for drawing in LABELLED:  # one page: another address behind the # does not load it anew
        honest_page.goto(f"{address}#/explore?v=1&t={drawing}&s=wrong")
        check_drawing(honest_page, drawing)


def check_drawing(page, drawing):
    selector, parts = LABELLED[drawing]
    marks = page.locator(f'[data-pane="importance"] {selector}')
    marks.first.wait_for()
    settled(page)
    labels = marks.evaluate_all("all => all.map(one => one.getAttribute('aria-label') ?? one.textContent)")
    assert labels
    for label in labels:
        told = all(part in label for part in parts)
        assert told or "not computed" in label, label
    pane = page.locator('[data-pane="importance"]')
    if drawing in COLOURED:
        assert "(bits)" in pane.locator("figcaption").first.inner_text()
        assert any(character.isdigit() for character in pane.locator(".ticks").first.inner_text())
    if drawing == "metrics":
        wait_until(page, "document.querySelectorAll('[data-pane=importance] [role=grid]').length === 4")
        assert pane.locator(".bar").count() == pane.locator('[role="grid"]').count() == 4


def test_honest_strength(honest_page, address):
    page = honest_page
    told = page.locator('[data-plot="strength"]').get_attribute("aria-valuetext")
    for part in ("mass", "%", "px", "of the diagonal", "n = "):
        assert part in told, told
    page.goto(f"{address}#/explore?v=1&st=table")
    page.locator('[data-pane="strength"] [role="grid"]').wait_for()
    caption = page.locator('[data-pane="strength"] figcaption').inner_text()
    assert "share of a patch" in caption
    assert "n = " in caption


def test_honest_maps_of_one_image(honest_page, address, run):
    page = honest_page
    page.goto(f"{address}#/image?v=1&i={run.featured[1]}&q=2,3")
    page.locator("[data-matrix]").wait_for()
    settled(page)
    for pane in ("picture", "matrix"):
        bar = page.locator(f'section[data-pane="{pane}"]')
        assert bar.locator("figcaption").count() >= 1, pane
        assert any(character.isdigit() for character in bar.locator(".ticks").first.inner_text()), pane
    tiles = page.locator('section[data-pane="tiles"]')
    assert tiles.locator(".bar b").count() == run.manifest.model.n_layers
    assert "interpolated" not in page.locator('section[data-pane="picture"]').inner_text()
    for kind in ("bilinear", "bicubic"):
        page.get_by_label("Pixels", exact=True).select_option(kind)
        settled(page)
        assert "interpolated from 7 × 11" in page.locator('section[data-pane="picture"]').inner_text()
    assert "nats" in page.locator('section[data-pane="numbers"]').inner_text()


def test_honest_gaps_say_why(honest_page, address, run):
    page = honest_page
    skipped = int(run.images.index[run.images["problem"].notna()][0])
    page.goto(f"{address}#/image?v=1&i={skipped}")
    settled(page)
    assert "was skipped" in page.locator("main").inner_text()
    page.goto(f"{address}#/explore?v=1&s=conf:0:0.0001")
    settled(page)
    for pane in ("images", "importance", "strength"):
        words = page.locator(f'[data-pane="{pane}"]').inner_text()
        assert "no " in words.lower(), f"the pane {pane} is empty and does not say why"
