"""The words everything else is written in: token layout, heads, regions of an attention matrix, modes, fills.

Knows nothing about: models, tensors, files.
"""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from vitscope.errors import InvalidArgument

Fill = Literal["zero", "renormalise", "mean", "resample"]
FILLS: Final[tuple[Fill, ...]] = ("zero", "renormalise", "mean", "resample")

REGIONS: Final = ("cc", "cp", "pc", "pp")
"""Regions of a head's query x key matrix: CLS->CLS, CLS->patches, patches->CLS, patches->patches."""

HEAD: Final = "head"
"""The mode that prunes every entry of the matrix (other prefix tokens included)."""

PARTIAL_MODES: Final = ("cc", "cp+pc", "pp", "cc+cp+pc", "cc+pp", "cp+pc+pp")
"""The six partial modes of Li et al. 2023; with `head` they are the seven default ones."""

ALL_MODES: Final = (HEAD, *PARTIAL_MODES)


class HeadRef(NamedTuple):
    """One head: layer and head count from 0, as in timm and transformers."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"L{self.layer}·H{self.head}"


@dataclass(frozen=True)
class TokenLayout:
    """What each token of a sequence is: prefix tokens by name, then patches row by row.

    Parameters
    ----------
    prefix: names of the tokens before the patches, e.g. `()`, `("cls",)`, `("cls", "dist")`, `("cls", "reg1", ...)`.
    rows, cols: the patch grid; need not be square.
    patch: (height, width) of a patch in input pixels.
    """

    prefix: tuple[str, ...]
    rows: int
    cols: int
    patch: tuple[int, int]

    def __post_init__(self) -> None:
        prefix, patch = self.prefix, self.patch
        if isinstance(prefix, str) or not isinstance(prefix, Sequence) or not all(isinstance(n, str) for n in prefix):
            raise InvalidArgument(
                f"cannot lay out tokens: expected names of prefix tokens, got {prefix!r}", "Such as ('cls',) or ()."
            )
        if not isinstance(patch, Sequence) or len(patch) != 2:
            raise InvalidArgument(f"cannot lay out patches of {patch!r}: expected (height, width)", "Such as (16, 16).")
        object.__setattr__(self, "prefix", tuple(prefix))
        object.__setattr__(self, "rows", _whole(self.rows, "rows"))
        object.__setattr__(self, "cols", _whole(self.cols, "columns"))
        object.__setattr__(self, "patch", (_whole(patch[0], "pixels a patch"), _whole(patch[1], "pixels a patch")))
        if self.rows < 1 or self.cols < 1 or min(self.patch) <= 0 or len(set(self.prefix)) != len(self.prefix):
            raise InvalidArgument(
                f"cannot lay out tokens: got prefix {self.prefix}, a grid of {self.rows} x {self.cols} patches of "
                f"{self.patch} pixels",
                "Prefix names must differ; rows, columns and patch sizes must be at least 1.",
            )

    @property
    def n_prefix(self) -> int:
        """Number of tokens before the patches."""
        return len(self.prefix)

    @property
    def n_patches(self) -> int:
        """Number of patches, rows * cols."""
        return self.rows * self.cols

    @property
    def n_tokens(self) -> int:
        """Length of the sequence, prefix + patches."""
        return self.n_prefix + self.n_patches

    @property
    def cls(self) -> int | None:
        """Index of the CLS token, None where there is none."""
        return self.prefix.index("cls") if "cls" in self.prefix else None

    @property
    def patches(self) -> slice:
        """The patch tokens as a slice of the sequence."""
        return slice(self.n_prefix, self.n_tokens)

    @property
    def others(self) -> tuple[int, ...]:
        """Indices of the prefix tokens that are not CLS (registers, distillation token)."""
        return tuple(i for i, name in enumerate(self.prefix) if name != "cls")

    def name(self, token: int) -> str:
        """Name of a token: `cls`, `reg1`, or `r,c` of a patch."""
        if token < self.n_prefix:
            return self.prefix[token]
        return "{},{}".format(*divmod(token - self.n_prefix, self.cols))


def _whole(value: object, what: str) -> int:
    try:
        if isinstance(value, bool) or getattr(value, "shape", ()) != ():
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidArgument(
            f"cannot lay out tokens: expected a whole number of {what}, got {value!r}", "Such as 14."
        ) from None


def mode_regions(mode: str) -> frozenset[str]:
    """Regions that a mode prunes; `head` prunes more than the four (see `HEAD`), here it counts as all four."""
    return frozenset(REGIONS) if mode == HEAD else frozenset(mode.split("+"))


def canonical_mode(mode: str, layout: TokenLayout | None = None) -> str:
    """The one spelling of a mode: `head`, or regions in the order cc, cp, pc, pp joined by `+`.

    Raises InvalidArgument for an unknown region, and, when a layout is given, for a region that needs a CLS token where
    there is none.
    """
    if not isinstance(mode, str):
        raise InvalidArgument(
            f"cannot prune mode {mode!r}: expected the name of a mode, got a {type(mode).__name__}",
            "Examples: head, pp, cp+pc, cc+cp+pc.",
        )
    if mode == HEAD:
        return mode
    parts = [part.strip() for part in mode.split("+")]
    unknown = [part for part in parts if part not in REGIONS]
    if unknown or len(set(parts)) != len(parts):
        raise InvalidArgument(
            f"cannot prune mode {mode!r}: expected `head` or regions of {', '.join(REGIONS)} joined by +, each once",
            "Examples: head, pp, cp+pc, cc+cp+pc.",
        )
    if layout is not None and layout.cls is None and set(parts) != {"pp"}:
        raise InvalidArgument(
            f"cannot prune mode {mode!r}: this model has no CLS token (prefix {layout.prefix})",
            "A model without CLS has the modes head and pp.",
        )
    return "+".join(region for region in REGIONS if region in parts)


def canonical_modes(modes: str | Iterable[str], layout: TokenLayout) -> list[str]:
    """The modes as they are asked for: `all`, names joined by commas, or several names.

    Raises InvalidArgument for an unknown mode, or one that needs a CLS token where there is none.
    """
    if isinstance(modes, bytes | Mapping) or not isinstance(modes, Iterable) or getattr(modes, "shape", None) == ():
        raise InvalidArgument(
            f"cannot prune modes {modes!r}: expected names of modes", "Such as 'all', 'pp,cp+pc' or ['head', 'pp']."
        )
    names = [part.strip() for part in modes.split(",")] if isinstance(modes, str) else list(modes)
    if len(names) == 1 and isinstance(names[0], str) and names[0] == "all":
        return list(available_modes(layout))
    return [canonical_mode(name, layout) for name in names if not isinstance(name, str) or name]


def available_modes(layout: TokenLayout) -> tuple[str, ...]:
    """The default modes that make sense for a layout: seven with CLS, `head` and `pp` without."""
    return ALL_MODES if layout.cls is not None else (HEAD, "pp")
