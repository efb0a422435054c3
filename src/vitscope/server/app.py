"""The whole application over one run folder, and the loop that serves it on this machine.

Knows nothing about: models. What is live is handed in.
"""

import asyncio
import logging
import os
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from vitscope._version import __version__
from vitscope.analysis import open_run
from vitscope.answers.live import Live
from vitscope.errors import InvalidArgument
from vitscope.server import assets, failures, openapi
from vitscope.server.lab.routes import router as lab_router
from vitscope.server.routes import router
from vitscope.server.security import LocalOnly
from vitscope.server.served import Served

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8765
_PORTS_TRIED: Final = 50
_PATIENCE: Final = 2
"""Seconds that answers under way have when the server stops: a job of the Lab may need minutes more."""


def api() -> FastAPI:
    """The routes without a run: what the schema is written from."""
    app = FastAPI(title="vitscope", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    failures.install(app)
    app.include_router(router)
    app.include_router(lab_router)
    openapi.install(app)
    return app


def create_app(
    run_path: str | Path, live: Live | None = None, *, static: Path = assets.STATIC, token: str | None = None
) -> FastAPI:
    """The application for one run folder, complete or still growing.

    Parameters
    ----------
    token: what every request must show, in the address, a cookie or a header; None asks for none.

    Raises
    ------
    RunError: the folder is not a run, is damaged, or a newer vitscope wrote it.
    """
    served = Served(open_run(run_path), live)
    served.first_answers()
    app = api()
    app.state.served = served
    assets.install(app, static)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(LocalOnly, token=token)
    app.state.token = token
    return app


def listen(port: int | None = None) -> socket.socket:
    """A socket bound to the port asked for, or to the first free one from 8765 up; 0 lets the system choose.

    Raises
    ------
    InvalidArgument: the port that was asked for is taken, or none of the default ones is free.
    """
    candidates = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED)
    for candidate in candidates:
        # With its protocol named, or asyncio leaves small answers to wait for the page's acknowledgement (40 ms).
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name != "nt":  # elsewhere it frees a port left in TIME_WAIT; on Windows it would share a busy one
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, candidate))
            bound.listen(128)
        except OSError:
            bound.close()
            continue
        return bound
    taken = f"port {port} is" if port is not None else f"ports {DEFAULT_PORT} to {DEFAULT_PORT + _PORTS_TRIED - 1} are"
    raise InvalidArgument(f"cannot serve on {HOST}: {taken} taken", "Choose another with --port, or stop what uses it.")


def serve(
    app: FastAPI,
    port: int | None = None,
    open_browser: bool = True,
    *,
    on_ready: Callable[[str], object] | None = None,
) -> None:
    """Serve until interrupted, on 127.0.0.1 only.

    Parameters
    ----------
    port: None for 8765 or the next free one.
    open_browser: open the page as soon as the server listens.
    on_ready: called with the page's address at the same moment (the command line prints it).
    """
    import uvicorn

    with listen(port) as bound:
        token = getattr(app.state, "token", None)
        address = f"http://{HOST}:{bound.getsockname()[1]}/" + (f"?token={quote(token)}" if token else "")
        if on_ready is not None:
            on_ready(address)
        if open_browser:  # the socket listens already: a request that comes early waits, it is not refused
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=_PATIENCE)
        )
        logging.getLogger("uvicorn.error").addFilter(_not_given_up)
        server.run(sockets=[bound])


def _not_given_up(record: logging.LogRecord) -> bool:
    """Not what uvicorn says of answers that whoever stopped the server has given up: a traceback each."""
    error = record.exc_info and record.exc_info[1]
    return not (isinstance(error, asyncio.CancelledError) or record.getMessage().startswith("Cancel "))
