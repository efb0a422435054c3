"""What is asked of a loaded model. The command line hands one in; neither answers nor routes import torch.

Knows nothing about: models, tensors, HTTP.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vitscope.results import CurveStep, Dropped, OneImage, SizeLook, SomeImages
from vitscope.tokens import Fill

Heads = Mapping[tuple[int, int], str]
"""{(layer, head): mode}."""
Order = Sequence[tuple[int, int]]


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


class Live(Protocol):
    """A run's model, loaded and proven to be the one the run was made with."""

    def matrices(self, image_row: int, /) -> NDArray[np.float16]:
        """Whole attention of one image, of the run or dropped: float16 [layer, head, query, key].

        Heads a layer does not have are NaN.
        """
        ...

    def class_map(
        self,
        image_row: int,
        kind: Literal["gradient_rollout", "relevance", "legrad"],
        target: int,
        token: int,
        direction: str,
        /,
        *,
        residual: float,
        fusion: Literal["mean", "max", "min"],
        discard: float,
        start: int,
        layers: int,
        reading: Literal["mean", "classifier"],
    ) -> NDArray[np.float32]:
        """A map of one class (-1 = the model's top one) after each layer: float32 [layer, key].

        Raises InvalidArgument without a classifier or for an option that does not fit.
        """
        ...

    def at_size(self, image_row: int, size: tuple[int, int], /) -> SizeLook:
        """An image of the run at another input size, (height, width).

        Raises InvalidArgument for a size that the model cannot have, NotAvailable for a dropped image.
        """
        ...

    def rows_at_size(self, image_row: int, size: tuple[int, int], token: int, /) -> NDArray[np.float16]:
        """What a token (by the run's own grid) attends to at another size: float16 [layer, head, patch]."""
        ...

    def drop(self, data: bytes, name: str, /, turn: AbstractContextManager[object]) -> Dropped:
        """Look at the bytes of an image file; the last `drops.HELD` of them are kept for `matrices`.

        It takes its turn for the model, not for decoding.

        Raises ImageUnreadable with the reason.
        """
        ...

    @property
    def lab(self) -> Lab:
        """Prunes heads of the model on images of the run, or dropped ones."""
        ...
