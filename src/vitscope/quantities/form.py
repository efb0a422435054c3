"""Numbers, lists and tables as plain text: three digits that matter, aligned columns, a dash for what is not known.

Knows nothing about: runs, heads, models.
"""

import re
from collections.abc import Sequence
from math import floor, isfinite, log10
from textwrap import wrap
from typing import Final

DASH: Final = "–"
WIDTH: Final = 100


def number(value: float) -> str:
    """Three significant digits (`0.412`, `12.3`, `3.1e-05`), a dash for NaN; whole numbers from 1000 up."""
    value = float(value)
    if not isfinite(value):
        return DASH
    if value == 0:
        return "0"
    power = floor(log10(abs(value)))
    if power < -4:
        return f"{value:.1e}"
    return f"{value:.{max(0, 2 - power)}f}"


def percent(share: float) -> str:
    """A share as a percentage: whole from 10 % up, one digit below, `< 0.1 %` for less."""
    if not isfinite(share):
        return DASH
    hundredths = 100 * share
    if 0 < hundredths < 0.1:
        return "< 0.1 %"
    digits = 0 if abs(hundredths) >= 9.95 or hundredths == 0 else 1
    return f"{hundredths:.{digits}f} %"


def span(low: float, high: float) -> str:
    """An interval, `0.390–0.431` (`-0.1 to 0.2` with a sign), or a dash where there is none."""
    if not (isfinite(low) and isfinite(high)):
        return DASH
    return f"{number(low)}{' to ' if low < 0 else '–'}{number(high)}"


def estimate(value: float, low: float, high: float) -> str:
    """A value with its interval, `0.412 [0.390, 0.431]`, `0.412 [–]` where there is none, a dash where nothing is."""
    if not isfinite(value):
        return DASH
    return f"{value:.3f} [{low:.3f}, {high:.3f}]" if isfinite(low) and isfinite(high) else f"{value:.3f} [{DASH}]"


def plural(n: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def name_list(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def paragraph(text: str) -> list[str]:
    """Lines of a paragraph; a number is never parted from its unit."""
    joined = re.sub(r" (?=(%|px|nats|bits)\b|%)|(?<=\bn) (?== )|(?<=\bn =) ", "\N{NO-BREAK SPACE}", text)
    lines = wrap(joined, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,), indent: int = 2
) -> list[str]:
    """Lines of a table with columns as wide as they need; columns are right-aligned except `left`."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    cells = (
        [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    )
    return [(" " * indent + "  ".join(line)).rstrip() for line in cells]
