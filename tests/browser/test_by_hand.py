"""What hands do besides clicks and keys: a file dropped on the page, a finger, slices, a lasso over a growing run."""

import base64

import numpy as np
import pytest
from tests.browser.hands import outlined, painted, reload, settled, wait_until
from tests.synthetic_run import head_unit, synthetic_run

import vitscope
from vitscope.models.sources.bundled import DEMO
from vitscope.pipeline.live.model import load_live

pytestmark = pytest.mark.slow  # `make test-browser` runs them

DROP = """(zone, [name, code]) => {
  const bytes = Uint8Array.from(atob(code), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: 'image/png' }));
  for (const kind of ['dragenter', 'dragover', 'drop'])
    zone.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer }));
}"""


def test_a_file_dropped_on_image_is_looked_at_by_the_model(open_page, serve, tmp_path):
    model = vitscope.load_model("demo")
    images = sorted((DEMO / "images").glob("*.png"))
    run = vitscope.analyze(model, images[:3], tmp_path / "run", patterns=0)
    with serve(run, load_live(run)) as address:
        page, _ = open_page(f"{address}#/image?v=1&i=0")
        code = base64.b64encode(images[7].read_bytes()).decode()
        page.locator("main div.image").evaluate(DROP, [images[7].name, code])
        top = page.get_by_role("list", name="Predictions").locator("li").first
        top.wait_for()
        known = load_live(run).drop(images[7].read_bytes(), images[7].name)
        number, probability = known.top[0]
        assert run.manifest.model.classes[number].split(",")[0] in top.inner_text()
        assert f"{100 * probability:.1f} %" in top.inner_text()
        page.close()


def test_slices_are_kept_renamed_and_deleted(open_page, address):
    page, _ = open_page(address)
    page.locator('[data-filter="correct"]').get_by_role("button", name="wrong").click()
    rail = page.locator('[data-pane="filters"]')
    rail.get_by_label("Name of the slice").fill("mistakes")
    rail.get_by_role("button", name="Save", exact=True).click()
    rail.get_by_role("button", name="Rename mistakes").click()
    rail.get_by_label("New name of mistakes").fill("all wrong")
    page.keyboard.press("Enter")
    n = page.locator(".scope .n").inner_text()
    page.goto(address)
    page.reload()
    settled(page)
    assert page.locator(".scope .n").inner_text() != n
    rail.locator(".slice", has_text="all wrong").click()
    wait_until(page, "location.hash.includes('s=wrong')")
    assert page.locator(".scope .n").inner_text() == n
    rail.get_by_role("button", name="Delete all wrong").click()
    painted(page)
    assert rail.locator(".slice").count() == 0
    reload(page)
    settled(page)
    assert rail.locator(".slice").count() == 0


def test_a_lasso_stays_while_shards_land(open_page, serve, tmp_path):
    from vitscope.store import RunWriter

    run = synthetic_run(tmp_path / "run", n_images=12, complete=False, head_shards=1, layers=3, heads=3)
    labels = run.images["label"].to_numpy()
    with serve(run) as address:
        page, _ = open_page(f"{address}#/explore?v=1&il=scalars")
        outlined(page, "[data-map]", [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.1)])
        wait_until(page, "location.hash.includes('lasso')")
        hash_before = page.evaluate("location.hash")
        before = page.locator("header.top .state").inner_text()
        with RunWriter.opened(run.path) as writer:
            writer.write_head(1, head_unit(run.manifest, 1, labels, np.random.default_rng(1)))
        wait_until(page, f"document.querySelector('header.top .state').innerText !== {before!r}")
        settled(page)
        assert page.evaluate("location.hash") == hash_before
        assert page.locator("[role=alert]").count() == 0
        page.close()


def test_a_finger_chooses_a_head(open_page, address):
    page, _ = open_page(address, has_touch=True)
    cell = page.locator('[data-pane="importance"] [data-head="3.1"]').first
    cell.tap()
    wait_until(page, "location.hash.includes('h=3.1')")
