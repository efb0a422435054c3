"""What is said of single heads: hidden ones, ones that look at themselves or at one key.

Each claim is a function of numbers alone, with its rule. Knows nothing about: runs, pages.
"""

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from jaxtyping import Float
from scipy import stats

from reproductions.page import Claim, Was, percent, three

SELF_TIMES = 10
"""Times uniform from which a patch's weight on itself is called strong."""


def weak_on_output(
    names: Sequence[str], output: Float[np.ndarray, " head"], layers: Mapping[str, Float[np.ndarray, " head"]]
) -> Claim:
    """Heads in the bottom half by output and in the top quarter by a layer measure: more than unrelated ranks give?"""
    total = len(names)
    by_output = stats.rankdata(-output)
    by_layer = {metric: stats.rankdata(-values) for metric, values in layers.items()}
    weak = by_output > total / 2
    strong = np.any([ranks <= ceil(total / 4) for ranks in by_layer.values()], axis=0)
    found = np.flatnonzero(weak & strong)
    chance = stats.hypergeom(total, int(strong.sum()), int(weak.sum()))
    p = float(chance.sf(len(found) - 1))

    def words(head: int) -> str:
        metric = min(by_layer, key=lambda name: by_layer[name][head])
        return f"{names[head]} (rank {by_output[head]:.0f} by output, {by_layer[metric][head]:.0f} by {metric})"

    there = ": " + ", ".join(words(head) for head in found) if len(found) else ""
    return Claim(
        "A head may be weak on the output and strong on its layer",
        "Li et al. 2023",
        "more heads are in the bottom half by output and in the top quarter by a layer measure than rankings that have"
        " nothing to do with each other would give, p < 0.05 (hypergeometric)",
        f"{len(found)} of {total} heads{there}. Expected by chance: {chance.mean():.1f}, at least as many with"
        f" probability {p:.2f}.",
        bool(len(found) > chance.mean() and p < 0.05),
        Was(
            True,
            "one such head was enough, and unrelated rankings give several. Single heads of the kind"
            " exist; that they are"
            " more than chance is what a claim needs.",
        ),
    )


def all_to_themselves(density: Float[np.ndarray, "layer head hop"], uniform: float) -> Claim:
    """Do all tokens attend strongly to themselves?"""
    itself = density[..., 0]
    most = density.argmax(-1) == 0
    return Claim(
        "All tokens attend strongly to themselves",
        "Li et al. 2023",
        "in at least 90 % of the heads a patch's weight on itself is at least twice uniform and no ring is denser (in"
        " part: in at least half of the heads)",
        f"at least twice uniform in {percent(float((itself >= 2 * uniform).mean()))} of {itself.size} heads, densest at"
        f" k = 0 in {percent(float(most.mean()))}; median {three(np.median(itself) / uniform)} times uniform, least"
        f" {three(itself.min() / uniform)} times.",
        _mostly(float(((itself >= 2 * uniform) & most).mean())),
    )


def _mostly(share: float) -> bool | None:
    if share >= 0.9:
        return True
    return None if share >= 0.5 else False


def itself_and_matters(
    mass: Float[np.ndarray, "layer head hop"],
    density: Float[np.ndarray, "layer head hop"],
    rank: Float[np.ndarray, "layer head"],
    uniform: float,
) -> Claim:
    """The early head whose patches look most at themselves: strongly, and does it matter?"""
    early = max(1, len(mass) // 3)
    itself = mass[:early, :, 0]
    layer, head = np.unravel_index(int(itself.argmax()), itself.shape)
    profile = density[layer, head]
    times, share = float(profile[0] / uniform), float(itself[layer, head])
    strong = bool(profile.argmax() == 0 and times >= SELF_TIMES)
    total = int(np.isfinite(rank).sum())
    place = int(rank[layer, head])
    return Claim(
        "An early head sends every patch to itself, and matters",
        "Li et al. 2023",
        "of the heads of the first third of the layers, the one whose patches attend most to themselves"
        " does so at least"
        f" {SELF_TIMES} times as much as even attention would, no ring is denser, and it is in the top"
        " quarter by output"
        " (in part: only one of the two)",
        f"L{layer}·H{head}: patches attend to themselves with {percent(share)} of their attention, {three(times)} times"
        f" uniform, {'more than to any one patch of a ring' if profile.argmax() == 0 else 'a ring is denser'}; rank"
        f" {place} of {total} by output.",
        _both(strong, place <= ceil(total / 4)),
    )


def one_key_and_matters(
    largest: Float[np.ndarray, "layer head"], keys: Sequence[Sequence[str]], rank: Float[np.ndarray, "layer head"]
) -> Claim:
    """An early head that gives half of all its attention to one key: is there one, and does it matter?

    `largest` = the largest mean weight of one key, of the heads of the first third of the layers; `keys` = its name.
    """
    total = int(np.isfinite(rank).sum())
    strong = [(layer, head) for layer, head in np.ndindex(*largest.shape) if largest[layer, head] >= 0.5]
    shown = strong or [np.unravel_index(int(np.nanargmax(largest)), largest.shape)]
    matter = [place for place in strong if rank[place] <= ceil(total / 4)]
    words = ", ".join(
        f"L{layer}·H{head} {percent(float(largest[layer, head]))} on {keys[layer][head]}, rank {rank[layer, head]:.0f}"
        for layer, head in shown
    )
    return Claim(
        "An early head sends every patch to one key, and matters",
        "Li et al. 2023",
        "a head of the first third of the layers gives at least half of all attention to one key, mean over images, and"
        " is in the top quarter by output (in part: such a head is there and does not matter)",
        f"{'' if strong else 'no such head; the nearest: '}{words} of {total} by output.",
        bool(matter) or (None if strong else False),
        Was(
            False,
            "the rule asked for a pattern's name, and a head that looks at CLS has another name; CLS is a key too.",
        ),
    )


def _both(first: bool, second: bool) -> bool | None:
    return True if first and second else None if first or second else False
