"""How much runs at once, and what fixes the bits: batch sizes from a memory budget, threads, deterministic algorithms.

Resolved once for a run and stored with it: the same batches and threads give the same sums.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

import torch

from vitscope.models import Model

CACHE_BUDGET: Final = 32 * 2**20
"""Bytes of activations that a CPU batch may have in flight: more spills out of the cache and is slower, not faster."""
DEVICE_SHARE: Final = 0.25
"""Share of a GPU's free memory that a batch may take."""
MOST_SEQUENCES: Final = 2**15
"""A batch has no more sequences: CUDA's attention kernels count them on a grid axis that ends at 65535."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's mallopt parameters
_KEPT_BLOCK, _KEPT_TOP = 32 * 2**20, 512 * 2**20


@cache
def keep_freed_memory() -> None:
    """Have glibc reuse the memory of activations instead of giving it back after every layer; once a process.

    A block's activations are a few MB each. By default glibc returns such blocks to the system, and every layer pays
    for page faults on fresh memory: a fifth of the sweep's time (docs/tried.md). Elsewhere than on glibc this does
    nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BLOCK)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_TOP)


def bytes_per_sequence(model: Model) -> int:
    """Rough bytes one sequence holds at once in a block: tokens x (residual, q, k, v, z, MLP hidden twice)."""
    return model.tokens.n_tokens * model.architecture.width * 14 * torch.finfo(model.dtype).bits // 8


def plan_micro_batch(model: Model) -> int:
    """Sequences (images x pruned variants) that run together; at least one image with all heads of a layer."""
    budget = CACHE_BUDGET
    if model.device.type == "cuda":
        budget = int(torch.cuda.mem_get_info(model.device)[0] * DEVICE_SHARE)
    return max(max(model.n_heads), min(MOST_SEQUENCES, budget // bytes_per_sequence(model)))


@contextmanager
def fixed_arithmetic(threads: int) -> Iterator[None]:
    """Set torch's threads (in the calling thread), deterministic algorithms and full float32; all come back afterwards.

    Without the last, a GPU embeds patches in TF32 (10 bits), on every path alike, so that parity cannot see it.
    """
    before, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    tf32 = torch.backends.cudnn.allow_tf32
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.backends.cudnn.allow_tf32 = tf32
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
