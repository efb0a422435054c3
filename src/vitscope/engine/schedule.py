"""How much runs at once, and what fixes the bits: batch sizes from a memory budget, threads, attention backend.

Resolved once for a run and stored with it: the same batches, threads and backend give the same sums.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

from vitscope.models import Model

CACHE_BUDGET: Final = 48 * 2**20
"""Bytes of activations that a CPU batch may have in flight: more spills out of the cache and is slower, not faster."""
DEVICE_SHARE: Final = 0.25
"""Share of a GPU's free memory that a batch may take."""


def bytes_per_sequence(model: Model) -> int:
    """Rough bytes one sequence holds at once in a block: tokens x (residual, q, k, v, z, MLP hidden twice)."""
    return model.tokens.n_tokens * model.architecture.width * 14 * torch.finfo(model.dtype).bits // 8


def plan_micro_batch(model: Model) -> int:
    """Sequences (images x pruned variants) that run together; at least one image with all heads of a layer."""
    budget = CACHE_BUDGET
    if model.device.type == "cuda":
        budget = int(torch.cuda.mem_get_info(model.device)[0] * DEVICE_SHARE)
    return max(max(model.n_heads), budget // bytes_per_sequence(model))


@contextmanager
def fixed_arithmetic(threads: int) -> Iterator[None]:
    """Set torch's threads (in the calling thread) and deterministic algorithms; both come back afterwards."""
    before, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(deterministic)
