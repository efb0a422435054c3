"""Time and memory to learn the patterns of attention matrices, stage by stage, judged against a matrix product.

    python benchmarks/patterns.py [--matrices 20000] [--seeds 3] [--device cpu] [--threads N]

The sample is synthetic: the planted patterns of tests/patterns/planted.py, brought to the common size a few at a time.
Its cost is that of a real sample of the same size; training is not stopped early. Printed for each stage: seconds,
matrices/s and, for the network, floating-point operations (counted on one batch, times the batches) a second as a share
of the rate of a large matrix product measured in the same run. Also the peak memory of the process, before and after.
"""

import argparse
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.patterns import planted  # noqa: E402

from vitscope.patterns import Sample, autoencoder, common_matrix, features, learn, offset_view  # noqa: E402
from vitscope.patterns.learn import HELD_OUT, TRAIN_AT_MOST  # noqa: E402

HEADS = 36
"""Matrices an image, as of ViT-Tiny."""

BLOCK = 60


def synthetic(n: int) -> tuple[Sample, float]:
    """A sample of n planted matrices of all kinds on 14 x 14 patches, and the seconds that its three views took."""
    tokens = planted.layout(14, 14)
    kinds = list(planted.KINDS)
    matrices, offsets = np.empty((n, 66, 66), np.float16), np.empty((n, 15, 15), np.float16)
    described, seconds = [], 0.0
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        made = planted.matrices(kinds[start // BLOCK % len(kinds)], tokens, stop - start, seed=start)
        begin = time.perf_counter()
        attention = torch.from_numpy(made)
        matrices[start:stop] = common_matrix(attention, tokens).numpy()
        offsets[start:stop] = offset_view(attention, tokens).numpy()
        described.append(features(attention, tokens).float().numpy())
        seconds += time.perf_counter() - begin
    order = np.random.default_rng(0).permutation(n)
    place = np.arange(n)
    views = (matrices[order], offsets[order], np.concatenate(described)[order])
    return Sample(*views, place // HEADS, place % HEADS // 3, place % 3), seconds


def product_rate(device: str, size: int = 2048, repeats: int = 5) -> float:
    """Floating-point operations a second of a large float32 matrix product."""
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    best = float("inf")
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        (a @ b)[0, 0].item()
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best


def network_work(sample: Sample) -> tuple[float, float]:
    """Operations a matrix of one step of training (forward and backward), and of encoding."""
    rows = np.arange(min(autoencoder.BATCH, len(sample)))
    network = autoencoder.Autoencoder()
    seen = autoencoder.views(sample.matrices, sample.offsets, rows, "cpu")[:2]
    with FlopCounterMode(display=False) as training:
        sum(part.sum() for part in network.decode(network.encode(*seen))).backward()
    with FlopCounterMode(display=False) as encoding, torch.no_grad():
        network.encode(*seen)
    return training.get_total_flops() / len(rows), encoding.get_total_flops() / len(rows)


class Stages:
    """Seconds and steps by stage, from the progress that `learn` tells: time counts for the stage told when it ends."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.steps: dict[str, int] = defaultdict(int)
        self.cpu: dict[str, float] = defaultdict(float)
        self.last = time.perf_counter(), time.process_time()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Book the time since the last call."""
        now = time.perf_counter(), time.process_time()
        self.seconds[stage] += now[0] - self.last[0]
        self.cpu[stage] += now[1] - self.last[1]
        self.steps[stage] += 1
        self.last = now


def peak_megabytes() -> float:
    """Peak resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--matrices", type=int, default=20000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sample, seconds = synthetic(args.matrices)
    before, rate = peak_megabytes(), product_rate(args.device)
    size = sum(array.nbytes for array in (sample.matrices, sample.offsets, sample.features)) / 1e6
    print(f"{len(sample)} matrices, {size:.0f} MB; {args.device}, {args.threads} threads")
    print(f"product of matrices {rate / 1e9:.0f} GFLOP/s")
    print(f"{'stage':<28}{'s':>8}{'CPU s':>8}{'matrices/s':>12}{'GFLOP/s':>10}{'of product':>12}")
    print(f"{'views and features':<28}{seconds:>8.1f}{'':>8}{len(sample) / seconds:>12.0f}")
    autoencoder.PATIENCE = autoencoder.EPOCHS
    stages, begin = Stages(), time.perf_counter()
    learned = learn(sample, device=args.device, progress=stages, runs=args.seeds)
    total = time.perf_counter() - begin
    training, encoding = network_work(sample)
    fitted = min(TRAIN_AT_MOST, round((1 - HELD_OUT) * len(sample)))
    done = {"train": (stages.steps["train"] * fitted, training), "encode": (args.seeds * len(sample), encoding)}
    for stage, spent in stages.seconds.items():
        count, work = done.get(stage, (len(sample), 0.0))
        line = f"{stage:<28}{spent:>8.1f}{stages.cpu[stage]:>8.1f}{count / spent:>12.0f}"
        print(line + (f"{count * work / spent / 1e9:>10.1f}{count * work / spent / rate:>12.0%}" if work else ""))
    print(f"{'all of learn':<28}{total:>8.1f}{sum(stages.cpu.values()):>8.1f}{len(sample) / total:>12.0f}")
    print(f"peak memory {peak_megabytes():.0f} MB, {before:.0f} MB before learning")
    for name, space in learned.spaces.items():
        print(
            f"{name}: {space.k} clusters, silhouette {space.fair:.2f}, adjusted Rand over seeds {space.stability:.2f}"
        )
    print(learned.verdict)


if __name__ == "__main__":
    main()
