"""Remove heads from a model permanently, and measure the effect: accuracy, parameters, speed.

Knows nothing about: how the findings are printed.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from vitscope.analysis.heads.backups import Backup, backups, backups_text
from vitscope.analysis.statistics.paired import Paired, paired
from vitscope.engine import intact, interactions, prune
from vitscope.errors import BadInput, ImageUnreadable, InvalidArgument, ParityError
from vitscope.measures.effects.answers import predictions
from vitscope.models import Evaluation, Model
from vitscope.models.parity import probe_image, relative_difference
from vitscope.models.pictures.images import decode_picture
from vitscope.models.sources.smaller import save_without_heads, without_heads
from vitscope.pipeline.plan.labels import Given, classes_of
from vitscope.pipeline.plan.listing import Images, Listing, list_images
from vitscope.store.files.durable import storage_errors
from vitscope.store.writer import require_free
from vitscope.tokens import HEAD, HeadRef

if TYPE_CHECKING:
    import xarray

AGREEMENT: Final = 1e-4
"""Largest difference to the masked model's logits, as a share of the largest logit; in half precision 0.02."""
_HALF_AGREEMENT: Final = 2e-2
_LEVEL: Final = 0.95
BATCH: Final = 16
PAIRS_BATCH: Final = 2
"""Images a step where pairs of heads are pruned, hundreds of passes an image: so that progress is seen."""
ROUNDS: Final = 21
"""Timed passes of each model, in turns, so that what else the machine does falls on both."""


@dataclass(frozen=True)
class Speed:
    """Images a second of the whole and of the smaller model, medians of passes in turns.

    `ratio` is the median of the ratios of neighbouring passes, `low` to `high` its 95 % interval (order statistics).
    """

    before: float
    after: float
    ratio: float
    low: float
    high: float
    batch: int
    rounds: int
    threads: int
    device: str


@dataclass(frozen=True)
class Pairs:
    """Which of the heads are backups of each other, by which metric, on how many images; and that in a sentence."""

    metric: str
    n: int
    backups: tuple[Backup, ...]
    text: str


@dataclass(frozen=True)
class Removal:
    """The effect of removing heads. `agreement`: largest difference to the masked model, of the largest logit."""

    model: str
    heads: tuple[HeadRef, ...]
    n_heads: int
    parameters_before: int
    parameters_after: int
    agreement: float
    speed: Speed
    accuracy: Paired | None
    """None without labelled images or without a classifier."""
    pairs: Pairs | None
    """None where they were not asked for."""
    unreadable: int
    note: str | None
    """How labels were read, None where nothing was unusual."""
    saved: str

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self) | {"heads": [list(head) for head in self.heads]}


def parse_heads(text: str) -> list[HeadRef]:
    """Heads as a user writes them: `L2.H0,L4.H2`, `2.0,4.2` or `L2·H0`.

    Raises
    ------
    InvalidArgument: one that cannot be read so.
    """
    heads = []
    for part in filter(None, (word.strip() for word in text.split(","))):
        layer, _, head = part.upper().replace("·", ".").partition(".")
        layer, head = layer.removeprefix("L"), head.removeprefix("H")
        if not (layer.isdecimal() and head.isdecimal()):
            raise InvalidArgument(
                f"cannot read the head {part!r}: expected a layer and a head such as L2.H0",
                "Name several with commas: --heads L2.H0,L4.H2; both count from 0.",
            )
        heads.append(HeadRef(int(layer), int(head)))
    return heads


