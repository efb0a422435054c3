"""The frame around the views: history, palette, help, tour, questions, keys, narrow windows, open to everyone."""

import re

import numpy as np
import pytest
from tests.browser.hands import (
    VIEWS,
    address_of,
    command,
    focus_head,
    painted,
    read_ahead,
    reload,
    settled,
    steps,
    wait_until,
)
from tests.synthetic_run import STRONG, synthetic_run

pytestmark = pytest.mark.slow  # half of the browser tests' time; CI runs it, the default run leaves it out

HEAD = "{}.{}".format(*STRONG)


def test_undo_and_redo_by_keys_buttons_list_and_browser(open_page, address):
    page, _ = open_page(address)
    assert page.get_by_role("button", name="Undo", exact=True).is_disabled()
    page.click('[data-pane="importance"] [data-head="3.2"]')
    page.get_by_label("Measure", exact=True).select_option("out_cos")
    command(page, "show wrong")
    page.keyboard.press("Control+z")
    wait_until(page, "!location.hash.includes('s=wrong')")
    page.get_by_role("button", name="Undo", exact=True).click()
    wait_until(page, "!location.hash.includes('m=out_cos')")
    assert focus_head(page) == "3.2"
    page.keyboard.press("Control+Shift+z")
    wait_until(page, "location.hash.includes('m=out_cos')")
    page.keyboard.press("Control+y")
    wait_until(page, "location.hash.includes('s=wrong')")
    labels, at = steps(page)
    assert labels == ["Open the run", "Head L3·H2", "Measure: Output cosine distance", "Images: ✕ wrong"]
    assert at == 3
    page.get_by_role("button", name="Steps taken").click()
    page.get_by_role("button", name="Head L3·H2").click()
    wait_until(page, "location.hash.endsWith('h=3.2')")
    page.go_back()
    painted(page)
    assert focus_head(page) == HEAD
    page.click('[data-pane="importance"] [data-head="5.1"]')
    painted(page)
    assert page.get_by_role("button", name="Redo").is_disabled(), "a new step forgets what was undone"


def test_escape_gives_up_the_last_level_of_selection(open_page, address):
    page, _ = open_page(f"{address}#/explore?v=1&s=wrong&h=3.2&hs=1.1,2.2")
    for gone in ("hs=", "h=3.2", "s=wrong"):
        assert gone in address_of(page)
        page.keyboard.press("Escape")
        painted(page)
        assert gone not in address_of(page)


def test_the_palette_finds_heads_images_classes_and_settings(open_page, address):
    page, _ = open_page(address)
    page.focus('[data-pane="importance"]')
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open]")
    box = page.get_by_role("combobox", name="Search heads")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "combobox"
    assert page.get_by_role("option", name="Undo").locator("kbd").inner_text() == "Ctrl Z"
    page.keyboard.type("l3h2")
    options = page.get_by_role("dialog").get_by_role("option")
    assert options.all_inner_texts()[0].split("\n")[:2] == ["Heads", "Head L3·H2"]
    page.keyboard.type(" ")
    for key, place in (("ArrowUp", options.count() - 1), ("ArrowDown", 0)):
        page.keyboard.press(key)
        painted(page)
        assert box.get_attribute("aria-activedescendant") == f"command-{place}"
    page.keyboard.press("Enter")
    painted(page)
    assert focus_head(page) == "3.2"
    assert page.evaluate("document.activeElement.dataset.pane") == "importance", "the focus returns"
    command(page, "class bee")
    assert page.locator(".scope").get_by_role("button", name="Remove: class bee").count() == 1
    command(page, "median nothing of that name")
    assert "Nothing is called" in page.get_by_role("dialog").inner_text()
    page.keyboard.press("Escape")
    painted(page)
    assert page.get_by_role("dialog").count() == 0
    assert "s=class:1" in address_of(page), "Escape closed the palette and nothing else"
    command(page, "#17")
    assert address_of(page).split("#")[1].startswith("/image?v=1&s=class:1&i=17")


