"""The answer of a run as plain text, 100 columns wide: which heads matter, why, for which images, how far they attend.

Every number carries its unit and the number of images behind it; what is not known is a dash with the reason.
Knows nothing about: models, torch, terminals (no colour, no cursor: it reads the same in a file).
"""

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Final

import numpy as np

from vitscope.analysis import Run
from vitscope.analysis.findings import PATCH_SHARE, Ranking, Reach, RegionEffect, measured, occurrences
from vitscope.analysis.statistics.intervals import FEW
from vitscope.quantities import of_kind, quantity, ranking_metric
from vitscope.quantities.form import DASH, WIDTH, name_list, number, paragraph, percent, plural, span, table
from vitscope.quantities.readouts import told
from vitscope.text.answer import answer, same_for_all
from vitscope.text.chance import agreement_lines, class_lines, quadrant_lines
from vitscope.text.heads import against_lines, repair_lines
from vitscope.text.patterns import pattern_lines

TOP: Final = 5
TOP_LAYER: Final = 3
SHADES: Final = (("█", 1 / 2), ("▓", 1 / 4), ("▒", 1 / 8), ("░", 1 / 16), ("·", 0.0))
"""Marks of the matrix and the share of the largest mean each begins at."""
FILLS: Final = {
    "zero": "weights become 0 after the softmax, rows not rescaled",
    "renormalise": "the rest of each row is rescaled to sum to 1, which hides part of the effect",
    "mean": "its output becomes the mean over a reference set, for each token",
    "resample": "its output becomes that of another image of a reference set",
}


def show(run: Run) -> str:
    """The whole answer as text; an unfinished run says how much is done, an empty one why."""
    found = answer(run)
    lines = [*_title(run), *_facts(run)]
    if found.output is None:
        lines += ["", *_nothing(run)]
        return "\n".join(lines) + "\n"
    if found.why is not None:
        lines += ["", "WHY THE TOP HEAD MATTERS", *paragraph(found.why.sentence)]
    lines += ["", *_ranking(found.output, "WHICH HEADS MATTER, BY OUTPUT", TOP), "", *_matrix(found.output, run)]
    if found.regions:
        lines += ["", *_regions(found.regions, found.output)]
    for ranking in found.layers:
        lines += ["", *_ranking(ranking, "BY LAYER", TOP_LAYER)]
    lines += ["", *quadrant_lines(found), "", *repair_lines(found.repair, found.output.metric)]
    if found.against is not None:
        lines += ["", *against_lines(found.against)]
    if found.reach is not None:
        lines += ["", *_reach(found.reach)]
    if found.classes is not None:
        lines += ["", *class_lines(found.classes)]
    lines += ["", *agreement_lines(found)]
    if found.patterns is not None:
        lines += ["", *pattern_lines(found.patterns, found.output)]
    return "\n".join(lines) + "\n"


def _title(run: Run) -> list[str]:
    return [f"vitscope · {run.manifest.model.name} · {run.path}", "═" * WIDTH]


def _facts(run: Run) -> list[str]:
    """What was analysed: model, tokens, images, pruning, progress."""
    model, tokens = run.manifest.model, run.tokens
    counts = sorted(set(model.n_heads))
    heads = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    prefix = (
        f"{name_list([name.upper() if name == 'cls' else name for name in tokens.prefix])} + " if tokens.prefix else ""
    )
    height, width = tokens.patch
    fill = run.manifest.options.fill
    facts = [
        ("model", f"{model.id}, {model.n_layers} layers, {heads} heads per layer, {sum(model.n_heads)} heads in total"),
        ("tokens", f"{tokens.n_tokens} = {prefix}{tokens.rows} × {tokens.cols} patches of {height} × {width} px"),
        ("parity", f"{number(model.parity)} (largest relative difference to the model's own output), {model.dtype}"),
        *_answers(run),
        ("images", _images(run)),
        *_problems(run),
        *_copies(run),
        ("pruned", f"each head whole; fill {fill}: {FILLS[fill]}"),
        *_progress(run),
        *(("note", text) for text in (*_listed(run), *_absent(run), *_few(run))),
    ]
    return [
        line
        for name, text in facts
        for line in wrap(text, WIDTH, initial_indent=f"{name:<8}", subsequent_indent=" " * 8)
    ]


