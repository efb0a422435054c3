"""A stranger's run, opened in every view: what it says is shown as text, nothing of it is executed or fetched."""

import pytest
from tests.browser.conftest import serving
from tests.browser.hands import painted, settled
from tests.crafted import crafted_run
from tests.server.clients import FakeLive

pytestmark = pytest.mark.slow  # `make test-browser` runs it

PANES = {
    "explore": '[data-pane="patterns"]',
    "image": "main .pane",
    "heads": "main .pane",
    "lab": '[data-view="lab"]',
}
"""Views, and what is there once they are open."""


@pytest.fixture(scope="module")
def foreign(chromium, tmp_path_factory):
    run = crafted_run(tmp_path_factory.mktemp("crafted"))
    with serving(run, FakeLive(run)) as address:
        yield address


def test_nothing_of_a_strangers_run_is_executed(open_page, foreign):
    """No request elsewhere and no complaint, of the content policy too, is asserted where the page is closed."""
    page, _ = open_page(foreign)
    dialogs, shown = [], ""
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for view, pane in PANES.items():
        page.goto(f"{foreign}#/{view}?v=1&i=0")
        page.wait_for_selector(pane)
        settled(page)
        painted(page)
        shown += page.evaluate("document.body.innerText")
        made = 'img[src="x"], iframe, svg[onload], [onerror], script:not([src]), link[href*="192.0.2.1"]'
        assert page.evaluate("window.__executed ?? null") is None, view
        assert page.locator(made).count() == 0, view
    assert dialogs == []
    for said in ("model <img src=x onerror", "class 0 <img", "run of the Lab <img", "<img src=x onerror=window"):
        assert said in shown, said
