"""The web app's server: a run folder over HTTP, on this machine only."""

from vitscope.server.app import DEFAULT_PORT, HOST, create_app, listen, serve
from vitscope.server.live import Live

__all__ = ["DEFAULT_PORT", "HOST", "Live", "create_app", "listen", "serve"]
