"""(d) The paper's three questions on ViT-Tiny: which heads, how strong over hops and layers, which patterns."""

from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reproductions.class_claims import permuted, same_importance, same_patterns, share_importance, share_patterns
from reproductions.diversity import most_diverse_in_the_middle, sampled
from reproductions.head_claims import all_to_themselves, itself_and_matters, one_key_and_matters, weak_on_output
from reproductions.page import Page, percent, three
from reproductions.sources import Sources
from vitscope import Run
from vitscope.analysis.findings import Ranking, output_ranking, rank_heads
from vitscope.analysis.images.layout import importance_vectors
from vitscope.analysis.patterns.census import census
from vitscope.analysis.statistics.descriptive import spearman
from vitscope.text.answer import answer

NAME: Final = "d-three-questions"


def write(sources: Sources, folder: Path) -> Page:
    """The page on the three questions."""
    run = sources.photos
    ranking = output_ranking(run)
    assert ranking is not None
    page = Page(folder, NAME, "Which heads matter, how strongly do they attend, which patterns?")
    page.text(
        f"The three questions of Li et al. 2023 for ViT-Tiny on {ranking.n} ImageNet photos, with our definitions"
        " (docs/definitions.md): the paper's code and thresholds are not public, so verdicts are about the"
        " statement, not"
        " about its numbers."
    )
    _which(run, ranking, page)
    _how_strong(run, ranking, page)
    _patterns(run, ranking, page)
    page.claim(most_diverse_in_the_middle(sampled(run, sources.vit_tiny)[0], "ViT-Tiny"))
    _classes(sources, page)
    page.write()
    return page


def _which(run: Run, ranking: Ranking, page: Page) -> None:
    page.heading("1. Which heads matter?")
    mean = np.nanmean(run.effect("jsd", "head"), axis=0)
    page.picture(
        _matrix(mean, "mean Jensen-Shannon divergence, bits"),
        "importance",
        f"Effect of pruning each head on the output, mean over n = {ranking.n} photos.",
    )
    summary = ranking.summary
    rows = []
    for i in ranking.order[:5]:
        low, high = ranking.interval.low[i], ranking.interval.high[i]
        rows.append([ranking.heads[i], three(summary.mean[i]), f"{three(low)} to {three(high)}"])
    page.table(["head", "JSD, bits", "95 % interval"], rows)
    found = answer(run).why
    assert found is not None
    page.text(f"Why the first one: {found.sentence}")
    layers = {name: rank_heads(run, name) for name in ("cls_cos", "patch_cos")}
    page.claim(
        weak_on_output(
            [str(head) for head in ranking.heads],
            ranking.summary.mean,
            {name: ranked.summary.mean for name, ranked in layers.items() if ranked is not None},
        )
    )


