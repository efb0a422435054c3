"""In-process clients of the server, and a stand-in for a loaded model."""

import asyncio
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from starlette.testclient import TestClient
from tests.server.fake_lab import FakeLab

from vitscope.analysis import Run
from vitscope.errors import ImageUnreadable, InvalidArgument
from vitscope.results import Dropped, SizeLook
from vitscope.server import create_app
from vitscope.tokens import TokenLayout

BASE = "http://127.0.0.1:8765"


def awaited(coroutine):
    """A coroutine's result, run in a thread of its own: once a browser test has run, this one has an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


class FakeLive:
    """Answers with seeded matrices, others for each image, and remembers which images were asked for."""

    def __init__(self, run: Run) -> None:
        tokens = run.tokens.n_tokens
        self.shape = (run.manifest.model.n_layers, run.manifest.model.n_heads[0], tokens, tokens)
        self.next = run.manifest.n_images
        self.asked: list[int] = []
        self.lab = FakeLab(run)

    def of(self, image_row):
        """The answer for an image, not remembered as asked."""
        matrices = np.random.default_rng(image_row).uniform(size=self.shape) ** 4
        return (matrices / matrices.sum(-1, keepdims=True)).astype(np.float16)

    def matrices(self, image_row, /):
        self.asked.append(image_row)
        return self.of(image_row)

    def class_map(
        self, image_row, kind, target, token, direction, /, *, residual, fusion, discard, start, layers, reading
    ):
        asked = (image_row, kind, target, token, direction, residual, fusion, discard, start, layers, reading)
        self.asked.append(asked)
        return np.random.default_rng(image_row).uniform(size=(self.shape[0], self.shape[-1])).astype(np.float32)

    def at_size(self, image_row, size, /):
        self.asked.append((image_row, size))
        if size[0] % 4 or size[1] % 4:
            raise InvalidArgument(f"cannot run it at {size[0]} x {size[1]} pixels")
        tokens = TokenLayout(("cls",), size[0] // 4, size[1] // 4, (4, 4))
        values = np.random.default_rng(image_row).uniform(size=self.shape[:2])
        values[1, 2] = np.nan  # a head that the layer lacks
        probabilities = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
        matrices = np.zeros((*self.shape[:2], 1, 1), np.float16)  # of any size: nobody asks for them
        return SizeLook(tokens, 9.5, True, probabilities, values, values, matrices)

    def rows_at_size(self, image_row, size, token, /):
        self.asked.append((image_row, size, token))
        return np.full((*self.shape[:2], size[0] * size[1] // 16), token, np.float16)

    def drop(self, data, name, /, turn):
        if not data:
            raise ImageUnreadable(f"cannot look at {name}: empty: the file has 0 bytes")
        with turn:
            image, self.next = self.next, self.next + 1
        digest = hashlib.sha256(data).hexdigest()
        return Dropped(image, name, digest, ((3, 0.5), (0, 0.25)), None, ("png", b"\x89PNG" + data[:8]))


def array(response, dtype=None) -> np.ndarray:
    """The array that a response carries; of that type where one is named."""
    assert response.headers["content-type"] == "application/x-npy", response.text[:300]
    values = np.load(io.BytesIO(response.content), allow_pickle=False)
    assert dtype is None or values.dtype == np.dtype(dtype)
    return values


def arrays(response) -> dict[str, np.ndarray]:
    """The arrays that a response carries, by name."""
    assert response.headers["content-type"] == "application/x-npz", response.text[:300]
    with np.load(io.BytesIO(response.content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def client_of(
    run: Run, live=None, *, static: Path | None = None, raise_errors: bool = True, token: str | None = None
) -> TestClient:
    keywords = {"token": token} | ({} if static is None else {"static": static})
    return TestClient(create_app(run.path, live, **keywords), base_url=BASE, raise_server_exceptions=raise_errors)