def test_f6_goes_round_the_parts_of_the_page(open_page, address):
    page, _ = open_page(address)
    where = "(e => e.dataset.region ?? e.dataset.pane ?? e.tagName)(document.activeElement)"
    seen = []
    for _ in range(20):
        page.keyboard.press("F6")
        seen.append(page.evaluate(where))
        if len(seen) > 1 and seen[-1] == seen[0]:
            break
    assert {"top bar", "scope", "images", "importance", "strength", "patterns", "status"} <= set(seen)
    assert len(seen) >= 10, "the filters and the inspector are stops, too"
    page.keyboard.press("Shift+F6")
    painted(page)
    assert page.evaluate(where) == seen[-2]


def test_perspectives_by_tabs_and_keys(open_page, address):
    page, _ = open_page(address)
    for keys, view in (("gi", "Image"), ("ge", "Explore")):
        page.keyboard.type(keys)
        painted(page)
        assert page.locator('nav [aria-current="page"]').inner_text() == view
    page.get_by_role("button", name="Image", exact=True).click()
    assert "#/image" in address_of(page)


def test_help_explains_and_switches_single_letters_off(open_page, address):
    page, _ = open_page(address)
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    text = page.get_by_role("dialog").inner_text()
    for word in ("Consistency", "Mass, density", "JSD", "Query, key", "Ctrl Shift Z", "Caveat"):
        assert word in text
    page.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    for _ in range(2):
        page.focus('[data-pane="importance"]')
        for key in ("?", "f", "g", "i"):
            page.keyboard.press(key)
        painted(page)
        assert page.get_by_role("dialog").count() == 0
        assert page.locator("[data-pane='strength']").count() == 1
        assert "#/image" not in address_of(page)
        reload(page)
        page.wait_for_selector("main .pane")
    page.get_by_role("button", name="Help: keys and glossary").click()
    page.get_by_role("checkbox").check()
    page.keyboard.press("Escape")
    page.focus('[data-pane="importance"]')
    page.keyboard.press("f")
    page.wait_for_selector("[data-pane='strength']", state="detached")


def test_questions_are_one_step_each_and_say_where_to_look(open_page, address):
    page, _ = open_page(f"{address}#/explore?v=1&m=out_cos&r=pp&h=2.2&t=scatter&f=mean")
    group = page.get_by_role("group", name="Questions")
    group.get_by_role("button", name="Which heads matter?").click()
    painted(page)
    assert focus_head(page) == HEAD
    assert "inner square" in page.locator(".first .hint").inner_text()
    assert page.evaluate("document.activeElement.dataset.pane") == "importance"
    group.get_by_role("button", name="Where do they attend?").click()
    painted(page)
    assert page.evaluate("document.activeElement.dataset.pane") == "strength"
    group.get_by_role("button", name="Why is an image wrong?").click()
    painted(page)
    assert address_of(page).endswith("#/image?v=1&s=wrong")
    assert "most confident wrong" in page.locator(".first .hint").inner_text()
    labels, at = steps(page)
    assert labels[1:] == ["Which heads matter?", "Why is an image wrong?"]
    assert at == 2
    page.keyboard.press("Control+z")
    page.wait_for_selector('[data-pane="importance"]')


def test_the_headline_names_its_head_and_can_be_hidden(open_page, address):
    page, watch = open_page(f"{address}#/explore?v=1&h=4.1")
    read_ahead(page, watch)
    before = len(watch.data)
    assert page.locator(".headline").inner_text().startswith("L0·H1 matters most")
    page.locator("[data-headline-head]").click()
    painted(page)
    assert focus_head(page) == HEAD
    read_ahead(page, watch)
    assert watch.data[before:] == []
    page.get_by_role("button", name="Hide the headline").click()
    reload(page)
    page.wait_for_selector("main .pane")
    assert page.locator(".headline").count() == 0
    command(page, "show the headline")
    assert page.locator(".headline").count() == 1


