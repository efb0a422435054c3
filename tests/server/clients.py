"""In-process clients of the server, and a stand-in for a loaded model."""

from pathlib import Path

import numpy as np
from starlette.testclient import TestClient

from vitscope.server import create_app
from vitscope.store import Run

BASE = "http://127.0.0.1:8765"


class FakeLive:
    """Answers with numbers that say what was asked: image + query / 100, negative for direction `to`."""

    def __init__(self, run: Run) -> None:
        self.shape = (run.manifest.model.n_layers, run.manifest.model.n_heads[0], run.tokens.n_tokens)
        self.asked: list[tuple[int, int, str]] = []

    def attention_rows(self, image_row, query, direction, /):
        self.asked.append((image_row, query, direction))
        sign = 1 if direction == "from" else -1
        return np.full(self.shape, sign * (image_row + query / 100), dtype=np.float16)


def client_of(run: Run, live=None, *, static: Path | None = None, raise_errors: bool = True) -> TestClient:
    keywords = {} if static is None else {"static": static}
    return TestClient(create_app(run.path, live, **keywords), base_url=BASE, raise_server_exceptions=raise_errors)
