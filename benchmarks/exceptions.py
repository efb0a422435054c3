"""How often shuffled labels name a class exception, and how often a planted one is found.

Effects are those of a run (`RUN`) drawn again with replacement, or synthetic ones with long tails; labels are random,
so every named exception is a false alarm: nominal 5 %. Planted: one class of 30 images and one head, one standard
deviation more.

python benchmarks/exceptions.py [RUN] [--runs 200]
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from coverage import of_run, synthetic

from vitscope.analysis.classes import THRESHOLD, compare_classes
from vitscope.analysis.findings import rank, real_heads
from vitscope.analysis.statistics.permutation import evidence

SIZES = ((240, 12), (240, 24), (480, 12), (800, 10), (800, 40), (800, 100))
MOST, LEAST = 0.08, 0.8


def false_alarms(population: np.ndarray, images: int, classes: int, runs: int) -> tuple[float, float, float]:
    """Shares of runs with any comparison below the threshold, and with a named exception; seconds a run."""
    rng, heads = np.random.default_rng(images + classes), real_heads((population.shape[1],))
    below = named = 0
    began = time.perf_counter()
    for _ in range(runs):
        values = population[rng.integers(len(population), size=images)]
        labels = rng.integers(classes, size=images)
        ranking = rank(values, heads, "jsd")
        assert ranking is not None
        report = compare_classes(ranking, labels, {}, "label")
        named += bool(report.other_tops or report.shifts)
        below += report.permutations == 999  # shuffling ends early where nothing can be beyond chance
    return below / runs, named / runs, (time.perf_counter() - began) / runs


def power(population: np.ndarray, runs: int) -> float:
    """Share of planted exceptions (ten classes of 30 images) that are found, in the right class and head."""
    rng, found = np.random.default_rng(30), 0
    labels = np.repeat(np.arange(10), 30)
    for _ in range(runs):
        values = population[rng.integers(len(population), size=300)].copy()
        head = int(rng.integers(values.shape[1]))
        values[labels == 3, head] += population[:, head].std()
        seen = evidence(values, [labels == index for index in range(10)], threshold=THRESHOLD)
        found += bool(seen.p[3, head] < THRESHOLD and seen.z[3, head] > 0)
    return found / runs


def main() -> None:
    """Print the table; the exit code says whether alarms and power are as promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    population = (of_run(options.run) if options.run else synthetic())["jsd"]
    print(f"{options.run or 'synthetic effects'}, jsd: {options.runs} runs a row, labels random\n")
    print("| images | classes | a comparison below 5 % | an exception named | s a run |\n|---|---|---|---|---|")
    worst = 0.0
    for images, classes in SIZES:
        below, named, seconds = false_alarms(population, images, classes, options.runs)
        worst = max(worst, below, named)
        print(f"| {images} | {classes} | {below:.3f} | {named:.3f} | {seconds:.2f} |", flush=True)
    found = power(population, options.runs)
    print(f"\nplanted, one class of 30 images, one head, + 1 sd: found in {found:.2f} of the runs")
    sys.exit(0 if worst <= MOST and found >= LEAST else 1)


if __name__ == "__main__":
    main()
