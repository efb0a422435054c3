"""What one unit of work computes, from pixels to the arrays that the store keeps.

Knows nothing about: files, the order of the units. Images run in slices of fixed size, so that the sums are the same
whenever a unit is computed.
"""

import io
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from vitscope.engine import DepthSums, PairedReferences, References, targets
from vitscope.engine.importance.head_importance import sweep
from vitscope.measures.effects import answers
from vitscope.models import Model
from vitscope.pipeline.work.intact_pass import IntactPass
from vitscope.pipeline.work.loading import Batch, Fact
from vitscope.pipeline.work.rows import OverRows, slices
from vitscope.store import HeadUnit, Manifest, PartialUnit
from vitscope.tokens import HEAD, Fill

_PHOTO: Final = 64
"""Pictures wider or higher than this are kept as WebP; smaller ones as PNG, to the pixel."""

OnImages = Callable[[int], object]
"""Called with the number of images just done."""


def head_unit(
    model: Model,
    manifest: Manifest,
    rows: Sequence[int],
    seen: IntactPass,
    labels: Sequence[int],
    references: Callable[[slice], References | None],
    on_images: OnImages,
) -> HeadUnit:
    """Predictions, the effect of pruning whole heads, reduced attention and previews of one shard.

    Parameters
    ----------
    rows: of the shard; `seen` holds those that are measured.
    labels: one a row, -1 = none.
    references: for a slice of the measured images, what replaces a pruned head.
    """
    batch, reduction = seen.batch, seen.reduction
    fill, micro_batch = _fill(manifest), manifest.options.micro_batch
    label_of = dict(zip(rows, labels, strict=True))
    results: dict[int, dict[str, object]] = {}
    effects: list[dict[str, np.ndarray]] = []
    depth = DepthSums(model, 1) if manifest.outputs is not None else None
    for part in slices(len(batch.rows), slice_size(model, manifest)):
        here, pixels = batch.rows[part], batch.pixels[part]
        assert seen.answers is not None, "images without answers"
        logits = None if seen.answers[1] is None else seen.answers[1][part]
        target, source = targets(model, logits, [label_of[row] for row in here], len(here))
        results |= _predictions(model, here, logits, target, source, label_of)
        effects.append(
            sweep(
                model,
                pixels,
                target,
                modes=(HEAD,),
                fill=fill,
                references=references(part),
                micro_batch=micro_batch,
                depth=depth,
            )
        )
        on_images(len(here))
    on_images(len(rows) - len(batch.rows))
    over_rows = OverRows(rows, batch.rows)
    heads = (model.n_layers, max(model.n_heads))
    return HeadUnit(
        columns=_columns(rows, batch.facts, results, label_of),
        effects={name: over_rows([part[name][:, 0] for part in effects], heads) for name in manifest.metrics},
        strength={"mass": over_rows([reduction.mass]), "density": over_rows([reduction.density])},
        spread={name: over_rows([values]) for name, values in reduction.spread.items()},
        cls_rows=None if reduction.cls_rows is None else over_rows([reduction.cls_rows]),
        pooled=over_rows([] if seen.answers is None else [_half(seen.answers[0])], (manifest.model.n_features or 0,)),
        attention_sum=reduction.attention_sum,
        counted=len(batch.rows),
        previews={row: encoded(model.to_picture(batch.pixels[i])) for i, row in enumerate(batch.rows)},
        depth={} if depth is None else depth.sums(),
        diversity=over_rows([reduction.diversity]),
        outputs=_outputs(manifest, heads, reduction.outputs, seen.sampled),
    )


def _outputs(
    manifest: Manifest, heads: tuple[int, int], found: np.ndarray, readable: Bool[np.ndarray, " sample"]
) -> np.ndarray:
    """The sampled outputs of a shard at their places [sample, layer, head, channel], NaN where there is none."""
    kept = manifest.outputs
    outputs = np.full((0, *heads, 0) if kept is None else (kept.tokens, *heads, kept.channels), np.nan, np.float16)
    if readable.any():  # of no image there is not even a number of channels
        outputs[np.flatnonzero(readable)] = found
    return outputs


