"""View 4 in a real browser: its numbers are those of `run.patterns`, by mouse and by keyboard, renames are kept."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from tests.browser.hands import (
    address_of,
    at_its_end,
    command,
    focus_head,
    outlined,
    painted,
    read_ahead,
    reload,
    resized,
    settled,
    wait_until,
)
from tests.browser.journeys import Keyboard
from tests.browser.test_layout import CLIPPED, OUTSIDE, OVERLAPS, SIZES, faults
from tests.synthetic_run import synthetic_run

import vitscope
from vitscope.analysis.patterns.by_head import by_head
from vitscope.tokens import HeadRef

pytestmark = pytest.mark.slow  # `make test-browser` runs them

PANE = '[data-pane="patterns"]'
LAYERS, HEADS = 6, 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(
        tmp_path_factory.mktemp("patterns") / "run",
        n_images=24, layers=LAYERS, heads=HEADS, grid=(7, 11), shard_size=8, partial_images=4, pattern_images=16,
    )  # fmt: skip


@pytest.fixture(scope="module")
def address(chromium, serve, run):
    with serve(run) as address:
        yield address


def mixes(page):
    """What the table of heads shows: shares [layer, head, cluster], entropy and content dependence [layer, head]."""
    rows = page.locator(f"{PANE} [data-mix]").evaluate_all("rows => rows.map(row => ({...row.dataset}))")
    shares, bits, content = {}, {}, {}
    for row in rows:
        head = tuple(map(int, row["mix"].split(".")))
        shares[head] = [float(share) for share in row["shares"].split(",")]
        bits[head], content[head] = float(row["bits"]), float(row["content"])
    heads = sorted(shares)
    assert len(heads) == LAYERS * HEADS
    return (np.array([found[head] for head in heads]).reshape(LAYERS, HEADS, -1) for found in (shares, bits, content))


def entropy(shares):
    shares = np.concatenate([shares, 1 - shares.sum(-1, keepdims=True)], axis=-1).clip(min=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(shares > 1e-9, shares * np.log2(shares), 0).sum(-1, keepdims=True)


def test_images_show_the_pattern_of_the_focus_head_and_ring_the_chosen_one(open_page, address, run):
    page, _ = open_page(f"{address}#/explore?v=1&h=3.1&ic=pattern")
    table = run.patterns.table
    mine = table[(table["layer"] == 3) & (table["head"] == 1)]
    counts = mine["cluster"][mine["cluster"] >= 0].value_counts()
    shown = page.locator('[data-pane="images"] ul button')
    shown.first.wait_for()
    assert sorted(int(text.split()[-1]) for text in shown.all_inner_texts()) == sorted(counts)
    shown.first.click()
    note = page.locator('[data-pane="images"] [role="status"]').first
    assert f"Ringed: {counts.max()} images on which L3·H1 shows" in note.inner_text()
    assert f"pat={counts.idxmax()}" in address_of(page)


def wrong_images(run):
    return np.flatnonzero((run.images["correct"] == False).to_numpy())  # noqa: E712 - None must not count


def test_mixes_are_those_of_the_python_api_and_follow_the_scope(open_page, address, run):
    page, watch = open_page(f"{address}#/explore?v=1&f=patterns")
    patterns = run.patterns
    shares, bits, content = mixes(page)
    np.testing.assert_allclose(shares, patterns.mix, atol=1e-6)
    np.testing.assert_allclose(bits[..., 0], patterns.mix_entropy, atol=1e-9)
    np.testing.assert_allclose(content[..., 0], patterns.content_dependence, rtol=1e-6)
    read_ahead(page, watch)
    before = len(watch.data)
    page.locator('[data-filter="correct"]').get_by_role("button", name="wrong").click()
    settled(page)
    rows = wrong_images(run)
    wait_until(page, f"Number.isFinite(Number(document.querySelector('{PANE} [data-mix]').dataset.content))")
    shares, bits, content = mixes(page)
    expected = patterns.mix_of(rows).values
    np.testing.assert_allclose(shares, expected, atol=1e-6)
    np.testing.assert_allclose(bits, entropy(expected), atol=1e-9)
    np.testing.assert_allclose(content[..., 0], patterns.content_dependence_of(rows), rtol=1e-5)
    sampled = sorted(set(rows) & set(patterns.images))
    assert f"n = {len(sampled)} of 16 images × 24 heads" in page.get_by_test_id("patterns-n").inner_text()
    asked = {url.split("/answers/")[1].split("?")[0] for url in watch.data[before:] if "/api/" in url}
    assert asked <= {"preview", "attention", "pattern_column"}, "the new focus image, and two columns once"


def choose_by_mouse(page, cluster):
    page.click(f'{PANE} [data-cluster="{cluster}"]')


def choose_by_keyboard(page, cluster):
    hand = Keyboard(page)
    hand.pane("patterns")
    hand.focus("[data-clusters]")
    page.keyboard.press("Home")
    for _ in range(cluster):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


@pytest.mark.parametrize("choose", [choose_by_mouse, choose_by_keyboard])
def test_a_pattern_is_chosen_and_renamed_and_is_still_so_after_a_reload(open_page, address, run, choose):
    page, _ = open_page(address)
    choose(page, 2)
    painted(page)
    assert address_of(page).endswith("pat=2")
    page.wait_for_selector('[data-testid="rings"]')
    shares = [float(share) for share in page.get_by_test_id("rings").get_attribute("data-shares").split(",")]
    np.testing.assert_allclose(shares, run.patterns.mix.values[..., 2].ravel(), atol=1e-6)
    new = f"looks left {choose.__name__[-8:]}"
    if choose is choose_by_mouse:
        page.locator(PANE).get_by_role("button", name="Rename").click()
    else:
        page.keyboard.press("F2")
    page.get_by_label("New name of the pattern").fill(new)
    page.keyboard.press("Enter")
    page.wait_for_selector(f'{PANE} [data-cluster="2"]:has-text("{new}")')
    assert page.evaluate("document.activeElement.matches('[data-clusters]')"), "the list has the keyboard again"
    assert vitscope.open_run(run.path).patterns.clusters.loc[2, "name"] == new
    reload(page)
    page.wait_for_selector(f'{PANE} [data-cluster="2"][aria-selected="true"]:has-text("{new}")')
    page.locator(PANE).get_by_role("button", name="Rename").click()
    page.locator(PANE).get_by_role("button", name=run.patterns.clusters.loc[2, "auto_name"], exact=True).click()
    page.wait_for_selector(f'{PANE} [data-cluster="2"]:has-text("{run.patterns.clusters.loc[2, "auto_name"]}")')
    page.keyboard.press("Escape")
    painted(page)
    assert "pat=" not in address_of(page)


def places_of(page, run):
    """Where each matrix is on the screen: [matrix, (x, y)]."""
    box, rim = page.locator("[data-pattern-map]").bounding_box(), 7
    x, y = (run.patterns.table[axis].to_numpy(np.float64) for axis in "xy")
    across, up = ((values - values.min()) / np.ptp(values) for values in (x, y))
    left = box["x"] + rim + across * (box["width"] - 2 * rim)
    return np.stack([left, box["y"] + rim + (1 - up) * (box["height"] - 2 * rim)], axis=1)


def free_matrix(page, places):
    """A matrix whose dot no label covers and no other dot is near."""
    boxes = [glyph.bounding_box() for glyph in page.locator("[data-glyph]").all()]
    for matrix, (x, y) in enumerate(places):
        near = np.hypot(*(places - (x, y)).T)
        covered = any(b["x"] <= x <= b["x"] + b["width"] and b["y"] <= y <= b["y"] + b["height"] for b in boxes)
        if not covered and np.sort(near)[1] > 3:
            return matrix
    raise AssertionError("every dot is covered")


def test_a_dot_says_what_it_is_and_shows_its_matrix_when_it_is_clicked(open_page, address, run):
    page, watch = open_page(f"{address}#/explore?v=1&f=patterns")
    read_ahead(page, watch)
    places = places_of(page, run)
    matrix = free_matrix(page, places)
    at = [float(value) for value in places[matrix]]
    row = run.patterns.table.loc[matrix]
    before = len(watch.data)
    page.mouse.move(*at)
    told = page.get_by_role("tooltip").inner_text()
    cluster = run.patterns.clusters.loc[row["cluster"]] if row["cluster"] >= 0 else None
    assert told.startswith(f"L{row['layer']}·H{row['head']} on #{row['image']}")
    assert (
        cluster is None
        or f"“{cluster['name']}” ({cluster['size']} matrices, {cluster['share']:.1%}".replace("%", " %") in told
    )
    read_ahead(page, watch)
    assert watch.data[before:] == [], "hover fetches nothing"
    page.mouse.click(*at)
    page.wait_for_selector(f'{PANE} [data-matrix="{matrix}"]')
    settled(page)
    assert f"h={row['layer']}.{row['head']}" in address_of(page)
    assert f"i={row['image']}&" in address_of(page)
    near = run.patterns.nearest(matrix, 8)["matrix"].tolist()
    shown = page.locator(f'{PANE} section[aria-label="Matrices most like it"] [data-matrix]')
    assert [int(one.get_attribute("data-matrix")) for one in shown.all()] == near
    typical = run.patterns.typical(int(row["layer"]), int(row["head"]), 6)
    shown = page.locator(f'{PANE} section[aria-label^="Typical"] [data-thumb]')
    images = [int(one.get_attribute("data-thumb")) for one in shown.all()]
    assert images == [*typical.most["image"], *typical.least["image"]]


def test_an_outline_is_a_set_in_the_address_and_undo_takes_it_back(open_page, address, run):
    page, _ = open_page(f"{address}#/explore?v=1&f=patterns")
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.1)]
    outlined(page, "[data-pattern-map]", corners)
    assert "pat=lasso:" in address_of(page)
    clear = page.get_by_role("button", name="Clear the chosen patterns")
    words = clear.inner_text()
    held = int(words.split("Outline, ")[1].split()[0].replace(",", ""))
    assert 0.9 * len(run.patterns.table) < held <= len(run.patterns.table)
    url = address_of(page)
    page.keyboard.press("Control+z")
    wait_until(page, "!location.hash.includes('pat=')")
    page.keyboard.press("Control+Shift+z")
    wait_until(page, "location.hash.includes('pat=')")
    assert address_of(page) == url
    page.get_by_role("button", name="Clear the chosen patterns").click()
    assert "pat=" not in address_of(page)


def test_members_are_gone_through_by_keyboard(open_page, address, run):
    page, _ = open_page(address)
    choose_by_keyboard(page, 1)
    patterns = run.patterns
    medoid = patterns.clusters.loc[1, "medoid"]
    near = patterns.nearest(medoid, len(patterns.table))["matrix"]
    members = [medoid, *near[patterns.table.loc[near, "cluster"].to_numpy() == 1]]
    for step, key in enumerate("nnp"):
        page.keyboard.press(key)
        painted(page)
        row = patterns.table.loc[members[[0, 1, 0][step]]]
        assert f"h={row['layer']}.{row['head']}" in address_of(page)
        assert f"i={row['image']}&" in address_of(page)
    assert page.get_by_test_id("member").inner_text().startswith(f"1 of {len(members)}: L")
    page.wait_for_selector(f'[data-testid="matrix-card"] [data-matrix="{medoid}"]')


def test_why_has_the_pattern_clause_of_the_images_in_scope(open_page, address, run):
    page, _ = open_page(address)
    patterns = run.patterns
    layer, head = map(int, focus_head(page).split("."))

    def told(rows):
        content = (patterns.content_dependence if rows is None else patterns.content_dependence_of(rows)).values
        n = len(patterns.images) if rows is None else len(set(rows) & set(patterns.images))
        own = by_head(patterns, rows)[HeadRef(layer, head)]
        part = f"{100 * own.share:.0f}" if own.share >= 0.0995 else f"{100 * own.share:.1f}"
        return f"its pattern is {own.name} in {part} % of {n} images, content dependence {content[layer, head]:.2f}"

    clause = '[data-testid="why"] [data-clause="pattern"]'
    page.wait_for_selector(clause)
    assert page.locator(clause).inner_text() == told(None)
    shown = page.get_by_test_id("head-patterns").locator("button").first.inner_text()
    assert told(None).split("pattern is ")[1].split(" in ")[0] in shown
    command(page, "show wrong")
    settled(page)
    wait_until(page, f"document.querySelector('{clause}').textContent.includes('{told(wrong_images(run))}')")


def test_a_run_without_patterns_shows_its_mean_matrices_and_says_why(open_page, serve, chromium, tmp_path):
    run = synthetic_run(tmp_path / "run")
    with serve(run) as address:
        page, _ = open_page(f"{address}#/explore?v=1&pat=1")
        assert "patterns “1”" in page.locator(".notice").inner_text()
        page.wait_for_selector(f"{PANE} [data-mean]")
        pane = page.locator(PANE)
        assert pane.get_by_role("button", name="Map", exact=True).is_disabled()
        assert (
            "No patterns. There is too little to learn from, 10 images with 6 heads make 60 matrices."
            in pane.inner_text()
        )
        page.close()


def test_heads_of_a_long_table_have_their_words_wherever_it_is_scrolled(open_page, serve, chromium, tmp_path):
    run = synthetic_run(tmp_path / "run", layers=12, heads=12, n_images=6, pattern_images=4)
    with serve(run) as address:
        page, _ = open_page(f"{address}#/explore?v=1&f=patterns")
        rows = page.locator(f"{PANE} [data-mix]")
        assert rows.count() == 144
        for key, at in (("End", 143), ("Home", 0)):
            rows.nth(143 - at).focus()
            page.keyboard.press(key)
            row = rows.nth(at)
            wait_until(page, f"document.querySelectorAll('{PANE} [data-mix]')[{at}].querySelector('.number')")
            layer, head = row.get_attribute("data-mix").split(".")
            assert row.locator(".name").inner_text() == f"L{layer}·H{head}"
            assert f"{float(row.get_attribute('data-bits')):.1f}" == row.locator(".number").first.inner_text()
            assert rows.nth(143 - at).locator(".number").count() == 0, "words that nobody sees are not made"
            expect(row).to_have_accessible_name(f"L{layer}·H{head}")
            expect(row).to_have_accessible_description(
                re.compile(r"\d %.*entropy .* bits · content dependence .* images")
            )
        page.close()


def test_a_folder_that_cannot_be_written_disables_renaming_with_the_reason(open_page, address, monkeypatch):
    monkeypatch.setattr("vitscope.answers.rows.patterns.os.access", lambda *_: False)
    page, _ = open_page(f"{address}#/explore?v=1&pat=0")
    button = page.locator(PANE).get_by_role("button", name="Rename")
    assert button.is_disabled()
    assert "cannot be written" in button.get_attribute("title")
    choose_by_keyboard(page, 1)
    page.keyboard.press("F2")
    page.wait_for_selector(f"{PANE} [role=status]:has-text('Cannot be renamed')")


@pytest.mark.parametrize("table", ["heads", "importance", "layers", "classes", "quality"])
def test_patterns_in_full_are_accessible_and_nothing_is_clipped_or_overlaps(open_page, address, axe, table):
    colour = {"heads": "cluster", "importance": "importance", "layers": "layer"}.get(table, "class")
    page, _ = open_page(f"{address}#/explore?v=1&f=patterns&pat=0&pt={table}&pc={colour}")
    page.evaluate(axe)
    for width, height in (*SIZES, (1920, 1080), (1100, 700)):
        resized(page, width, height)
        for theme in ("light", "dark"):
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            settled(page)
            at_its_end(page)
            assert faults(page) == [], (width, theme)
            for rule in (OVERLAPS, CLIPPED, OUTSIDE):
                assert page.evaluate(rule) == [], (width, theme)


def test_the_importance_of_patterns_is_that_of_the_python_api(open_page, address, run):
    page, _ = open_page(f"{address}#/explore?v=1&f=patterns&pt=importance")
    rows = page.locator(f"{PANE} [data-effect]").evaluate_all(
        "rows => rows.map(row => [row.dataset.effect, row.dataset.mean])"
    )
    shown = {int(cluster): float(mean) for cluster, mean in rows}
    expected = run.patterns.importance("jsd")
    np.testing.assert_allclose([shown[cluster] for cluster in expected.index], expected["mean"], rtol=1e-5)
    ordered = [int(cluster) for cluster, _ in rows]
    assert ordered == expected["mean"].sort_values(ascending=False).index.tolist()


def test_another_number_of_patterns_is_shown_everywhere_and_named_by_rule(open_page, address, run):
    page, _ = open_page(f"{address}#/explore?v=1&f=patterns&pat=1")
    page.focus("[data-clusters]")
    page.keyboard.press("k")
    count = page.get_by_label("Number of patterns", exact=True)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Number of patterns"
    assert count.locator("option").first.inner_text() == f"{len(run.patterns.clusters)} patterns, as chosen"
    count.select_option("3")
    wait_until(page, "document.querySelectorAll('[data-cluster]').length === 3")
    settled(page)
    found = vitscope.analysis.recluster(run.patterns, 3)
    assert "pat=" not in address_of(page), "other clusters have other numbers"
    assert "pk=3" in address_of(page)
    shares, _, _ = mixes(page)
    np.testing.assert_allclose(shares[..., :3], found.mix.values, atol=1e-4)
    names = page.locator("[data-cluster] .name").all_inner_texts()
    assert [name.split(" #")[0] for name in names] == found.clusters["name"].tolist()
    page.locator("[data-cluster]").first.click()
    painted(page)
    assert page.get_by_test_id("cluster-card").get_by_role("button", name="Rename").is_disabled()
    reload(page)
    wait_until(page, "document.querySelectorAll('[data-cluster]').length === 3")
    assert page.locator('[data-cluster][aria-selected="true"]').count() == 1
    page.go_back()
    page.go_back()
    wait_until(page, f"document.querySelectorAll('[data-cluster]').length === {len(run.patterns.clusters)}")
