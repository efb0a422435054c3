"""A stranger's run, opened in every view: what it says is shown as text, nothing of it is executed or fetched."""

import pytest
from tests.browser.hands import painted, settled
from tests.crafted import crafted_run
from tests.server.clients import FakeLive

pytestmark = pytest.mark.slow  # `make test-browser` runs it

PANES = {
    "explore": '[data-pane="importance"]',
    "image": "main .pane",
    "heads": "main .pane",
    "lab": '[data-view="lab"]',
}
"""Views, and what is there once they are open."""


@pytest.fixture(scope="module")
def crafted(tmp_path_factory):
    return crafted_run(tmp_path_factory.mktemp("crafted"))


def test_nothing_of_a_strangers_run_is_executed(open_page, crafted, serve):
    """No request elsewhere and no complaint, of the content policy too, is asserted where the page is closed."""
    dialogs = []
    with serve(crafted, FakeLive(crafted)) as address:
        page, watch = open_page(address)
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        shown = ""
        for view in PANES:
            page.goto(f"{address}#/{view}?v=1&i=0")
            page.wait_for_selector(PANES[view])
            settled(page)
            painted(page)
            shown += page.evaluate("document.body.innerText")
            found = page.evaluate("""() => ({
                executed: window.__executed ?? null,
                made: document.querySelectorAll('img[src="x"], iframe, svg[onload], [onerror], main style').length,
                scripts: [...document.scripts].filter((script) => !script.src).length,
            })""")
            assert found["executed"] is None, view
            assert found["made"] == 0, view
            assert found["scripts"] == 0, view
        assert dialogs == []
        for said in ("model <img src=x onerror", "class 0 <img", "run of the Lab <img", "verdict <img"):
            assert said in shown, said
        assert watch.foreign(address) == []
