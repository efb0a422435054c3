"""The goals of the web app, measured in a real Chromium and printed as a table.

`make bench-ui`, or `python benchmarks/ui.py [--run RUN] [--lab-run RUN]`. Without --run a seeded, synthetic run of
5,000 images, 144 heads, 7 modes and 100,080 matrices on the map of patterns is made (once, in .bench/) and served
without a model; its numbers mean nothing, its size is the point. The Lab needs a run with its model: --lab-run.
Latencies are from the input event's own time stamp to the first frame after the page has come to rest, p95 of n.
"""

import argparse
import gzip
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.page import (  # noqa: E402
    HEIGHT,
    Stopwatch,
    at_rest,
    chromium,
    first_numbers,
    hovered,
    middle,
    opened,
    pressed,
    processor_times,
    served,
)
from tests.synthetic_run import write_synthetic_run  # noqa: E402

from vitscope.analysis import Run, open_run  # noqa: E402
from vitscope.server.assets import STATIC  # noqa: E402

BENCH = ROOT / ".bench"
LOADS = 7


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


def first_load(browser: "Browser", run: Run) -> list[Row]:
    """Goals 9 and 10: bytes of script, seconds to the numbers of a new server and of one at rest, bytes until then."""
    new = []
    for _ in range(LOADS):
        with served(run, "--no-live") as address:
            page, first = first_numbers(browser, address)
            new.append(first)
            if len(new) < LOADS:
                page.context.close()
                continue
            later = []
            for _ in range(LOADS):
                at_rest(page)  # and with it the server
                page.context.close()
                page, first = first_numbers(browser, address)
                later.append(first)
            page.context.close()
    scripts = {file.name: len(gzip.compress(file.read_bytes(), 9)) for file in (STATIC / "assets").glob("*.js")}
    first = (STATIC / "index.html").read_text("utf-8")
    loaded = sum(size for name, size in scripts.items() if name in first)
    total = sum(scripts.values())
    mib = max(moved for _, moved in new + later)

    def navigation(server: str, loads: list[tuple[float, float]]) -> Row:
        seconds = [time for time, _ in loads]
        told = f"{p95(seconds):.2f} s (median {np.median(seconds):.2f} s)"
        return Row("10", f"navigation to numbers, {server}, p95 of {LOADS}", "<= 1.5 s", told, p95(seconds) <= 1.5)

    return [
        Row("9", "script for Explore, gzip", "<= 120 KiB", f"{loaded / 1024:.1f} KiB", loaded <= 120 * 1024),
        Row("9", "script of all perspectives, gzip", "<= 300 KiB", f"{total / 1024:.1f} KiB", total <= 300 * 1024),
        navigation("new server", new),
        navigation("server at rest", later),
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
    with processor_times(page) as own:
        hovers = hovered(watch, [middle(box) for box in boxes] + points)
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
        Row("8", "longest task while exploring, processor time", "", f"{max(own):.0f} ms", None),
    ]


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
    dots = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in spots]
    items = page.locator("[data-cluster]")
    shown = [box for box in (item.bounding_box() for item in items.all()) if box["y"] + box["height"] < HEIGHT]
    with processor_times(page) as own:
        hovers = hovered(watch, dots + [middle(shown[i % len(shown)]) for i in range(30)])
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
        Row("8", f"longest task, {what}, processor time", "", f"{max(own):.0f} ms", None),
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
    with chromium() as browser:
        rows += first_load(browser, run)
    with served(run, "--no-live") as address:
        for part in (explore, undo, one_image, patterns):
            with chromium() as browser:  # one each: what a part leaves in it makes the next one slower
                rows += part(browser, address, run)
    if options.lab_run:
        live = open_run(options.lab_run)
        with served(live, "--live") as address, chromium() as browser:
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
