"""The built web app: hashed files kept for ever, the page itself revalidated, a readable page where it is not built.

Knows nothing about: runs, the API.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC: Final = Path(__file__).parent / "static"

_UNBUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>vitscope: page not built</title>
<h1>The web app is not built</h1>
<p>The server runs and its API answers under <code>/api</code>, but the page's files are missing from this
installation. In a source checkout, build them with</p>
<pre>make setup</pre><p>or</p><pre>cd web &amp;&amp; npm ci &amp;&amp; npm run build</pre>
<p>(Node 20.19 or newer), then reload. Wheels contain the built page.</p></html>"""


class HashedFiles(StaticFiles):
    """Files whose names carry a hash of their content: they never change, so they are kept for a year."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, to be kept for ever."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def install(app: FastAPI, static: Path = STATIC) -> None:
    """Serve the page at `/` and its files below `/assets`; state lives in the URL's hash, so there is one page."""
    if not (static / "index.html").is_file():

        @app.get("/", include_in_schema=False)
        def unbuilt() -> HTMLResponse:
            return HTMLResponse(_UNBUILT, status_code=503)

        return

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(static / "index.html", headers={"cache-control": "no-cache"})

    app.mount("/assets", HashedFiles(directory=static / "assets"), name="assets")
    for file in sorted(path for path in static.iterdir() if path.is_file() and path.name != "index.html"):
        app.add_api_route(f"/{file.name}", _answer_of(file), include_in_schema=False)


def _answer_of(file: Path) -> Callable[[], FileResponse]:
    def answer() -> FileResponse:
        return FileResponse(file)

    return answer