def remove(
    model: Model,
    heads: Sequence[HeadRef],
    folder: str | Path,
    *,
    images: "Images | None" = None,
    labels: str | Path | None = None,
    classes: Given | None = None,
    picture_range: str | Sequence[float] | None = None,
    pairs: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Removal:
    """Save a model without some heads, once it is proved to be the masked model, and measure both.

    Parameters
    ----------
    images: labelled ones give the accuracy of both models; None: the proof runs on a test pattern.
    labels, classes, picture_range: as for `analyze`.
    pairs: also prune the heads alone and two by two, to find backups of each other.
    progress: told after every few images how many are done, and of how many.

    Raises
    ------
    InvalidArgument, UnsupportedModel: heads or a model that cannot be cut down, pairs of one head or without images.
    StorageError: `folder` holds something already.
    ParityError: the smaller model is not the masked one; nothing is written.
    """
    folder = Path(folder)
    require_free(folder, "save a model to")
    if pairs and (images is None or len(set(heads)) < 2):
        raise InvalidArgument("cannot compare pairs: two heads or more and images are needed", "Leave out --pairs.")
    smaller = without_heads(model, heads)
    listing = None if images is None else list_images(images, labels, classes_of(model, classes), picture_range)
    compared = _compare(model, smaller, heads, listing, progress, pairs=pairs)
    agreement = compared.agreement
    limit = AGREEMENT if model.dtype in (torch.float32, torch.float64) else _HALF_AGREEMENT
    if not agreement <= limit:
        raise ParityError(
            f"cannot save {smaller.id}: its output differs from the masked model's by {agreement:.2g} of the largest "
            f"value, allowed {limit:.0e}",
            "Please report it.",
        )
    speed = _speed(model, smaller)
    with storage_errors(
        folder.parent, when_full="Nothing was written. Free some space and run the same command again."
    ):
        save_without_heads(model, heads, folder)
    return Removal(
        model=model.id,
        heads=tuple(sorted({HeadRef(*head) for head in heads})),
        n_heads=sum(model.n_heads),
        parameters_before=_parameters(model),
        parameters_after=_parameters(smaller),
        agreement=agreement,
        speed=speed,
        accuracy=compared.accuracy,
        pairs=compared.pairs,
        unreadable=compared.unreadable,
        note=None if listing is None else listing.note,
        saved=str(folder),
    )


class _Compared(NamedTuple):
    """`agreement` with the masked model on the first batch; images left out cannot be read or are not finite."""

    agreement: float
    accuracy: Paired | None
    pairs: Pairs | None
    unreadable: int


def _compare(
    model: Model,
    smaller: Model,
    heads: Sequence[HeadRef],
    listing: Listing | None,
    progress: Callable[[int, int], object] | None,
    *,
    pairs: bool,
) -> _Compared:
    if listing is None:
        return _Compared(_agreement(model, smaller, heads, probe_image(model.architecture)), None, None, 0)
    agreement: float | None = None
    right: list[tuple[np.ndarray, np.ndarray]] = []
    effects = []
    metric = "prob_drop" if model.n_classes is not None else "out_cos"
    read = 0
    step = PAIRS_BATCH if pairs else BATCH
    for start in range(0, len(listing), step):
        rows = range(start, min(start + step, len(listing)))
        pixels, labels = _finite(model, *_load(model, listing, rows))
        if progress is not None:
            progress(rows.start, len(listing))
        if not len(pixels):
            continue
        read += len(pixels)
        if agreement is None:
            agreement = _agreement(model, smaller, heads, pixels)
        if pairs:
            effects.append(interactions(model, pixels, heads, labels.tolist(), metric=metric))
        known = labels >= 0
        if model.n_classes is not None and known.any():
            answers = [_answers(one, pixels[torch.from_numpy(known)]) == labels[known] for one in (model, smaller)]
            right.append((answers[0], answers[1]))
    if agreement is None:
        raise BadInput(f"cannot measure on these images: none of the {len(listing)} can be used", "Check the files.")
    return _Compared(
        agreement=agreement,
        accuracy=paired(*(np.concatenate(part) for part in zip(*right, strict=True))) if right else None,
        pairs=_pairs(effects, metric, read) if effects else None,
        unreadable=len(listing) - read,
    )


def _pairs(effects: Sequence["xarray.Dataset"], metric: str, n: int) -> Pairs:
    import xarray

    together = xarray.concat(effects, "image")
    found = tuple(backups(together))
    return Pairs(metric, n, found, backups_text(found, metric, together.sizes["head"], n))


def _load(model: Model, listing: Listing, rows: range) -> tuple[Float[Tensor, "image color row col"], np.ndarray]:
    pixels, labels = [], []
    for row in rows:
        try:
            content = listing.read(row)
            picture = decode_picture(content, channels=model.input_size[0], picture_range=listing.picture_range)
        except ImageUnreadable:
            continue
        pixels.append(model.preprocess(picture.image))
        labels.append(listing.labels[row])
    stacked = torch.stack(pixels) if pixels else torch.empty(0, *model.input_size)
    return stacked, np.array(labels, dtype=np.int64)


def _finite(
    model: Model, pixels: Float[Tensor, "image color row col"], labels: np.ndarray
) -> tuple[Float[Tensor, "image color row col"], np.ndarray]:
    problems = intact(model, pixels).problems if len(pixels) else {}
    kept = [place for place in range(len(pixels)) if place not in problems]
    return pixels[kept], labels[kept]


def _answers(model: Model, pixels: Float[Tensor, "image color row col"]) -> np.ndarray:
    logits = intact(model, pixels).logits
    assert logits is not None  # noqa: S101 - asked only of a model with classes
    return predictions(logits, model.readout).cpu().numpy()


def _agreement(
    model: Model, smaller: Model, heads: Sequence[HeadRef], pixels: Float[Tensor, "image c row col"]
) -> float:
    masked = prune(model, pixels, dict.fromkeys(((head.layer, head.head) for head in heads), HEAD))
    return relative_difference(prune(smaller, pixels, {}), masked)


def _speed(model: Model, smaller: Model) -> Speed:
    """Both as their library runs them, one pass of each in turns."""
    pixels = model.place(probe_image(model.architecture).expand(BATCH, -1, -1, -1).contiguous())
    seconds: dict[str, list[float]] = {"before": [], "after": []}
    for round_ in range(ROUNDS + 1):
        for name, one in (("before", model), ("after", smaller)):
            taken = _timed(one, pixels)
            if round_:  # the first pass of each warms up
                seconds[name].append(taken)
    ratios = sorted(before / after for before, after in zip(seconds["before"], seconds["after"], strict=True))
    cut = int(stats.binom.ppf((1 - _LEVEL) / 2, ROUNDS, 0.5)) - 1
    return Speed(
        before=BATCH / statistics.median(seconds["before"]),
        after=BATCH / statistics.median(seconds["after"]),
        ratio=statistics.median(ratios),
        low=ratios[cut],
        high=ratios[-1 - cut],
        batch=BATCH,
        rounds=ROUNDS,
        threads=torch.get_num_threads(),
        device=str(model.device),
    )


def _timed(model: Model, pixels: Tensor) -> float:
    with Evaluation(model.module):
        start = time.perf_counter()
        model.module(pixels)
        if model.device.type == "cuda":
            torch.cuda.synchronize(model.device)
        return time.perf_counter() - start


def _parameters(model: Model) -> int:
    return sum(parameter.numel() for parameter in model.module.parameters())
