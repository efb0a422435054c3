"""What the server asks of a loaded model. The command line hands one in; routes never import torch.

Knows nothing about: models, tensors, HTTP.
"""

from contextlib import AbstractContextManager
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vitscope.answers.live_lab import Lab


class Dropped(Protocol):
    """An image that is in no run, as the model sees it. Its pixels stay with the live model."""

    @property
    def image(self) -> int:
        """Its key: the run's number of images + how many were dropped before it."""
        ...

    @property
    def name(self) -> str:
        """File name as given."""
        ...

    @property
    def digest(self) -> str:
        """The sha256 of the file: after a restart the same key may stand for another image."""
        ...

    @property
    def top(self) -> tuple[tuple[int, float], ...]:
        """(class, probability) of the most probable classes, best first, at most 5; empty without a classifier."""
        ...

    @property
    def note(self) -> str | None:
        """An oddity of the file that was handled."""
        ...

    @property
    def preview(self) -> tuple[str, bytes]:
        """The picture as the model sees it: (`png` or `webp`, its bytes)."""
        ...


class Layout(Protocol):
    """Tokens at another input size."""

    @property
    def rows(self) -> int:
        """Rows of patches."""
        ...

    @property
    def cols(self) -> int:
        """Columns of patches."""
        ...

    @property
    def n_tokens(self) -> int:
        """Prefix and patches."""
        ...


class SizeLook(Protocol):
    """What one image does at another input size; NaN for heads that a layer lacks."""

    @property
    def tokens(self) -> Layout:
        """The grid at this size."""
        ...

    @property
    def diagonal(self) -> float:
        """Of the image, in pixels."""
        ...

    @property
    def interpolated(self) -> bool:
        """Whether learned positions had to be interpolated."""
        ...

    @property
    def probabilities(self) -> NDArray[np.floating] | None:
        """Of each class; None without a classifier."""
        ...

    @property
    def distance(self) -> NDArray[np.floating]:
        """Mean attention distance [layer, head], pixels."""
        ...

    @property
    def entropy(self) -> NDArray[np.floating]:
        """Mean entropy of the queries [layer, head], nats."""
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
