"""How a library calls its layers: which argument holds the tokens, what else comes with them, what a layer gives back.

Knows nothing about: attention, libraries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.errors import UnsupportedModel


@dataclass(frozen=True)
class Call:
    """The arguments of one call of a layer, its tokens taken out.

    `name` is the keyword of the tokens; None where they are the first argument without a keyword.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    name: str | None

    def __call__(self, layer: Callable[..., Any], x: Float[Tensor, "image token width"]) -> Any:
        """Call a layer like this with other tokens."""
        args, kwargs = _moved(self.args, x), _moved(self.kwargs, x)
        if self.name is None:
            return layer(x, *args, **kwargs)
        return layer(*args, **{self.name: x}, **kwargs)


def split_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Float[Tensor, "image token width"], Call]:
    """The tokens that a layer was called with, and the rest of the call."""
    if args and isinstance(args[0], Tensor):
        return args[0], Call(args[1:], kwargs, None)
    name = next((name for name, value in kwargs.items() if isinstance(value, Tensor) and value.ndim == 3), None)
    if name is None:
        raise UnsupportedModel(
            "cannot adapt this model: its layers are not called with tokens [image, token, width]",
            "Write an adapter for it (docs/models.md).",
        )
    return kwargs[name], Call(args, {key: value for key, value in kwargs.items() if key != name}, name)


def same_calls(one: Call, other: Call) -> bool:
    """Whether two calls have equal arguments, tensors by value."""
    return _same((one.args, one.kwargs), (other.args, other.kwargs))


def first(out: Any) -> Any:
    """The tokens in what a layer or an attention module gives: itself, or the first of several."""
    return out[0] if isinstance(out, tuple | list) else out


def pooled(out: Any) -> Any:
    """The output tensor of a model; of tokens or a map (channels last) their mean: one output for each image."""
    out = first(out)
    return out.flatten(1, -2).mean(1) if isinstance(out, Tensor) and out.ndim > 2 else out


def n_beside(out: Any) -> int | None:
    """How many things a layer gives beside its tokens; None: the tokens alone, not in a tuple."""
    return len(out) - 1 if isinstance(out, tuple | list) else None


def in_form(tokens: Tensor, n_beside: int | None) -> Any:
    """`tokens` as a layer gives its own; what lies beside them is left empty."""
    return tokens if n_beside is None else (tokens, *(None,) * n_beside)


def _moved(value: Any, like: Tensor) -> Any:
    """Arguments that follow the tokens to another device or type (rotary tables of a model that was moved)."""
    if isinstance(value, Tensor):
        return value.to(like.device, like.dtype if value.is_floating_point() else value.dtype)
    if isinstance(value, tuple | list):
        return type(value)(_moved(part, like) for part in value) if type(value) in (tuple, list) else value
    return {key: _moved(part, like) for key, part in value.items()} if type(value) is dict else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.shape == other.shape and torch.equal(one, other)
    if type(one) in (tuple, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if type(one) is dict:
        return one.keys() == other.keys() and all(_same(part, other[key]) for key, part in one.items())
    return one is other or type(one) is type(other)  # objects (a cache, a config): their kind must do
