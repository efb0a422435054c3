"""What callers give to public functions, checked against the functions' own annotations before anything is computed.

`checked` reads the annotations once and refuses arguments of another kind in one sentence: what is no tensor or has
other axes, floats where whole numbers are meant, a module where a model is expected. Ranges are the functions' own.
Knows nothing about: torch, models; classes are known by the annotations that name them.
"""

import functools
import inspect
import numbers
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from jaxtyping import AbstractArray

from vitscope.errors import InvalidArgument, VitscopeError
from vitscope.tokens import HEAD

Natural = Annotated[int, "0 or more"]
"""A whole number that is not negative: seeds, counts of draws."""
P = ParamSpec("P")
R = TypeVar("R")
Check = Callable[[Any, str], Any]
"""Returns the value, brought to its plain type, or raises InvalidArgument; told the value and `name of function`."""

_CLASS_HINTS: Final = {
    "Model": "Load one, vitscope.load_model(name), or wrap a module of yours, vitscope.wrap(module).",
    "TokenLayout": "Give the layout of the model that made the matrix: model.tokens.",
}
_PIXELS: Final = "Turn pictures into pixels first: torch.stack([model.preprocess(picture) for picture in pictures])."


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of a public function by its annotations; what no check is known for passes as it is."""
    signature = inspect.signature(function)
    where = f"of {function.__name__}"
    checks = {
        name: check
        for name, one in signature.parameters.items()
        if (check := _check_for(one.annotation) or _BY_NAME.get(name))
    }
    arrays = {name: array for name, one in signature.parameters.items() if (array := _array(one.annotation))}

    @functools.wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Python itself says which argument is missing or unknown
        try:
            for name, value in bound.arguments.items():
                if name in checks:
                    bound.arguments[name] = checks[name](value, f"{name} {where}")
            if len(arrays) > 1:
                _require_same_axes(arrays, bound.arguments, where)
            return function(*bound.args, **bound.kwargs)
        except VitscopeError as error:
            error.hint = error.hint or f"help({function.__module__}.{function.__name__}) explains its arguments."
            raise

    return inner


def whole(value: Any, what: str) -> int:  # noqa: ANN401 - anything may be given
    """A whole number as an int; numpy's too. Raises InvalidArgument for True, 2.0, '2' and all else."""
    try:
        if isinstance(value, bool) or getattr(value, "shape", ()) != ():
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise InvalidArgument(
            f"cannot use {value!r} as {what}: expected a whole number, got {_kind(value)}", "Such as 3, not 3.0."
        ) from None


def natural(value: Any, what: str, least: int = 0) -> int:  # noqa: ANN401
    """A whole number that is not below `least`. Raises InvalidArgument."""
    number = whole(value, what)
    if number < least:
        raise InvalidArgument(f"cannot use {number} as {what}: expected at least {least}", f"Such as {max(least, 1)}.")
    return number


def wholes(value: Any, what: str) -> list[int]:  # noqa: ANN401
    """Whole numbers as a list. Raises InvalidArgument for what is none, naming the first."""
    entries = entries_of(value)
    if entries is None:
        raise InvalidArgument(
            f"cannot use {_kind(value)} as {what}: expected a list of whole numbers", "Such as [3, 0, 7]."
        )
    return [whole(one, f"entry {i} of {what}") for i, one in enumerate(entries)]


def _names(value: Any, what: str) -> list[str]:  # noqa: ANN401
    entries = entries_of(value) if isinstance(value, Sequence) or hasattr(value, "tolist") else None
    if entries is None or not all(isinstance(one, str) for one in entries):
        raise InvalidArgument(f"cannot use {value!r} as {what}: expected a list of names", "Such as ['one', 'two'].")
    return entries


