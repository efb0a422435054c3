"""What every view must be at every size and in both themes: accessible, nothing clipped, nothing overlapping."""

import pytest
from tests.browser.hands import VIEWS, at_its_end, painted, resized, settled
from tests.synthetic_run import synthetic_run

pytestmark = pytest.mark.slow  # `make test-browser` runs them

SIZES = [(1440, 900), (1366, 768)]

OVERLAPS = """() => {
  const shown = e => e.checkVisibility() && !e.closest('[popover]:not(:popover-open), .visually-hidden, [data-crowd]');
  const boxes = [...document.querySelectorAll('button, select, input, h1, h2')].filter(shown)
    .map(e => [e, e.getBoundingClientRect()]).filter(([e, box]) => box.width > 1 && visible(e, box));
  // only what is not scrolled out of sight, at its middle
  function visible(e, box) {
    for (let up = e.parentElement; up; up = up.parentElement) {
      if (getComputedStyle(up).overflow === 'visible') continue;
      const clip = up.getBoundingClientRect();
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      if (x < clip.left || x > clip.right || y < clip.top || y > clip.bottom) return false;
    }
    return true;
  }
  const name = e => e.ariaLabel || e.textContent.trim() || e.tagName;
  return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([b, q]) => !a.contains(b) && !b.contains(a) &&
    p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
    .map(([b]) => [name(a), name(b)]));
}"""

CLIPPED = """() => [...document
  .querySelectorAll('button, h1, h2, .headline, .hint, .legend, .n, figcaption, footer span')]
  .filter(e => e.checkVisibility() && !e.closest('[popover]:not(:popover-open), .visually-hidden'))
  .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== 'inline' &&
    getComputedStyle(e).textOverflow !== 'ellipsis')
  .map(e => e.className + ': ' + (e.ariaLabel || e.textContent.trim()))"""

OUTSIDE = """() => [...document
  .querySelectorAll('.pane > header *, .pane > .body > *, header.top *, .scope > *, .first *, footer > *')]
  .filter(e => e.checkVisibility() && !e.closest('[popover]:not(:popover-open), .visually-hidden, svg, option, select'))
  .filter(e => {
    const own = e.getBoundingClientRect();
    const around = (e.closest('.pane') ?? document.querySelector('.app')).getBoundingClientRect();
    return own.width > 1 && own.height > 1 && (own.right > around.right + 1 || own.left < around.left - 1 ||
      own.bottom > around.bottom + 1);
  }).map(e => e.tagName + '.' + e.className + ': ' + (e.ariaLabel || e.textContent.trim()).slice(0, 40))"""


def everywhere(page, sizes=SIZES, views=VIEWS, themes=("light", "dark")):
    """Walk a page through perspectives, sizes and themes; yields what each is called."""
    for view in views:
        page.click(f'[data-tab="{view}"]')
        settled(page)
        for width, height in sizes:
            page.set_viewport_size({"width": width, "height": height})
            for theme in themes:
                page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
                at_its_end(page)
                yield f"{view} {theme} {width}x{height}", (width, height)


def faults(page, where="document"):
    run = f"axe.run({where}, {{ resultTypes: ['violations'] }})"
    found = page.evaluate(f"{run}.then(result => result.violations)")
    return [(fault["id"], fault["impact"], fault["nodes"][0]["html"]) for fault in found]


def test_axe_finds_no_fault(open_page, address, axe):
    page, _ = open_page(address)
    page.evaluate(axe)
    for name, _ in everywhere(page):
        assert faults(page) == [], name


def test_axe_finds_no_fault_in_what_opens(open_page, address, axe):
    page, _ = open_page(address)
    page.evaluate(axe)
    for opening in ("Control+k", "?"):
        page.keyboard.press(opening)
        page.wait_for_selector("dialog[open]")
        assert faults(page, "'dialog'") == [], opening
        page.keyboard.press("Escape")
        painted(page)
    page.get_by_role("button", name="Tour", exact=True).click()
    page.wait_for_selector("[data-tour]")
    assert faults(page, "'[data-tour]'") == []


SHAPES = [(12, 12), (12, 3), (6, 4)]


@pytest.fixture(scope="module", params=SHAPES, ids=["12x12", "12x3", "6x4"])
def shape(request, chromium, serve, tmp_path_factory):
    """The address of a run of a model of 12 x 12, 12 x 3, 6 x 4 heads."""
    layers, heads = request.param
    run = synthetic_run(
        tmp_path_factory.mktemp("shape") / "run",
        n_images=24, layers=layers, heads=heads, grid=(7, 11), shard_size=8, partial_images=6, n_featured=3,
        pattern_images=12,
    )  # fmt: skip
    with serve(run) as address:
        yield address


def test_nothing_is_clipped_or_overlaps(open_page, shape):
    page, _ = open_page(shape)
    for name, (width, height) in everywhere(page):
        # a theme changes no geometry, but it is cheap to be sure
        size = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert size == [width, height], name
        for rule in (OVERLAPS, CLIPPED, OUTSIDE):
            assert page.evaluate(rule) == [], name


def test_at_every_size_nothing_leaves_its_pane(open_page, serve, tmp_path):
    run = synthetic_run(tmp_path / "run", prefix=(), classifier=False, layers=12, heads=12, grid=(7, 11), n_featured=10)
    with serve(run) as address:
        page, _ = open_page(f"{address}#/image?v=1&i=0&q=6,10")
        for view in VIEWS:
            page.set_viewport_size({"width": 1440, "height": 900})
            page.click(f'[data-tab="{view}"]')
            settled(page)
            for width, height in ((1920, 1080), (1366, 768), (1100, 700), (720, 450), (320, 640)):
                resized(page, width, height)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (view, width)
                assert page.evaluate(OUTSIDE) == [], (view, width)
        page.close()  # before its server
