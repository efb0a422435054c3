"""The patterns of a run as they are read: points, clusters, mixes, content dependence, names that a user gave.

Two ways of seeing the sample were fitted (the autoencoder's codes, the plain features); `Patterns` shows the one that
was chosen, `seen_by` the other.
Knows nothing about: models, torch, how patterns are learned.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from jaxtyping import Float, Float16, Float64, Int

from vitscope.analysis.patterns.by_head import repeated
from vitscope.errors import InvalidArgument, NotAvailable
from vitscope.measures.entropies import a_log_a, row_entropy
from vitscope.store.arrays import CODES, DEVIATION, ENERGY, MATRICES, MEDOIDS, PROTOTYPES
from vitscope.store.files.tables import POINTS, read_tables
from vitscope.store.pattern_files import FIT, POINTS_TABLE, read_document, read_names, require_patterns, write_name

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from vitscope.analysis.run import Run

SPACES: Final = ("autoencoder", "features")
_AT_ONCE: Final = 2048
_COLUMNS: Final = {
    "autoencoder": ("cluster", "x", "y"),
    "features": ("cluster_features", "x_features", "y_features"),
}
PerHead = Float64[np.ndarray, "layer head"]


class Typical(NamedTuple):
    """Images of one head: `most` typical (smallest deviation first) and `least` (largest first)."""

    most: "pd.DataFrame"
    least: "pd.DataFrame"


class Grouping(NamedTuple):
    """Clusters other than the run's own.

    One number a matrix; id, medoid, name, rule, confidence, size, evidence of each; names of the user's that are kept.
    """

    cluster: Int[np.ndarray, " matrix"]
    described: list[dict[str, Any]]
    given_names: dict[int, str]


class Patterns:
    """What the heads' matrices show. A sampled matrix has a number: its image's place in the sample x heads + head."""

    def __init__(self, run: "Run", space: str | None = None, grouping: Grouping | None = None) -> None:
        """Open the patterns of a run, in the chosen space or a named one, in the run's own clusters or others.

        Raises
        ------
        NotAvailable: the run has none, or not yet.
        RunError: they are damaged.
        """
        require_patterns(run)
        self._run = run
        self._grouping = grouping
        self._document = read_document(run)
        self.chosen: str = self._document["chosen"]
        self.verdict: str = self._document["verdict"]
        """Which space is the better one and why, in one sentence."""
        self.space = self.chosen if space is None else space
        if self.space not in SPACES:
            raise InvalidArgument(f"cannot see patterns by {space!r}: this run has {', '.join(SPACES)}")

    def seen_by(self, space: str) -> "Patterns":
        """The same patterns in a space by name: `autoencoder` or `features`."""
        return Patterns(self._run, space)

    def grouped(self, grouping: Grouping) -> "Patterns":
        """The same matrices in other clusters, which nobody can rename; `analysis.recluster` makes them."""
        other = Patterns(self._run, self.space, grouping)
        other.__dict__.update(codes=self.codes, _points=self._points)  # read once, whatever the clusters
        return other

    @property
    def is_regrouped(self) -> bool:
        """Whether the clusters are not the run's own."""
        return self._grouping is not None

    @property
    def pattern_names(self) -> tuple[str, ...]:
        """The names that rules give to single matrices."""
        return tuple(self._document["patterns"])

    @property
    def rules(self) -> Mapping[str, str]:
        """The sentence of each name by rule; of a run before names had more than one family those of its clusters."""
        kept = {str(cluster["name"]): str(cluster["rule"]) for cluster in self._described["clusters"]}
        return self._document.get("rules", kept)

    @property
    def families(self) -> Mapping[str, Sequence[str]]:
        """Names that have one above them, by that name; none in runs before there were any."""
        return self._document.get("families", {})

    @cached_property
    def images(self) -> tuple[int, ...]:
        """Rows of the sampled images, ascending."""
        return tuple(int(row) for row in np.unique(self._points["image"]))

    @property
    def table(self) -> "pd.DataFrame":
        """One row a sampled matrix (the index is its number): image, layer, head, cluster (-1 = none), x, y, pattern.

        `pattern` is the matrix's own name by rule, whatever its cluster is called (a categorical).
        """
        import pandas as pd

        points = self._points
        places = {name: points[name] for name in ("image", "layer", "head")}
        seen = {name: points[column] for name, column in zip(("cluster", "x", "y"), _COLUMNS[self.space], strict=True)}
        if self._grouping:
            seen["cluster"] = pd.Series(self._grouping.cluster, points.index)
        pattern = pd.Categorical.from_codes(points["pattern"].to_numpy(), list(self.pattern_names))
        return pd.DataFrame({**places, **seen, "pattern": pattern}, index=points.index)

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return len(self._described["clusters"])

    @property
    def clusters(self) -> "pd.DataFrame":
        """One row a cluster, largest first: name, auto_name, rule, confidence, size, share, medoid, x, y, evidence.

        `name` is the user's where there is one; `confidence` the share of members that fulfil the rule; `medoid` the
        number of the most central matrix; `evidence` the members' mean features.
        """
        import pandas as pd

        table, given = self.table, self.given_names
        rows = []
        for cluster in self._described["clusters"]:
            medoid = int(cluster["medoid"])
            rows.append(
                {
                    "cluster": int(cluster["id"]),
                    "name": given.get(int(cluster["id"]), cluster["name"]),
                    "auto_name": cluster["name"],
                    "rule": cluster["rule"],
                    "confidence": float(cluster["confidence"]),
                    "size": int(cluster["size"]),
                    "share": int(cluster["size"]) / len(table),
                    "medoid": medoid,
                    "x": float(table.at[medoid, "x"]),
                    "y": float(table.at[medoid, "y"]),
                    "evidence": dict(cluster["evidence"]),
                }
            )
        return pd.DataFrame(rows).set_index("cluster")

    @property
    def quality(self) -> "pd.DataFrame":
        """Both spaces side by side, one row each; NaN where a number is not defined.

        Columns: silhouette (in the space's own codes), fair (silhouette where neither space is at home, to compare
        them), stability (mean adjusted Rand over seeds), reconstruction (share of the variance of matrices not learned
        from that the codes explain), n_clusters, criterion (how their number was chosen), plane (method of x and y).
        """
        import pandas as pd

        names = ("silhouette", "fair", "stability", "reconstruction", "criterion", "plane")
        rows = {
            space: {name: described[name] for name in names} | {"n_clusters": len(described["clusters"])}
            for space, described in self._document["spaces"].items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def mix(self) -> "xr.DataArray":
        """Share of each cluster among a head's sampled matrices [layer, head, cluster]; NaN where there is no head.

        Sums to less than 1 where matrices belong to no cluster.
        """
        return self._mix.copy()

    def mix_of(self, images: Sequence[int] | None) -> "xr.DataArray":
        """The mix over some images only (those of them that are in the sample); None for all."""
        import xarray as xr

        counts, total = self._counts(images)
        with np.errstate(invalid="ignore"):
            shares = counts / total[..., None]
        coordinates = {"cluster": np.arange(counts.shape[-1])}
        return xr.DataArray(shares, coordinates, ("layer", "head", "cluster"), attrs={"units": "share of matrices"})

    @property
    def mix_entropy(self) -> "xr.DataArray":
        """Entropy of each head's mix in bits [layer, head]: 0 = always the same pattern. No cluster counts as one."""
        import xarray as xr

        shares = self.mix.values
        shares = np.concatenate([shares, 1 - shares.sum(-1, keepdims=True)], axis=-1).clip(min=0)
        bits = row_entropy(a_log_a(shares)) / np.log(2)
        return xr.DataArray(bits, dims=("layer", "head"), attrs={"units": "bits"})

    @property
    def content_dependence(self) -> "xr.DataArray":
        """How far the image decides, over all images of the run [layer, head], 0 to 1.

        NaN where there is no head, and in a run of one image. Attributes say at which resolution, and over which images
        the mean was taken.
        """
        return self._dependence.copy()

    def content_dependence_of(self, images: Sequence[int] | None) -> "xr.DataArray":
        """The same over some images only; above 1 where they are far from the run's mean and near uniform."""
        import xarray as xr

        deviation, energy = (self._run.measure(name) for name in (DEVIATION, ENERGY))
        one = np.isfinite(deviation).any((1, 2)).sum() < 2  # its own mean: nothing to tell
        rows = slice(None) if images is None else np.asarray(images, dtype=np.int64)
        values = content_dependence(deviation[rows], energy[rows])
        values = np.full_like(values, np.nan) if one else values
        sample, full = self._run.manifest.patterns, self._run.manifest.options.mean_attention
        attributes = {
            "units": "0 to 1",
            "resolution": "full" if full or sample is None else f"common ({sample.side} x {sample.side})",
            "mean": "over all images" if full else "over the sample",
        }
        return xr.DataArray(values, dims=("layer", "head"), attrs=attributes)

    def typical(self, layer: int, head: int, n: int = 5) -> Typical:
        """The `n` images nearest to a head's mean matrix and the `n` farthest, of all images: columns image, deviation.

        Raises
        ------
        InvalidArgument: there is no such head.
        """
        import pandas as pd

        counts = self._run.manifest.model.n_heads
        if not (0 <= layer < len(counts) and 0 <= head < counts[layer]):
            raise InvalidArgument(f"cannot read head {head} of layer {layer}: the run has no such head")
        deviation = self._run.measure(DEVIATION)[:, layer, head]
        order = np.argsort(deviation, kind="stable")[: int(np.isfinite(deviation).sum())]
        chosen = (order[:n], order[::-1][:n])
        return Typical(*(pd.DataFrame({"image": rows, "deviation": deviation[rows]}) for rows in chosen))

    def matrix(self, number: int) -> Float16[np.ndarray, "query key"]:
        """A sampled matrix at the common size: CLS, the other prefix tokens together, then cells of patches."""
        row = self._number(number)
        return self._run.read(MATRICES, (slice(row, row + 1),))[0]

    def nearest(self, number: int, n: int = 8) -> "pd.DataFrame":
        """The `n` matrices most like one, nearest first: matrix, image, layer, head, distance (Euclidean, of codes).

        Codes are those of the chosen space.
        """
        row = self._number(number)
        codes = self.codes
        distance = np.linalg.norm(codes - codes[row], axis=1)
        distance[row] = np.inf
        order = np.argsort(distance, kind="stable")[: min(max(n, 0), len(codes) - 1)]
        frame = self._points.loc[order, ["image", "layer", "head"]]
        frame.insert(0, "matrix", order)
        return frame.assign(distance=distance[order]).reset_index(drop=True)

    @property
    def medoid_distance(self) -> Float[np.ndarray, " matrix"]:
        """How far each sampled matrix is from the medoid of its cluster (Euclidean, of codes); NaN = in no cluster.

        Codes are those of the chosen space, as in `nearest`.
        """
        codes, cluster = self.codes, self.table["cluster"].to_numpy()
        medoids = self.clusters["medoid"].to_numpy()
        distance = np.linalg.norm(codes - codes[medoids[cluster]], axis=1)
        return np.where(cluster < 0, np.nan, distance).astype(np.float32)

    @property
    def medoids(self) -> Float16[np.ndarray, "cluster query key"]:
        """The most central matrix of each cluster."""
        if self.space == self.chosen and not self.is_regrouped:
            return self._run.read(MEDOIDS)
        return np.stack([self.matrix(cluster["medoid"]) for cluster in self._described["clusters"]])

    @property
    def prototypes(self) -> Float16[np.ndarray, "cluster query key"]:
        """What each cluster of the chosen space stands for: its centre decoded, or its members' mean.

        Of clusters other than the run's own always the mean.

        Raises
        ------
        NotAvailable: seen by the space that was not chosen.
        """
        if self.space != self.chosen:
            raise NotAvailable(
                f"cannot read prototypes of the space {self.space}: the run keeps those of {self.chosen}",
                "`run.patterns.prototypes` are of the chosen space.",
            )
        return self._means(self._grouping) if self._grouping else self._run.read(PROTOTYPES)

    @property
    def given_names(self) -> dict[int, str]:
        """The user's names of this space's clusters, by cluster."""
        if self._grouping:
            return dict(self._grouping.given_names)
        return {int(cluster): name for cluster, name in read_names(self._run).get(self.space, {}).items()}

    def rename(self, cluster: int, name: str | None) -> None:
        """Give a cluster a name of one's own, kept in the run; None goes back to the automatic one.

        Raises
        ------
        InvalidArgument: no such cluster, or a name that is empty, longer than 60 characters or more than one line.
        NotAvailable: the clusters are not the run's own.
        StorageError: the run folder cannot be written.
        """
        if self.is_regrouped:
            raise NotAvailable(f"cannot rename pattern {cluster}: names are kept for the run's own clusters")
        if not 0 <= cluster < self.n_clusters:
            raise InvalidArgument(f"cannot rename pattern {cluster}: the run has {self.n_clusters}, counted from 0")
        write_name(self._run, self.space, cluster, name)

    def importance(self, metric: str, mode: str = "head") -> "pd.DataFrame":
        """What pruning does where a head holds a pattern: one row a cluster, over its sampled matrices with a value.

        Columns: name, n, mean, median (unit of the metric), share (of the whole effect of all sampled matrices), heads
        (whose main pattern it is).
        """
        import pandas as pd

        table, clusters = self.table, self.clusters
        effect = self._run.effect(metric, mode)[table["image"], table["layer"], table["head"]].astype(np.float64)
        main = main_patterns(self.mix.values)[0]
        total = np.nansum(effect)
        rows = []
        for cluster, name in clusters["name"].items():
            own = effect[(table["cluster"] == cluster).to_numpy() & np.isfinite(effect)]
            rows.append(
                {
                    "name": name,
                    "n": len(own),
                    "mean": float(own.mean()) if len(own) else np.nan,
                    "median": float(np.median(own)) if len(own) else np.nan,
                    "share": float(own.sum() / total) if total else np.nan,
                    "heads": int((main == cluster).sum()),
                }
            )
        return pd.DataFrame(rows, index=clusters.index)

    @property
    def repeated(self) -> "pd.DataFrame":
        """Heads that repeat each other's pattern, candidates for redundancy: one row a group of at least two.

        Heads whose matrices have the same name by rule in at least 80 % of the images, grouped as `Heads.groups` does:
        merged at a mean similarity of at least 0.9, by the cosine of mean matrices, or by outputs or CLS rows where the
        run keeps no mean. Means are compared of heads of content dependence up to 0.5: of others they say little.
        A shared name alone says nothing: heads that look one patch left and right are as unlike as can be. Columns:
        name, heads (a list of (layer, head)), similarity, by (`mean`, `output` or `cls`),
        content_dependence (mean of the heads').
        """
        return repeated(self._run, self)

    @cached_property
    def _mix(self) -> "xr.DataArray":
        return self.mix_of(None)

    @cached_property
    def _dependence(self) -> "xr.DataArray":
        return self.content_dependence_of(None)

    @cached_property
    def _points(self) -> "pd.DataFrame":
        sample, heads = self._run.manifest.patterns, sum(self._run.manifest.model.n_heads)
        frame = read_tables([self._run.file(POINTS_TABLE, FIT)], POINTS, sample.images * heads if sample else 0)
        frame.index.name = "matrix"
        return frame

    @cached_property
    def codes(self) -> Float[np.ndarray, "matrix channel"]:
        """What the chosen space sees of each sampled matrix: clusters and distances are of these."""
        return self._run.read(CODES).astype(np.float32)

    @property
    def _described(self) -> Mapping[str, Any]:
        own = self._document["spaces"][self.space]
        return {**own, "clusters": self._grouping.described} if self._grouping else own

    def _means(self, grouping: Grouping) -> Float16[np.ndarray, "cluster query key"]:
        """Mean matrix of each cluster, a part of the sample at a time."""
        sums = np.zeros((len(grouping.described), *self.matrix(0).shape))
        for start in range(0, len(grouping.cluster), _AT_ONCE):
            part = self._run.read(MATRICES, (slice(start, start + _AT_ONCE),))
            of = grouping.cluster[start : start + _AT_ONCE]
            for number in np.unique(of):
                sums[number] += part[of == number].sum(0, dtype=np.float32)
        sizes = np.array([cluster["size"] for cluster in grouping.described])
        return (sums / sizes[:, None, None]).astype(np.float16)

    def _number(self, number: int) -> int:
        if not 0 <= number < len(self._points):
            raise InvalidArgument(f"cannot read matrix {number}: the run has {len(self._points)}, counted from 0")
        return int(number)

    def _counts(self, images: Sequence[int] | None) -> tuple[np.ndarray, PerHead]:
        """Sampled matrices of each head in each cluster [layer, head, cluster], and in all (NaN for no head)."""
        model, table = self._run.manifest.model, self.table
        if images is not None:
            table = table[table["image"].isin(list(images))]
        heads = (model.n_layers, max(model.n_heads))
        total = np.zeros(heads)
        np.add.at(total, (table["layer"], table["head"]), 1)
        for layer, n_heads in enumerate(model.n_heads):
            total[layer, n_heads:] = np.nan
        counts = np.zeros((*heads, self.n_clusters))
        members = table[table["cluster"] >= 0]
        np.add.at(counts, (members["layer"], members["head"], members["cluster"]), 1)
        return counts, total


def content_dependence(
    deviation: Float[np.ndarray, "image layer head"], energy: Float[np.ndarray, "image layer head"]
) -> PerHead:
    """Sum of the deviations over the sum of the energies; images that are NaN are left out, 0/0 is NaN."""
    known = np.isfinite(deviation) & np.isfinite(energy)
    sums = [np.where(known, values, 0).sum(0, dtype=np.float64) for values in (deviation, energy)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(known.any(0), sums[0] / sums[1], np.nan)


def main_patterns(mix: Float[np.ndarray, "layer head cluster"]) -> tuple[np.ndarray, PerHead]:
    """The largest cluster of each head and its share; -1 and NaN where there is no head or no cluster."""
    known = np.nan_to_num(mix).sum(-1) > 0
    largest = np.nan_to_num(mix, nan=-1).argmax(-1)
    share = np.take_along_axis(mix, largest[..., None], -1)[..., 0]
    return np.where(known, largest, -1), np.where(known, share, np.nan)