def _half(features: Float[Tensor, "image channel"]) -> np.ndarray:
    """In half precision; what is larger than that can say is as large as it can say."""
    largest = float(np.finfo(np.float16).max)
    return features.float().clamp(-largest, largest).cpu().numpy().astype(np.float16)


def partial_unit(
    model: Model,
    manifest: Manifest,
    rows: Sequence[int],
    batch: Batch,
    target_of: dict[int, int],
    on_images: OnImages,
) -> PartialUnit:
    """The effect of pruning regions of heads on the sampled images of one shard, those that the head unit measured."""
    modes, fill, micro_batch = manifest.options.partial_modes, _fill(manifest), manifest.options.micro_batch
    parts: list[dict[str, np.ndarray]] = []
    depth = DepthSums(model, len(modes)) if manifest.outputs is not None else None
    for part in slices(len(batch.rows), slice_size(model, manifest)):
        target = np.array([target_of[row] for row in batch.rows[part]], dtype=np.int64)
        pixels = batch.pixels[part]
        parts.append(sweep(model, pixels, target, modes=modes, fill=fill, micro_batch=micro_batch, depth=depth))
        on_images(len(target))
    on_images(len(batch.facts) - len(batch.rows))
    over_rows = OverRows(rows, batch.rows)
    shape = (len(modes), model.n_layers, max(model.n_heads))
    return PartialUnit(
        effects={name: over_rows([part[name] for part in parts], shape) for name in manifest.metrics},
        depth={} if depth is None else depth.sums(),
        counted=len(batch.rows),
    )


def slice_size(model: Model, manifest: Manifest) -> int:
    """Images that go through the sweep together: as many as fill one micro-batch with the heads of a layer."""
    return max(1, manifest.options.micro_batch // max(model.n_heads))


def paired(pixels: Float[Tensor, "image color row col"]) -> Callable[[slice], References]:
    """References of the fill `resample` for slices of a batch whose images are paired with these."""
    return lambda part: PairedReferences(pixels[part])


def encoded(picture: Image.Image) -> tuple[str, bytes]:
    """A preview as (file ending, bytes)."""
    small = max(picture.size) <= _PHOTO
    file = io.BytesIO()
    if small:
        picture.save(file, "PNG")
    else:
        picture.save(file, "WEBP", quality=90, method=2)
    return ("png" if small else "webp"), file.getvalue()


def _fill(manifest: Manifest) -> Fill:
    return manifest.options.fill  # type: ignore[return-value] # checked when the run was planned


def _predictions(
    model: Model,
    rows: Sequence[int],
    logits: Float[Tensor, "image class"] | None,
    target: np.ndarray,
    source: np.ndarray,
    label_of: dict[int, int],
) -> dict[int, dict[str, object]]:
    """Columns of the image table that the intact model decides."""
    if logits is None:
        return {row: {} for row in rows}
    prediction = answers.predictions(logits, model.readout)
    probability = answers.probabilities(logits, model.readout).gather(-1, prediction[:, None])[:, 0]
    return {
        row: {
            "prediction": int(prediction[i]),
            "probability": float(probability[i]),
            "correct": int(prediction[i]) == label_of[row] if label_of[row] >= 0 else None,
            "target": int(target[i]),
            "target_source": str(source[i]),
        }
        for i, row in enumerate(rows)
    }


def _columns(
    rows: Sequence[int], facts: dict[int, Fact], results: dict[int, dict[str, object]], label_of: dict[int, int]
) -> dict[str, list[object]]:
    nothing = {"prediction": -1, "probability": np.nan, "correct": None, "target": -1, "target_source": None}
    full = [nothing | results.get(row, {}) | vars(facts[row]) for row in rows]
    return {name: [row[name] for row in full] for name in full[0]}
