"""What is said of distance: near and far heads, early and late layers; judged on distance that sinks do not explain.

Each claim is a function of numbers alone, with its rule. Knows nothing about: which page asks.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats

import vitscope
from reproductions.look import thirds
from reproductions.page import Claim, Page, Was, percent, three
from vitscope.measures import mean_distance


@dataclass(frozen=True)
class Distances:
    """How far heads look, mean over images, [layer, head]; pixels, and shares of the patches' attention."""

    raw: Float[np.ndarray, "layer head"]
    """`distance`: prefix columns left out, not rescaled."""
    rescaled: Float[np.ndarray, "layer head"]
    """`distance_rescaled`: over patches, rows rescaled to sum to 1."""
    no_sinks: Float[np.ndarray, "layer head"]
    """`distance_no_sinks`: the same without the keys that are sinks."""
    corners: Float[np.ndarray, "layer head"]
    to_cls: Float[np.ndarray, "layer head"]
    uniform: float
    """Of even attention over the patches, pixels."""


def distances_of(run: vitscope.Run) -> Distances:
    """Means over the images of a run."""
    spread = {
        name: np.nanmean(run.spread[name].values, axis=0)
        for name in ("distance", "distance_rescaled", "distance_no_sinks", "corners", "to_cls")
    }
    n_tokens = run.tokens.n_tokens
    even = torch.full((n_tokens, n_tokens), 1 / n_tokens)
    uniform = float(mean_distance(even, run.tokens, "renormalise"))
    return Distances(*spread.values(), uniform)


def distance_table(page: Page, found: Distances, diagonal: float) -> None:
    """Thirds of the layers: distance by its three definitions, and what sinks and CLS take."""
    columns = [thirds(values) for values in (found.raw, found.rescaled, found.no_sinks, found.corners, found.to_cls)]
    rows = []
    for place, name in enumerate(("first third", "middle third", "last third")):
        raw, rescaled, no_sinks, corners, to_cls = (column[place] for column in columns)
        shares = [percent(no_sinks / diagonal), percent(corners), percent(to_cls)]
        rows.append([name, three(raw), three(rescaled), three(no_sinks), *shares])
    header = ["layers", "distance, px", "rescaled to patches, px", "and without sinks, px", "share of the diagonal"]
    page.table([*header, "patches to corners", "patches to CLS"], rows)
    page.text(
        f"Even attention over the patches looks {three(found.uniform)} px far. Distance counts what goes to CLS as"
        " nothing, and what goes to a sink (a few keys that nearly all patches look at, whatever they hold) as a long"
        " look; so the claims below read the third column."
    )


def local_then_global(found: Distances) -> Claim:
    """Early layers local, late layers global?"""
    mean = found.no_sinks
    layer = np.repeat(np.arange(len(mean)), mean.shape[1])
    known = np.isfinite(mean.ravel())
    rho = float(stats.spearmanr(layer[known], mean.ravel()[known]).statistic)
    early, _, late = thirds(mean)
    raw = thirds(found.raw)
    return Claim(
        "Early layers look locally, late layers globally",
        "Dosovitskiy et al. 2021",
        "over patches that are no sinks, the heads' mean distance rises with the layer (Spearman's rho"
        " above 0.5) and the"
        " last third of the layers looks at least 1.5 times as far as the first",
        f"rho {rho:.2f} over {int(known.sum())} heads; {three(early)} px in the first third,"
        f" {three(late)} px in the last"
        f" ({late / early:.2f} times), where even attention would be {three(found.uniform)} px.",
        bool(rho > 0.5 and late / early >= 1.5),
        Was(
            True,
            f"the rule read distance with sinks in it, {three(raw[0])} to {three(raw[2])} px ({raw[2] / raw[0]:.2f}"
            " times). In the last third the four corner patches take"
            f" {percent(thirds(found.corners)[2])} of what patches"
            " attend to, and a corner is far from nearly everything: that part of the distance is no"
            " look at the image.",
        ),
    )


def global_already_early(found: Distances) -> Claim:
    """Some head of the lowest layers as far-looking as late ones?"""
    quarter = max(1, len(found.raw) // 4)

    def compared(values: Float[np.ndarray, "layer head"]) -> tuple[float, float]:
        return float(np.nanmax(values[:quarter])), float(np.nanmedian(values[-quarter:]))

    first, last = compared(found.no_sinks)
    before = compared(found.raw)
    place = np.unravel_index(int(np.nanargmax(found.no_sinks[:quarter])), found.no_sinks[:quarter].shape)
    return Claim(
        "Some heads attend to most of the image already in the lowest layers",
        "Dosovitskiy et al. 2021, section 4.5",
        "over patches that are no sinks, a head of the first quarter of the layers looks at least as far as the median"
        " head of the last quarter",
        f"the farthest head of the first quarter, L{place[0]}·H{place[1]}, {three(first)} px (its patches give"
        f" {percent(float(found.to_cls[place]))} to CLS); the median head of the last quarter {three(last)} px; even"
        f" attention {three(found.uniform)} px.",
        bool(first >= last),
        Was(
            False,
            f"the rule read distance with CLS and sinks in it ({three(before[0])} px against"
            f" {three(before[1])} px): what"
            " early heads give to CLS counted as no distance, and what late heads give to corners as a long one.",
        ),
    )


def falls_with_size(
    sizes: Float[np.ndarray, " size"], share: Float[np.ndarray, " size"], raw: Float[np.ndarray, " size"], what: str
) -> Claim:
    """The smaller the input, the more global the attention? `share` = distance without sinks over the diagonal."""
    words = "; ".join(f"{int(size)} px {100 * value:.1f} %" for size, value in zip(sizes, share, strict=True))
    return Claim(
        "The smaller the input, the more global the attention",
        f"blog studies of small ViTs; tested on {what}",
        "over patches that are no sinks, the mean distance as a share of the diagonal falls from each size to the next"
        " larger one (in part: it is larger at the smallest size than at the largest by a tenth or more)",
        f"{words}.",
        bool((np.diff(share) < 0).all()) or (None if share[0] >= 1.1 * share[-1] else False),
        Was(
            False,
            f"the rule read distance with CLS and sinks in it ({percent(float(raw[0]))} at {int(sizes[0])} px,"
            f" {percent(float(raw[-1]))} at {int(sizes[-1])} px): its change with the size is in part a change of what"
            " CLS takes.",
        ),
    )