def entries_of(value: Any) -> list[Any] | None:  # noqa: ANN401
    """What a list, an array, a tensor or a column holds; None of what holds nothing in an order."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, str | bytes | Mapping | type) or not isinstance(value, Iterable):
        return None
    return list(value)


def image_source(value: Any, what: str) -> Any:  # noqa: ANN401
    """A folder, a file, paths, a data frame, a data set, pairs; refused is what cannot hold pictures at all."""
    items = hasattr(value, "__iter__") or (hasattr(value, "__getitem__") and hasattr(value, "__len__"))
    known = isinstance(value, str | PathLike) or hasattr(value, "columns")
    if known or (items and not isinstance(value, bytes | type) and not hasattr(value, "tolist")):
        return value
    tensor = hasattr(value, "tolist")
    raise InvalidArgument(
        f"cannot use {_kind(value)} as {what}: expected a folder, a table, a list of paths, a data frame, or a data "
        "set of pictures and labels",
        "vitscope.head_importance takes pixels; a data set of them is pairs: list(zip(pixels, labels))."
        if tensor
        else "A table has the columns path,label and perhaps class_name; a data set gives pairs (picture, label).",
    )


def pairs(heads: Any, what: str) -> list[tuple[int, int]]:  # noqa: ANN401
    """Heads as (layer, head) pairs, in their order. Raises InvalidArgument for what is no list of pairs."""
    hint = "Give (layer, head) pairs, such as [(2, 0), (4, 2)]; both count from 0."
    entries = list(heads) if isinstance(heads, Mapping) else entries_of(heads)
    if entries is None:
        raise InvalidArgument(f"cannot use {_kind(heads)} as {what}: expected (layer, head) pairs", hint)
    found = []
    for entry in entries:
        pair = entries_of(entry)
        if pair is None or len(pair) != 2:
            raise InvalidArgument(f"cannot use {entry!r} as one of {what}: expected a (layer, head) pair", hint)
        found.append((whole(pair[0], f"layer in {what}"), whole(pair[1], f"head in {what}")))
    return found


def whole_heads(heads: Any, what: str) -> list[tuple[int, int]]:  # noqa: ANN401
    """As `pairs`; also a dict {(layer, head): mode} as `prune` takes it, where every mode is `head`."""
    if isinstance(heads, Mapping):
        partial = [mode for mode in heads.values() if mode != HEAD]
        if partial:
            raise InvalidArgument(
                f"cannot use mode {partial[0]!r} in {what}: only whole heads can be taken", "Leave the modes out."
            )
    return pairs(heads, what)


def _check_for(annotation: Any) -> Check | None:  # noqa: ANN401
    """The check of an annotation; None where none is known."""
    kinds = [kind for kind in _members(annotation) if kind is not NoneType]
    check = _paths(kinds) or (_single(kinds[0]) if len(kinds) == 1 else None)
    if check is None or NoneType not in _members(annotation):
        return check
    return lambda value, what: None if value is None else check(value, what)


def _members(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _paths(kinds: list[Any]) -> Check | None:
    return _path if set(kinds) == {str, Path} else None


def _single(kind: Any) -> Check | None:  # noqa: ANN401
    if _is_array(kind):
        return functools.partial(_tensor, array=kind)
    if kind is int:
        return whole
    if kind == Natural:
        return natural
    if kind is float:
        return _number
    if kind is bool:
        return functools.partial(_instance, kind=bool, named="True or False")
    if kind is str or get_origin(kind) is Literal:
        return functools.partial(_instance, kind=str, named="a name")
    if get_origin(kind) in (Sequence, list) and get_args(kind) == (int,):
        return wholes
    if get_origin(kind) is Sequence and get_args(kind) == (str,):
        return _names
    if get_origin(kind) is Callable:
        return _function
    if inspect.isclass(kind) and kind.__name__ in _CLASS_HINTS:
        return functools.partial(_instance, kind=kind, named=f"a {kind.__name__}")
    return None


def _instance(value: Any, what: str, *, kind: type, named: str) -> Any:  # noqa: ANN401
    if isinstance(value, kind):
        return value
    hint = _CLASS_HINTS.get(kind.__name__, "")
    if kind.__name__ == "Model" and isinstance(value, str | PathLike):
        hint = f"Load it first: vitscope.load_model({str(value)!r})."
    elif kind.__name__ == "Model" and callable(getattr(value, "named_parameters", None)):
        hint = "Wrap it first: vitscope.wrap(module)."
    raise InvalidArgument(f"cannot use {_kind(value)} as {what}: expected {named}", hint)


def _number(value: Any, what: str) -> float:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidArgument(f"cannot use {value!r} as {what}: expected a number, got {_kind(value)}", "Such as 0.5.")
    return float(value)


def _function(value: Any, what: str) -> Any:  # noqa: ANN401
    if not callable(value):
        raise InvalidArgument(f"cannot use {_kind(value)} as {what}: expected a function")
    return value


def _path(value: Any, what: str) -> Any:  # noqa: ANN401
    if not isinstance(value, str | PathLike):
        raise InvalidArgument(f"cannot use {_kind(value)} as {what}: expected the path of a file or folder")
    return value


_BY_NAME: Final[Mapping[str, Check]] = {"images": image_source}
"""Checks of parameters whose annotation says too little."""


# Tensors --------------------------------------------------------------------------------------------------------------


def _is_array(kind: Any) -> bool:  # noqa: ANN401
    return inspect.isclass(kind) and issubclass(kind, AbstractArray)


def _array(annotation: Any) -> Any:  # noqa: ANN401
    return next((kind for kind in _members(annotation) if _is_array(kind)), None)


def _tensor(value: Any, what: str, *, array: Any) -> Any:  # noqa: ANN401
    """A tensor or array with the number of axes and the kind of entries that an annotation such as Float[...] names."""
    if not isinstance(value, array.array_type):
        raise InvalidArgument(
            f"cannot use {_kind(value)} as {what}: expected {_wanted(array)} {_axes(array)}", _tensor_hint(value, array)
        )
    entries = str(value.dtype).rpartition(".")[2]
    if not any(one == entries if isinstance(one, str) else one.match(entries) for one in array.dtypes):
        names = {"Float": "floating-point numbers", "Int": "whole numbers", "Bool": "True or False"}
        named = next((text for start, text in names.items() if array.__name__.startswith(start)), "other entries")
        raise InvalidArgument(
            f"cannot use {_shaped(value)} of {value.dtype} as {what}: expected {named}",
            "Pixels are floating point: normalised, as model.preprocess makes them." if "color" in _axes(array) else "",
        )
    names = array.dim_str.split()
    least = len([name for name in names if not _variadic(name)])
    if value.ndim < least or (value.ndim > least and least == len(names)):
        single = value.ndim == least - 1 and names[:1] == ["image"]
        raise InvalidArgument(
            f"cannot use {_shaped(value)} {list(value.shape)} as {what}: expected {_axes(array)}",
            "Of a single image give it as a batch of one: tensor[None]." if single else "",
        )
    return value


def _wanted(array: Any) -> str:  # noqa: ANN401
    return "a tensor" if array.array_type.__name__ == "Tensor" else "a tensor or a numpy array"


def _shaped(value: Any) -> str:  # noqa: ANN401
    return "a tensor" if type(value).__module__.partition(".")[0] == "torch" else "an array"


def _tensor_hint(value: Any, array: Any) -> str:  # noqa: ANN401
    first = value[0] if isinstance(value, list | tuple) and value else value
    if type(first).__module__.partition(".")[0] == "PIL" or (
        isinstance(first, str | PathLike) and "color" in _axes(array)
    ):
        return _PIXELS
    if hasattr(value, "__array__") or isinstance(first, numbers.Number):
        return "torch.as_tensor makes one of an array or a list."
    return "torch.stack makes one of a list of tensors." if hasattr(first, "ndim") else ""


def _variadic(name: str) -> bool:
    return name.startswith("*") or name == "..."


def _axes(array: Any) -> str:  # noqa: ANN401
    return "[" + ", ".join("..." if _variadic(name) else name.strip("#_") for name in array.dim_str.split()) + "]"


def _require_same_axes(arrays: Mapping[str, Any], values: Mapping[str, Any], where: str) -> None:
    """Axes of one name have one size in all tensors of a call; `#` lets a size of 1 stand for any."""
    sizes: dict[str, tuple[int, str]] = {}
    for argument, array in arrays.items():
        if values.get(argument) is None:
            continue
        names = array.dim_str.split()
        shape = list(values[argument].shape)
        at = next((i for i, name in enumerate(names) if _variadic(name)), len(names))
        after = len(names) - at - 1
        fixed = [*zip(names[:at], shape[:at], strict=True)]
        if at < len(names):
            middle = shape[at : len(shape) - after] if after else shape[at:]
            fixed += [*zip(names[at + 1 :], shape[len(shape) - after :] if after else [], strict=True)]
            fixed += [(f"{names[at]} {i - len(middle)}", size) for i, size in enumerate(middle)]
        for name, size in fixed:
            plain = name.replace("*", "").replace("#", "")
            known, first = sizes.get(plain, (size, argument))
            if size != known and not ("#" in name and 1 in (size, known)):
                raise InvalidArgument(
                    f"cannot use {argument} {list(values[argument].shape)} beside {first} "
                    f"{list(values[first].shape)} {where}: expected {_axes(array)} and {_axes(arrays[first])}",
                    "Axes of the same name must have the same size.",
                )
            sizes[plain] = (max(size, known), argument if size >= known else first)


def _kind(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
