"""How often 95 % intervals hold the mean: ours beside percentiles of resampled means and Student's t.

A population is the effects of a run's images (`RUN`, made by `vitscope analyze`), or a synthetic one with long tails.
Samples are drawn from it with replacement, so its mean is known.

python benchmarks/coverage.py [RUN] [--draws 300] [--sizes 5 10 30 100] [--metrics jsd ...] [--check]
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from vitscope.analysis import Run
from vitscope.analysis.findings import flatten, real_heads
from vitscope.analysis.statistics.intervals import Interval, mean_interval, range_of
from vitscope.analysis.statistics.resampling import resample

METRICS = ("jsd", "out_cos", "cls_cos", "prob_drop", "logit_drop", "flip")
GOALS = {10: 0.90, 30: 0.92, 100: 0.93}
"""Coverage of JSD, mean over heads, by the number of images."""


def synthetic(images: int = 2000, heads: int = 36) -> dict[str, np.ndarray]:
    """Effects with long tails, some heads tiny, images that feel all heads more than others."""
    rng = np.random.default_rng(17)
    feels = 0.5 * rng.normal(size=(images, 1)) + 1.1 * rng.normal(size=(images, heads))
    jsd = np.minimum(np.exp(rng.normal(-4, 1.3, heads)) * np.exp(feels), 1)
    return {"jsd": jsd, "prob_drop": np.clip(np.sqrt(jsd) * rng.choice([-0.4, 1], jsd.shape), -1, 1)}


def of_run(path: Path) -> dict[str, np.ndarray]:
    """Effects of whole heads on the images of a run, those that were measured."""
    run = Run(path)
    heads = real_heads(run.manifest.model.n_heads)
    found = {}
    for metric in METRICS:
        values = flatten(run.effect(metric, "head"), heads).astype(np.float64)
        values = values[np.isfinite(values).all(axis=1)]
        if len(values):
            found[metric] = values
    return found


def percentiles(sample: np.ndarray) -> Interval:
    """What was used before: quantiles of resampled means."""
    return Interval(*np.quantile(resample(sample).mean, [0.025, 0.975], axis=0))


def student(sample: np.ndarray) -> Interval:
    """The textbook's."""
    half = stdtrit(len(sample) - 1, 0.975) * sample.std(axis=0, ddof=1) / np.sqrt(len(sample))
    return Interval(sample.mean(axis=0) - half, sample.mean(axis=0) + half)


def coverage(population: np.ndarray, metric: str, n: int, draws: int) -> Iterator[tuple[str, np.ndarray, float]]:
    """By method: coverage of each head, and the width as a multiple of Student's."""
    rng, mean, spread = np.random.default_rng(n), population.mean(axis=0), population.std(axis=0)
    methods = {
        "percentiles": percentiles,
        "Student's t": student,
        "vitscope": lambda sample: mean_interval(sample, range_of(metric)),
    }
    held = {name: np.zeros(len(mean)) for name in methods}
    width = {name: 0.0 for name in methods}
    for _ in range(draws):
        sample = population[rng.integers(len(population), size=n)]
        for name, method in methods.items():
            found = method(sample)
            held[name] += (found.low - 1e-12 <= mean) & (mean <= found.high + 1e-12)
            width[name] += float(np.median((found.high - found.low) / spread))
    for name in methods:
        yield name, held[name] / draws, width[name] / width["Student's t"]


def main() -> None:
    """Print the table; with `--check` the exit code says whether the goals for JSD are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5, 10, 30, 100])
    parser.add_argument("--metrics", nargs="+", default=METRICS)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    populations = of_run(options.run) if options.run else synthetic()
    missed = []
    what = f"{options.run}" if options.run else "synthetic effects"
    print(f"{what}: {options.draws} samples a cell; mean over heads (worst head), width as a multiple of Student's t\n")
    print("| measure | n | percentiles | Student's t | vitscope | width |\n|---|---|---|---|---|---|")
    for metric, population in populations.items():
        if metric not in options.metrics:
            continue
        varying = population[:, population.std(axis=0) > 0]
        for n in options.sizes:
            found = {name: (held, width) for name, held, width in coverage(varying, metric, n, options.draws)}
            cells = [f"{held.mean():.3f} ({held.min():.2f})" for held, _ in found.values()]
            held, width = found["vitscope"]
            print(f"| {metric} | {n} | {' | '.join(cells)} | {width:.2f} |", flush=True)
            if metric == "jsd" and held.mean() < GOALS.get(n, 0):
                missed.append(f"jsd at n = {n}: {held.mean():.3f} < {GOALS[n]}")
    print("\n" + ("; ".join(missed) or "the goals for JSD (0.90 at 10, 0.92 at 30, 0.93 at 100) are met"))
    sys.exit(1 if missed and options.check else 0)


if __name__ == "__main__":
    main()
