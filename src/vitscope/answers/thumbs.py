"""Atlases of thumbnails: many small pictures in one file, so that a page of images costs one request.

Knows nothing about: HTTP. Pillow is imported when an atlas is made.
"""

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vitscope.analysis import Run
from vitscope.answers.kept import Kept
from vitscope.errors import NotAvailable

SIZE: Final = 64
"""Pixels of a thumbnail, both ways."""
COLUMNS: Final = 32
PER_PAGE: Final = 1024
_PAGES: Final = 8
_THREADS: Final = max(1, (os.cpu_count() or 1) // 2)
"""Half of the cores: the page that waits for its pictures is drawn meanwhile."""
_QUALITY: Final = 80
_LARGEST: Final = 2**24
"""Pixels of a preview: a stranger's run may hold any picture."""


@dataclass
class _Page:
    """Thumbnails made so far, [row, column, y, x, RGBA]; a growing run only adds to them."""

    tiles: NDArray[np.uint8]
    made: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Thumbs:
    """Pages of thumbnails of a run, in row order; the last few pages are kept."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._pages: Kept[_Page] = Kept(_PAGES)
        self._files: Kept[bytes] = Kept(_PAGES)

    def stamp(self) -> int:
        """Changes when there are more thumbnails: the number of shards that are done."""
        return self._run.progress().units["head"][0]

    def page(self, page: int, stamp: int) -> bytes:
        """One atlas as WebP: `COLUMNS` thumbnails a row, transparent where an image is missing.

        Raises
        ------
        NotAvailable: the run has fewer pages.
        """
        n_pages = -(-self._run.manifest.n_images // PER_PAGE)
        if not 0 <= page < n_pages:
            raise NotAvailable(f"there is no page {page} of thumbnails: this run has {n_pages}, counted from 0")
        return self._files((page, stamp), lambda: self._encoded(page))

    def _encoded(self, page: int) -> bytes:
        from PIL import Image

        rows = range(page * PER_PAGE, min((page + 1) * PER_PAGE, self._run.manifest.n_images))
        height = -(-len(rows) // COLUMNS)
        held = self._pages(page, lambda: _Page(np.zeros((height, COLUMNS, SIZE, SIZE, 4), np.uint8)))
        with held.lock:
            self._fill(held, rows)
            atlas = held.tiles.transpose(0, 2, 1, 3, 4).reshape(height * SIZE, COLUMNS * SIZE, 4)
        file = io.BytesIO()
        Image.fromarray(atlas).save(file, "WEBP", quality=_QUALITY, method=0)
        return file.getvalue()

    def _fill(self, held: _Page, rows: range) -> None:
        previews = self._run.previews(rows)
        folder = self._run.path.resolve()
        missing = [
            (row, path)
            for row, path in previews.items()
            if row not in held.made and path.resolve().is_relative_to(folder)  # a link may lead out of the run
        ]

        def make(item: tuple[int, Path]) -> None:
            row, path = item
            tile = _thumbnail(path)
            if tile is not None:
                place = row - rows.start
                held.tiles[place // COLUMNS, place % COLUMNS, :, :, :3] = tile
                held.tiles[place // COLUMNS, place % COLUMNS, :, :, 3] = 255
                held.made.add(row)

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(make, missing))


def _thumbnail(path: Path) -> Any:  # noqa: ANN401 - uint8 [y, x, 3], or None where the file is damaged
    """The middle square at `SIZE` pixels: enlarged by whole pixels' copies, reduced smoothly."""
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG", "WEBP")) as opened:
            if opened.width * opened.height > _LARGEST:
                return None
            picture = opened.convert("RGB")
    except Exception:  # decoders fed with damaged files raise nearly anything
        return None
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    if side < SIZE:
        left, top = (width - side) // 2, (height - side) // 2
        return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.NEAREST, (left, top, left + side, top + side)))
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS, box, reducing_gap=2.0))
