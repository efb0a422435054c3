"""Shallow copies of a module in which a part runs other code; parameters and all other parts are shared.

The user's module is never changed: no hook, no attribute, no flag.
Knows nothing about: attention, layers, libraries.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

Forward = Callable[..., Any]


class Leave(BaseException):
    """Ends a forward early with what was found. No Exception: a library's own `except Exception` must not catch it."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found


def leave(*args: Any, **kwargs: Any) -> Any:
    """A forward that ends the run with the arguments it was called with."""
    raise Leave((args, kwargs))


def found(run: Callable[[], Any]) -> Any:
    """What a run was left with; None where it came to its end."""
    try:
        run()
    except Leave as end:
        return end.found
    return None


def twin(module: nn.Module, forward: Forward | None = None) -> Any:
    """A shallow copy with a table of parts of its own; `forward` is run instead of the module's, compiled or not."""
    copy = type(module).__new__(type(module))
    copy.__dict__.update(module.__dict__)
    copy.__dict__["_modules"] = dict(module._modules)
    copy.__dict__["_compiled_call_impl"] = None  # of `module.compile()`: it would run the module itself
    if forward is not None:
        copy.__dict__["forward"] = forward
    return copy


def with_forwards(module: nn.Module, forwards: dict[str, Forward]) -> Any:
    """A shallow copy of a module in which the parts at some paths run other code ('' is the module itself)."""
    copy = twin(module, forwards.get(""))
    first_names = dict.fromkeys(path.partition(".")[0] for path in forwards if path)
    for name in first_names:
        inner = {path.partition(".")[2]: f for path, f in forwards.items() if path and path.partition(".")[0] == name}
        part = module._modules[name]
        assert part is not None
        copy._modules[name] = with_forwards(part, inner)
    return copy