def _answers(run: Run) -> Iterable[tuple[str, str]]:
    """What the logits mean, where it is not one class of several."""
    model = run.manifest.model
    if model.options.prompt or model.readout == "values":
        yield "answers", told(model.readout, model.n_logits, model.options.prompt, model.read_by)
    if model.readout == "labels":
        one = "" if model.n_logits == 1 else "; JSD is the mean over them, a flip is any of them crossing one half"
        yield "answers", f"{told(model.readout, model.n_logits)}{one}"


def _images(run: Run) -> str:
    images = run.images
    done = measured(images)
    labelled = (images["label"].to_numpy() >= 0) & done
    right = (images["prediction"].to_numpy() == images["label"].to_numpy())[labelled]
    skipped = int(images["problem"].notna().to_numpy().sum())
    told = f"{int(done.sum())} of {len(images)} measured, {skipped} skipped"
    if run.manifest.model.n_classes is None:
        return told
    if not labelled.any():
        return f"{told}; no labels: the target is the model's own prediction"
    return f"{told}; {int(labelled.sum())} with a label, top-1 accuracy {right.mean():.3f}"


def _listed(run: Run) -> list[str]:
    """How the list of images and their labels was read, where that was not plain."""
    return [note] if (note := run.manifest.source.note) else []


def _problems(run: Run) -> Iterable[tuple[str, str]]:
    """Why images were skipped or what was done to them, most frequent first."""
    for column, name in (("problem", "skipped"), ("note", "handled")):
        for text, count in occurrences(run.images, column).items():
            yield name, f"{count} × {text}"


def _copies(run: Run) -> Iterable[tuple[str, str]]:
    images = run.images
    ids = images["id"].to_numpy()[measured(images)].tolist()
    copies = len(ids) - len(set(ids))
    if copies:
        what = "1 is a copy" if copies == 1 else f"{copies} are copies"
        yield "copies", f"{what} of another image (same bytes); intervals and p count each as a separate image"


def _progress(run: Run) -> Iterable[tuple[str, str]]:
    progress = run.progress()
    if progress.done_units < progress.total_units:
        groups = name_list([f"{done} of {total} {group}" for group, (done, total) in progress.units.items()])
        yield "so far", f"{groups} units done; every n below counts the images measured so far"


def _absent(run: Run) -> Iterable[str]:
    if run.manifest.model.n_classes is None:
        values = run.manifest.model.readout == "values"
        why = "effects are measured on values" if values else "the model has no classifier"
        ranks = ranking_metric("values" if values else "features")
        yield f"{DASH} for prob_drop, logit_drop, jsd and flip: {why}; ranked by {ranks} instead"
    if run.tokens.cls is None:
        yield f"{DASH} for cls_cos and everything measured from CLS: the model has no CLS token"
    lacking = [row.name for row in of_kind("spread") if run.manifest.lacks(row.name)]
    if lacking:
        yield f"{DASH} for {name_list(lacking)}: {run.manifest.lacks(lacking[0])}"


def _few(run: Run) -> Iterable[str]:
    n = int(measured(run.images).sum())
    if 2 <= n < FEW:
        yield (
            f"few images: with {n} (fewer than {FEW}), 95 % intervals of skewed effects contain the mean less often "
            "than 95 %, most of all below 30"
        )


def _nothing(run: Run) -> list[str]:
    if run.progress().done_units == 0:
        return ["No image has been measured yet: the first numbers come with the first shard."]
    return ["No image could be measured: see the reasons above."]


def _ranking(ranking: Ranking, title: str, most: int) -> list[str]:
    header = ("head", "mean", "95 % interval", "median", "quartiles", "rank, 95 %", "first in", "consistency", "n")
    lines = [f"{title}: {ranking.metric}, {ranking.unit}", *paragraph(quantity(ranking.metric).meaning)]
    if ranking.flat:
        return [*lines, *paragraph(f"no head comes first: {same_for_all(ranking)}")]
    return [
        *lines,
        *table(header, [_row(ranking, index) for index in ranking.order[:most]]),
        *_rest(ranking, ranking.order[most:]),
    ]


def _row(ranking: Ranking, index: int) -> tuple[str, ...]:
    summary, interval, ranks = ranking.summary, ranking.interval, ranking.rank_interval
    ends = f", {ranks.low[index]:.0f}–{ranks.high[index]:.0f}" if np.isfinite(ranks.low[index]) else ""
    steady = ranking.consistency[index]
    return (
        str(ranking.heads[index]),
        number(summary.mean[index]),
        span(interval.low[index], interval.high[index]),
        number(summary.median[index]),
        span(summary.lower_quartile[index], summary.upper_quartile[index]),
        f"{ranking.rank[index]:.0f}{ends}",
        percent(ranking.top_share[index]),
        f"{steady:.2f}" if np.isfinite(steady) else DASH,
        str(summary.n[index]),
    )


