"""A real Chromium on a page that a real server serves; every request, console line and error of the page is kept.

Skipped with a reason where there is no Chromium or no built page, unless VITSCOPE_REQUIRE_BROWSER=1: then they fail.
"""

import os
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from tests.browser.hands import PATIENCE, settled
from tests.synthetic_run import synthetic_run

from vitscope.server import create_app, listen
from vitscope.server.assets import STATIC

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


def _unavailable(reason: str) -> None:
    if os.environ.get("VITSCOPE_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium():
    if not (STATIC / "index.html").is_file():
        _unavailable("the web app is not built: make setup")
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        _unavailable("no chromium on this machine: install Debian's package `chromium`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, to be evaluated in a page."""
    if not AXE.is_file():
        _unavailable("the web app's npm packages are not there: make setup")
    return AXE.read_text("utf-8")


@contextmanager
def serving(run, live=None):
    """The address of a run's page, served from a thread."""
    bound = listen(0)
    server = uvicorn.Server(uvicorn.Config(create_app(run.path, live), log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()


@pytest.fixture(scope="session")
def serve():
    return serving


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return synthetic_run(
        tmp_path_factory.mktemp("browser") / "run",
        n_images=24, layers=6, heads=4, grid=(7, 11), shard_size=8, partial_images=10, n_featured=4,
    )  # fmt: skip


@pytest.fixture(scope="session")
def address(chromium, run):
    with serving(run) as address:
        yield address


class Watch:
    """What a page asked for and complained about."""

    def __init__(self, page) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.waiting: set = set()
        """Requests whose answers are on their way."""
        page.on("request", self.asked)
        page.on("requestfinished", self.ended)
        page.on("requestfailed", self.ended)
        page.on("console", lambda line: line.type in {"error", "warning"} and self.complain(line))
        page.on("pageerror", lambda error: self.complaints.append(error.stack or str(error)))

    def asked(self, request) -> None:
        self.requests.append(request.url)
        self.waiting.add(request)

    def ended(self, request) -> None:
        self.waiting.discard(request)

    def complain(self, line) -> None:
        self.complaints.append(f"{line.text} {line.location.get('url', '')}")

    @property
    def data(self) -> list[str]:
        """Requests but for the page's regular question how far the run is."""
        return [url for url in self.requests if not url.endswith("/api/answers/progress")]

    def foreign(self, address: str) -> list[str]:
        return [url for url in self.requests if not url.startswith((address, "data:", "blob:"))]


@pytest.fixture
def open_page(chromium):
    """Open an address; afterwards the page must have stayed with its server and complained about nothing."""
    opened = []

    def opener(address, width=1440, height=900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        watch = Watch(page)
        opened.append((context, watch, address))
        page.goto(address)
        page.wait_for_selector("main .pane")
        settled(page)
        return page, watch

    yield opener
    for context, watch, address in opened:
        context.close()
        assert watch.foreign(address.split("#")[0]) == []
        assert watch.complaints == []
