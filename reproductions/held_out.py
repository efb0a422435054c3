"""(e) Is the ranking worth something? Heads removed least important first, on photos the ranking has not seen."""

from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
import numpy as np
import torch

import vitscope
from reproductions.page import Claim, Page, percent, three
from reproductions.sources import Sources
from vitscope.analysis.findings import real_heads
from vitscope.pipeline.work.loading import ImageSource
from vitscope.tokens import HeadRef

NAME: Final = "e-pruning-held-out"
RANKED_ON: Final = "imagenet_sample_500"
JUDGED_ON: Final = "imagenet_val_300"
SIZES: Final = (2, 4, 6, 9, 12, 18)
JUDGED: Final = 200
"""Photos of the others, a seeded sample: a difference of one photo is half a point."""
FEW: Final = 6
RANDOM_SETS, RANDOM_ORDERS = 60, 8
SEARCHED_ON: Final = 32
ORDERS: Final = {"jsd": "least JSD first", "cls_cos": "least CLS cosine first", "patch_cos": "least patch cosine first"}
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def write(sources: Sources, folder: Path) -> Page:
    """The page on pruning curves."""
    found = _measured(sources)
    page = Page(folder, NAME, "Removing the least important heads, on photos the ranking has not seen")
    n, intact = int(found["n"]), float(found["intact"])
    names = [str(name) for name in found["names"]]
    page.text(
        f"Heads of ViT-Tiny are ranked on {int(found['ranked'])} photos and removed (fill zero, which is what"
        f" `vitscope prune --save` leaves out for good) on {n} others, ImageNet validation photos: accuracy without any"
        f" pruning {percent(intact)}. Beside orders by our measures: one found by greedy search on {SEARCHED_ON} of the"
        f" ranking's photos (next comes the head whose removal, with those before it, moves the answers least), and"
        f" {RANDOM_ORDERS} random orders."
    )
    figure, axis = plt.subplots(figsize=(5.6, 3))
    sizes = found["sizes"]
    low, middle, high = found["random"].min(0), np.median(found["random"], 0), found["random"].max(0)
    start = [intact]
    axis.fill_between([0, *sizes], [*start, *low], [*start, *high], color="#ccc", lw=0, label="random, least to best")
    axis.plot([0, *sizes], [*start, *middle], color="#888", lw=0.8, label="random, median")
    for name, line, colour in zip(names, found["named"], COLOURS, strict=True):
        axis.plot([0, *sizes], [*start, *line], "o-", ms=3, color=colour, label=name)
    axis.set(xlabel="heads removed, of 36", ylabel=f"accuracy, n = {n}", ylim=(0, 1), xticks=[0, *sizes])
    axis.legend(fontsize=7)
    page.picture(figure, "curve", f"Accuracy on {n} held-out photos against the number of heads removed.")
    header = ["order", *(f"{size} removed" for size in sizes)]
    rows = [[name, *(percent(value) for value in line)] for name, line in zip(names, found["named"], strict=True)]
    rows += [["random, median", *(percent(value) for value in middle)]]
    rows += [["random, best", *(percent(value) for value in high)]]
    page.table(header, rows)
    at = list(sizes).index(FEW)
    ours, sets = float(found["named"][names.index(ORDERS["jsd"]), at]), found["sets"]
    best = float(np.quantile(sets, 0.95))
    page.claim(
        Claim(
            f"Removing the {FEW} least important heads costs less than removing {FEW} random ones",
            "what a ranking is for",
            f"accuracy after removing the {FEW} heads with the least JSD is above the 95th percentile of"
            f" {len(sets)} random sets of {FEW}",
            f"{percent(ours)} against {percent(best)} (95th percentile; median {percent(float(np.median(sets)))}, best"
            f" {percent(float(sets.max()))}); {int((sets >= ours).sum())} of {len(sets)} random sets do as well.",
            ours > best,
        )
    )
    greedy = float(found["named"][-1, at])
    page.text(
        f"Greedy search keeps {percent(greedy)} at {FEW} heads: a ranking adds up single effects, and heads back each"
        f" other up. Its first {FEW}: {', '.join(str(head) for head in found['greedy'][:FEW])}; the ranking's:"
        f" {', '.join(str(head) for head in found['least'][:FEW])}. One set of photos and one model: a difference of"
        f" {three(100 / n)} points is one photo."
    )
    page.write()
    return page


def _measured(sources: Sources) -> dict[str, np.ndarray]:
    """Accuracies, kept beside the runs: about eighteen minutes of one core."""
    run = sources.photos
    kept = sources.work / f"held_out-{run.manifest.run_id}.npz"
    if kept.is_file():
        with np.load(kept) as known:
            return dict(known)
    paths = run.images["path"]
    heads = real_heads(run.manifest.model.n_heads)
    ranked, judged = (np.flatnonzero(paths.str.startswith(name)) for name in (RANKED_ON, JUDGED_ON))
    orders = {words: _ascending(run, metric, ranked, heads) for metric, words in ORDERS.items()}
    judged = np.sort(np.random.default_rng(1).permutation(judged)[:JUDGED])
    source = ImageSource(run, sources.vit_tiny)
    searched = np.random.default_rng(0).permutation(ranked)[:SEARCHED_ON]
    greedy = vitscope.greedy_order(sources.vit_tiny, _pixels(source, searched), length=max(SIZES))
    orders["greedy search"] = [HeadRef(*head) for head in greedy]
    pixels, labels = _pixels(source, judged), run.images["label"].to_numpy()[judged].astype(int).tolist()
    given = (sources.vit_tiny, pixels)
    curve = vitscope.pruning_curve(*given, orders, labels, sizes=(0, *SIZES), random=RANDOM_ORDERS)
    sets = vitscope.pruning_curve(*given, {}, labels, sizes=[FEW], random=RANDOM_SETS, seed=1)
    right = curve["right"].mean("image").values
    found = {
        "n": np.array(len(judged)),
        "ranked": np.array(len(ranked)),
        "intact": right[0, 0],
        "names": np.array(list(orders)),
        "sizes": np.array(SIZES),
        "named": right[: len(orders), 1:],
        "random": right[len(orders) :, 1:],
        "sets": sets["right"].mean("image").values[:, 0],
        "least": np.array([str(head) for head in orders[ORDERS["jsd"]]]),
        "greedy": np.array([str(head) for head in orders["greedy search"]]),
    }
    np.savez(kept, **found)
    return found


def _ascending(run: vitscope.Run, metric: str, rows: np.ndarray, heads: tuple[HeadRef, ...]) -> list[HeadRef]:
    mean = np.nanmean(run.effect(metric, "head")[rows], axis=0)
    return sorted(heads, key=lambda head: mean[head.layer, head.head])


def _pixels(source: ImageSource, rows: np.ndarray) -> torch.Tensor:
    return torch.stack([source.load(int(row))[0] for row in rows])
