"""The Heads perspective in a real browser: its numbers are those of Python, by mouse and by keyboard; gaps say why."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.browser.hands import address_of, outlined, painted, settled, wait_until
from tests.browser.journeys import Keyboard
from tests.synthetic_run import synthetic_run

from vitscope.analysis import open_run
from vitscope.analysis.against import against
from vitscope.analysis.findings import output_ranking
from vitscope.tokens import HeadRef

pytestmark = pytest.mark.slow  # `make test-browser` runs them

LAYERS, HEADS = 6, 4
ALIKE = (HeadRef(0, 0), HeadRef(LAYERS - 1, HEADS - 1))
"""The redundant heads of a synthetic run, by output."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(
        tmp_path_factory.mktemp("heads") / "run",
        n_images=24, layers=LAYERS, heads=HEADS, grid=(7, 11), shard_size=8, partial_images=10, pattern_images=12,
    )  # fmt: skip


@pytest.fixture(scope="module")
def address(chromium, serve, run):
    with serve(run) as address:
        yield address


def pane(name):
    return f'[data-pane="{name}"]'


def data(page, selector, *names):
    """Data attributes of some elements as arrays."""
    rows = page.locator(selector).evaluate_all("all => all.map(one => ({...one.dataset}))")
    return [np.array([float(row[name]) for row in rows]) for name in names]


def heads_of(text):
    return tuple(HeadRef(*map(int, part.split("."))) for part in text.split(","))


@pytest.mark.parametrize("variant", ["cls", "jensen-shannon", "full"])
def test_diversity_is_that_of_python_over_the_scope(open_page, address, run, variant):
    page, _ = open_page(f"{address}#/heads?v=1&dv={variant}&s=wrong")
    (means,) = data(page, f"{pane('diversity')} circle[data-layer]", "mean")
    wrong = np.flatnonzero((run.images["correct"] == False).to_numpy())  # noqa: E712 - None must not count
    np.testing.assert_allclose(means, run.heads.diversity(variant).values[wrong].mean(0), rtol=1e-5)
    assert f"n = {len(wrong)}" in page.locator(pane("diversity")).inner_text()


def test_groups_are_those_of_python_and_go_to_the_lab(open_page, address, run):
    page, _ = open_page(f"{address}#/heads?v=1&hb=output")
    option = page.get_by_role("listbox", name="Groups of redundant heads").get_by_role("option")
    (group,) = run.heads.groups("output", 0.9)
    assert option.count() == 1
    assert set(heads_of(option.get_attribute("data-heads"))) == set(group.heads) == set(ALIKE)
    assert float(option.get_attribute("data-similarity")) == pytest.approx(group.similarity, abs=1e-5)
    option.click()
    assert "hs=" in address_of(page)
    card = page.locator('[data-card="A"]')
    keep = against(run, output_ranking(run)).redundancy[1].keep[0]
    assert card.get_by_label("Head to keep").input_value() == str(keep)
    (other,) = set(ALIKE) - {keep}
    card.get_by_role("button", name="Send to Lab").click()
    painted(page)
    assert "#/lab?" in address_of(page)
    assert f"x={other.layer}.{other.head}" in address_of(page)


def test_a_click_on_a_block_is_the_head_set(open_page, address, run):
    page, _ = open_page(f"{address}#/heads?v=1&hb=output")
    frame = page.locator(f'{pane("redundancy")} rect[data-group="A"]')
    box = frame.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] * 3 / 4)
    tip = page.locator("[role=tooltip]")
    assert "similarity 1.00" in tip.inner_text()
    assert "group A: 2 heads" in tip.inner_text()
    page.mouse.down()
    page.mouse.up()
    painted(page)
    assert "hs=" in address_of(page)
    chosen = address_of(page).split("hs=")[1].split("&")[0]
    assert set(heads_of(chosen)) == set(ALIKE)
    page.keyboard.press("Control+z")
    wait_until(page, "!location.hash.includes('hs=')")


def test_below_the_threshold_there_is_no_group_and_a_way_to_one(open_page, address, run):
    page, _ = open_page(f"{address}#/heads?v=1")
    words = page.locator(pane("redundancy")).inner_text()
    assert "No two heads are merged at 0.9" in words
    page.locator(pane("redundancy")).get_by_role("button", name="Groups from").click()
    settled(page)
    threshold = float(address_of(page).split("gf=")[1].split("&")[0])
    groups = run.heads.groups("cls", threshold)
    shown = page.locator('[role="listbox"] [data-group]').evaluate_all("all => all.map(one => one.dataset.heads)")
    assert [set(heads_of(text)) for text in shown] == [set(group.heads) for group in groups]


def test_focus_and_coverage_are_means_over_the_scope(open_page, address, run):
    page, _ = open_page(f"{address}#/heads?v=1")
    marks = f"{pane('focusCoverage')} circle[data-head]"
    names = page.locator(marks).evaluate_all("all => all.map(one => one.dataset.head)")
    focus, coverage = data(page, marks, "focus", "coverage")
    places = [HeadRef(*map(int, name.split("."))) for name in names]
    assert len(places) == LAYERS * HEADS
    for found, measure in ((focus, "focus"), (coverage, "coverage")):
        expected = np.nanmean(run.measure(f"spread/{measure}").astype(np.float16).astype(float), 0)
        np.testing.assert_allclose(found, [expected[place] for place in places], rtol=1e-5)
    outlined(page, f"{pane('focusCoverage')} .plot", [(0.03, 0.02), (0.5, 0.5), (0.98, 0.86)])
    assert len(heads_of(address_of(page).split("hs=")[1].split("&")[0])) == LAYERS * HEADS


