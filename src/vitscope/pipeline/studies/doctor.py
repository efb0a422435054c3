"""A check-up of a model: how vitscope sees it, and whether what it sees is right.

Knows nothing about: runs, how the findings are printed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.engine import attention, features_and_logits
from vitscope.engine.look import most_probable
from vitscope.errors import ImageUnreadable, VitscopeError
from vitscope.models import Evaluation, Model
from vitscope.models.parity import probe_image
from vitscope.models.pictures.images import Picture, read_picture
from vitscope.models.pictures.levels import PictureRange, parse_range
from vitscope.quantities.readouts import Readout, told

TOP = 5


@dataclass(frozen=True)
class Prediction:
    """One class of the answer for one image."""

    label: int
    name: str | None
    probability: float


@dataclass(frozen=True)
class Diagnosis:
    """What `vitscope doctor` reports.

    `parity` is max|difference| / max|reference| between our path and the library's own output; `row_sum_error` the
    largest |sum of an attention row - 1| over all layers, heads and queries of `image` (a test pattern without one);
    `answers` says what the logits mean. `blocks` and `attention` are the largest differences of any block (see `Proof`;
    None where no attention could be seen), `unproven` what agreement says nothing of. `layout` says how it is known
    which token is which patch, `not_available` what this model has not, with the reasons.
    """

    model: str
    adapter: str
    device: str
    dtype: str
    weights_sha256: str
    weights_part: str | None
    weights_note: str | None
    prefix: tuple[str, ...]
    grid: tuple[int, int]
    patch: tuple[int, int]
    n_tokens: int
    input_size: tuple[int, int, int]
    n_layers: int
    n_heads: tuple[int, ...]
    n_classes: int | None
    readout: Readout
    answers: str
    transform: str
    parity: float
    blocks: float
    attention: float | None
    unproven: tuple[str, ...]
    layout: str
    class_names: int | None
    not_available: tuple[str, ...]
    image: str
    note: str | None
    row_sum_error: float
    prediction: tuple[Prediction, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


def examine(
    model: Model, image: Path | None = None, *, picture_range: str | Sequence[float] | None = None
) -> Diagnosis:
    """Run one image through a model and report what was found; `picture_range` as for `analyze`.

    Raises
    ------
    ImageUnreadable: the image cannot be read, with the reason.
    NotFinite: its activations are not finite.
    """
    note = None
    if image is None:
        pixels = probe_image(model.architecture)
    else:
        picture = _picture(image, model.input_size[0], parse_range(picture_range))
        pixels, note = model.preprocess(picture.image)[None], picture.note
    sums = attention(model, pixels).double().sum(-1)[0]
    off = [float((sums[layer, :n_heads] - 1).abs().max()) for layer, n_heads in enumerate(model.n_heads) if n_heads]
    tokens = model.tokens
    return Diagnosis(
        model=model.id,
        adapter=model.adapter,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        weights_sha256=model.weights_sha256,
        weights_part=model.weights_part,
        weights_note=model.weights_note,
        prefix=tokens.prefix,
        grid=(tokens.rows, tokens.cols),
        patch=tokens.patch,
        n_tokens=tokens.n_tokens,
        input_size=model.input_size,
        n_layers=model.n_layers,
        n_heads=tuple(model.n_heads),
        n_classes=model.n_classes,
        readout=model.readout,
        answers=told(model.readout, model.n_logits, model.options.prompt, model.read_by),
        transform=model.transform_text,
        parity=float(model.parity),
        blocks=max(model.proof.blocks, default=0.0),
        attention=max((a for a in model.proof.attention if a is not None), default=None),
        unproven=model.proof.unproven,
        layout=_layout(model, pixels),
        class_names=None if model.classes is None else len(model.classes),
        not_available=tuple(_not_available(model)),
        image="test pattern" if image is None else str(image),
        note=note,
        row_sum_error=max(off),
        prediction=_prediction(model, pixels),
    )


def _layout(model: Model, pixels: Float[Tensor, "1 color row col"]) -> str:
    """Change the pixels of a corner patch and of one in the middle: do their tokens change, and no others?"""
    tokens = model.tokens
    height, width = tokens.patch
    with Evaluation(model.module):
        x = model.embed(model.place(pixels))
        for row, col in ((0, 0), (tokens.rows // 2, tokens.cols // 2), (tokens.rows - 1, tokens.cols - 1)):
            other = pixels.clone()
            other[..., row * height : (row + 1) * height, col * width : (col + 1) * width] += 1
            changed = (model.embed(model.place(other)) != x).any(-1)[0].nonzero().flatten().tolist()
            expected = tokens.n_prefix + row * tokens.cols + col
            if expected not in changed:
                return f"not proven: pixels of patch {row},{col} do not change its token"
            if changed != [expected]:
                return f"as its library says; pixels of one patch change {len(changed)} tokens, its own among them"
    return "proven: pixels of a patch change its own token alone"


def _not_available(model: Model) -> list[str]:
    """What other models have and this one has not, with the reason."""
    lacks: list[str] = []
    if model.tokens.cls is None:
        lacks.append("modes and measures of CLS: there is no CLS token")
    if model.n_logits is None:
        on = "on values of the output" if model.readout == "values" else "on the features"
        lacks.append(f"probabilities, jsd, flips: there is no classifier; effects are measured {on}")
    elif model.classes is None:
        lacks.append("class names: none are given")
    if repr(model.transform) == "none":
        lacks.append("pictures: nothing says how they are prepared")
    try:
        height, width = (model.input_size[i + 1] + model.tokens.patch[i] for i in (0, 1))
        model.at_size(height, width)
    except VitscopeError as error:
        lacks.append(f"other input sizes: {error.message}")
    return lacks


def _picture(path: Path, channels: int, picture_range: PictureRange | None) -> Picture:
    try:
        return read_picture(path, channels=channels, picture_range=picture_range)
    except ImageUnreadable as error:
        raise ImageUnreadable(f"cannot read {path}: {error.message}", "Give another image.") from error


def _prediction(model: Model, pixels: torch.Tensor) -> tuple[Prediction, ...]:
    _, logits = features_and_logits(model, pixels)
    if logits is None:
        return ()
    names = model.classes
    return tuple(
        Prediction(label, names[label] if names else None, probability)
        for label, probability in most_probable(model, logits[0], TOP)
    )
