"""A page of a served run in a real Chromium: what is done to it, and how long that takes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from tests.browser.conftest import ARGUMENTS

from vitscope.analysis import Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Locator, Page, Request

HEIGHT = 900
"""Of the page, px."""
ON_THE_WAY: "WeakKeyDictionary[Page, set[Request]]" = WeakKeyDictionary()
"""Requests of a page that are not answered."""
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


@contextmanager
def served(run: Run, *options: str) -> Iterator[str]:
    """The address of a run's page, from a new server in a process of its own, as a user starts it."""
    command = [sys.executable, "-m", "vitscope", "serve", str(run.path), "--port", "0", "--no-browser", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield next(word for line in server.stdout for word in line.split() if word.startswith("http://"))
        finally:
            server.terminate()


def opened(browser: "Browser", address: str, shows: str = "[data-head]", script: str = "") -> "Page":
    """A page that shows what a selector says, in a browser with nothing in its cache; `script` runs in it first."""
    page = browser.new_context(viewport={"width": 1440, "height": HEIGHT}).new_page()
    page.set_default_timeout(60_000)
    page.add_init_script(script)
    going = ON_THE_WAY[page] = set()
    page.on("request", lambda request: going.add(request))
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: going.discard(request))
    page.goto(address)
    page.wait_for_selector(shows)
    return page


def at_rest(page: "Page", quiet_ms: int = 3000) -> None:
    """Wait until what is loaded in the background is there."""
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


def first_numbers(browser: "Browser", address: str) -> tuple["Page", tuple[float, float]]:
    """A new page, and the seconds to its matrix with its numbers painted and the MiB until then."""
    page = opened(browser, address, script=f"({FIRST})()")
    seconds, moved = page.wait_for_function("() => window.__first").json_value()
    return page, (seconds / 1000, moved / 2**20)


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


def middle(box: "FloatRect") -> tuple[float, float]:
    """Where the pointer goes to be on something."""
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def hovered(watch: Stopwatch, places: list[tuple[float, float]]) -> list[float]:
    """Milliseconds from each move of the pointer to what it highlights, where it is on anything."""
    times = [watch.time(lambda x=x, y=y: watch.page.mouse.move(x, y)) for x, y in places]
    return [time for time in times if np.isfinite(time)]


def pressed(watch: Stopwatch, what: "Locator", times: int = 1, until: str = "last") -> list[float]:
    """Milliseconds from each of some clicks, by a pointer that rests on it: what its arrival changed is painted."""
    what.scroll_into_view_if_needed()
    watch.page.mouse.move(*middle(what.bounding_box()))
    watch.page.wait_for_timeout(150)
    found = []
    for _ in range(times):
        watch.page.mouse.down()
        found.append(watch.time(watch.page.mouse.up, until=until))
    return found


@contextmanager
def processor_times(page: "Page") -> Iterator[list[float]]:
    """Processor time of each task of the page's thread in ms, known at the end.

    By the clock a task can last longer: other processes, or other machines on the same hardware, had the core.
    """
    times: list[float] = []
    browser = page.context.browser
    browser.start_tracing(page=page, categories=["toplevel"])
    yield times
    events = json.loads(browser.stop_tracing())["traceEvents"]
    named = [event for event in events if event["name"] == "thread_name"]
    pages = {(event["pid"], event["tid"]) for event in named if event["args"]["name"] == "CrRendererMain"}
    times += [
        event["tdur"] / 1000
        for event in events
        if event["name"] == "ThreadControllerImpl::RunTask" and (event["pid"], event["tid"]) in pages
    ]
