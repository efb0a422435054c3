"""The goals of the web app, measured in a real Chromium and printed as a table.

`make bench-ui`, or `python benchmarks/ui.py [--run RUN] [--lab-run RUN]`. Without --run a seeded, synthetic run of
5,000 images, 144 heads, 7 modes and 100,080 matrices on the map of patterns is made (once, in .bench/) and served
without a model; its numbers mean nothing, its size is the point. The Lab needs a run with its model: --lab-run.
Latencies are from the input event's own time stamp to the first frame after the page has come to rest, p95 of n.
"""

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Request

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import ARGUMENTS, serving  # noqa: E402
from tests.synthetic_run import write_synthetic_run  # noqa: E402

from vitscope.server.assets import STATIC  # noqa: E402
from vitscope.store import Run, open_run  # noqa: E402

BENCH = ROOT / ".bench"
ON_THE_WAY: "WeakKeyDictionary[Page, set[Request]]" = WeakKeyDictionary()
"""Requests of a page that are not answered."""
LOADS = 7
# As light as can be: what the page does while it is watched is what is measured.
WATCH = """() => {
  const seen = { start: 0, last: 0, views: 0, tasks: [] };
  let changed = [];
  // At once after the frame, before what the page does next.
  const painted = { priority: 'user-blocking' };
  const mark = what => {
    if (!changed.length) requestAnimationFrame(() => {
      const frame = changed;
      changed = [];
      scheduler.postTask(() => { for (const what of frame) seen[what] = performance.now(); }, painted);
    });
    changed.push(what);
  };
  for (const kind of ['mouseover', 'mousemove', 'click', 'change', 'keydown'])
    document.addEventListener(kind, event => {
      if (seen.start) return;
      seen.start = event.timeStamp;
      mark('last');
      mark('views');
    }, { capture: true });
  const everything = { subtree: true, childList: true, attributes: true, characterData: true };
  // For screen readers, tests and tooltips: nothing is painted.
  const unseen = /^(aria-|data-|title$)/;
  const element = node => node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
  const visible = change => change.type === 'attributes'
    ? !unseen.test(change.attributeName)
    : !element(change.target)?.closest('.visually-hidden, title');
  const watch = (selector, what) => {
    const observer = new MutationObserver(changes => { if (changes.some(visible)) mark(what); });
    for (const element of document.querySelectorAll(selector)) observer.observe(element, everything);
  };
  watch('body', 'last');
  watch('[data-pane=importance], [data-pane=strength], [data-pane=filters], [data-region=scope]', 'views');
  new PerformanceObserver(list => seen.tasks.push(...list.getEntries().map(e => e.duration)))
    .observe({ type: 'longtask' });
  window.__seen = seen;
}"""


@dataclass
class Row:
    """One goal: what was measured against which limit; `met` None = for information."""

    number: str
    goal: str
    limit: str
    measured: str
    met: bool | None


def p95(times: list[float]) -> float:
    """The 95th percentile."""
    return float(np.quantile(times, 0.95))


