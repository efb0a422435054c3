"""What all routes have in common: the run they answer for, what may go wrong, and how an unchanged answer is told.

Knows nothing about: what is asked for.
"""

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request

from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.server.columns import BINARY
from vitscope.server.served import Served
from vitscope.server.wire import ErrorBody
from vitscope.store import Manifest
from vitscope.tokens import HEAD, canonical_mode

FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "An argument outside what the run allows."},
    403: {"model": ErrorBody, "description": "Not this server's own page."},
    404: {"model": ErrorBody, "description": "Not there, or not available without the live model."},
    409: {"model": ErrorBody, "description": "The run folder is damaged or incomplete."},
    422: {"model": ErrorBody, "description": "The request does not fit the route."},
}
UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "Unchanged since the tag in If-None-Match."},
}


def binary(*headers: str) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that answers with a column and names more about it in headers."""
    ok: dict[str, Any] = {"content": {BINARY: {"schema": {"type": "string", "format": "binary"}}}}
    if headers:
        ok["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    return {200: ok, **UNCHANGED}


def _served(request: Request) -> Served:
    return request.app.state.served


TheRun = Annotated[Served, Depends(_served)]
ImageRow = Annotated[int, Path(ge=0, description="Row number of the image, or the key of a dropped one.")]


def computed_mode(manifest: Manifest, mode: str) -> str:
    """The canonical name of a mode that the run has.

    Raises
    ------
    InvalidArgument, NotAvailable: it is no mode, or was not computed.
    """
    mode = canonical_mode(mode, manifest.tokens)
    if mode not in manifest.options.modes:
        raise NotAvailable(
            f"mode {mode} was not computed in this run (it has {', '.join(manifest.options.modes)})",
            f"Analyse with --modes {HEAD},{mode}.",
        )
    return mode


def known_layer(manifest: Manifest, layer: int) -> int:
    """A layer that the model has. Raises InvalidArgument."""
    if layer >= manifest.model.n_layers:
        raise InvalidArgument(f"there is no layer {layer}: this model has {manifest.model.n_layers}, counted from 0")
    return layer


def known_token(manifest: Manifest, query: str) -> int:
    """Index of the token that `cls` or a number names. Raises InvalidArgument."""
    tokens = manifest.tokens
    if query == "cls":
        if tokens.cls is None:
            raise InvalidArgument(
                "cannot query the CLS token: this model has none", f"Give a token index, 0 to {tokens.n_tokens - 1}."
            )
        return tokens.cls
    if int(query) >= tokens.n_tokens:
        raise InvalidArgument(f"there is no token {query}: this model has {tokens.n_tokens}, counted from 0")
    return int(query)
