"""The exact sweep: the effect of pruning every head, one at a time, in every mode, without computing anything twice.

What it uses: blocks before the pruned one are intact, so the sweep walks down the intact model once and branches off at
each layer; before the block's MLP the change is linear (where the adapter says so), so all heads share one projection;
a mode changes the CLS row and the patch rows independently, so a few MLP passes serve all modes; the last block runs
only for the tokens that the classifier reads; variants of several heads and images run as one batch, fused.
Knows nothing about: files, images, statistics over images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vitscope.engine.importance.depth import DepthSums
from vitscope.engine.importance.schedule import keep_freed_memory
from vitscope.engine.pruning.prune import check_fill
from vitscope.engine.pruning.references import EVERY_TOKEN, References
from vitscope.engine.pruning.regions import Parts, Rows, change_of_z, pruned_columns, split_columns, token_groups
from vitscope.errors import InvalidArgument
from vitscope.measures.effects import effect
from vitscope.models import Evaluation, Model
from vitscope.models.block import Block, attend_rows, attention_weights, finish
from vitscope.quantities import metrics_of
from vitscope.quantities.readouts import Readout
from vitscope.tokens import HEAD, Fill

Effects = dict[str, Float[np.ndarray, "image mode layer head"]]


@dataclass(frozen=True)
class Step:
    """One block of the intact pass: tokens before it, z, tokens before its MLP, tokens after it."""

    block: Block
    x: Float[Tensor, "image token width"]
    z: Float[Tensor, "image head token channel"]
    middle: Float[Tensor, "image token width"]
    out: Float[Tensor, "image token width"]
    parts: Parts | None
    replacement: Float[Tensor, "#image head token channel"] | None


def sweep(
    model: Model,
    pixels: Float[Tensor, "image color row col"],
    targets: Int[np.ndarray, " image"],
    *,
    modes: Sequence[str],
    fill: Fill = "zero",
    references: References | None = None,
    micro_batch: int,
    depth: DepthSums | None = None,
) -> Effects:
    """Effects of pruning each head in each mode, for images that fit in memory at once.

    Parameters
    ----------
    targets: the class whose probability and logit are followed, per image.
    micro_batch: sequences (images x pruned variants) that run through the model together.
    depth: where given, how far the pruned tokens are from the intact ones in later layers is added to it.

    Returns
    -------
    float32 arrays [image, mode, layer, head] for each metric; NaN where a metric is undefined (no classifier, no
    CLS), a layer has fewer heads, or the model with the head pruned gives no finite numbers (half precision).

    Raises
    ------
    InvalidArgument: the fill needs references that are not given, or whole heads where a mode is partial.
    """
    check_fill(fill, list(modes))
    if fill in ("mean", "resample") and references is None:
        raise InvalidArgument(
            f"cannot sweep with fill {fill!r}: it needs references, got none",
            "Give mean_references(model, batches) or PairedReferences(pixels).",
        )
    shape = (len(pixels), len(modes), model.n_layers, max(model.n_heads))
    keep_freed_memory()
    results = {metric: np.full(shape, np.nan, np.float32) for metric in metrics_of(model.readout)}
    per_batch = max(1, micro_batch // max(model.n_heads))
    with Evaluation(model.module):
        for start in range(0, len(pixels), per_batch):
            images = slice(start, min(start + per_batch, len(pixels)))
            target = torch.from_numpy(np.ascontiguousarray(targets[images])).to(model.device)
            batch = _Sweep(model, tuple(modes), fill, micro_batch, depth)
            for metric, values in batch.run(model.place(pixels[images]), target, references, images).items():
                results[metric][images] = values
    return results


def answer_effects(
    intact: Float[Tensor, "image class"],
    pruned: Float[Tensor, "*variant image class"],
    target: Int[Tensor, " image"],
    readout: Readout,
) -> dict[str, Float[Tensor, "*variant image"]]:
    """The metrics of what logits say."""
    return {
        "prob_drop": effect.prob_drop(intact, pruned, target, readout),
        "logit_drop": effect.logit_drop(intact, pruned, target, readout),
        "jsd": effect.jsd(intact, pruned, readout),
        "flip": effect.flip(intact, pruned, readout),
    }


class _Sweep:
    """The sweep over one micro-batch of images."""

    def __init__(
        self, model: Model, modes: tuple[str, ...], fill: Fill, micro_batch: int, depth: DepthSums | None
    ) -> None:
        self.model = model
        self.modes = modes
        self.fill: Fill = fill
        self.micro_batch = micro_batch
        self.depth = depth
        self.groups = token_groups(model.tokens)
        self.columns = {mode: pruned_columns(mode, model.tokens) for mode in modes}

    def run(self, pixels: Tensor, target: Tensor, references: References | None, images: slice) -> Effects:
        """Walk down the intact model, branch off at every layer, compare with what the intact model gives."""
        model = self.model
        steps = list(self._walk(pixels, None if references is None else references.by_layer(model, images)))
        features = model.pool(steps[-1].out[:, model.architecture.reads])
        per_layer: list[dict[str, Tensor]] = []
        for layer in range(model.n_layers):
            rows = self._pruned_rows(steps[layer])
            effects = self._layer_effects(steps[layer], rows)
            pruned = self._downstream(layer, steps, rows)
            if self.depth is not None:
                for name in ("cls_cos", "patch_cos"):
                    self.depth.add_own(layer, f"{name}_at", effects[name])
            per_layer.append(effects | self._output_effects(features, pruned, target))
        if self.depth is not None:
            self.depth.close(len(pixels))
        kept = metrics_of(model.readout)
        return {metric: self._stack([effects[metric] for effects in per_layer]) for metric in kept}

    def _walk(self, pixels: Tensor, replacements: Iterator[Tensor] | None) -> Iterator[Step]:
        """The intact blocks, first to last."""
        x = self.model.embed(pixels)
        for block in self.model.blocks:
            step = self._step(block, x, None if replacements is None else next(replacements))
            yield step
            x = step.out

    def _step(self, block: Block, x: Tensor, replacement: Tensor | None) -> Step:
        projections = block.attend(x)
        z = attend_rows(projections, EVERY_TOKEN)
        middle = x + block.branch(x, z)
        parts = None
        if any(mode != HEAD for mode in self.modes):
            parts = split_columns(attention_weights(projections), projections.v, self.model.tokens)
        return Step(block, x, z, middle, block.mlp(middle), parts, replacement)

    def _pruned_rows(self, step: Step) -> dict[tuple[str, frozenset[str]], Float[Tensor, "head image row width"]]:
        """Tokens after the block for every (group of rows, pruned columns) that some mode needs, each computed once."""
        needed = {(group, columns) for pruned in self.columns.values() for group, columns in pruned.items()}
        return {(group, columns): self._rows(step, self.groups[group], columns) for group, columns in needed}

    def _rows(self, step: Step, rows: Rows, columns: frozenset[str]) -> Float[Tensor, "head image row width"]:
        block, whole = step.block, columns == self.groups.keys()
        if step.replacement is not None and whole:
            change = (step.replacement - step.z)[..., rows, :]
        else:
            change = change_of_z(step.z, step.parts, rows, columns, self.fill)
        n_images, n_heads = change.shape[:2]
        if block.linear_in_z:
            added = torch.einsum("ihrc,hcw->hirw", change, block.output_weight())
            return block.mlp((step.middle[:, rows] + added).flatten(0, 1)).unflatten(0, (n_heads, n_images))
        pruned = []
        for head in range(n_heads):
            z = step.z[..., rows, :].clone()
            z[:, head] += change[:, head]
            pruned.append(finish(block, step.x[:, rows], z))
        return torch.stack(pruned)

    def _assemble(
        self, step: Step, rows: dict[tuple[str, frozenset[str]], Tensor], mode: str, heads: slice
    ) -> Float[Tensor, "head image token width"]:
        """Intact tokens with the pruned rows put in."""
        n_heads = len(range(*heads.indices(step.block.n_heads)))
        tokens = step.out.expand(n_heads, *step.out.shape).clone()
        for group, columns in self.columns[mode].items():
            tokens[:, :, self.groups[group]] = rows[group, columns][heads]
        return tokens

    def _downstream(
        self, layer: int, steps: Sequence[Step], rows: dict[tuple[str, frozenset[str]], Tensor]
    ) -> Float[Tensor, "mode head image feature"]:
        """What the classifier reads after pruning; the last block runs only for the tokens that it reads."""
        model, reads = self.model, self.model.architecture.reads
        step = steps[layer]
        n_images, n_heads = len(step.out), step.block.n_heads
        per_pass = max(1, self.micro_batch // n_images)
        if n_heads == 0:
            width = model.pool(step.out[:, reads]).shape[-1]
            return step.out.new_empty(len(self.modes), 0, n_images, width)
        features: list[Tensor] = []
        for place, mode in enumerate(self.modes):
            for first in range(0, n_heads, per_pass):
                heads = slice(first, min(first + per_pass, n_heads))
                x = self._assemble(step, rows, mode, heads).flatten(0, 1)
                for later in range(layer + 1, model.n_layers - 1):
                    x = model.blocks[later](x)
                    self._compare((place, layer, heads, later), steps[later].out, x)
                if layer + 1 < model.n_layers:
                    last = model.blocks[-1]
                    x = finish(last, x[:, reads], attend_rows(last.attend(x), reads))
                    self._compare((place, layer, heads, model.n_layers - 1), steps[-1].out[:, reads], x)
                else:
                    x = x[:, reads]
                features.append(model.pool(x))
        return torch.cat(features).unflatten(0, (len(self.modes), n_heads, n_images))

    def _compare(self, place: tuple[int, int, slice, int], intact: Tensor, pruned: Tensor) -> None:
        """Note how far the pruned tokens are from the intact ones after a later block."""
        if self.depth is not None:
            self.depth.compare(place, intact, pruned.unflatten(0, (-1, len(intact))))

    def _layer_effects(
        self, step: Step, rows: dict[tuple[str, frozenset[str]], Tensor]
    ) -> dict[str, Float[Tensor, "mode head image"]]:
        """Cosine distances right after the pruned block; rows that a mode leaves alone have exactly 0."""
        effects = {}
        for metric, group in (("cls_cos", "cls"), ("patch_cos", "patch")):
            values = torch.zeros(len(self.modes), step.block.n_heads, len(step.out), device=step.out.device)
            if group not in self.groups:
                effects[metric] = values.fill_(torch.nan)
                continue
            intact = step.out[:, self.groups[group]]
            distances = {
                key: effect.cosine_distance(intact, pruned).mean(-1) for key, pruned in rows.items() if key[0] == group
            }
            for i, mode in enumerate(self.modes):
                columns = self.columns[mode].get(group)
                if columns is not None:
                    values[i] = distances[group, columns]
            effects[metric] = values
        return effects

    def _output_effects(
        self, features: Float[Tensor, "image feature"], pruned: Float[Tensor, "mode head image feature"], target: Tensor
    ) -> dict[str, Float[Tensor, "mode head image"]]:
        effects = {"out_cos": effect.cosine_distance(features, pruned)}
        logits = self.model.logits(features)
        if logits is None:
            nothing = torch.full_like(effects["out_cos"], torch.nan)
            if self.model.readout == "values":
                effects |= {
                    "value_drop": effect.value_drop(features, pruned),
                    "value_change": effect.value_change(features, pruned),
                    "out_cos": nothing if features.shape[-1] == 1 else effects["out_cos"],
                }
            return effects | dict.fromkeys(("prob_drop", "logit_drop", "jsd", "flip"), nothing)
        pruned_logits = self.model.logits(pruned.flatten(0, 2))
        assert pruned_logits is not None  # noqa: S101 - logits exist for all features or for none
        after = pruned_logits.unflatten(0, pruned.shape[:3])
        return effects | answer_effects(logits, after, target, self.model.readout)

    def _stack(self, per_layer: list[Float[Tensor, "mode _ image"]]) -> Float[np.ndarray, "image mode layer head"]:
        n_images = per_layer[0].shape[-1]
        stacked = np.full((n_images, len(self.modes), len(per_layer), max(self.model.n_heads)), np.nan, np.float32)
        for layer, values in enumerate(per_layer):
            stacked[:, :, layer, : values.shape[1]] = values.float().permute(2, 0, 1).cpu().numpy()
        stacked[~np.isfinite(stacked)] = np.nan
        return stacked
