"""Over depth: how far pruned tokens are from the intact ones after the pruned block and after each later one.

Sums over images, filled while a sweep runs; they stay on the model's device until they are asked for.
Knows nothing about: how tokens are pruned, files.
"""

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from vitscope.measures.effects import effect
from vitscope.models import Model
from vitscope.quantities import names


class DepthSums:
    """Sums of `cls_cos_at` and `patch_cos_at` over the images that a sweep has seen.

    NaN where there is nothing: layers before the pruned one, heads that a layer does not have, the CLS token where
    there is none, and, after the last block, tokens that the classifier does not read: that block runs only for those
    it does (the pruned block itself is the exception: its tokens are there).
    """

    def __init__(self, model: Model, n_modes: int) -> None:
        tokens, reads = model.tokens, model.architecture.reads
        self.n_images = 0
        self.last = model.n_layers - 1
        read = range(*reads.indices(tokens.n_tokens))
        patches = range(*tokens.patches.indices(tokens.n_tokens))
        self._whole: dict[str, slice] = {"patch_cos_at": tokens.patches}
        self._read: dict[str, slice] = {}
        if tokens.cls is not None:
            self._whole["cls_cos_at"] = slice(tokens.cls, tokens.cls + 1)
            if tokens.cls in read:
                self._read["cls_cos_at"] = slice(read.index(tokens.cls), read.index(tokens.cls) + 1)
        if all(patch in read for patch in (patches[0], patches[-1])):
            self._read["patch_cos_at"] = slice(read.index(patches[0]), read.index(patches[-1]) + 1)
        shape = (n_modes, model.n_layers, max(model.n_heads), model.n_layers)
        self._sums = {
            name: torch.full(shape, torch.nan, dtype=torch.float64, device=model.device) for name in names("depth")
        }

    def add_own(self, layer: int, name: str, distances: Float[Tensor, "mode head image"]) -> None:
        """Take what is known of the pruned block itself."""
        if name in self._whole:
            self._add(name, (slice(None), layer, slice(distances.shape[1]), layer), distances)

    def compare(
        self,
        place: tuple[int, int, slice, int],
        intact: Float[Tensor, "image token width"],
        pruned: Float[Tensor, "head image token width"],
    ) -> None:
        """Compare the tokens that leave a later block; after the last one, those that the classifier reads.

        Parameters
        ----------
        place: mode (its place among the modes), pruned layer, pruned heads, observed layer.
        """
        groups = self._read if place[-1] == self.last else self._whole
        if groups:
            distances = effect.cosine_distance(intact, pruned)
            for name, tokens in groups.items():
                self._add(name, place, distances[..., tokens].mean(-1))

    def close(self, n_images: int) -> None:
        """Count the images of a micro-batch whose distances have all been added."""
        self.n_images += n_images

    def sums(self) -> dict[str, Float64[np.ndarray, "mode layer head observed"]]:
        """The sums over the images seen so far."""
        return {name: values.cpu().numpy() for name, values in self._sums.items()}

    def means(self) -> dict[str, Float64[np.ndarray, "mode layer head observed"]]:
        """The means over the images seen so far; NaN before the first."""
        return {name: values / max(self.n_images, 1) for name, values in self.sums().items()}

    def _add(self, name: str, place: tuple[object, ...], distances: Float[Tensor, "*lead image"]) -> None:
        total = distances.double().sum(-1)
        self._sums[name][place] = total if self.n_images == 0 else self._sums[name][place] + total  # type: ignore[index]
