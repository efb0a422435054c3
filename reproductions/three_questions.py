"""(d) The paper's three questions on ViT-Tiny: which heads, how strong over hops and layers, which patterns."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reproductions.diversity import diversity_by_layer
from reproductions.fashion import most_diverse_in_the_middle
from reproductions.page import Claim, Page, percent, three
from reproductions.sources import Sources
from vitscope import Run
from vitscope.report.answer import answer
from vitscope.report.census import census
from vitscope.report.findings import Ranking, hidden_heads, output_ranking, rank_heads
from vitscope.report.layout import importance_vectors
from vitscope.report.statistics import spearman


def write(sources: Sources, folder: Path) -> Page:
    """The page on the three questions."""
    run = sources.photos
    ranking = output_ranking(run)
    assert ranking is not None
    page = Page(folder, "d-three-questions", "Which heads matter, how strongly do they attend, which patterns?")
    page.text(
        f"The three questions of Li et al. 2023 for ViT-Tiny on {ranking.n} ImageNet photos, with our definitions"
        " (docs/definitions.md): the paper's code and thresholds are not public, so verdicts are about the"
        " statement, not"
        " about its numbers."
    )
    _which(run, ranking, page)
    _how_strong(run, ranking, page)
    _patterns(run, ranking, page)
    page.claim(most_diverse_in_the_middle(diversity_by_layer(run, sources.vit_tiny), "ViT-Tiny"))
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
    layers = [ranked for ranked in (rank_heads(run, name) for name in ("cls_cos", "patch_cos")) if ranked]
    hidden = hidden_heads(ranking, layers)
    words = ", ".join(
        f"{one.head} (rank {one.output_rank} by output, {one.layer_rank} by {one.layer_metric})" for one in hidden
    )
    page.claim(
        Claim(
            "A head may be weak on the output and strong on its layer",
            "Li et al. 2023",
            "at least one head is in the bottom half by output and in the top quarter by a layer measure",
            f"{len(hidden)} of {len(ranking.heads)} heads: {words}.",
            bool(hidden),
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
    itself = density[..., 0]
    most = density.argmax(-1) == 0
    page.claim(
        Claim(
            "All tokens attend strongly to themselves",
            "Li et al. 2023",
            "in at least 90 % of the heads a patch's weight on itself is at least twice uniform and no ring is denser"
            " (in part: in at least half of the heads)",
            f"at least twice uniform in {percent(float((itself >= 2 * uniform).mean()))} of {itself.size} heads,"
            " densest at"
            f" k = 0 in {percent(float(most.mean()))}; median {three(np.median(itself) / uniform)} times uniform, least"
            f" {three(itself.min() / uniform)} times.",
            _mostly(float(((itself >= 2 * uniform) & most).mean())),
        )
    )
    page.claim(_one_key(run, ranking))


def _mostly(share: float) -> bool | None:
    if share >= 0.9:
        return True
    return None if share >= 0.5 else False


def _one_key(run: Run, ranking: Ranking) -> Claim:
    """An early head whose queries all look at one key, among the most important heads?"""
    early = run.manifest.model.n_layers // 3
    largest = np.stack([run.layer_mean_attention(layer).mean(1).max(-1) for layer in range(early)])
    rank = {ranking.heads[i]: place + 1 for place, i in enumerate(ranking.order)}
    table = run.patterns.table
    part = table[table["layer"] < early]
    stripes = (part["pattern"] == "one-key stripe").groupby([part["layer"], part["head"]]).mean()
    layer, head = np.unravel_index(int(largest.argmax()), largest.shape)
    place = next(value for key, value in rank.items() if (key.layer, key.head) == (layer, head))
    matters = place <= len(rank) // 4
    strong = float(stripes.max()) >= 0.5
    key = int(run.layer_mean_attention(int(layer))[head].mean(0).argmax())
    return Claim(
        "An early head sends every patch to one key, and matters",
        "Li et al. 2023",
        "a head of the first third of the layers has the one-key stripe by rule in at least half of its matrices and"
        " is in"
        " the top quarter by output",
        f"the stripe is the name by rule of at most {percent(float(stripes.max()))} of an early head's matrices; the"
        f" largest mean weight of one key is {percent(float(largest.max()))} of all attention, on"
        f" {run.tokens.name(key)} in L{layer}·H{head}, rank {place} of {len(rank)} by output.",
        bool(strong and matters),
    )


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
    """Do images of one class use the same heads? Pairs within classes against pairs across, labels permuted."""
    page.heading("Do images of one class share head patterns?")
    verdicts, words = [], []
    for name, run in (("ViT-Tiny, photos", sources.photos), ("demo model, Fashion-MNIST", sources.fashion)):
        within, across, p, pairs = _class_similarity(run)
        verdicts.append(within > across and p < 0.01)
        words.append(f"{name}: {within:.3f} within classes ({pairs} pairs), {across:.3f} across, p {_p(p)}")
    page.claim(
        Claim(
            "Images of one class share head patterns",
            "Li et al. 2023",
            "the cosine between two images' importance vectors (signed square roots, centred) is larger within"
            " classes than"
            " across, p < 0.01 by 2,000 permutations of the labels, in both runs (in part: in one)",
            "; ".join(words) + ".",
            all(verdicts) or (None if any(verdicts) else False),
        )
    )


def _class_similarity(run: Run) -> tuple[float, float, float, int]:
    vectors = importance_vectors(run.effect("jsd", "head")).astype(np.float64)
    label = run.images["label"].to_numpy(dtype=float)
    known = np.isfinite(label) & np.isfinite(vectors).all(1)
    vectors, label = vectors[known] - vectors[known].mean(0), label[known].astype(int)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = unit @ unit.T
    upper = np.triu_indices(len(label), 1)
    values = similar[upper]

    def gap(order: np.ndarray) -> tuple[float, float]:
        same = (order[:, None] == order)[upper]
        return float(values[same].mean()), float(values[~same].mean())

    within, across = gap(label)
    random = np.random.default_rng(0)
    drawn = [gap(random.permutation(label)) for _ in range(2000)]
    p = (1 + sum(a - b >= within - across for a, b in drawn)) / 2001
    return within, across, p, int((label[:, None] == label)[upper].sum())


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


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
