"""A run's model, loaded: attention that the run does not keep, computed when it is asked for; images new to it.

Knows nothing about: HTTP. The server is given one of these; its routes never import torch.
"""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float, Float16, Float32
from torch import Tensor

from vitscope.analysis import Run
from vitscope.engine import attention, features_and_logits
from vitscope.engine.explaining import AUTHORS, LeGrad, Reading
from vitscope.engine.look import most_probable
from vitscope.errors import ImageUnreadable, InvalidArgument, NotAvailable, NotFinite
from vitscope.measures.maps.rollout import Fusion
from vitscope.models import Model, load_chosen
from vitscope.models.pictures.arrays import AnyPicture
from vitscope.models.pictures.images import decode_picture
from vitscope.pipeline.live.lab import Lab
from vitscope.pipeline.live.maps import Kind, LiveMaps, Rolling
from vitscope.pipeline.live.sizes import LiveSizes
from vitscope.pipeline.studies.sizing import Size
from vitscope.pipeline.work.computing import encoded
from vitscope.pipeline.work.loading import ImageSource
from vitscope.results import Dropped, SizeLook

_KEPT_BYTES: Final = 256 * 2**20
"""Matrices of the images looked at last are kept up to this size: a click on another token then costs nothing."""
_DROPS_HELD: Final = 8
"""Dropped images whose pixels are held."""
_TOP: Final = 5


class LiveModel:
    """Answers for any image of a run, and for new ones. One image at a time; safe to call from several threads."""

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
        readout = run.manifest.model.readout
        if readout != model.readout and "values" in (readout, model.readout):
            raise NotAvailable(
                f"cannot serve {run.path} live: its effects are measured on {readout}, those of {model.id} on "
                f"{model.readout}",
                "Wrap the module with the run's own readout.",
            )
        model = model.with_labels() if readout == "labels" else model
        self._run = run
        self._model = model
        self._source = ImageSource(run, model)
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._dropped: OrderedDict[int, Float[Tensor, "color row col"]] = OrderedDict()
        self._next = run.manifest.n_images
        self._lock = threading.Lock()
        self._decoding = threading.Lock()  # one dropped picture at a time: each may take a gigabyte
        self._maps = LiveMaps(model, self._pixels)
        self._sizes = LiveSizes(model, self._picture)
        self.lab = Lab(run, model, self._source, self._pixels)

    def matrices(self, image_row: int, /) -> Float16[np.ndarray, "layer head query key"]:
        """Whole attention of an image: a row of the run, or the number that a dropped one was given.

        Raises
        ------
        NotAvailable: the image's file is not there any more, or was changed; or it was dropped too long ago.
        InvalidArgument: no such image.
        """
        with self._lock:
            return self._matrices(image_row)

    def class_map(
        self,
        image_row: int,
        kind: Kind,
        target: int,
        token: int,
        direction: str,
        /,
        *,
        residual: float = 0.5,
        fusion: Fusion = "mean",
        discard: float = 0.0,
        start: int = 0,
        layers: int | None = AUTHORS.layers,
        reading: Reading = AUTHORS.reading,
    ) -> Float32[np.ndarray, "layer key"]:
        """A gradient-weighted map of one class after each layer, for one token (`LiveMaps.class_map`)."""
        with self._lock:
            rolling = Rolling(residual, fusion, discard)
            how = LeGrad(layers, reading)
            return self._maps.class_map(
                image_row, kind, target, token, direction, start=start, rolling=rolling, how=how
            )

    def at_size(self, image_row: int, size: Size, /) -> SizeLook:
        """An image of the run at another input size (`LiveSizes.look`)."""
        with self._lock:
            return self._sizes.look(image_row, size)

    def rows_at_size(self, image_row: int, size: Size, token: int, /) -> Float16[np.ndarray, "layer head patch"]:
        """What a token attends to at another input size (`LiveSizes.rows`)."""
        with self._lock:
            return self._sizes.rows(image_row, size, token)

    def drop(self, data: bytes, name: str, /, turn: AbstractContextManager[object] | None = None) -> Dropped:
        """Look at the bytes of an image file: prediction and preview; its pixels are held for `matrices`.

        Numbers of dropped images follow the rows of the run. Only the last few are held.

        Parameters
        ----------
        turn: entered while the model looks at it; decoding, which may take long, keeps no other question waiting.

        Raises
        ------
        ImageUnreadable: the bytes are no image, or one that is refused in a run too.
        NotFinite: its activations are not finite.
        """
        try:
            picture_range = self._run.manifest.options.picture_range
            with self._decoding:
                picture = decode_picture(data, channels=self._model.input_size[0], picture_range=picture_range)
                pixels, note = self._model.preprocess(picture.image), picture.note
                del picture
        except ImageUnreadable as error:
            raise ImageUnreadable(f"cannot look at {name}: {error.message}", "Drop another picture.") from error
        with turn or nullcontext(), self._lock:
            try:
                _, logits = features_and_logits(self._model, pixels[None])
            except NotFinite as error:
                raise NotFinite(f"cannot look at {name}: {error.message}", "Drop another picture.") from error
            number, self._next = self._next, self._next + 1
            self._dropped[number] = pixels
            while len(self._dropped) > _DROPS_HELD:
                oldest, _ = self._dropped.popitem(last=False)
                self._kept.pop(oldest, None)
        return Dropped(
            image=number,
            name=name,
            digest=hashlib.sha256(data).hexdigest(),
            top=() if logits is None else most_probable(self._model, logits[0], _TOP),
            note=note,
            preview=encoded(self._model.to_picture(pixels)),
        )

    def _matrices(self, row: int) -> np.ndarray:
        if row in self._kept:
            self._kept.move_to_end(row)
            return self._kept[row]
        matrices = attention(self._model, self._pixels(row)[None])[0].cpu().numpy().astype(np.float16)
        self._kept[row] = matrices
        while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return matrices

    def _pixels(self, row: int) -> Float[Tensor, "color row col"]:
        if row in self._dropped:
            return self._dropped[row]
        with self._told(row):
            return self._source.load(row)[0]

    def _picture(self, row: int) -> AnyPicture:
        if row in self._dropped:
            raise NotAvailable(
                f"image {row} is not in the run: dropped pictures are not kept, only their pixels at the model's size",
                "Choose an image of the run.",
            )
        with self._told(row):
            return self._source.picture(row).image

    @contextmanager
    def _told(self, row: int) -> Iterator[None]:
        """Refuse what is no row of the run, and say of an image that cannot be read what to do."""
        n_images = self._run.manifest.n_images
        if n_images <= row < self._next:
            raise NotAvailable(f"image {row} was dropped too long ago", "Drop it again.")
        if not 0 <= row < n_images:
            raise InvalidArgument(f"cannot read image {row}: the run has {n_images}, counted from 0")
        try:
            yield
        except ImageUnreadable as error:
            raise NotAvailable(
                f"cannot compute the attention of image {row} ({self._run.original(row)}): {error.message}",
                "Put the file back where it was, or choose one of the featured images."
                if self._run.manifest.source.are_files
                else "Choose one of the featured images, whose attention is in the run.",
            ) from error


