"""Only this machine's own pages may talk to the server: Host and Origin checks, and headers that keep it so.

A page of another site can make a browser send requests to 127.0.0.1, and by DNS rebinding even read the answers. The
Host check stops the second, the Origin check the first. Knows nothing about: runs, routes.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitscope.server.failures import failure

LOCAL_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})

_POLICY: Final = (
    b"default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"object-src 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY.decode(),
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def host_name(host: str) -> str | None:
    """Name in a Host header, without its port; None when it is not one."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header names the very server that the Host header names."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme == "http" and parts.netloc.lower() == host.lower()


class LocalOnly:
    """Refuse requests that were not meant for this server by its own page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to a foreign Host or Origin, else pass on and add the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = _refusal(Headers(scope=scope))
        if refusal:
            await failure(403, "forbidden", refusal, "Open the address that `vitscope serve` prints.")(
                scope, receive, guarded
            )
        else:
            await self.app(scope, receive, guarded)


def _refusal(headers: Headers) -> str:
    host, origin = headers.get("host", ""), headers.get("origin")
    if host_name(host) not in LOCAL_NAMES:
        return f"refused a request for host {host!r}: this server answers to {', '.join(sorted(LOCAL_NAMES))} only"
    if origin is not None and not same_origin(origin, host):
        return f"refused a request from {origin!r}: only this server's own page may ask"
    return ""