class Stopwatch:
    """Runs gestures on a page and says how long each took until the page was at rest."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        page.evaluate(WATCH)

    def time(self, gesture: Callable[[], object], *, quiet_ms: int = 120, until: str = "last") -> float:
        """Milliseconds from the first input event of a gesture to the last frame that changed the page.

        until: `last`, the whole page; `views`, the panes of aggregates over images alone.
        """
        self.page.evaluate("() => Object.assign(window.__seen, { start: 0, last: 0, views: 0 })")
        gesture()
        self.page.wait_for_timeout(quiet_ms)
        last = -1.0
        while True:
            seen = self.page.evaluate("() => window.__seen")
            if seen["last"] == last:
                return seen[until] - seen["start"] if seen["start"] else float("nan")
            last = seen["last"]
            self.page.wait_for_timeout(60)

    def long_tasks(self) -> list[float]:
        """Durations of tasks over 50 ms since the last call."""
        tasks = self.page.evaluate("() => window.__seen.tasks.splice(0)")
        return [float(task) for task in tasks]


@contextmanager
def chromium() -> Iterator["Browser"]:
    """The machine's Chromium, headless."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        sys.exit("no chromium on this machine: install Debian's package `chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


def reference_run() -> Run:
    """The synthetic run, made once."""
    path = BENCH / "ui-run-patterns"
    if not (path / "run.json").is_file():
        BENCH.mkdir(exist_ok=True)
        print("making the synthetic run of 5,000 images (once) ...", flush=True)
        return write_synthetic_run(
            path, n_images=5000, layers=12, heads=12, grid=(14, 14), shard_size=500, partial_images=5000, n_featured=4,
            pattern_images=695,
        )  # fmt: skip
    return open_run(path)


def opened(browser: "Browser", address: str, shows: str = "[data-head]", **options: object) -> "Page":
    """A page that shows what a selector says."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, **options).new_page()
    page.set_default_timeout(60_000)
    going = ON_THE_WAY[page] = set()
    page.on("request", lambda request: going.add(request))
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: going.discard(request))
    page.goto(address)
    page.wait_for_selector(shows)
    return page


def at_rest(page: "Page", quiet_ms: int = 3000) -> None:
    """Wait until what is loaded in the background is there, and long enough for what is rehearsed unseen after it."""
    step, rested = 50, 0
    while rested < quiet_ms:
        page.wait_for_timeout(step)
        rested = 0 if ON_THE_WAY[page] else rested + step


FIRST = """() => new MutationObserver((_, observer) => {
  if (!document.querySelector('[data-head][data-value]:not([data-value=""])')) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const moved = ['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind));
    window.__first = [performance.now(), moved.reduce((sum, entry) => sum + entry.encodedBodySize, 0)];
  }));
}).observe(document, { subtree: true, childList: true, attributes: true })"""


def first_load(browser: "Browser", address: str, _run: Run) -> list[Row]:
    """Goals 9 and 10: bytes of script, seconds to the matrix with its numbers painted, bytes until then."""
    times, moved = [], 0.0
    for _ in range(LOADS):
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()  # with nothing in its cache
        page.add_init_script(f"({FIRST})()")
        page.goto(address)
        page.wait_for_selector('[data-head][data-value]:not([data-value=""])')
        page.wait_for_timeout(500)
        ready, moved = page.evaluate("() => window.__first")
        times.append(ready / 1000)
        page.context.close()
    scripts = {file.name: len(gzip.compress(file.read_bytes(), 9)) for file in (STATIC / "assets").glob("*.js")}
    first = (STATIC / "index.html").read_text("utf-8")
    loaded = sum(size for name, size in scripts.items() if name in first)
    total = sum(scripts.values())
    mib, seconds = moved / 2**20, f"{p95(times):.2f} s (median {np.median(times):.2f} s)"
    return [
        Row("9", "script for Explore, gzip", "<= 120 KiB", f"{loaded / 1024:.1f} KiB", loaded <= 120 * 1024),
        Row("9", "script of all perspectives, gzip", "<= 300 KiB", f"{total / 1024:.1f} KiB", total <= 300 * 1024),
        Row("10", f"navigation to matrix with numbers, p95 of {LOADS}", "<= 1.5 s", seconds, p95(times) <= 1.5),
        Row("10", "bytes until then", "<= 2.5 MiB", f"{mib:.2f} MiB", mib <= 2.5),
    ]


def explore(browser: "Browser", address: str, _run: Run) -> list[Row]:
    """Goals 1, 2, 3 and 8 on Explore with every pane open."""
    page = opened(browser, address)
    at_rest(page)
    watch = Stopwatch(page)
    cells = page.locator("[data-head]")
    random = np.random.default_rng(0)
    boxes = [cells.nth(int(i)).bounding_box() for i in random.integers(0, cells.count(), 120)]
    canvas = page.locator("[data-pane=images] canvas").first.bounding_box()
    points = [
        (canvas["x"] + canvas["width"] * x, canvas["y"] + canvas["height"] * y)
        for x, y in random.uniform(0.1, 0.9, (80, 2))
    ]
    targets = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes] + points
    hovers = [watch.time(lambda x=x, y=y: page.mouse.move(x, y)) for x, y in targets]
    hovers = [value for value in hovers if np.isfinite(value)]
    hover_tasks = watch.long_tasks()

    scopes = in_turns(page, watch, 50, until="views")
    whole = in_turns(page, watch, 5)
    scope_tasks = watch.long_tasks()
    measure = page.get_by_label("Measure", exact=True)
    measure.focus()
    press = page.keyboard.press
    cold = [watch.time(lambda: press("ArrowDown"), until="views", quiet_ms=900) for _ in range(3)]
    keys = ["ArrowUp", "ArrowUp", "ArrowDown", "ArrowDown"] * 5
    warm = [watch.time(lambda key=key: press(key), until="views") for key in keys]
    metric_tasks = watch.long_tasks()
    page.context.close()
    tasks = {"hover": hover_tasks, "scope": scope_tasks, "measure": metric_tasks}
    worst = {name: max(found, default=0) for name, found in tasks.items()}
    told = ", ".join(f"{name} {len(tasks[name])} (longest {worst[name]:.0f} ms)" for name in tasks)
    return [
        Row("1", f"hover to highlight, p95 of {len(hovers)}", "<= 50 ms", f"{p95(hovers):.0f} ms", p95(hovers) <= 50),
        Row(
            "2",
            f"scope to all aggregates, p95 of {len(scopes)}",
            "<= 100 ms",
            f"{p95(scopes):.0f} ms",
            p95(scopes) <= 100,
        ),
        Row("2", f"scope to the whole page at rest, p95 of {len(whole)}", "", f"{p95(whole):.0f} ms", None),
        Row(
            "3",
            f"measure switch, first time, worst of {len(cold)}",
            "<= 600 ms",
            f"{max(cold):.0f} ms",
            max(cold) <= 600,
        ),
        Row("3", f"measure switch, resident, p95 of {len(warm)}", "<= 150 ms", f"{p95(warm):.0f} ms", p95(warm) <= 150),
        Row("8", "tasks over 50 ms while exploring", "none", told, not any(tasks.values())),
    ]


def pressed(watch: Stopwatch, what: "Locator", times: int = 1, until: str = "last") -> list[float]:
    """Milliseconds from each of some clicks, by a pointer that rests on it: what its arrival changed is painted."""
    what.scroll_into_view_if_needed()
    box = what.bounding_box()
    watch.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    watch.page.wait_for_timeout(150)
    found = []
    for _ in range(times):
        watch.page.mouse.down()
        found.append(watch.time(watch.page.mouse.up, until=until))
    return found


def in_turns(page: "Page", watch: Stopwatch, times: int, until: str = "last") -> list[float]:
    """Choose wrong images, all, right ones, all, over and over with the mouse: how long each took."""
    filters = page.locator("[data-pane=filters]")
    buttons = [filters.get_by_role("button", name=name).first for name in ("wrong", "right")]
    return [time for button in buttons * times for time in pressed(watch, button, 2, until)]


def patterns(browser: "Browser", address: str, run: Run) -> list[Row]:
    """Goals 1, 2 and 8 on the map of attention matrices, beside the other panes and with the whole work area."""
    if not run.has_patterns:
        return []
    rows = []
    for place, view in (("beside the others", ""), ("in full", "&f=patterns")):
        page = opened(browser, f"{address}#/explore?v=1{view}", "[data-pattern-map]")
        at_rest(page)
        rows += pattern_map(page, f"{len(run.patterns.table):,} matrices, {place}")
        page.context.close()
    return rows


def pattern_map(page: "Page", what: str) -> list[Row]:
    """Hover over dots and clusters, then change the scope, on a page that shows the map."""
    watch = Stopwatch(page)
    watch.long_tasks()
    box = page.locator("[data-pattern-map]").bounding_box()
    spots = np.random.default_rng(1).uniform(0.1, 0.9, (120, 2))
    targets = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in spots]
    hovers = [watch.time(lambda x=x, y=y: page.mouse.move(x, y)) for x, y in targets]
    items = page.locator("[data-cluster]")
    hovers += [watch.time(items.nth(i % items.count()).hover) for i in range(30)]
    hovers = [value for value in hovers if np.isfinite(value)]
    hover_tasks = watch.long_tasks()
    page.mouse.move(2, 2)
    scopes = in_turns(page, watch, 10)
    scope_tasks = watch.long_tasks()
    worst = max([*hover_tasks, *scope_tasks], default=0)
    told = f"hover {len(hover_tasks)}, scope {len(scope_tasks)} (longest {worst:.0f} ms)"
    return [
        Row("1", f"hover, {what}, p95 of {len(hovers)}", "<= 50 ms", f"{p95(hovers):.0f} ms", p95(hovers) <= 50),
        Row("2", f"scope, {what}, whole page at rest, p95", "", f"{p95(scopes):.0f} ms", None),
        Row("8", f"tasks over 50 ms, {what}", "none", told, not hover_tasks and not scope_tasks),
    ]


def one_image(browser: "Browser", address: str, run: Run) -> list[Row]:
    """Goals 4 and 5 on the Image perspective, here and over a slow line."""
    image = run.featured[0]
    rows = []
    for name, limit, line in (
        ("here", 100, None),
        (
            "at 20 Mbit/s, 50 ms",
            300,
            {"offline": False, "latency": 50, "downloadThroughput": 20e6 / 8, "uploadThroughput": 20e6 / 8},
        ),
    ):
        page = opened(browser, f"{address}#/explore?v=1&i={image}")
        page.get_by_role("link", name="Image").or_(page.get_by_role("button", name="Image", exact=True)).first.click()
        page.wait_for_selector("[data-patch]")
        at_rest(page)
        if line:
            page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)
        watch = Stopwatch(page)
        patches = page.locator("[data-patch]")
        clicks = [time for i in range(3, 150, 7) for time in pressed(watch, patches.nth(i))]
        told = f"{p95(clicks):.0f} ms"
        rows.append(
            Row("4", f"patch to all tiles, {name}, p95 of {len(clicks)}", f"<= {limit} ms", told, p95(clicks) <= limit)
        )
        if not line:
            tiles = page.locator("[data-tile]")
            heads = [time for i in range(2, 144, 9) for time in pressed(watch, tiles.nth(i))]
            rows.append(
                Row(
                    "5",
                    f"exact matrix of another head, p95 of {len(heads)}",
                    "<= 200 ms",
                    f"{p95(heads):.0f} ms",
                    p95(heads) <= 200,
                )
            )
        page.context.close()
    return rows


def lab(browser: "Browser", address: str, run: Run) -> list[Row]:
    """Goals 6 and 7 on a run whose model is loaded: one image, the scope's first numbers, its pace, and the way out."""
    page = opened(browser, f"{address}#/lab?v=1&x=1.0", "[data-what-if]")
    at_rest(page)
    watch, cells, server = Stopwatch(page), page.locator("[data-prune]"), []
    painted = []
    for i in range(2, min(24, cells.count()), 2):
        painted.append(watch.time(cells.nth(i).click, quiet_ms=400))
        page.wait_for_selector('[data-what-if][aria-busy="false"]')
        server.append(1000 * float(page.locator("[data-what-if]").get_attribute("data-seconds") or "nan"))
    page.get_by_role("button", name="Clear").click()
    cells.first.click()
    page.evaluate(TOLD)
    page.click('[data-testid="run-scope"]')
    page.wait_for_selector('[data-testid="accuracy"]')
    page.wait_for_timeout(5000)
    first, *later = page.evaluate("() => window.__told")
    page.evaluate("() => { window.__told = []; }")
    page.click('[data-testid="cancel"]')
    page.wait_for_selector('[data-state="cancelled"]')
    (cancelled, *_) = page.evaluate("() => window.__cancelled")
    page.context.close()
    rate = len(later) / (later[-1] - first) * 1000 if later else 0.0
    model, one, click = run.manifest.model.name, p95(server), p95(painted)
    return [
        Row(
            "6", f"what-if of one image, {model}, server, p95 of {len(server)}", "<= 1 s", f"{one:.0f} ms", one <= 1000
        ),
        Row("6", f"click to painted, p95 of {len(painted)}", "<= 1 s", f"{click:.0f} ms", click <= 1000),
        Row("7", f"first partial accuracy, {model}", "<= 2 s", f"{first / 1000:.2f} s", first <= 2000),
        Row("7", "progress", ">= 2/s", f"{rate:.1f}/s", rate >= 2),
        Row("7", "cancel", "<= 300 ms", f"{cancelled:.0f} ms", cancelled <= 300),
    ]


TOLD = """() => {
  window.__told = []; window.__cancelled = [];
  let ran = 0, ended = 0, before = '';
  document.addEventListener('click', event => {
    if (event.target.closest('[data-testid=run-scope]')) ran = event.timeStamp;
    if (event.target.closest('[data-testid=cancel]')) ended = event.timeStamp;
  }, { capture: true });
  new MutationObserver(() => requestAnimationFrame(() => {
    const now = performance.now();
    const told = document.querySelector('[data-testid=interval]')?.textContent ?? '';
    if (ran && told && told !== before) { before = told; window.__told.push(now - ran); }
    if (ended && document.querySelector('[data-state=cancelled]')) window.__cancelled.push(now - ended);
  })).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


def undo(browser: "Browser", address: str, _run: Run) -> list[Row]:
    """Goal 18: a hundred steps, back one by one."""
    page = opened(browser, address)
    at_rest(page)
    watch = Stopwatch(page)
    cells = page.locator("[data-head]")
    for i in range(100):
        cells.nth((7 * i) % cells.count()).evaluate("element => element.click()")
    page.wait_for_timeout(200)
    times = [watch.time(lambda: page.keyboard.press("Control+z"), quiet_ms=60) for _ in range(100)]
    back = "h=" not in page.url
    page.context.close()
    met = p95(times) <= 100 and back
    return [
        Row(
            "18",
            "undo of 100 steps, p95",
            "<= 100 ms, at the start again",
            f"{p95(times):.0f} ms, {'yes' if back else 'no'}",
            met,
        )
    ]


def suites() -> list[Row]:
    """Goals that are tests: run them and count."""
    goals = [
        ("14", "axe, keyboard alone", "axe or keyboard"),
        ("21", "nothing clipped, nothing overlaps", "clipped or leaves"),
        ("23", "units, n, colour bars, badges, reasons", "honest"),
        ("24", "reduced motion, colour scheme, forced colours", "motion or theme"),
    ]
    rows = []
    for number, goal, words in goals:
        arguments = ["-m", "pytest", "tests/browser", "-q", "-k", words, "-m", "not model"]  # the slow ones too
        result = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        last = next((line for line in reversed(result.stdout.splitlines()) if " in " in line), "no result").strip("= ")
        rows.append(Row(number, goal, "all tests pass", last, result.returncode == 0))
    command = ["npx", "--no-install", "vitest", "run", "--reporter=json"]
    result = subprocess.run(command, cwd=ROOT / "web", capture_output=True, text=True, check=False)
    report = json.loads(result.stdout[result.stdout.index("{") :])
    for number, goal, part in (
        ("15", "contrast of text, marks and focus", "at least"),
        ("16", "colours apart for colour-blind eyes", "colour-blind"),
        ("17", "500 states through the address", "the address"),
        ("18", "100 steps of history, lasso included", "history"),
    ):
        found = [
            test for file in report["testResults"] for test in file["assertionResults"] if part in test["fullName"]
        ]
        passed = sum(test["status"] == "passed" for test in found)
        rows.append(
            Row(
                number, goal, "all tests pass", f"{passed} of {len(found)} passed", bool(found) and passed == len(found)
            )
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="measure on this run instead of the synthetic one")
    parser.add_argument("--lab-run", type=Path, help="measure the Lab on this run, with its model")
    parser.add_argument("--no-suites", action="store_true", help="leave out the goals that are tests")
    options = parser.parse_args()
    run = open_run(options.run) if options.run else reference_run()
    start = time.perf_counter()
    rows: list[Row] = []
    with serving(run) as address:
        for part in (first_load, explore, undo, one_image, patterns):
            with chromium() as browser:  # one each: what a part leaves in it makes the next one slower
                rows += part(browser, address, run)
    if options.lab_run:
        from vitscope.pipeline.live import load_live

        live = open_run(options.lab_run)
        with serving(live, load_live(live)) as address, chromium() as browser:
            rows += lab(browser, address, live)
    if not options.no_suites:
        rows += suites()
    rows.sort(key=lambda row: float(row.number))
    size = f"{run.manifest.n_images:,} images x {sum(run.manifest.model.n_heads)} heads"
    print(f"\nGoals of the web app, {size}, {time.perf_counter() - start:.0f} s\n")
    widths = [max(len(getattr(row, name)) for row in rows) for name in ("goal", "limit", "measured")]
    for row in rows:
        verdict = {True: "met", False: "NOT MET", None: ""}[row.met]
        print(
            f"{row.number:>3}  {row.goal:<{widths[0]}}  {row.limit:<{widths[1]}}  "
            f"{row.measured:<{widths[2]}}  {verdict}"
        )


if __name__ == "__main__":
    main()