FREE = """(cell => {
  const box = cell.getBoundingClientRect();
  return document.querySelector('[data-tour]').innerText.includes('Choose a head') &&
    cell.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
})(document.querySelector('[data-pane="importance"] [data-head="5.3"]'))"""


def test_the_tour_never_blocks_and_goes_on_where_it_was_left(open_page, address):
    page, _ = open_page(address)
    card = page.locator("[data-tour]")
    assert card.count() == 0, "it never opens by itself"
    start = page.get_by_role("button", name="Tour", exact=True)
    start.click()
    for title in ("Every head at a glance", "Choose a head"):
        assert title in card.inner_text()
        page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("button", name="Back").click()
    wait_until(page, FREE)
    # not by the mouse: the card looks for its place every quarter of a second, and may catch the click on its way
    page.dispatch_event('[data-pane="importance"] [data-head="5.3"]', "click")
    page.wait_for_selector("[data-tour] .done")
    assert "h=5.3" in address_of(page), "the page stays usable"
    card.focus()
    page.keyboard.press("ArrowRight")
    painted(page)
    assert "Where it attends" in card.inner_text()
    page.keyboard.press("Escape")
    painted(page)
    assert card.count() == 0
    assert "h=5.3" in address_of(page), "Escape closed the tour and nothing else"
    assert start.evaluate("button => button === document.activeElement")
    page.keyboard.press("Enter")
    painted(page)
    assert "Where it attends" in card.inner_text()
    for _ in range(2):
        page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("button", name="Image", exact=True).click()
    page.wait_for_selector("[data-tour] .done")
    page.get_by_role("button", name="Next", exact=True).click()
    page.wait_for_selector('[data-pane="importance"]')
    page.get_by_role("button", name="Done").click()
    painted(page)
    assert card.count() == 0


def test_skipped_and_noted_images_are_told_with_the_reason(open_page, address, run):
    page, _ = open_page(address)
    page.locator("footer").get_by_role("button", name="Images: 1 skipped, 1 with a note").click()
    text = page.locator("footer ul").inner_text()
    assert run.images["problem"].dropna().iloc[0] in text
    assert run.images["note"].dropna().iloc[0] in text


def test_a_recorded_run_says_how_to_load_the_model(open_page, address, run):
    page, _ = open_page(address)
    page.get_by_role("button", name="Recorded: the model is not loaded").click()
    painted(page)
    assert f"vitscope serve {run.path} --live" in page.locator("header.top").inner_text()


def test_the_address_brings_everything_back(open_page, address):
    page, _ = open_page(address)
    page.click('[data-pane="importance"] [data-head="3.2"]')
    page.click('[data-pane="importance"] [data-head="4.1"]', modifiers=["Control"])
    page.get_by_label("Measure", exact=True).select_option("out_cos")
    for words in ("show wrong", "class bee", "attention strength: table", "image: one in depth"):
        command(page, words)
    url = address_of(page)
    other, _ = open_page(url)
    assert other.url == url
    told = ".scope, nav"
    assert other.locator(told).all_inner_texts() == page.locator(told).all_inner_texts()
    assert other.get_by_label("Measure", exact=True).input_value() == "out_cos"
    view = "#/explore?v=1&s=wrong&h=4.0&m=out_cos&r=pp&a=median&c=log&later=1"
    page, _ = open_page(address + view)
    page.click('[data-pane="importance"] [data-head="4.1"]')
    assert address_of(page).endswith(view.replace("h=4.0", "h=4.1"))
    page, _ = open_page(address + "#/explore?v=1&m=nonsense")
    assert "metric “nonsense”" in page.locator(".notice").inner_text()


