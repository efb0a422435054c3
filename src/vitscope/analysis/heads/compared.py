"""The heads of a run against each other: how different those of a layer are, and which of all do the same thing.

Everything comes from arrays of the run; old runs have what theirs give, the rest says why not.
Knows nothing about: models, torch.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float16

from vitscope.analysis.heads import similarity as alike
from vitscope.analysis.heads.seriation import Tree, mean_similarity, tree
from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.measures.similarity import cosines, diversity_of_rows
from vitscope.store.arrays import DEPTH, DEPTH_COUNT, DIVERSITY, OUTPUTS, planned_arrays
from vitscope.tokens import HEAD, HeadRef

if TYPE_CHECKING:
    import xarray as xr

    from vitscope.analysis.run import Run

VARIANTS: Final = ("cls", "jensen-shannon", "full")
"""Of diversity: cosine of CLS->patch rows, their Jensen-Shannon distance, cosine of whole matrices."""
WAYS: Final = ("cls", "mean", "output")
"""Of similarity: cosine of CLS->patch rows, mean over images; cosine of the mean matrices; linear CKA of outputs z."""
THRESHOLD: Final = 0.9
"""Heads are called redundant from this mean similarity."""
_AGAIN: Final = "Analyse again into another folder: runs are of format 4 now."


T = TypeVar("T")


class Group(NamedTuple):
    """Heads that do the same thing, and the mean similarity of their pairs."""

    heads: tuple[HeadRef, ...]
    similarity: float


class Heads:
    """Diversity and redundancy of a run's heads, over the images that are done."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._kept: dict[str, Any] = {}
        counts = run.manifest.model.n_heads
        self.refs = tuple(HeadRef(layer, head) for layer, n_heads in enumerate(counts) for head in range(n_heads))
        """Every head that exists: the order of the axes `head` and `other`."""

    def diversity(self, variant: str = "cls") -> "xr.DataArray":
        """How different the heads of a layer look at an image [image, layer], as `measures.head_diversity`.

        [0, 1]; 0 = all alike. NaN where an image is not done, and for a layer of one head.

        Raises
        ------
        InvalidArgument: no such variant.
        NotAvailable: it needs a CLS token, or whole matrices, which runs before format 4 did not compare.
        """
        import xarray as xr

        self.require_diversity(variant)
        if variant == "full":
            values = self._run.measure(DIVERSITY)
        else:
            values = self._once(f"diversity {variant}", lambda: self._of_rows(variant))
        return xr.DataArray(values.copy(), dims=("image", "layer"), attrs={"units": "0 to 1", "variant": variant})

    def similarity(self, by: str = "cls") -> "xr.DataArray":
        """How alike heads of all layers are [head, other], heads named `L2·H0`; attribute `n` = images or samples.

        `cls`: cosine of their CLS->patch rows, mean over the images. `mean`: cosine of their mean matrices over all
        images. `output`: linear CKA of what they put out at sampled (image, token) pairs.

        Raises
        ------
        InvalidArgument: no such way.
        NotAvailable: the run does not have what it needs, or not yet.
        """
        import xarray as xr

        self.require_way(by)
        values, n, unit = self._similarity(by)
        names = [str(head) for head in self.refs]
        coordinates = {"head": names, "other": names}
        attributes = {"units": "0 to 1", "n": n, "of": unit}
        return xr.DataArray(values.copy(), coordinates, ("head", "other"), attrs=attributes)

    def tree(self, by: str = "cls") -> Tree:
        """The heads merged by similarity, and an order that puts like ones together; numbers are places in `refs`."""
        self.require_way(by)
        return self._once(f"tree {by}", lambda: tree(self._similarity(by)[0]))

    def groups(self, by: str = "cls", threshold: float = THRESHOLD) -> tuple[Group, ...]:
        """Groups of heads that do the same thing: merged at a mean similarity of at least `threshold`, largest first.

        Raises
        ------
        InvalidArgument, NotAvailable: as `similarity`; a threshold outside (0, 1].
        """
        self.require_way(by)
        if not 0 < threshold <= 1:
            raise InvalidArgument(f"cannot group heads at a similarity of {threshold}: expected a number in (0, 1]")
        values = self._similarity(by)[0]
        found = [
            Group(tuple(sorted(self.refs[head] for head in heads)), mean_similarity(values, heads))
            for heads in self.tree(by).cut(threshold)
        ]
        return tuple(sorted(found, key=lambda group: (-len(group.heads), -group.similarity)))

    @property
    def outputs(self) -> Float16[np.ndarray, "sample layer head channel"]:
        """The heads' outputs z at the sampled (image, token) pairs that are done; NaN for heads a layer does not have.

        Raises
        ------
        NotAvailable: the run keeps none, or not yet.
        """
        self.require_way("output")
        shards = sorted(unit.shard for unit in self._run.done_units() if unit.group == "head")
        samples = self._run.read(OUTPUTS)[shards]
        samples = samples.reshape(-1, *samples.shape[2:])
        samples = samples[~np.isnan(samples).all((1, 2, 3))]
        if not len(samples):
            raise NotAvailable("there is nothing that heads put out yet: no image is done", "Wait for the first shard.")
        return samples

    def require_diversity(self, variant: str) -> None:
        """Raise what `diversity` would raise, without computing anything."""
        _known("variant", variant, VARIANTS)
        if variant == "full" and self._run.manifest.outputs is None:
            raise _too_old(self._run, "the diversity of whole matrices")
        if variant != "full":
            self._require_cls("compare heads by their CLS rows")

    def require_way(self, by: str) -> None:
        """Raise what `similarity` would raise, without computing anything; but for a run in which no image is done."""
        _known("way", by, WAYS)
        if by == "output" and self._run.manifest.outputs is None:
            raise _too_old(self._run, "what heads put out")
        if by == "cls":
            self._require_cls("compare heads by their CLS rows")
        if by == "mean" and not self._run.has_mean_attention:
            kept = self._run.manifest.options.mean_attention
            raise NotAvailable(
                f"cannot compare mean matrices: {'they are not complete yet' if kept else 'this run keeps none'}",
                "They come once all heads are done." if kept else "Compare by cls or output.",
            )

    def require_depth(self) -> None:
        """Raise what `run.repair` would raise."""
        if self._run.manifest.outputs is None:
            raise _too_old(self._run, "what later layers undo")

    def _similarity(self, by: str) -> tuple[alike.Pairs, int, str]:
        ways: dict[str, Callable[[], tuple[alike.Pairs, int, str]]] = {
            "cls": self._by_rows,
            "mean": self._by_means,
            "output": self._by_outputs,
        }
        return self._once(f"similarity {by}", ways[by])

    def _by_rows(self) -> tuple[alike.Pairs, int, str]:
        total = alike.SimilaritySum(len(self.refs))
        for _, block in self._run.cls_row_blocks():
            total.add(block[:, self._layers, self._heads])
        return total.mean(), total.n_images, "images"

    def _by_means(self) -> tuple[alike.Pairs, int, str]:
        mean, n = self._run.mean_attention, int(self._run.images["problem"].isna().to_numpy().sum())
        assert mean is not None, "asked for mean matrices that are not there"
        maps = mean[self._layers, self._heads]
        return cosines(maps.reshape(len(maps), -1)).astype(np.float64), n, "images"

    def _by_outputs(self) -> tuple[alike.Pairs, int, str]:
        outputs = self.outputs
        layers = [outputs[:, layer, :n] for layer, n in enumerate(self._run.manifest.model.n_heads)]
        return alike.output_similarity(layers), len(outputs), "sampled tokens"

    def _of_rows(self, variant: str) -> np.ndarray:
        """Diversity by a layer's CLS rows, image by image [image, layer]."""
        manifest = self._run.manifest
        values = np.full((manifest.n_images, manifest.model.n_layers), np.nan, np.float32)
        for rows, block in self._run.cls_row_blocks():
            for layer, n_heads in enumerate(manifest.model.n_heads):
                values[rows, layer] = diversity_of_rows(block[:, layer, :n_heads], variant)
        return values

    @property
    def _layers(self) -> list[int]:
        return [head.layer for head in self.refs]

    @property
    def _heads(self) -> list[int]:
        return [head.head for head in self.refs]

    def _require_cls(self, what: str) -> None:
        if self._run.tokens.cls is None:
            raise NotAvailable(
                f"cannot {what}: this model has no CLS token",
                "Diversity has the variant full, similarity goes by mean or output.",
            )

    def _once(self, key: str, make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def read_repair(run: "Run") -> "xr.Dataset":
    """`cls_cos_at` and `patch_cos_at` [mode, layer, head, observed] over the images that are done, and `n` [mode].

    Raises
    ------
    NotAvailable: the run is of a format that keeps none.
    """
    import xarray as xr

    manifest = run.manifest
    run.heads.require_depth()
    modes = manifest.options.modes
    specs = planned_arrays(manifest)
    counted = run.read(DEPTH_COUNT)
    metrics = manifest.quantities["depth"]
    sums = {name: run.read(f"{DEPTH}/{name}") for name in metrics}
    means = {name: np.full(specs[f"{DEPTH}/{name}"].shape[1:], np.nan) for name in metrics}
    n = np.zeros(len(modes), np.int64)
    done = run.done_units()
    for place, mode in enumerate(modes):
        group = "head" if mode == HEAD else "partial"
        shards = sorted(unit.shard for unit in done if unit.group == group)
        shards = [shard for shard in shards if counted[shard, place] > 0]
        if shards:
            n[place] = int(counted[shards, place].sum())
            for name in metrics:
                means[name][place] = sums[name][shards, place].sum(0) / n[place]
    dims = ("mode", "layer", "head", "observed")
    attributes = {"units": "cosine distance", "fill": manifest.options.fill}
    variables = {name: (dims, values, attributes) for name, values in means.items()}
    return xr.Dataset({**variables, "n": ("mode", n, {"units": "images"})}, {"mode": list(modes)})


def _known(kind: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise InvalidArgument(f"cannot compare heads by {kind} {name!r}: there are {', '.join(names)}")


def _too_old(run: "Run", what: str) -> NotAvailable:
    version = run.manifest.schema_version
    return NotAvailable(f"cannot read {what}: the run is of format {version}, which does not keep it (from 4)", _AGAIN)
