"""What replaces a pruned head under the fills `mean` and `resample`: z of reference images, layer by layer.

`mean` keeps one z a layer, averaged over the references per token; `resample` runs each image's reference along with
it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vitscope.engine.finite import refuse
from vitscope.engine.forward import intact
from vitscope.errors import InvalidArgument
from vitscope.models import AnyModel, Evaluation, TappedModel
from vitscope.models.block import attend_rows, finish
from vitscope.tokens import Fill

EVERY_TOKEN = slice(None)


@runtime_checkable
class References(Protocol):
    """Gives, for a slice of the images, z [image or 1, head, token, channel] of one layer after the other."""

    def by_layer(self, model: AnyModel, images: slice) -> Iterator[Float[Tensor, "#image head token channel"]]:
        """One z a layer, first to last."""
        ...


def outputs_by_layer(
    model: AnyModel, pixels: Float[Tensor, "image color row col"]
) -> Iterator[Float[Tensor, "image head token channel"]]:
    """Z of every layer of the intact model."""
    if isinstance(model, TappedModel):
        seen: list[Tensor] = []
        model.run(model.place(pixels), lambda layer, p: seen.append(attend_rows(p, EVERY_TOKEN)))
        yield from seen
        return
    x = model.embed(model.place(pixels))
    for block in model.blocks:
        z = attend_rows(block.attend(x), EVERY_TOKEN)
        yield z
        x = finish(block, x, z)


@dataclass(frozen=True)
class MeanReferences:
    """z averaged over a reference set, per token: [head, token, channel] for each layer."""

    z: tuple[Float[Tensor, "head token channel"], ...]

    def by_layer(self, model: AnyModel, images: slice) -> Iterator[Float[Tensor, "1 head token channel"]]:
        """The same mean for every image."""
        for z in self.z:
            yield z[None]


@dataclass(frozen=True)
class PairedReferences:
    """Pixels of one other image for each image, aligned with the images."""

    pixels: Float[Tensor, "image color row col"]

    def by_layer(self, model: AnyModel, images: slice) -> Iterator[Float[Tensor, "image head token channel"]]:
        """Z of the paired images."""
        yield from outputs_by_layer(model, self.pixels[images])


def mean_references(model: AnyModel, batches: Iterable[Float[Tensor, "image color row col"]]) -> MeanReferences:
    """Average z over reference images, streamed: memory does not grow with their number."""
    totals: list[Tensor] = []
    n = 0
    with Evaluation(model.module):
        for pixels in batches:
            n += len(pixels)
            for layer, z in enumerate(outputs_by_layer(model, pixels)):
                summed = z.double().sum(0)
                if layer == len(totals):
                    totals.append(summed)
                else:
                    totals[layer] += summed
        if n == 0:
            raise InvalidArgument("cannot fill with the mean: no reference images given", "Give at least one.")
        return MeanReferences(tuple((total / n).to(model.dtype) for total in totals))


def derangement(n: int, seed: int) -> np.ndarray:
    """A seeded permutation of 0..n-1 in which nothing stays in place (one cycle, Sattolo 1986).

    Raises InvalidArgument for fewer than two.
    """
    if n < 2:
        raise InvalidArgument(
            f"cannot resample from {n} image: every image needs another one", "Give at least two images or references."
        )
    rng = np.random.default_rng(seed)
    order = np.arange(n)
    for i in range(n - 1, 0, -1):
        j = int(rng.integers(i))
        order[i], order[j] = order[j], order[i]
    return order


def make_references(
    model: AnyModel,
    pixels: Float[Tensor, "image color row col"],
    references: Float[Tensor, "reference color row col"] | None,
    *,
    fill: Fill,
    seed: int,
    batch: int,
) -> References | None:
    """References of a fill for images at hand; `references=None` means the images themselves.

    Raises
    ------
    NotFinite: a reference whose activations are not finite; it would spoil every image.
    """
    given = pixels if references is None else references
    if fill in ("mean", "resample"):
        problems = intact(model, given, batch).problems if len(given) else {}
        refuse(model.id, problems, len(given), "image" if references is None else "reference")
    if fill == "mean":
        return mean_references(model, given.split(batch))
    if fill == "resample":
        if references is None:
            return PairedReferences(pixels[torch.from_numpy(derangement(len(pixels), seed))])
        order = torch.from_numpy(derangement(len(references), seed))
        return PairedReferences(references[order[torch.arange(len(pixels)) % len(references)]])
    return None