def test_the_link_is_copied(open_page, address):
    page, _ = open_page(address, permissions=["clipboard-read", "clipboard-write"])
    page.click('[data-pane="importance"] [data-head="4.1"]')
    page.get_by_role("button", name="Share").click()
    page.wait_for_selector("header.top >> text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == address_of(page)


def test_opening_that_fails_can_be_tried_again(open_page, address):
    page, watch = open_page(address)
    page.route("**/api/answers/run", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("[role=alert]:has-text('does not answer')")
    page.unroute("**/api/answers/run")
    page.get_by_role("button", name="Retry").click()
    page.wait_for_selector("main .pane")
    watch.complaints[:] = [line for line in watch.complaints if "Failed to load resource" not in line]


BUILT = """() => new MutationObserver((_, observer) => {
  if (!document.querySelector('[data-head]')) return;
  observer.disconnect();
  window.__built = document.querySelector('[data-head]').dataset.value;
}).observe(document, { subtree: true, childList: true })"""


def test_an_opening_page_builds_the_heads_at_once_with_their_numbers(open_page, chromium, serve, tmp_path):
    run = synthetic_run(tmp_path / "run", n_images=2100, layers=12, heads=12, grid=(3, 5), shard_size=2100)
    with serve(run) as address:
        page, watch = open_page(address)
        page.add_init_script(f"({BUILT})()")
        held = []
        for slow in ("headline", "importance"):
            page.route(re.compile(f"answers/{slow}"), lambda route: held.append(route))  # noqa: PLW0108
        watch.requests.clear()
        page.reload()
        page.wait_for_selector("[data-pane=inspector]")
        assert float(page.evaluate("window.__built")) == pytest.approx(
            float(np.nanmean(run.effect("jsd", "head")[:, 0, 0])), rel=1e-5
        )
        asked = [url.removeprefix(f"{address}api/answers/") for url in watch.requests]
        assert [asked.count(name) for name in ("run", "progress", "images", "summary?metric=jsd&mode=head")] == [
            1,
            1,
            1,
            1,
        ]
        wait_until(page, "document.body.innerText.includes('The first answer is being worked out')")
        assert "is loading" in page.locator("[data-testid=differ]").inner_text()
        assert "has not been computed" not in page.locator("[data-pane=inspector]").inner_text()
        for route in held:
            route.fallback()
        page.wait_for_selector(".headline >> text=L0·H")
        page.wait_for_selector("[data-testid=differ] >> text=differ")
        page.close()  # before its server


def test_a_slow_opening_shows_the_page_to_come(open_page, address):
    page, _ = open_page(address)
    page.route("**/api/answers/run", lambda route: None)
    page.evaluate("location.reload()")
    page.wait_for_selector(".opening .work")
    page.wait_for_selector(".opening >> text=Opening the run")
    page.unroute_all(behavior="ignoreErrors")


def test_a_narrow_window_shows_one_pane_and_a_phone_one_column(open_page, address):
    page, _ = open_page(address, 1000, 800)
    page.get_by_role("group", name="Pane").get_by_role("button", name="Strength").click()
    painted(page)
    assert page.locator('[data-pane="strength"]').count() == 1
    assert page.locator('[data-pane="importance"]').count() == 0
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_selector(".reader")
    for name in ("importance", "strength", "patterns", "images"):
        assert page.locator(f'[data-pane="{name}"]').count() == 1
    for view in VIEWS:
        page.click(f'[data-tab="{view}"]')
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view


def test_the_theme_can_be_chosen_and_is_remembered(open_page, address):
    page, _ = open_page(address, color_scheme="light")
    page.get_by_role("button", name="Dark theme").click()
    painted(page)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    reload(page)
    page.wait_for_selector("main .pane")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_little_motion_and_few_colours_are_respected(open_page, address):
    page, _ = open_page(address, reduced_motion="reduce", forced_colors="active")
    page.get_by_role("button", name="Tour", exact=True).click()
    moving = page.evaluate("""[...document.querySelectorAll('*')].filter(e => {
      const style = getComputedStyle(e);
      return style.transitionDuration.split(',').some(d => parseFloat(d) > 0) || style.animationName !== 'none';
    }).map(e => e.className)""")
    assert moving == []
    pressed = page.locator('[aria-pressed="true"]').first
    other = page.locator('[aria-pressed="false"]').first
    colour = "e => getComputedStyle(e).backgroundColor"
    assert pressed.evaluate(colour) != other.evaluate(colour)
