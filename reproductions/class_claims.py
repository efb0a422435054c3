"""Do images of one class have more in common than others: the patterns of heads, or which heads matter?

Pairs of images of one class against pairs across, labels permuted. Knows nothing about: runs, pages.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from reproductions.page import Claim, Was

PERMUTATIONS: Final = 2000
P: Final = 0.01


class Likeness(NamedTuple):
    """Mean likeness of two images, within classes and across, and the chance of such a gap when labels mean nothing."""

    within: float
    across: float
    p: float
    pairs: int
    """Within classes."""

    @property
    def holds(self) -> bool:
        """More alike within classes, beyond chance."""
        return self.within > self.across and self.p < P

    @property
    def words(self) -> str:
        """For a claim."""
        p = "< 0.001" if self.p < 0.001 else f"= {self.p:.3f}"
        return f"{self.within:.3f} within classes ({self.pairs} pairs), {self.across:.3f} across, p {p}"


def permuted(similar: Float[np.ndarray, "image image"], label: Int[np.ndarray, " image"], seed: int = 0) -> Likeness:
    """Compare pairs within classes with pairs across; p by permutations of the labels over images."""
    upper = np.triu_indices(len(label), 1)
    values = similar[upper]

    def gap(order: np.ndarray) -> tuple[float, float]:
        same = (order[:, None] == order)[upper]
        return float(values[same].mean()), float(values[~same].mean())

    within, across = gap(label)
    random = np.random.default_rng(seed)
    drawn = [gap(random.permutation(label)) for _ in range(PERMUTATIONS)]
    p = (1 + sum(a - b >= within - across for a, b in drawn)) / (PERMUTATIONS + 1)
    return Likeness(within, across, p, int((label[:, None] == label)[upper].sum()))


def same_patterns(pattern: Int[np.ndarray, "image head"]) -> Float[np.ndarray, "image image"]:
    """Share of the heads that show the same pattern on both images."""
    return (pattern[:, None] == pattern[None]).mean(-1)


def same_importance(vectors: Float[np.ndarray, "image head"]) -> Float[np.ndarray, "image image"]:
    """Cosine of importance vectors, centred over images."""
    centred = vectors - vectors.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return unit @ unit.T


def share_patterns(found: Mapping[str, Likeness]) -> Claim:
    """Images of one class share head patterns?"""
    return Claim(
        "Images of one class share head patterns",
        "Li et al. 2023",
        "the share of the heads that show the same pattern on two images is larger within classes than across, p <"
        f" {P} by {PERMUTATIONS:,} permutations of the labels, in both runs (in part: in one)",
        "; ".join(f"{name}: {one.words}" for name, one in found.items()) + ".",
        _all_or_some(found),
        Was(
            True,
            "what was tested were importance vectors: which heads matter, not which patterns they show."
            " That test is the"
            " next claim now.",
        ),
    )


def share_importance(found: Mapping[str, Likeness]) -> Claim:
    """Images of one class use the same heads?"""
    return Claim(
        "The same heads matter for images of one class",
        "our question; no source",
        "the cosine between two images' importance vectors (signed square roots, centred) is larger within classes than"
        f" across, p < {P} by {PERMUTATIONS:,} permutations of the labels, in both runs (in part: in one)",
        "; ".join(f"{name}: {one.words}" for name, one in found.items()) + ".",
        _all_or_some(found),
    )


def _all_or_some(found: Mapping[str, Likeness]) -> bool | None:
    held = [one.holds for one in found.values()]
    return all(held) or (None if any(held) else False)
