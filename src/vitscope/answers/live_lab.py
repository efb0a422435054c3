"""What the server asks of the Lab of a loaded model: answers with heads pruned, in steps of a fraction of a second.

Knows nothing about: models, tensors, HTTP.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vitscope.tokens import Fill

Heads = Mapping[tuple[int, int], str]
"""{(layer, head): mode}."""
Order = Sequence[tuple[int, int]]


class MaskCheck(Protocol):
    """Proof that the mask took effect; NaN where there is no matrix to measure (see `vitscope.engine.MaskCheck`)."""

    @property
    def masked(self) -> float:
        """Largest |weight| left where the matrices are pruned."""
        ...

    @property
    def rest(self) -> float:
        """Largest |difference| of the other weights from what the fill makes of them."""
        ...

    @property
    def output(self) -> float:
        """Largest |difference| of the heads' outputs from pruned matrix times values, a share of the largest."""
        ...

    @property
    def first(self) -> int:
        """First layer with a pruned head."""
        ...

    @property
    def unchanged(self) -> int:
        """Leading layers after which all tokens are bitwise the intact ones."""
        ...


class OneImage(Protocol):
    """An image answered twice."""

    @property
    def before(self) -> NDArray[np.float64] | None:
        """Probability of each class, intact; None without a classifier."""
        ...

    @property
    def after(self) -> NDArray[np.float64] | None:
        """Pruned."""
        ...

    @property
    def jsd(self) -> float:
        """Bits; NaN without a classifier."""
        ...

    @property
    def out_cos(self) -> float:
        """Of what the classifier reads."""
        ...

    @property
    def mask_check(self) -> MaskCheck:
        """On this image."""
        ...


class SomeImages(Protocol):
    """One step over the images of a scope; values are of `rows`."""

    @property
    def rows(self) -> tuple[int, ...]:
        """Those that could be read."""
        ...

    @property
    def prediction(self) -> NDArray[np.int64]:
        """Top class with the heads pruned; -1 without a classifier."""
        ...

    @property
    def prob_drop(self) -> NDArray[np.float64]:
        """Of the run's target."""
        ...

    @property
    def jsd(self) -> NDArray[np.float64]:
        """Bits."""
        ...

    @property
    def out_cos(self) -> NDArray[np.float64]:
        """Of what the classifier reads."""
        ...

    @property
    def problems(self) -> Mapping[int, str]:
        """Why other rows were skipped: not readable, or not finite."""
        ...


class CurveStep(Protocol):
    """One step towards pruning curves: of reading, of the search, or a set of heads pruned on a few images."""

    @property
    def stage(self) -> str:
        """`reading`, `searching` or `pruning`."""
        ...

    @property
    def share(self) -> float:
        """Of this stage that is done."""
        ...

    @property
    def rows(self) -> tuple[int, ...]:
        """Images of the curve that could be read; once, with `lines`."""
        ...

    @property
    def lines(self) -> tuple[tuple[str, tuple[tuple[int, int], ...]], ...]:
        """Orders by name: given ones, the one that was searched, then random ones."""
        ...

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """(line, place in the sizes) that the pruned set belongs to."""
        ...

    @property
    def images(self) -> slice:
        """The stretch of `rows` that was answered."""
        ...

    @property
    def prediction(self) -> NDArray[np.int64]:
        """Top classes; -1 without a classifier."""
        ...

    @property
    def moved(self) -> NDArray[np.float64]:
        """jsd, or out_cos without a classifier."""
        ...

    @property
    def intact(self) -> bool:
        """Nothing was pruned."""
        ...


class Lab(Protocol):
    """Prunes heads. One call, or one step of an iterator, at a time; iterators may be left where they are."""

    @property
    def seconds_per_image(self) -> float:
        """One image through the model once, as measured so far."""
        ...

    def check(self, heads: Heads, fill: str, /) -> None:
        """Raise InvalidArgument where heads, modes and fill do not fit the model."""
        ...

    def check_curve(self, orders: Mapping[str, Order], sizes: Sequence[int], /) -> None:
        """Raise InvalidArgument where orders or sizes do not fit the model."""
        ...

    def image(self, row: int, heads: Heads, fill: Fill, /) -> OneImage:
        """One image before and after."""
        ...

    def scope(self, rows: Sequence[int], heads: Heads, fill: Fill, /) -> Iterator[SomeImages]:
        """Many images, a few a step."""
        ...

    def curve(
        self,
        rows: Sequence[int],
        orders: Mapping[str, Order],
        sizes: Sequence[int],
        *,
        random: int,
        seed: int,
        search: Sequence[int],
        length: int,
    ) -> Iterator[CurveStep]:
        """Ever more heads, along orders."""
        ...
