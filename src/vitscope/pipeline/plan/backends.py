"""Which fused attention kernels torch may choose from: read once, applied again whenever the run is resumed.

Knows nothing about: runs, models.
"""

from typing import Final

import torch
from torch.nn.attention import SDPBackend

_BACKENDS: Final = {
    "cudnn": (SDPBackend.CUDNN_ATTENTION, torch.backends.cuda.cudnn_sdp_enabled),
    "flash": (SDPBackend.FLASH_ATTENTION, torch.backends.cuda.flash_sdp_enabled),
    "efficient": (SDPBackend.EFFICIENT_ATTENTION, torch.backends.cuda.mem_efficient_sdp_enabled),
    "math": (SDPBackend.MATH, torch.backends.cuda.math_sdp_enabled),
}


def enabled_backends() -> str:
    """Names of the enabled kernels joined by `+`; the flags are torch's, named after CUDA, and hold on the CPU too."""
    return "+".join(name for name, (_, enabled) in _BACKENDS.items() if enabled())


def backends(names: str) -> list[SDPBackend]:
    """The kernels of such a string, for `torch.nn.attention.sdpa_kernel`."""
    return [_BACKENDS[name][0] for name in names.split("+")]
