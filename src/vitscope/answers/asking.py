"""Ask for an answer by name: arguments checked, bytes made, and nothing made again that the asker holds already.

Knows nothing about: HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic import ValidationError

from vitscope.answers import codecs
from vitscope.answers.source import Source
from vitscope.answers.table import ANSWERS, Answer
from vitscope.errors import InvalidArgument, NotAvailable


@dataclass(frozen=True)
class Reply:
    """An answer's bytes; None where the asker holds them already. `tag` names them: the same tag, the same answer."""

    tag: str | None
    media: str
    content: bytes | None


class DoesNotFit(InvalidArgument):
    """Arguments that the answer does not have, or not of that kind."""

    status = 422
    code = "invalid_request"


def ask(source: Source, name: str, arguments: Mapping[str, Any], held: frozenset[str] = frozenset()) -> Reply:
    """The answer of a name, with arguments as text or as they are; `held`: tags of answers that are not wanted again.

    Raises
    ------
    NotAvailable: there is no such answer, or this run, or this run without its model, cannot give it.
    DoesNotFit: the arguments are not the answer's.
    """
    answer = ANSWERS.get(name)
    if answer is None:
        raise NotAvailable(f"there is no answer called {name!r}", f"There are {', '.join(ANSWERS)}.")
    given = checked(answer, arguments)
    media = MEDIA.get(answer.codec, "")
    if answer.stamp is None:
        return Reply(None, media, _encoded(answer, answer.make(source, **given))[1])
    stamp = answer.stamp(source, **given)
    key = f"{name}?{urlencode(given)}"
    tag = "-".join(map(str, (source.run.manifest.run_id, key, *(stamp if isinstance(stamp, tuple) else (stamp,)))))
    if tag in held or "*" in held:
        return Reply(tag, media, None)
    if answer.kept:
        content = source.kept(f"bytes of {key}", stamp, lambda: _encoded(answer, answer.make(source, **given))[1])
        return Reply(tag, media, content)
    return Reply(tag, *_encoded(answer, answer.make(source, **given)))


def checked(answer: Answer, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the answer takes them, defaults included. Raises DoesNotFit."""
    try:
        return dict(answer.arguments.model_validate(dict(arguments)))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        known = ", ".join(answer.arguments.model_fields) or "none"
        raise DoesNotFit(
            f"cannot answer {answer.name} with these arguments: {'; '.join(faults)}", f"Its arguments: {known}."
        ) from None


MEDIA = {"document": codecs.JSON, "array": codecs.NPY, "arrays": codecs.NPZ}


def _encoded(answer: Answer, made: Any) -> tuple[str, bytes]:  # noqa: ANN401 - what the row makes
    """(media type, bytes)."""
    if answer.codec == "picture":
        kind, content = made
        return f"image/{kind}", content
    if answer.codec == "document":
        return codecs.JSON, codecs.document(answer.returns, made)
    return (codecs.NPY, codecs.npy(made)) if answer.codec == "array" else (codecs.NPZ, codecs.npz(made))
