"""What a user asks of an analysis, before anything is resolved. None means: not said (a default, or what the run has).

Knows nothing about: models, torch, files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Final

from vitscope.arguments import natural
from vitscope.errors import InvalidArgument
from vitscope.pipeline.plan.labels import Given
from vitscope.tokens import HEAD, TokenLayout, canonical_modes

MOST_THREADS: Final = 1024
"""More than any processor has; torch ends the process where the system cannot make so many."""


@dataclass(frozen=True)
class Request:
    """Options of an analysis.

    Parameters
    ----------
    labels: table of labels for a folder or a list.
    classes: what folders and labels mean: names of the classes in order, name to number, a file of either, or how
        training numbered the folders: `imagefolder`, `timm`, `numbers`.
    picture_range: values of black and white in pictures with more than 8 bits a channel, as `(0, 4095)` or `12-bit`;
        the full range of their type by default.
    modes: `head` (default), `all`, or names of modes; `head` is always among them.
    fill: zero (default), renormalise, mean, resample.
    limit: a seeded sample of at most this many images.
    partial_images: size of the seeded sample on which the modes other than `head` run; all images by default.
    patterns: patterns are learned from at most this many attention matrices (20,000 by default), 0 = no patterns.
    seed: of both samples, of the featured images and of the fills' references.
    threads: of torch; what torch has by default.
    weights_file: where the weights came from, kept so that `serve` finds them again.
    """

    labels: str | Path | None = None
    classes: Given | None = None
    picture_range: str | Sequence[float] | None = None
    modes: str | Sequence[str] | None = None
    fill: str | None = None
    limit: int | None = None
    partial_images: int | None = None
    patterns: int | None = None
    seed: int | None = None
    threads: int | None = None
    weights_file: str | Path | None = None

    def __post_init__(self) -> None:
        for name, kinds, expected in (
            ("labels", (str, PathLike), "the path of a table"),
            ("weights_file", (str, PathLike), "the path of a file"),
            ("modes", (str, Sequence), "names of modes"),
            ("fill", (str,), "a name"),
        ):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, kinds) or isinstance(value, bytes)):
                raise InvalidArgument(
                    f"cannot analyse with {name} {value!r}: expected {expected}", "Leave it out for the default."
                )
        for name, least in (("limit", 1), ("partial_images", 1), ("threads", 1), ("seed", 0), ("patterns", 0)):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, natural(value, f"{name} of an analysis", least))
        if self.threads is not None and self.threads > MOST_THREADS:
            raise InvalidArgument(
                f"cannot analyse with {self.threads} threads: expected at most {MOST_THREADS}",
                "As many as the processor has cores is best.",
            )


def request_of(options: Mapping[str, object]) -> Request:
    """A request from the keyword arguments of `analyze`. Raises InvalidArgument for one that there is not."""
    known = [field.name for field in fields(Request)]
    unknown = next((name for name in options if name not in known), None)
    if unknown is not None:
        raise InvalidArgument(
            f"cannot analyse with {unknown}: there is no such option", f"Options: {', '.join(known)}."
        )
    return Request(**options)  # type: ignore[arg-type]


def resolve_modes(modes: str | Sequence[str], tokens: TokenLayout) -> tuple[str, ...]:
    """Canonical names of the modes, `head` first, each once.

    Raises
    ------
    InvalidArgument: an unknown mode, or one that needs a CLS token where there is none.
    """
    return tuple(dict.fromkeys([HEAD, *canonical_modes(modes, tokens)]))
