"""Take the place out of a pattern: move what a matrix looks at to the middle of the image, queries and keys together.

A head that looks at one patch shows the same pattern wherever that patch lies. Both sides of the matrix are moved by
the same number of cells, around the border like on a torus, so what is relative (self, local, row, column) stays.
Knows nothing about: networks, clusters, files.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.patterns.common import GRID, SIDE

PREFIX = SIDE - GRID * GRID

CONCENTRATED = 0.25
"""Smallest resultant length [0, 1] of the keys' places along an axis for which a centre is said to exist."""


def shifts(matrices: Float[Tensor, "matrix 66 66"]) -> Int[Tensor, "matrix 2"]:
    """Cells (down, right) that bring the circular mean of the looked-at places to the middle; 0 where there is none.

    Takes common matrices (not their roots). The circular mean is the phase of the first Fourier component of the mean
    row of patch queries; where its length is under `CONCENTRATED`, an axis has no centre and is not moved.
    """
    looked_at = matrices[:, PREFIX:, PREFIX:].mean(1).unflatten(1, (GRID, GRID))
    angle = torch.arange(GRID, device=matrices.device) * (2 * math.pi / GRID)
    wave = torch.stack([angle.cos(), angle.sin()])
    found = []
    for axis in (2, 1):
        mass = looked_at.sum(axis)
        cos, sin = (mass @ wave.T).unbind(1)
        length = torch.hypot(cos, sin) / mass.sum(1).clamp_min(1e-6)
        place = torch.atan2(sin, cos) * GRID / (2 * math.pi)
        found.append(torch.where(length > CONCENTRATED, (GRID // 2 - place).round(), 0).long())
    return torch.stack(found, 1)


def move(matrices: Float[Tensor, "matrix 66 66"], by: Int[Tensor, "matrix 2"]) -> Float[Tensor, "matrix 66 66"]:
    """Move queries and keys of each matrix by (down, right) cells; prefix tokens stay. `move(x, -by)` undoes it."""
    cell = torch.arange(GRID, device=matrices.device)
    row, col = ((cell - by[:, axis, None]) % GRID for axis in (0, 1))
    patches = (row[:, :, None] * GRID + col[:, None, :]).flatten(1) + PREFIX
    first = torch.arange(PREFIX, device=matrices.device).expand(len(matrices), PREFIX)
    place = torch.cat([first, patches], 1)
    moved = matrices.gather(1, place[:, :, None].expand(-1, -1, SIDE))
    return moved.gather(2, place[:, None, :].expand(-1, SIDE, -1))
