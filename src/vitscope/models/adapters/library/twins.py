"""Shallow copies of a module in which a part runs other code; parameters and all other parts are shared.

The user's module is never changed: no hook, no attribute, no flag.
Knows nothing about: attention, layers, libraries.
"""

import copy
from collections.abc import Callable
from typing import Any, Final

from torch import nn

Forward = Callable[..., Any]
_SIZE: Final = "_vitscope_input_size"
"""Where a copy of a model that takes any size keeps the size it is looked at."""


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
    other = type(module).__new__(type(module))
    other.__dict__.update(module.__dict__)
    other.__dict__["_modules"] = dict(module._modules)
    other.__dict__["_compiled_call_impl"] = None  # of `module.compile()`: it would run the module itself
    if forward is not None:
        other.__dict__["forward"] = forward
    return other


def at_size(module: nn.Module, height: int, width: int) -> nn.Module:
    """A shallow copy of a model that takes any size, to be looked at with pixels of this one."""
    other = copy.copy(module)
    other.__dict__[_SIZE] = (height, width)
    return other


def asked_size(module: nn.Module) -> tuple[int, int] | None:
    """The size that `at_size` was asked for; None for a model as it is."""
    return module.__dict__.get(_SIZE)


def with_forwards(module: nn.Module, forwards: dict[str, Forward]) -> Any:
    """A shallow copy of a module in which the parts at some paths run other code ('' is the module itself)."""
    other = twin(module, forwards.get(""))
    first_names = dict.fromkeys(path.partition(".")[0] for path in forwards if path)
    for name in first_names:
        inner = {path.partition(".")[2]: f for path, f in forwards.items() if path and path.partition(".")[0] == name}
        part = module._modules[name]
        assert part is not None
        other._modules[name] = with_forwards(part, inner)
    return other
