"""The adapters there are: ours, one a family; others' by `register_adapter` or the entry point `vitscope.adapters`.

Knows nothing about: what an adapter does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final

from torch import nn

from vitscope.errors import InvalidArgument
from vitscope.models.block import Architecture

ENTRY_POINT: Final = "vitscope.adapters"


@dataclass(frozen=True)
class Adapter:
    """One way to see a kind of module as an Architecture.

    Parameters
    ----------
    name: of the family, as `vitscope doctor` tells it.
    fits: whether a module is of this family.
    adapt: sees it; raises UnsupportedModel naming the part that is not known.
    subclass_of: whether a module descends from a class of this family: it is tried, and judged by parity.
    """

    name: str
    fits: Callable[[nn.Module], bool]
    adapt: Callable[[Any], Architecture]
    subclass_of: Callable[[nn.Module], bool] = lambda module: False


_OTHERS: Final[list[Adapter]] = []


def of_kinds(name: str, kinds: tuple[type, ...], adapt: Callable[[Any], Architecture]) -> Adapter:
    """An adapter for some classes exactly, and for what descends from them outside of their library."""
    libraries = {kind.__module__.partition(".")[0] for kind in kinds}

    def descends(module: nn.Module) -> bool:
        return isinstance(module, kinds) and type(module).__module__.partition(".")[0] not in libraries

    return Adapter(name, lambda module: type(module) in kinds, adapt, descends)


def register_adapter(*kinds: type, name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: use this function for modules of these classes; it is asked before vitscope's own adapters.

    Parameters
    ----------
    kinds: classes of torch.nn.Module.
    name: of the family; None takes the first class's name.

    Raises InvalidArgument for what is no class of modules.

    Example
    -------
    >>> class MyViT(nn.Module): ...
    >>> @register_adapter(MyViT)
    ... def my_vit(module): ...
    """
    if not kinds or not all(isinstance(kind, type) and issubclass(kind, nn.Module) for kind in kinds):
        raise InvalidArgument(
            f"cannot register an adapter for {kinds}: expected classes of torch.nn.Module",
            "Such as @vitscope.register_adapter(MyViT).",
        )

    def registered(adapt: Callable[..., Any]) -> Callable[..., Any]:
        _OTHERS.insert(0, of_kinds(name or kinds[0].__name__, kinds, adapt))
        return adapt

    return registered


def others() -> tuple[Adapter, ...]:
    """Adapters that were registered, by programs and installed packages; the latest first."""
    _load_entry_points()
    return tuple(_OTHERS)


@cache
def _load_entry_points() -> None:
    """Import what installed packages name under `vitscope.adapters`; each registers itself."""
    for point in entry_points(group=ENTRY_POINT):
        point.load()
