"""A run's model at hand: attention that the run does not keep, computed when it is asked for.

Knows nothing about: HTTP. The server is given one of these; its routes never import torch.
"""

import threading
from collections import OrderedDict
from typing import Final, Literal

import numpy as np
from jaxtyping import Float16

from vitscope.engine import attention
from vitscope.errors import ImageUnreadable, InvalidArgument, NotAvailable
from vitscope.models import Model, load_model
from vitscope.pipeline.loading import ImageSource
from vitscope.store import Run

_KEPT_BYTES: Final = 256 * 2**20
"""Matrices of the images looked at last are kept up to this size: a click on another token then costs nothing."""


class LiveModel:
    """Answers for any query token of any image of a run. One image at a time; safe to call from several threads."""

    def __init__(self, run: Run, model: Model) -> None:
        """Take a model that is the run's own.

        Raises
        ------
        NotAvailable: its weights are not those of the run.
        """
        if model.weights_sha256 != run.manifest.model.weights_sha256:
            raise NotAvailable(
                f"cannot serve {run.path} live: the weights of {model.id} are not those of the run",
                "Give the run's own weights.",
            )
        self._run = run
        self._model = model
        self._source = ImageSource(run, model)
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def attention_rows(
        self, image_row: int, query: int, direction: Literal["from", "to"], /
    ) -> Float16[np.ndarray, "layer head key"]:
        """Attention of every head for one token: `from` it (its row of the matrix) or `to` it (its column).

        Raises
        ------
        NotAvailable: the image's file is not there any more, or was changed.
        InvalidArgument: no such image or token.
        """
        if not 0 <= query < self._run.tokens.n_tokens or not 0 <= image_row < self._run.manifest.n_images:
            raise InvalidArgument(
                f"cannot read token {query} of image {image_row}: the run has {self._run.tokens.n_tokens} tokens and "
                f"{self._run.manifest.n_images} images, counted from 0"
            )
        with self._lock:
            matrices = self._matrices(image_row)
        return matrices[:, :, query] if direction == "from" else matrices[:, :, :, query]

    def _matrices(self, row: int) -> np.ndarray:
        if row in self._kept:
            self._kept.move_to_end(row)
            return self._kept[row]
        try:
            pixels, _ = self._source.load(row)
        except ImageUnreadable as error:
            raise NotAvailable(
                f"cannot compute the attention of image {row} ({self._run.original(row)}): {error.message}",
                "Put the file back where it was, or look at one of the featured images.",
            ) from error
        matrices = attention(self._model, pixels[None])[0].numpy().astype(np.float16)
        self._kept[row] = matrices
        while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return matrices


def load_live(run: Run, weights: str | None = None) -> LiveModel:
    """Load the model that a run was made with, and prove that it is the one.

    Parameters
    ----------
    weights: the weights file; None means where it was when the run was made.

    Raises
    ------
    ModelLoadError, NotAvailable: it cannot be loaded, or is another one.
    """
    info = run.manifest.model
    if info.id != "demo" and ":" not in info.id:
        raise NotAvailable(
            f"cannot load {info.id} again: the run was made in Python from a module at hand",
            "Attention of the featured images is in the run.",
        )
    model = load_model(info.id, weights if weights is not None else info.weights, dtype=info.dtype)
    return LiveModel(run, model)
