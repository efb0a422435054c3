"""The second engine (brute force under the tap) against the first, in processor time, on a model that both can run.

    python benchmarks/second_engine.py [--images 4] [--pairs 3]

ViT-Tiny's size, random weights: `head_importance` of whole heads. Runs alternate; quoted are the ratio of minima and
the spread of the pairs. Also printed: the largest difference of the Jensen-Shannon divergence, and what proving costs.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

import vitscope
from vitscope.errors import NoAdapter
from vitscope.models.sources.by_brute_force import tapped_model

import timm  # isort: skip - after vitscope.models, which makes torchvision importable


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    """Processor time of this process, and what the work gave."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    torch.manual_seed(0)
    module = timm.create_model("vit_tiny_patch16_224", pretrained=False).eval()
    module.image_size = 224  # what the second engine would not know of timm's module
    pixels = torch.randn(given.images, 3, 224, 224)
    first_wrap, first = seconds(lambda: vitscope.wrap(module))
    second_wrap, second = seconds(
        lambda: tapped_model(
            NoAdapter("for comparison"),
            "ViT-Tiny",
            module,
            classes=None,
            transform=lambda picture: pixels[0],
            own_transform=lambda size: lambda picture: pixels[0],
            classifier=None,
            multi_label=False,
            sha256=lambda: "",
        )
    )
    times: list[tuple[float, float]] = []
    for _ in range(given.pairs):
        one, ours = seconds(lambda: vitscope.head_importance(first, pixels)["jsd"].values)
        other, theirs = seconds(lambda: vitscope.head_importance(second, pixels)["jsd"].values)
        times.append((one, other))
        print(f"first engine {one:.2f} s, second {other:.2f} s, ratio {other / one:.2f}", flush=True)
    best = [min(column) for column in zip(*times, strict=True)]
    ratios = sorted(other / one for one, other in times)
    print(f"ratio of minima {best[1] / best[0]:.2f} ({given.pairs} pairs, {ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"largest difference of jsd {np.abs(ours - theirs).max():.1e} of {np.abs(ours).max():.1e}")
    print(f"wrap: first engine {first_wrap:.2f} s, second {second_wrap:.2f} s")


if __name__ == "__main__":
    main()