def _how_strong(run: Run, ranking: Ranking, page: Page) -> None:
    page.heading("2. How strongly do patches attend, over hops and layers?")
    density = np.nanmean(run.strength["density"].values, axis=0)
    mass = np.nanmean(run.strength["mass"].values, axis=0)
    top = [ranking.heads[i] for i in ranking.order[:3]]
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 2.6))
    for axis, values, words in zip(axes, (mass, density), ("mass of ring k", "density of ring k"), strict=True):
        for line in values.reshape(-1, values.shape[-1]):
            axis.plot(line, color="#bbb", lw=0.6)
        for head, colour in zip(top, ("#0072B2", "#D55E00", "#009E73"), strict=True):
            axis.plot(values[head.layer, head.head], color=colour, label=str(head))
        axis.set(xlabel="hops k", ylabel=words)
    axes[1].set_yscale("log")
    axes[0].legend()
    page.picture(
        figure,
        "strength",
        f"Attention of patches by hop, mean over n = {ranking.n} photos; the three most important heads in colour.",
    )
    uniform = 1 / run.tokens.n_tokens
    rank = np.full(mass.shape[:2], np.nan)
    for place, i in enumerate(ranking.order, start=1):
        rank[ranking.heads[i]] = place
    page.claim(all_to_themselves(density, uniform))
    page.claim(itself_and_matters(mass, density, rank, uniform))
    early = [run.layer_mean_attention(layer).mean(1) for layer in range(len(mass) // 3)]  # [head, key]
    keys = [[run.tokens.name(int(key)) for key in layer.argmax(-1)] for layer in early]
    page.claim(one_key_and_matters(np.stack([layer.max(-1) for layer in early]), keys, rank))


def _patterns(run: Run, ranking: Ranking, page: Page) -> None:
    page.heading("3. Which patterns have heads learned?")
    found = census(run, ranking)
    assert found is not None
    patterns = run.patterns
    page.text(found.verdict if hasattr(found, "verdict") else patterns.verdict)
    figure, axes = plt.subplots(1, len(patterns.clusters), figsize=(1.35 * len(patterns.clusters), 1.7))
    clusters = patterns.clusters
    for axis, (_, cluster) in zip(np.atleast_1d(axes), clusters.iterrows(), strict=True):
        matrix = patterns.matrix(int(cluster["medoid"]))
        axis.imshow(np.log10(np.maximum(matrix, 1e-5)), vmin=-5, vmax=0)
        axis.set_title(f"{cluster['name']}\n{percent(cluster['share'])}", fontsize=7)
        axis.axis("off")
    page.picture(figure, "medoids", "The most central matrix of each pattern, log scale, and the pattern's share.")
    content = patterns.content_dependence.values
    page.picture(
        _matrix(content, "content dependence, 0 = the same matrix whatever the image"),
        "content",
        f"Content dependence of each head, over n = {ranking.n} photos.",
    )
    flat = np.array([content[head.layer, head.head] for head in ranking.heads])
    rho = spearman(ranking.summary.mean, flat)
    page.text(
        f"Content dependence is {three(np.nanmin(content))} to {three(np.nanmax(content))}; its rank correlation"
        " with the"
        f" effect on the output is {rho:.2f} over {len(flat)} heads."
    )


def _classes(sources: Sources, page: Page) -> None:
    page.heading("Do images of one class share head patterns?")
    patterns, importance = {}, {}
    for name, run in (("ViT-Tiny, photos", sources.photos), ("demo model, Fashion-MNIST", sources.fashion)):
        label = run.images["label"].fillna(-1).to_numpy(dtype=int)
        table = run.patterns.table
        chosen = table.assign(place=table["layer"] * max(run.manifest.model.n_heads) + table["head"])
        cluster = chosen.pivot(index="image", columns="place", values="cluster")
        labelled = cluster[label[cluster.index] >= 0]
        patterns[name] = permuted(same_patterns(labelled.to_numpy()), label[labelled.index])
        vectors = importance_vectors(run.effect("jsd", "head")).astype(np.float64)
        known = (label >= 0) & np.isfinite(vectors).all(1)
        importance[name] = permuted(same_importance(vectors[known]), label[known])
    page.claim(share_patterns(patterns))
    page.claim(share_importance(importance))


def _matrix(values: np.ndarray, label: str) -> Figure:
    figure, axis = plt.subplots(figsize=(5.4, 2.2))
    drawn = axis.imshow(values.T, aspect="auto")
    for layer, head in np.ndindex(*values.shape):
        if np.isfinite(values[layer, head]):
            light = values[layer, head] < np.nanmean([np.nanmin(values), np.nanmax(values)])
            axis.text(
                layer,
                head,
                f"{values[layer, head]:.2f}",
                ha="center",
                va="center",
                fontsize=6,
                color="w" if light else "k",
            )
    axis.set(xlabel="layer", ylabel="head", xticks=range(values.shape[0]), yticks=range(values.shape[1]))
    figure.colorbar(drawn, ax=axis, location="bottom", shrink=0.5, aspect=40, label=label)
    return figure
