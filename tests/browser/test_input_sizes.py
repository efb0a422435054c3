"""Input sizes in Heads, and maps of a class in Image: recorded, live, missing, in a real browser."""

import shutil
import threading
import time

import numpy as np
import pytest
from tests.browser.hands import PATIENCE, address_of, painted, settled, wait_until
from tests.server.clients import FakeLive
from tests.synthetic_resolution import synthetic_resolution

from vitscope.analysis import open_run
from vitscope.analysis.sizes import by_size

pytestmark = pytest.mark.slow  # `make test-browser` runs them

PANE = '[data-pane="sizes"]'
ROWS = f"{PANE} [data-sizes] tr"


def asked_for(page, live, question):
    """Wait until the model was asked this: nothing on the page says that it is about to ask."""
    end = time.monotonic() + PATIENCE
    while question not in live.asked:
        assert time.monotonic() < end, f"never asked for {question}"
        page.wait_for_timeout(30)
    settled(page)


@pytest.fixture(scope="module")
def compared(run, tmp_path_factory):
    """The run with a comparison of sizes, beside the one that other tests share."""
    folder = tmp_path_factory.mktemp("sizes") / "run"
    shutil.copytree(run.path, folder)
    return open_run(folder), synthetic_resolution(open_run(folder))


def test_a_recorded_comparison_is_shown_over_the_images_in_scope(open_page, serve, compared):
    run, found = compared
    with serve(run) as address:
        page, _ = open_page(f"{address}#/heads?v=1&h=2.1")
        wait_until(page, f"document.querySelectorAll('{ROWS}').length === 3")
        text = page.locator(ROWS).all_inner_texts()
        for row, size in zip(text, by_size(found), strict=True):
            assert f"{size.size.tokens} tokens" in row
            assert ("position embedding interpolated" in row) == size.size.interpolated
        # The comparison holds one image that is not in the run: it is not among those in scope.
        inside = len(found.rows) - 1
        assert f"n = {inside} of {len(found.rows)} compared" in page.locator(PANE).inner_text()
        distance = found.arrays["distance_no_sinks"][1, :inside, 2, 1].astype(np.float64).mean()
        assert f"L2·H1 {distance:#.3g} px" in text[1]
        page.get_by_role("button", name="px, nats").click()
        painted(page)
        assert "zu=absolute" in address_of(page)
        assert "distance without sinks, px" in page.locator(PANE).inner_text()
        page.close()


def test_an_image_is_asked_for_at_several_sizes(open_page, serve, compared):
    run, _ = compared
    live = FakeLive(run)
    with serve(run, live) as address:
        page, _ = open_page(f"{address}#/heads?v=1&zo=image&i=4&h=1.2")
        page.get_by_label("Sizes, px").fill("25")
        page.get_by_role("button", name="Compute").click()
        painted(page)
        assert "multiples of the patch, 4 × 4 px" in page.locator(PANE).inner_text()
        page.get_by_label("Sizes, px").fill("24, 16x24")
        page.get_by_role("button", name="Compute").click()
        wait_until(page, f"document.querySelectorAll('{ROWS}').length === 2")
        rows = page.locator(ROWS).all_inner_texts()
        assert rows[0].startswith("16x24")
        assert "25 tokens" in rows[0]
        assert "p(target)" in rows[0]
        assert (4, (16, 24)) in live.asked
        assert "this image" in page.locator(PANE).inner_text()
        page.close()


def test_what_has_come_stays_when_the_rest_is_given_up(open_page, serve, compared):
    run, _ = compared
    gate = threading.Event()

    class SlowLive(FakeLive):
        def at_size(self, image_row, size, /):
            if size == (48, 48):
                gate.wait(2 * PATIENCE)
            return super().at_size(image_row, size)

    live = SlowLive(run)
    with serve(run, live) as address:
        page, _ = open_page(f"{address}#/heads?v=1&zo=image&i=4&h=1.2")
        page.get_by_label("Sizes, px").fill("24, 48, 64")
        page.get_by_role("button", name="Compute").click()
        wait_until(page, f"document.querySelectorAll('{ROWS}').length === 1")
        assert "1 of 3" in page.locator(PANE).inner_text()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Compute").wait_for()  # before the size in hand has ended
        gate.set()
        asked_for(page, live, (4, (48, 48)))
        assert page.locator(ROWS).count() == 1
        assert (4, (64, 64)) not in live.asked
        page.close()


def test_a_run_without_a_comparison_gives_the_command(open_page, address, run):
    page, _ = open_page(f"{address}#/heads?v=1")
    text = page.locator(PANE).inner_text()
    assert "carries no comparison of input sizes" in text
    assert "vitscope resolution timm:vit_synthetic photos --weights model.safetensors --sizes" in text.replace(
        "\n", " "
    )
    assert page.locator(PANE).get_by_role("button", name="Image", exact=True).is_disabled()


def test_a_map_of_a_class_is_asked_for_by_kind_and_class(open_page, serve, run):
    live = FakeLive(run)
    with serve(run, live) as address:
        page, _ = open_page(f"{address}#/image?v=1&i=4")
        page.get_by_label("Map", exact=True).select_option("legrad")
        settled(page)
        assert "p=legrad" in address_of(page)
        target = int(run.images.at[4, "target"])
        asked_for(page, live, (4, "legrad", target, 0, "from", 0.5, "mean", 0.0, 0, 2, "mean"))
        picture = page.locator('[data-pane="picture"]')
        assert "LeGrad of" in picture.inner_text()
        assert "even 1/77" in picture.inner_text()
        other = page.get_by_label("Class", exact=True).locator("option").nth(1).get_attribute("value")
        page.get_by_label("Class", exact=True).select_option(other)
        settled(page)
        assert f"mc={other}" in address_of(page)
        asked_for(page, live, (4, "legrad", int(other) - 1, 0, "from", 0.5, "mean", 0.0, 0, 2, "mean"))
        page.get_by_label("Map", exact=True).select_option("gradient_rollout")
        page.locator('select[aria-label="Heads"]').select_option("max")
        settled(page)
        assert any(asked[1] == "gradient_rollout" and asked[6] == "max" for asked in live.asked if len(asked) == 11)
        options = {"residual": 0.5, "fusion": "mean", "discard": 0.0, "start": 0, "layers": 2, "reading": "mean"}
        largest = live.class_map(4, "relevance", 0, 0, "from", **options)[-1, 1:]
        expected = f"max {100 * largest.max() / largest.sum():.1f} %"
        wait_until(page, f"document.querySelector('[data-pane=\"picture\"]').innerText.includes('{expected}')")
        page.close()


def test_maps_of_a_class_need_the_model_and_say_so(open_page, address):
    page, _ = open_page(f"{address}#/image?v=1&i=4&p=relevance")
    settled(page)
    assert page.get_by_label("Map", exact=True).locator('option[value="legrad"]').is_disabled()
    text = page.locator('[data-pane="picture"]').inner_text()
    assert "gradients need the model" in text
    assert "vitscope serve" in text