def test_over_depth_is_that_of_python(open_page, address, run):
    page, _ = open_page(f"{address}#/heads?v=1&h=1.2&hs=0.1,3.0&dm=patches&r=pp")
    rows = page.locator(f"{pane('depth')} [data-repair]")
    ratios = dict(rows.evaluate_all("all => all.map(one => [one.dataset.repair, Number(one.dataset.ratio)])"))
    curves = run.repair["patch_cos_at"].sel(mode="pp").values
    for head in (HeadRef(1, 2), HeadRef(0, 1), HeadRef(3, 0)):
        curve = curves[head]
        assert ratios[str(head)] == pytest.approx(curve[LAYERS - 2] / curve[head.layer], rel=1e-5)
    assert "repaired: 87.5 % undone" in rows.filter(has_text="L1·H2").inner_text()
    assert f"n = {int(run.repair['n'].sel(mode='pp'))}" in page.locator(pane("depth")).inner_text()
    told = page.locator('[data-plot="depth"]').get_attribute("aria-valuetext")
    for part in ("L1·H2: repaired", "cosine distance", "right after layer 1", "n = "):
        assert part in told


def test_classes_over_layers_are_means_over_their_images(open_page, address, run):
    page, _ = open_page(f"{address}#/heads?v=1&m=out_cos&h=2.1")
    effect, target = run.effect("out_cos", "head").astype(float), run.images["target"].to_numpy()
    rows = page.locator(f"{pane('classTrend')} tr[data-class]")
    assert rows.count() == len(set(target[target >= 0]))
    for row in rows.all():
        mine = effect[(target == int(row.get_attribute("data-class"))) & np.isfinite(effect).all((1, 2))]
        cells = [
            float(value)
            for value in row.locator("td[data-value]").evaluate_all("all => all.map(one => one.dataset.value)")
        ]
        np.testing.assert_allclose(cells, [mine.mean(0)[2, 1], *mine.mean((0, 2))], rtol=1e-5)
        assert row.locator("td.n").inner_text() == str(len(mine))
    page.get_by_role("button", name="pattern", exact=True).click()
    settled(page)
    assert "share of matrices that show" in page.locator(f"{pane('classTrend')} figcaption").inner_text()
    rows.first.get_by_role("button").click()
    assert "s=class" in address_of(page)


def test_hidden_heads_are_those_of_python(open_page, address, run):
    from vitscope.analysis.findings import hidden_heads, rank_heads

    page, _ = open_page(f"{address}#/heads?v=1")
    shown = page.locator("[data-hidden-head]").evaluate_all("all => all.map(one => one.dataset.hiddenHead)")
    expected = hidden_heads(output_ranking(run), [rank_heads(run, "cls_cos")])
    assert [HeadRef(*map(int, name.split("."))) for name in shown] == [hidden.head for hidden in expected]
    page.get_by_role("button", name="Choose as set").click()
    assert len(heads_of(address_of(page).split("hs=")[1].split("&")[0])) == len(expected)


def test_redundant_heads_to_the_lab_by_keyboard_alone(open_page, address, run):
    page, _ = open_page(f"{address}#/explore?v=1&hb=output")
    page.keyboard.press("g")
    page.keyboard.press("h")
    wait_until(page, "location.hash.startsWith('#/heads')")
    settled(page)
    keys = Keyboard(page)
    keys.focus('[data-plot="diversity"]')
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    painted(page)
    assert "layer 1: diversity" in page.locator('[data-plot="diversity"]').get_attribute("aria-valuetext")
    page.keyboard.press("Enter")
    assert set(heads_of(address_of(page).split("hs=")[1].split("&")[0])) == {HeadRef(1, head) for head in range(HEADS)}
    keys.focus('[data-plot="redundancy"]')
    page.keyboard.press("ArrowDown")
    painted(page)
    assert "similarity" in page.locator('[data-plot="redundancy"]').get_attribute("aria-valuetext")
    keys.focus('[role="listbox"] [data-group="A"]')
    page.keyboard.press("Enter")
    assert set(heads_of(address_of(page).split("hs=")[1].split("&")[0])) == set(ALIKE)
    keys.focus('[data-card="A"] .lab')
    page.keyboard.press("Enter")
    wait_until(page, "location.hash.startsWith('#/lab')")
    assert "x=" in address_of(page)


def test_what_is_not_there_says_why(open_page, serve, tmp_path):
    with zipfile.ZipFile(Path(__file__).parents[1] / "store" / "run-format-3.zip") as files:
        files.extractall(tmp_path / "old")
    bare = synthetic_run(tmp_path / "bare", prefix=(), classifier=False, layers=3, heads=3)
    with serve(open_run(tmp_path / "old")) as old:
        page, _ = open_page(f"{old}#/heads?v=1")
        assert "the run is of format 3, which does not keep it" in page.locator(pane("depth")).inner_text()
        assert page.get_by_role("button", name="Output", exact=True).is_disabled()
        page.close()
    with serve(bare) as address:
        page, _ = open_page(f"{address}#/heads?v=1")
        assert "no CLS token" in page.locator(pane("focusCoverage")).inner_text()
        assert page.get_by_role("button", name="Attention", exact=True).is_disabled()
        assert "Whole matrix" in page.locator(f"{pane('diversity')} select").evaluate(
            "one => one.selectedOptions[0].text"
        )
        assert "of the patches" in page.locator(pane("depth")).inner_text()
        page.close()
