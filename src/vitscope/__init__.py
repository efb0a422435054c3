"""vitscope: which heads of a Vision Transformer matter, where they look, how far, and what happens without them.

Every public name is imported when it is first used: `import vitscope` costs milliseconds and loads no torch. From then
on `import timm` works also where torch and torchvision are wheels of different kinds (see `torchvision_ops`).
"""

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING

from vitscope._version import __version__

if TYPE_CHECKING:
    from vitscope import measures
    from vitscope.analysis import Run, open_run
    from vitscope.engine import (
        attention,
        attention_gradients,
        greedy_order,
        head_importance,
        interactions,
        prune,
        pruning_curve,
        shapley,
        what_if,
    )
    from vitscope.models import Model, load_model, register_adapter, wrap
    from vitscope.models.sources.smaller import without_heads
    from vitscope.pipeline import analyze, judge, resolution
    from vitscope.tokens import TokenLayout

_HOMES = {
    "Model": "vitscope.models",
    "Run": "vitscope.analysis",
    "TokenLayout": "vitscope.tokens",
    "analyze": "vitscope.pipeline",
    "attention": "vitscope.engine",
    "attention_gradients": "vitscope.engine",
    "greedy_order": "vitscope.engine",
    "head_importance": "vitscope.engine",
    "interactions": "vitscope.engine",
    "judge": "vitscope.pipeline",
    "load_model": "vitscope.models",
    "measures": "vitscope",
    "open_run": "vitscope.analysis",
    "prune": "vitscope.engine",
    "pruning_curve": "vitscope.engine",
    "register_adapter": "vitscope.models",
    "resolution": "vitscope.pipeline",
    "shapley": "vitscope.engine",
    "what_if": "vitscope.engine",
    "without_heads": "vitscope.models.sources.smaller",
    "wrap": "vitscope.models",
}

__all__ = [
    "Model",
    "Run",
    "TokenLayout",
    "__version__",
    "analyze",
    "attention",
    "attention_gradients",
    "greedy_order",
    "head_importance",
    "interactions",
    "judge",
    "load_model",
    "measures",
    "open_run",
    "prune",
    "pruning_curve",
    "register_adapter",
    "resolution",
    "shapley",
    "what_if",
    "without_heads",
    "wrap",
]


class _BeforeTorchvision(MetaPathFinder):
    """Finds nothing itself: where something imports torchvision, it sees to it that this works, once."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Called for each import that is not done yet; anything but torchvision passes."""
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            import_module("vitscope.torchvision_ops").make_torchvision_importable()


if "torchvision" not in sys.modules:
    sys.meta_path.insert(0, _BeforeTorchvision())


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'vitscope' has no attribute {name!r}")
    home = _HOMES[name]
    return import_module(f"{home}.{name}") if home == "vitscope" else getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
