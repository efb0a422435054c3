"""Which token is which patch, by experiment: pixels are changed one by one, and what the first attention gets is seen.

Nothing is asked of the module but its forward.
Knows nothing about: layers, names of parts, libraries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vitscope.errors import UnsupportedModel
from vitscope.models.adapters.library.twins import Leave, found
from vitscope.models.block import Projections
from vitscope.models.tap import Tap

_TOGETHER: Final = 32
"""Changed images that run at once."""
_STEP: Final = 3.0
"""What is added to a pixel, in the units of normalised pixels."""

Run = Callable[[Float[Tensor, "image color row col"]], Any]
"""Calls the module with pixels."""


@dataclass(frozen=True)
class Patches:
    """A grid of patches, row by row, behind some tokens of no patch; `patch` is (height, width) in pixels."""

    n_prefix: int
    rows: int
    cols: int
    patch: tuple[int, int]


def noise(module: nn.Module, size: tuple[int, int, int], n: int) -> Float[Tensor, "image color row col"]:
    """So many images of noise in the module's place and type; other ones for each number."""
    like = next(iter([*module.parameters(), torch.zeros(1)]))
    return torch.randn(n, *size, generator=torch.Generator().manual_seed(n), device="cpu").to(like)


def find_patches(run: Run, pixels: Float[Tensor, "image color row col"]) -> Patches:
    """The patches of a module, proven by changing the corners and the middle of the grid as a whole.

    Raises
    ------
    UnsupportedModel: a reason alone (the caller says of which module): a pixel reaches no token or several of them, or
        the tokens are no grid of patches row by row.
    """
    base = pixels[:1]
    height, width = base.shape[-2:]
    along_row = _owners(run, base, [(0, x) for x in range(width)])
    along_col = _owners(run, base, [(y, 0) for y in range(height)])
    first, n_tokens = along_row[0], _values(run, base).shape[-2]
    patch = along_col.count(first), along_row.count(first)
    rows, cols = height // patch[0], width // patch[1]
    by_row = [first + x // patch[1] for x in range(width)]
    by_col = [first + y // patch[0] * cols for y in range(height)]
    if (along_row, along_col) != (by_row, by_col):
        raise UnsupportedModel(
            f"the pixels of its first row reach tokens {_short(along_row)}, those of its first column "
            f"{_short(along_col)}: no grid of patches row by row (windows, or another order)"
        )
    if first + rows * cols != n_tokens:
        raise UnsupportedModel(
            f"{n_tokens - first - rows * cols} of its {n_tokens} tokens stand behind its {rows} x {cols} patches"
        )
    found = Patches(first, rows, cols, patch)
    _prove(run, base, found)
    return found


def _owners(run: Run, base: Tensor, places: list[tuple[int, int]]) -> list[int]:
    """The one token that each pixel reaches."""
    owners: list[int] = []
    for start in range(0, len(places), _TOGETHER):
        part = places[start : start + _TOGETHER]
        changed = base.repeat(len(part), 1, 1, 1)
        for image, (y, x) in enumerate(part):
            changed[image, :, y, x] += _STEP
        for (y, x), row in zip(part, _reached(run, base, changed), strict=True):
            tokens = row.nonzero().flatten().tolist()
            if len(tokens) != 1:
                raise UnsupportedModel(_several(y, x, len(tokens), len(row)))
            owners += tokens
    return owners


def _several(y: int, x: int, n: int, n_tokens: int) -> str:
    if n == 0:
        return f"pixel {y},{x} reaches no token of its first attention"
    if n == n_tokens:
        return (
            f"pixel {y},{x} reaches all {n_tokens} rows that its first attention attends to: it attends between "
            "channels, or something mixes all patches before"
        )
    return f"pixel {y},{x} reaches {n} tokens of its first attention: patches overlap, or a convolution mixes them"


def _prove(run: Run, base: Tensor, found: Patches) -> None:
    """Change whole patches: the token of each must change, and no other."""
    (height, width), rows, cols = found.patch, found.rows, found.cols
    for row, col in {(0, 0), (0, cols - 1), (rows - 1, 0), (rows - 1, cols - 1), (rows // 2, cols // 2)}:
        changed = base.clone()
        changed[..., row * height : (row + 1) * height, col * width : (col + 1) * width] += 1
        tokens = _reached(run, base, changed)[0].nonzero().flatten().tolist()
        expected = found.n_prefix + row * cols + col
        if tokens != [expected]:
            raise UnsupportedModel(
                f"patch {row},{col} of its image changes tokens {_short(tokens)}, expected {expected}"
            )


def _reached(run: Run, base: Tensor, changed: Tensor) -> Bool[Tensor, "image token"]:
    """Which tokens differ; both run in batches of one shape, so that what is untouched is equal to the last digit."""
    one, other = (_values(run, images) for images in (base.repeat(len(changed), 1, 1, 1), changed))
    return (one != other).any(-1).any(1)


def _values(run: Run, pixels: Tensor) -> Float[Tensor, "image head token channel"]:
    """V of the first attention; the rest of the forward is left out."""

    def leave_with(projections: Projections) -> None:
        raise Leave(projections.v)

    with Tap(len(pixels), leave_with), torch.no_grad():
        v = found(lambda: run(pixels))
    if v is None:
        raise UnsupportedModel("no attention was seen in its forward")
    if v.ndim != 4 or len(v) != len(pixels):
        raise UnsupportedModel(
            f"its first attention runs over values {list(v.shape)} for {len(pixels)} images, expected [image, head, "
            "token, channel]: it attends in windows, or over several pictures"
        )
    return v


def _short(tokens: list[int]) -> str:
    return f"{', '.join(map(str, tokens[:6]))}{' ...' if len(tokens) > 6 else ''}" or "none"
