"""Whether an image gives numbers at all: where the intact model's values first stop being finite.

A transform that divides by the deviation of an even picture, or half precision that overflows, gives NaN. NaN passes
quietly for an answer (its argmax is class 0) and spoils every mean that it enters, so such an image is never measured.
Knows nothing about: files, what is measured of the images that are finite.
"""

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vitscope.errors import NotFinite

NOT_FINITE: Final = "its activations are not finite"
"""How every reason begins."""
HINT: Final = (
    "Leave it out, or look at its pixels: preprocessing may divide by 0 for an even picture, and float16 may be too "
    "narrow for the model."
)


class Watch:
    """Follows a batch of images through the intact model and remembers, for each, the first place that is not finite.

    Nothing is waited for until `problems` is asked.
    """

    def __init__(self) -> None:
        self._places: list[str] = []
        self._finite: list[Bool[Tensor, " image"]] = []

    def see(self, place: str, values: Float[Tensor, "image *rest"]) -> None:
        """Look at what stands at a place, one row of values an image."""
        self._places.append(place)
        self._finite.append(values.isfinite().flatten(1).all(1))

    def see_attention(self, layer: int, weights: Float[Tensor, "image head query key"]) -> None:
        """Look at the first key only: a softmax that meets one NaN or infinity makes its whole row NaN."""
        if weights.shape[1]:
            self.see(f"in the attention of layer {layer}", weights[..., 0])

    def problems(self) -> dict[int, str]:
        """Images that are not finite, by their place in the batch, with the reason."""
        if not self._finite:
            return {}
        broken = ~torch.stack(self._finite)
        rows = broken.any(0).nonzero().flatten().tolist()
        first = broken.int().argmax(0).tolist() if rows else []
        return {row: f"{NOT_FINITE}, first {self._places[first[row]]}" for row in rows}


def refuse(model: str, problems: dict[int, str], n: int, what: str = "image") -> None:
    """Raise where an image is not finite.

    Raises
    ------
    NotFinite: names the first such image by its place, and how many there are.
    """
    if not problems:
        return
    place, reason = min(problems.items())
    which = f"this {what}" if n == 1 else f"{what} {place} of {n}"
    more = f" ({len(problems)} {what}s are so: {_listed(sorted(problems))})" if len(problems) > 1 else ""
    raise NotFinite(f"cannot run {model} on {which}: {reason}{more}", HINT)


def _listed(places: Sequence[int], most: int = 8) -> str:
    return ", ".join(map(str, places[:most])) + (" ..." if len(places) > most else "")
