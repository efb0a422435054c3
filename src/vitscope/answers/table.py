"""The table of answers: everything that a page, a file or a notebook may ask of a run, one row each, by name.

A row is a function in `vitscope.answers.rows`, marked with what its bytes are. Its first parameter is the `Source`; the
others are the answer's arguments, checked by their annotations.
Knows nothing about: runs, HTTP.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

from vitscope.answers.source import Source

Codec = Literal["document", "array", "arrays", "picture"]
Stamp = Callable[..., object]
F = TypeVar("F", bound=Callable[..., Any])


def generation(source: Source, **_: object) -> object:
    """The stamp of what changes with every shard that lands."""
    return source.generation


@dataclass(frozen=True)
class Answer:
    """One row. `axes` are those of each array by its name, "" for a single one.

    `stamp` gives what, beside the run and the arguments, determines the answer; None: it is never the same twice.
    `kept`: its bytes are held until the stamp changes.
    """

    name: str
    make: Callable[..., Any]
    codec: Codec
    axes: Mapping[str, tuple[str, ...]]
    stamp: Stamp | None
    kept: bool

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The arguments as a model that checks them; they come as text from an address."""
        parameters = list(inspect.signature(self.make, eval_str=True).parameters.values())[1:]
        fields: dict[str, Any] = {
            each.name: (each.annotation, ... if each.default is each.empty else each.default) for each in parameters
        }
        return create_model(self.name, __config__=ConfigDict(extra="forbid"), **fields)

    @cached_property
    def returns(self) -> TypeAdapter[Any]:
        """What a document is."""
        return TypeAdapter(inspect.signature(self.make, eval_str=True).return_annotation)


ANSWERS: Final[dict[str, Answer]] = {}
"""Every answer by its name; `vitscope.answers` fills it."""


def document(*, stamp: Stamp | None = generation, kept: bool = False) -> Callable[[F], F]:
    """Mark a function whose message is sent as JSON."""
    return _row("document", {}, stamp, kept)


def array(*axes: str, stamp: Stamp = generation, kept: bool = False) -> Callable[[F], F]:
    """Mark a function whose array, with these axes, is sent as .npy."""
    return _row("array", {"": axes}, stamp, kept)


def arrays(*, stamp: Stamp = generation, kept: bool = False, **axes: tuple[str, ...]) -> Callable[[F], F]:
    """Mark a function whose arrays, by name with their axes, are sent as .npz."""
    return _row("arrays", axes, stamp, kept)


def picture(*, stamp: Stamp) -> Callable[[F], F]:
    """Mark a function whose picture, (`png` or `webp`, its bytes), is sent as it is."""
    return _row("picture", {}, stamp, False)


def _row(codec: Codec, axes: Mapping[str, tuple[str, ...]], stamp: Stamp | None, kept: bool) -> Callable[[F], F]:
    def add(make: F) -> F:
        assert make.__name__ not in ANSWERS, f"two answers are called {make.__name__}"
        ANSWERS[make.__name__] = Answer(make.__name__, make, codec, axes, stamp, kept)
        return make

    return add
