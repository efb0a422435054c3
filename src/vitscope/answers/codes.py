"""Shares in 0..1 as one byte each, on a logarithmic scale: five decades, within 2.3 % wherever a share is not 0.

`log8`: code 0 is 0 and everything below 10^-5 by more than half a step; codes 1..255 are 10^(-5 + 5 (code - 1) / 254).
Knows nothing about: what the shares are of.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

LOG8: Final = "log8"
_DECADES: Final = 5
_STEPS: Final = 254


def encode_log8(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The nearest code of each share; above 1 is 1, NaN (there is no such head) is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        codes = np.rint((np.log10(shares, dtype=np.float32) + _DECADES) * (_STEPS / _DECADES)) + 1
        return np.where(codes >= 1, np.minimum(codes, _STEPS + 1), 0).astype(np.uint8)


def decode_log8(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The share that each code stands for."""
    shares = np.float32(10) ** (-_DECADES + _DECADES * (codes.astype(np.float32) - 1) / _STEPS)
    return np.where(codes == 0, np.float32(0), shares).astype(np.float32)