def _rest(ranking: Ranking, rest: Sequence[int]) -> list[str]:
    if not rest:
        return []
    means = ranking.summary.mean
    first, last = number(means[rest[0]]), number(means[rest[-1]])
    if len(rest) == 1:
        return [f"  the other head: mean {last}"]
    return [f"  the other {len(rest)} heads: mean {first} down to {last}"]


def _matrix(ranking: Ranking, run: Run) -> list[str]:
    """Layers across, heads down; a mark for each halving below the largest mean, on one scale for all heads."""
    counts = run.manifest.model.n_heads
    means = np.full((len(counts), max(counts)), np.nan)
    for index, head in enumerate(ranking.heads):
        means[head] = ranking.summary.mean[index]
    largest = float(np.nanmax(means))
    scale = "  ".join(f"{mark} from {number(share * largest)}" for mark, share in SHADES[:-1] if largest > 0)
    lines = [
        f"  mean {ranking.metric} over {plural(ranking.n, 'image')}, layers across, heads down",
        f"  {scale}  · less",
    ]
    step = 3 if len(counts) <= 30 else 2
    lines.append(
        " " * 6
        + "".join(
            f"{layer:>{step}}" if layer % (1 if step == 3 else 5) == 0 else " " * step for layer in range(len(counts))
        )
    )
    for head in range(max(counts)):
        marks = "".join(f"{_shade(means[layer, head], largest):>{step}}" for layer in range(len(counts)))
        lines.append(f"  H{head:<3}{marks}".rstrip())
    return lines


def _shade(mean: float, largest: float) -> str:
    """The mark of a mean; a blank where there is no such head or no value."""
    if not np.isfinite(mean):
        return " "
    return next((mark for mark, share in SHADES if largest > 0 and mean >= share * largest), SHADES[-1][0])


def _regions(regions: Sequence[RegionEffect], output: Ranking) -> list[str]:
    """What pruning only a part of the top head's matrix does: through which region it acts."""
    rows = [
        (
            effect.mode,
            number(effect.mean),
            span(effect.low, effect.high),
            percent(effect.mean / effect.whole) if effect.whole else DASH,
            str(effect.n),
        )
        for effect in regions
    ]
    header = ("region pruned", "mean", "95 % interval", "of the whole head's", "n")
    title = (
        f"THROUGH WHICH REGION {output.top} ACTS: {output.metric}, {output.unit}; c = CLS, p = patches, query then key"
    )
    return [title, *table(header, rows)]


def _reach(seen: Reach) -> list[str]:
    header = ("head", "distance px", "patches alone", "no sinks", "95 %", "within 1 hop", "to CLS", "to patches")

    def row(index: int) -> tuple[str, ...]:
        return (
            str(seen.heads[index]),
            number(seen.distance[index]),
            number(seen.rescaled[index]),
            number(seen.no_sinks[index]),
            span(seen.interval.low[index], seen.interval.high[index]),
            percent(seen.near[index]),
            percent(seen.to_cls[index]),
            percent(seen.to_patches[index]),
        )

    by = "distance" if seen.missing else "distance without sinks"
    title = f"HOW FAR HEADS ATTEND: mean distance of the patches' attention, n = {seen.n}"
    left_out = f"; {plural(seen.left_out, 'head')} left out" if seen.left_out else ""
    rule = (
        f"diagonal {seen.diagonal:.0f} px, uniform attention {number(seen.uniform)} px; ordered by {by}, with its "
        f"interval; of heads whose patches attend at least {percent(PATCH_SHARE)} to patches{left_out}"
    )
    lines = [title, *paragraph(rule), "  most local", *_indented(header, [row(index) for index in seen.most_local(3)])]
    if seen.missing:
        reason = (
            f"{DASH} most global: a distant sink makes a distance as long as global attention does, and {seen.missing}"
        )
        return [*lines, *paragraph(reason)]
    return [*lines, "  most global", *_indented(header, [row(index) for index in seen.most_global(3)])]


def _indented(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return table(header, rows, indent=4)
