"""The exact sweep against a plain script with one hook per head, on the real ViT-Tiny and photos, in one run.

    python benchmarks/sweep.py [--data ../shared/data] [--images 15] [--pairs 8] [--modes head|all]

The plain script is what a careful user writes: timm's model, inference mode, fused attention where it can (whole heads
are zeroed before the projection; regions need the weights, so attention is unfused in the pruned block only), the same
threads, and its best batch size, chosen first. It computes the probability drop only, the sweep all seven metrics.
"Over depth": the sweep that also follows every effect through the later layers, against the sweep that does not.
Runs alternate; quoted are the ratio of minima and the spread of the pairs. Also printed: counted floating-point work
(math attention, the fused kernel is not counted), the share of a large matrix product's rate, peak memory.
"""

import argparse
import csv
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import vitscope
from vitscope.engine import DepthSums, plan_micro_batch
from vitscope.engine.importance.head_importance import sweep
from vitscope.tokens import ALL_MODES, HEAD

WEIGHTS = "weights/vit_tiny_patch16_224.augreg_in21k_ft_in1k/model.safetensors"


def load(data: Path, n: int) -> tuple[vitscope.Model, Tensor, np.ndarray]:
    """The real model and n validation photos with labels."""
    model = vitscope.load_model("timm:vit_tiny_patch16_224", data / WEIGHTS, device="cpu")
    with (data / "images" / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("imagenet_val")][:n]
    pictures = [Image.open(data / "images" / row["path"]).convert("RGB") for row in rows]
    return model, torch.stack([model.preprocess(p) for p in pictures]), np.array([int(row["label"]) for row in rows])


def zeroed_head(head: int, n_heads: int) -> Callable[..., tuple[Tensor]]:
    """A pre-hook of the projection that zeroes one head's z."""

    def hook(_module: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
        z = args[0].clone()
        channels = z.shape[-1] // n_heads
        z[..., head * channels : (head + 1) * channels] = 0
        return (z,)

    return hook


def zeroed_region(head: int, mode: str) -> Callable[..., Tensor]:
    """A hook of attn_drop that zeroes regions of one head's weights (CLS is token 0)."""
    spans = {"c": slice(0, 1), "p": slice(1, None)}

    def hook(_module: nn.Module, _args: tuple[Tensor], weights: Tensor) -> Tensor:
        weights = weights.clone()
        for region in mode.split("+"):
            weights[:, head, spans[region[0]], spans[region[1]]] = 0
        return weights

    return hook


@torch.inference_mode()
def plain(module: nn.Module, pixels: Tensor, labels: np.ndarray, modes: tuple[str, ...], batch: int) -> np.ndarray:
    """Probability drop [image, mode, layer, head] with one hook and one full forward for each head and mode."""
    target = torch.from_numpy(labels)[:, None]

    def probability() -> Tensor:
        logits = torch.cat([module(part) for part in pixels.split(batch)])
        return logits.double().softmax(-1).gather(1, target)[:, 0]

    intact = probability()
    n_heads = module.blocks[0].attn.num_heads
    drops = np.zeros((len(pixels), len(modes), len(module.blocks), n_heads))
    for m, mode in enumerate(modes):
        for layer, block in enumerate(module.blocks):
            for head in range(n_heads):
                if mode == HEAD:
                    handle = block.attn.proj.register_forward_pre_hook(zeroed_head(head, n_heads))
                else:
                    handle = block.attn.attn_drop.register_forward_hook(zeroed_region(head, mode))
                    block.attn.fused_attn = False
                drops[:, m, layer, head] = (intact - probability()).numpy()
                handle.remove()
                block.attn.fused_attn = True
    return drops


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def processor_seconds(function: Callable[[], object]) -> float:
    """Processor time of one call, all threads: a few percent do not drown in what else the machine does."""
    start = time.process_time()
    function()
    return time.process_time() - start


def flops(function: Callable[[], object]) -> int:
    """Counted floating-point work, attention by the math backend."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def matrix_rate() -> float:
    """Floating-point operations a second of a large float32 matrix product, best of a few."""
    a = torch.randn(3072, 3072)
    return 2 * 3072**3 / min(seconds(lambda: a @ a) for _ in range(5))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--images", type=int, default=15)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--modes", choices=["head", "all"], default="head")
    args = parser.parse_args()
    modes = (HEAD,) if args.modes == "head" else ALL_MODES
    model, pixels, labels = load(args.data, args.images)
    module, n = model.module, args.images

    def ours(images: int = n, depth: DepthSums | None = None) -> dict[str, np.ndarray]:
        batch = plan_micro_batch(model)
        return sweep(model, pixels[:images], labels[:images], modes=modes, micro_batch=batch, depth=depth)

    sizes = [size for size in (1, 2, 4, 8, 16, 32) if size <= n]
    with torch.inference_mode():
        timed = {b: min(seconds(lambda b=b: [module(p) for p in pixels.split(b)]) for _ in range(3)) for b in sizes}
    batch = min(timed, key=timed.__getitem__)

    difference = np.abs(ours()["prob_drop"] - plain(module, pixels, labels, modes, batch)).max()
    count = min(n, 4)
    work = flops(lambda: ours(count)) / count
    plain_work = flops(lambda: plain(module, pixels[:count], labels[:count], modes, batch)) / count

    pairs, rates, followed = [], [], []
    for _ in range(args.pairs):
        rates.append(matrix_rate())
        pairs.append((seconds(ours), seconds(lambda: plain(module, pixels, labels, modes, batch))))
        spent = processor_seconds(ours)
        followed.append(processor_seconds(lambda: ours(depth=DepthSums(model, len(modes)))) / spent)
    fast, slow = min(a for a, _ in pairs), min(b for _, b in pairs)
    ratios = sorted(b / a for a, b in pairs)
    shares = sorted(work * n / a / rate for (a, _), rate in zip(pairs, rates, strict=True))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"exact sweep, {len(modes)} mode(s) x {sum(model.n_heads)} heads, {n} photos, {args.pairs} pairs")
    print(f"  threads {torch.get_num_threads()}, micro-batch {plan_micro_batch(model)}, plain batch {batch}")
    print(f"  agreement        max |probability drop difference| {difference:.1e}")
    print(f"  counted work     {plain_work / work:.3f} times less")
    print(f"                   ({work / 1e9:.1f} against {plain_work / 1e9:.1f} GFLOP an image)")
    print(f"  time             {slow / fast:.2f} times less (minima {fast:.2f} s against {slow:.2f} s)")
    print(f"  pairs            {ratios[0]:.2f} .. {statistics.median(ratios):.2f} .. {ratios[-1]:.2f}")
    least, most = min(followed), max(followed)
    print(f"  over depth       {least:.3f} .. {statistics.median(followed):.3f} .. {most:.3f} of the processor time")
    print(f"  images/s         {n / fast:.2f} against {n / slow:.2f}")
    print(f"  matrix product   {min(rates) / 1e9:.0f} .. {max(rates) / 1e9:.0f} GFLOP/s")
    print(f"  share of it      {shares[0]:.2f} .. {statistics.median(shares):.2f} .. {shares[-1]:.2f}")
    print(f"  peak memory      {memory:.0f} MB, both scripts, model and photos")


if __name__ == "__main__":
    main()
