"""The web app's server: a run folder over HTTP, on this machine only."""

from vitscope.answers.live import Live
from vitscope.server.app import DEFAULT_PORT, HOST, create_app, listen, serve

__all__ = ["DEFAULT_PORT", "HOST", "Live", "create_app", "listen", "serve"]
