"""Numbers as raw little-endian columns, revalidated by generation: an unchanged column costs a 304, not its bytes.

Knows nothing about: runs, routes.
"""

from typing import Final

import numpy as np
from fastapi import Request, Response
from numpy.typing import NDArray

BINARY: Final = "application/octet-stream"
REVALIDATE: Final = "private, no-cache"
"""May be kept, must be checked before each use: another run may be served at the same address tomorrow."""


def etag(*parts: object) -> str:
    """A weak tag (gzip changes the bytes, not the content) from what determines a response."""
    return 'W/"' + "-".join(str(part) for part in parts) + '"'


def unchanged(request: Request, tag: str) -> bool:
    """Whether the client holds this very content already (weak comparison, RFC 9110 section 13.1.2)."""
    held = request.headers.get("if-none-match", "")
    return held.strip() == "*" or tag.removeprefix("W/") in {t.strip().removeprefix("W/") for t in held.split(",")}


def not_modified(tag: str) -> Response:
    """The 304 for a tag."""
    return Response(status_code=304, headers={"etag": tag, "cache-control": REVALIDATE})


def column(values: NDArray[np.floating] | NDArray[np.uint8], tag: str) -> Response:
    """An array as bytes in row order; its type and shape travel in `x-dtype` and `x-shape`."""
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    headers = {
        "etag": tag,
        "cache-control": REVALIDATE,
        "content-encoding": "identity",  # no gzip: it takes 30 ms a megabyte and saves an eighth of such numbers
        "x-dtype": values.dtype.name,
        "x-shape": ",".join(str(size) for size in values.shape),
    }
    return Response(little.tobytes(), media_type=BINARY, headers=headers)
