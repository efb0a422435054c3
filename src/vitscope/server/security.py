"""Only this machine's own pages may talk to the server: Host, Origin and token checks, and headers that keep it so.

A page of another site can make a browser send requests to 127.0.0.1, and by DNS rebinding even read the answers. The
Host check stops the second, the checks of Origin and of what browsers say of a request's site the first. Other users of
this machine are kept out by a token, where one is asked for. Knows nothing about: runs, routes.
"""

import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitscope.server.failures import failure

COOKIE: Final = "vitscope-token"
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

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to a foreign Host, Origin or site, or without the token; else pass on and add the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self.token is not None and given == self.token:
                    headers.append("set-cookie", f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict")
            await send(message)

        headers = Headers(scope=scope)
        given = _query_token(scope)
        refusal = _refusal(headers, scope) or _tokenless(headers, given, self.token)
        if refusal:
            await failure(403, "forbidden", refusal, "Open the address that `vitscope serve` prints.")(
                scope, receive, guarded
            )
        else:
            await self.app(scope, receive, guarded)


def _query_token(scope: Scope) -> str:
    return parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]


def _tokenless(headers: Headers, given: str, token: str | None) -> str:
    """Why a request does not have the token; nothing where it has, or where none is asked for.

    It is given as Jupyter's is: in the address, which sets a cookie for what the page asks; in that cookie; or as
    `Authorization: token ...` by a script.
    """
    if token is None:
        return ""
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        cookie = SimpleCookie()
    kept = cookie[COOKIE].value if COOKIE in cookie else ""
    said = headers.get("authorization", "").removeprefix("token ")
    fits = [secrets.compare_digest(each.encode(), token.encode()) for each in (given, kept, said)]
    return "" if any(fits) else "refused a request without the token of this server"


def _refusal(headers: Headers, scope: Scope) -> str:
    site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode")
    if site in ("cross-site", "same-site") and (mode != "navigate" or scope["path"] != "/" or scope["method"] != "GET"):
        return f"refused a request of a {site} page: only this server's own page may ask"
    host, origin = headers.get("host", ""), headers.get("origin")
    if host_name(host) not in LOCAL_NAMES:
        return f"refused a request for host {host!r}: this server answers to {', '.join(sorted(LOCAL_NAMES))} only"
    if origin is not None and not same_origin(origin, host):
        return f"refused a request from {origin!r}: only this server's own page may ask"
    return ""