_TIMM_NAME: Final = re.compile(r"timm:\w+(\.\w+)?")


def load_live(run: Run, weights: str | None = None, *, download: bool = False) -> LiveModel:
    """Load the model that a run was made with, and prove that it is the one.

    Parameters
    ----------
    weights: the weights file; None means where it was when the run was made.
    download: whether weights that were no file may be downloaded. A run may be a stranger's: what it names is a name of
        timm's or torchvision's own, never an address. A name on the hub (`hf:`) is looked up on this computer alone.

    Raises
    ------
    ModelLoadError, NotAvailable: it cannot be loaded, or is another one.
    """
    info = run.manifest.model
    if not info.by_name:
        raise NotAvailable(
            f"cannot load {info.id} again: the run was made in Python from a module at hand"
            + (f", read by a function ({info.read_by})" if info.read_by else ""),
            "Leave --live out: attention of the featured images is in the run.",
        )
    weights = weights if weights is not None else info.weights
    if info.id.startswith("timm:") and not _TIMM_NAME.fullmatch(info.id):
        raise NotAvailable(
            f"cannot load {info.id[:80]!r} for this run: a run may not choose where a model is downloaded from",
            "Load it in Python and analyse again.",
        )
    library = info.id.partition(":")[0]
    if library in ("timm", "torchvision") and weights is None and not download:
        raise NotAvailable(
            f"cannot load {info.id} unasked: its weights are not a file on this computer",
            f"Give --weights FILE, or --live to let {library} download them.",
        )
    options = replace(info.options, class_names=info.classes)
    model = load_chosen(info.id, weights, options, dtype=info.dtype, multi_label=info.readout == "labels", offline=True)
    return LiveModel(run, model)
