"""The intact model over a shard: answers, reduced attention, and which images are measured at all.

An image whose activations or attention are not finite is left out as one that cannot be read is: its fact says why.
Knows nothing about: pruning, files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vitscope.engine import Reduction, intact, reduce_attention
from vitscope.models import Model
from vitscope.pipeline.work.loading import Batch
from vitscope.pipeline.work.rows import REDUCTION_BATCH, OverRows, slices


@dataclass(frozen=True)
class IntactPass:
    """What the intact model does with the images of `batch`, all of them finite.

    Parameters
    ----------
    answers: features and logits (None without a classifier), aligned with the batch; None where it is empty.
    reduction: of their attention, with the outputs at the sampled tokens.
    sampled: which of the sampled (row, token) pairs are of these images.
    """

    batch: Batch
    answers: tuple[Float[Tensor, "image feature"], Float[Tensor, "image logit"] | None] | None
    reduction: Reduction
    sampled: Bool[np.ndarray, " sample"]


def intact_pass(
    model: Model, rows: Sequence[int], batch: Batch, sampled: Int[np.ndarray, "sample 2"], size: int
) -> IntactPass:
    """Run the readable images of a shard, `size` at a time, and leave out those that are not finite."""
    parts = [(part, intact(model, batch.pixels[part])) for part in slices(len(batch.rows), size)]
    problems = {part.start + place: reason for part, found in parts for place, reason in found.problems.items()}
    features = torch.cat([found.features for _, found in parts]) if parts else None
    logits = [found.logits for _, found in parts if found.logits is not None]
    answers = [features, torch.cat(logits) if logits else None]
    while True:
        kept = [place for place in range(len(batch.rows)) if place not in problems]
        answers = [one if one is None else one[kept] for one in answers]
        batch = batch.without(problems)
        places, there = OverRows(rows, batch.rows).places_of(sampled)
        reduction = reduce_attention(model, batch.pixels, REDUCTION_BATCH, places)
        problems = reduction.problems  # rare: activations are finite, explicit attention is not (half precision)
        if not problems:
            both = None if answers[0] is None else (answers[0], answers[1])
            return IntactPass(batch, both, reduction, there)


def finite_only(model: Model, batch: Batch) -> Batch:
    """The batch without the images whose activations are not finite."""
    return batch.without(intact(model, batch.pixels).problems) if batch.rows else batch


def finite_pairs(
    model: Model,
    first: Float[Tensor, "image color row col"],
    others: Sequence[Iterator[Float[Tensor, "color row col"]]],
) -> Float[Tensor, "image color row col"]:
    """For each image the one that replaces it under the fill `resample`: the first whose activations are finite.

    Parameters
    ----------
    first: the first candidate of each image; `others` has those after it (`ImageSource.pairs_of`).

    Raises
    ------
    BadInput: an image has no other whose activations are finite.
    """
    chosen, waiting = first.clone(), list(range(len(first)))
    while waiting:
        problems = intact(model, chosen[waiting]).problems
        waiting = [waiting[place] for place in sorted(problems)]
        for place in waiting:
            chosen[place] = next(others[place])
    return chosen
