"""A small, valid run made of seeded numbers through the real writer: no model, no torch, a fraction of a second.

Numbers are plausible, not meaningful: attention rows sum to 1, metrics lie in their ranges, one head stands out
(`STRONG`). Row 1 is a skipped image and row 2 carries a note, so that readers meet both. With `pattern_images` the run
carries patterns: each head has a main one (`main_cluster`) that it shows on about 4 of 5 images.
"""

import atexit
import dataclasses
import functools
import hashlib
import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from vitscope.analysis import Run
from vitscope.quantities import KINDS, metrics_of, names, quantity, recorded
from vitscope.store import (
    SCHEMA_VERSION,
    HeadUnit,
    Manifest,
    MatricesUnit,
    ModelInfo,
    Options,
    OutputSample,
    PartialUnit,
    PatternSample,
    PatternsUnit,
    RunWriter,
    Source,
)
from vitscope.store.files.commits import Unit, read_commit, write_commit
from vitscope.store.files.durable import file_sha256
from vitscope.tokens import TokenLayout, available_modes

STRONG = (0, 1)
"""(layer, head) whose effect is by far the largest in a run with a CLS token."""
N_FEATURES = 6
"""Channels of the pooled output; images of one class lie near each other in it."""
SKIPPED = 1
NOTED = 2
OUTPUT_TOKENS, CHANNELS = 7, 4
"""Sampled outputs of a shard, and their width."""
SIDE, OFFSETS = 66, 15
"""Of the matrices that patterns are learned from."""
FEATURES = ("self", "cls", "distance", "entropy")
PATTERNS = ("self", "local", "row", "column", "one-key stripe", "CLS sink", "uniform", "content blob", "mixed")
CLUSTERS = ("local", "one-key stripe", "uniform", "row", "mixed")
"""Names of the clusters of the autoencoder space; the features' space has one less. Cluster 0 is the largest."""
WHOLE_IMAGES = 48
"""Sampled images whose matrices have numbers; the others' are missing, so that 100,000 points take seconds."""
LIGHT_FROM = 2**28
"""Entries of all matrices together from which on a run is made `light`."""


def synthetic_manifest(
    *,
    n_images: int = 10,
    layers: int = 2,
    heads: int = 3,
    grid: tuple[int, int] = (3, 5),
    prefix: tuple[str, ...] = ("cls",),
    classifier: bool = True,
    shard_size: int = 4,
    partial_images: int = 5,
    modes: tuple[str, ...] | None = None,
    root: Path = Path("photos"),
    n_featured: int = 4,
    pattern_images: int = 0,
) -> Manifest:
    tokens = TokenLayout(prefix, *grid, patch=(4, 4))
    modes = available_modes(tokens) if modes is None else modes
    classes = ("ant", "bee", "cat", "dog", "elk") if classifier else None
    model = ModelInfo(
        id="timm:vit_synthetic",
        name="vit_synthetic",
        adapter="timm VisionTransformer",
        weights="model.safetensors",
        weights_sha256=hashlib.sha256(b"weights").hexdigest(),
        parity=2.5e-7,
        n_layers=layers,
        n_heads=(heads,) * layers,
        n_classes=len(classes) if classes else None,
        n_features=N_FEATURES,
        classes=classes,
        input_size=(3, grid[0] * 4, grid[1] * 4),
        device="cpu",
        dtype="float32",
    )
    options = Options(
        modes=modes,
        fill="zero",
        limit=None,
        partial_images=partial_images if len(modes) > 1 else 0,
        shard_size=shard_size,
        micro_batch=4,
        threads=1,
        attention_backend="math",
        seed=0,
        featured=n_featured,
        mean_attention=True,
        patterns=pattern_images * layers * heads,
    )
    sample = PatternSample(min(pattern_images, n_images), SIDE, OFFSETS, FEATURES) if pattern_images else None
    return Manifest(
        schema_version=SCHEMA_VERSION,
        run_id="0123456789abcdef",
        created="2026-11-21T00:00:00+00:00",
        vitscope="0.1.0",
        state="planned",
        model=model,
        tokens=tokens,
        transform="Resize(12, 20)",
        source=Source("folder", str(root), str(root), None, 0, (), None),
        options=options,
        patterns=sample,
        outputs=OutputSample(OUTPUT_TOKENS, CHANNELS),
        quantities={kind: () if kind == "pattern" and sample is None else names(kind) for kind in KINDS}
        | {"metric": metrics_of("classes")},
        versions={"torch": "2.13.0", "timm": "1.0.31"},
        fingerprint=hashlib.sha256(b"images").hexdigest(),
        n_images=n_images,
    )


def synthetic_run(path: Path, **options) -> Run:
    """A run at `path`: a copy of the one that `write_synthetic_run` wrote with these options before."""
    if "manifest" in options:
        return write_synthetic_run(path, **options)
    shutil.copytree(_written(tuple(sorted(options.items()))), path)
    return Run(path)


@functools.cache
def _written(options: tuple[tuple[str, object], ...]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vitscope-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_synthetic_run(folder / "run", **dict(options)).path


def write_synthetic_run(
    path: Path,
    *,
    complete: bool = True,
    head_shards: int | None = None,
    seed: int = 0,
    manifest: Manifest | None = None,
    light: bool | None = None,
    **shape,
) -> Run:
    """Write a run to `path`.

    complete=False stops after `head_shards` head units (half of them by default), before featured and later ones.
    `shape` goes to `synthetic_manifest`. `light` shares a few random matrices and rows among all images, so that
    thousands of images take seconds; None decides by the size.
    """
    manifest = manifest or synthetic_manifest(**shape)
    if light is None:
        per_image = manifest.model.n_layers * manifest.model.n_heads[0] * manifest.tokens.n_tokens**2
        light = manifest.n_images * per_image > LIGHT_FROM
    random = np.random.default_rng(seed)
    classes = manifest.model.classes
    labels = random.integers(0, len(classes), manifest.n_images) if classes else np.full(manifest.n_images, -1)
    sample = random.permutation(manifest.n_images) < manifest.options.partial_images
    plan = {
        "id": [hashlib.sha256(str(row).encode()).hexdigest() for row in range(manifest.n_images)],
        "path": [f"photo {row:03d} é.png" for row in range(manifest.n_images)],
        "label": labels,
        "class_name": [classes[label] if classes else None for label in labels],
        "partial": sample,
    }
    RunWriter.create(path, manifest, plan)
    stop = manifest.n_shards if complete else (manifest.n_shards // 2 if head_shards is None else head_shards)
    with RunWriter.opened(path) as writer:
        writer.set_state("running")
        for shard in range(stop):
            writer.write_head(shard, head_unit(manifest, shard, labels, random, light=light))
        if complete:
            done = [row for row in range(manifest.n_images) if row != SKIPPED][: manifest.options.featured]
            writer.write_featured(done, (attention(manifest, random) for _ in done))
            for shard in writer.run.partial_shards:
                writer.write_partial(shard, partial_unit(manifest, shard, sample, random))
            if manifest.patterns is not None:
                for shard in range(manifest.n_shards):
                    writer.write_matrices(shard, matrices_unit(manifest, shard))
                writer.write_patterns(patterns_unit(manifest))
            writer.finish()
    return Run(path)


def replace_preview(run: Run, row: int, picture: Image.Image) -> None:
    """Another picture for an image, as if the run had been made with it."""
    name, unit = f"previews/{row}.png", Unit("head", row // run.manifest.options.shard_size)
    picture.save(run.path / name)
    commit = read_commit(run.path, unit)
    write_commit(run.path, dataclasses.replace(commit, files={**commit.files, name: file_sha256(run.path / name)}))


def attention(manifest: Manifest, random: np.random.Generator) -> np.ndarray:
    """Rows sum to 1: [layer, head, query, key]."""
    tokens = manifest.tokens.n_tokens
    return random.dirichlet(np.full(tokens, 0.3), (manifest.model.n_layers, manifest.model.n_heads[0], tokens)).astype(
        np.float32
    )


def cls_rows_of(manifest: Manifest, shape: tuple[int, ...], random: np.random.Generator, light: bool) -> np.ndarray:
    """CLS -> patches, float16 [image, layer, head, patch]; rows sum to a little less than 1."""
    concentration = np.full(manifest.tokens.n_patches + 1, 0.3)
    if not light:
        return random.dirichlet(concentration, shape)[..., 1:].astype(np.float16)
    rows = random.dirichlet(concentration, 997)[:, 1:].astype(np.float16)
    return rows[random.integers(0, len(rows), shape)]


def attention_sum_of(manifest: Manifest, counted: int, random: np.random.Generator, light: bool) -> np.ndarray:
    if light:
        return attention(manifest, random) * np.float32(counted)
    return sum(attention(manifest, random) for _ in range(counted)) + np.float32(0)


def pooled_of(shard: int, labels: np.ndarray) -> np.ndarray:
    """[image, channel]: each class around a place of its own."""
    random = np.random.default_rng([shard, 77])  # its own stream: the numbers of older tests stay what they are
    places = np.random.default_rng(78).normal(0, 3, (labels.max() + 2, N_FEATURES))
    return places[labels] + random.normal(0, 1, (len(labels), N_FEATURES))


def head_unit(
    manifest: Manifest, shard: int, labels: np.ndarray, random: np.random.Generator, *, light: bool = False
) -> HeadUnit:
    rows = manifest.shard_rows(shard)
    skipped = np.array([row == SKIPPED for row in rows])
    shape = (len(rows), manifest.model.n_layers, manifest.model.n_heads[0])
    hops = max(manifest.tokens.rows, manifest.tokens.cols)
    cls_rows = None
    if manifest.tokens.cls is not None:
        cls_rows = cls_rows_of(manifest, shape, random, light)
        cls_rows[skipped] = np.nan
    pooled = pooled_of(shard, np.asarray(labels)[rows.start : rows.stop])
    pooled[skipped] = np.nan

    def values(*extra: int, source: np.random.Generator = random) -> np.ndarray:
        array = source.uniform(0, 1, (*shape, *extra)).astype(np.float32)
        array[skipped] = np.nan
        return array

    later = np.random.default_rng([shard, 97])  # more measures leave the other numbers as they are
    return HeadUnit(
        columns=_columns(manifest, rows, labels, random),
        effects={
            name: _effect(name, values(source=_source(name, shard, random)), manifest) for name in manifest.metrics
        },
        strength={name: values(hops) for name in manifest.quantities["strength"]},
        spread={
            name: values() if name in recorded(4)["spread"] else values(source=later)
            for name in manifest.quantities["spread"]
        },
        cls_rows=cls_rows,
        pooled=pooled,
        attention_sum=attention_sum_of(manifest, int((~skipped).sum()), random, light),
        counted=int((~skipped).sum()),
        previews={row: ("png", _picture(manifest, random)) for row in rows if row != SKIPPED},
        **compared(manifest, shard, skipped),
    )


def compared(manifest: Manifest, shard: int, skipped: np.ndarray) -> dict[str, object]:
    """Each later layer undoes half of an effect; the first head and the last put out the same, but for a factor."""
    random = np.random.default_rng([shard, 96])
    heads = (manifest.model.n_layers, manifest.model.n_heads[0])
    diversity = random.uniform(0.2, 0.4, (len(skipped), heads[0])).astype(np.float32)
    diversity[:, -1] += 0.3  # the last layer is the most diverse
    diversity[skipped] = np.nan
    outputs = random.normal(0, 1, (OUTPUT_TOKENS, *heads, CHANNELS)).astype(np.float16)
    outputs[:, -1, -1] = 2 * outputs[:, 0, 0]
    return {
        "depth": depth_sums(manifest, 1, int((~skipped).sum()), random),
        "diversity": diversity,
        "outputs": outputs,
    }


def depth_sums(manifest: Manifest, n_modes: int, counted: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Each layer halves what is left; NaN before the pruned layer and, of patches, after the last block."""
    layers, heads = manifest.model.n_layers, manifest.model.n_heads[0]
    later = np.arange(layers) - np.arange(layers)[:, None]
    curve = np.where(later < 0, np.nan, 0.5 ** np.maximum(later, 0))[:, None]
    start = random.uniform(0.1, 0.2, (n_modes, layers, heads, 1))
    patches = counted * start * curve
    patches[..., :-1, :, -1] = np.nan
    cls = counted * start * curve * (1 if manifest.tokens.cls is not None else np.nan)
    return {"cls_cos_at": cls, "patch_cos_at": patches}


def partial_unit(manifest: Manifest, shard: int, sample: np.ndarray, random: np.random.Generator) -> PartialUnit:
    """Effects [image, mode, layer, head] by metric, NaN outside the sample."""
    rows = np.array(manifest.shard_rows(shard))
    shape = (len(rows), len(manifest.options.partial_modes), manifest.model.n_layers, manifest.model.n_heads[0])
    effects = {}
    for name in manifest.metrics:
        drawn = _source(name, shard, random).uniform(0, 1, shape).astype(np.float32)
        values = _effect(name, drawn, manifest)
        values[~sample[rows] | (rows == SKIPPED)] = np.nan
        effects[name] = values
    counted = int((sample[rows] & (rows != SKIPPED)).sum())
    depth = depth_sums(manifest, shape[1], counted, np.random.default_rng([shard, 97]))
    return PartialUnit(effects, depth, counted)


def sampled_rows(manifest: Manifest) -> np.ndarray:
    """Rows of the patterns' sample, ascending, without the skipped one."""
    readable = np.array([row for row in range(manifest.n_images) if row != SKIPPED])
    return np.sort(np.random.default_rng(91).permutation(readable)[: manifest.patterns.images])


def main_cluster(layer: int, head: int) -> int:
    """The cluster that most matrices of a head belong to."""
    return (layer + head) % len(CLUSTERS)


def clusters_of(manifest: Manifest) -> np.ndarray:
    """Cluster of each sampled matrix, numbered by size: 4 of 5 matrices in their head's main one, one in 50 in none."""
    heads = [main_cluster(*head) for head in np.ndindex(manifest.model.n_layers, manifest.model.n_heads[0])]
    random = np.random.default_rng(92)
    clusters = np.tile(heads, len(sampled_rows(manifest)))
    other = random.uniform(size=len(clusters))
    clusters = np.where(other < 0.2, random.integers(0, len(CLUSTERS), len(clusters)), clusters)
    return by_size(np.where(other < 0.02, -1, clusters))


def by_size(clusters: np.ndarray) -> np.ndarray:
    """The same clusters numbered by size, 0 = largest; -1 = none stays."""
    order = np.argsort(-np.bincount(clusters[clusters >= 0]), kind="stable")
    return np.where(clusters < 0, -1, np.argsort(order)[clusters])


def matrices_unit(manifest: Manifest, shard: int) -> MatricesUnit:
    """Rows of the matrices sum to 1; the image decides more in later layers."""
    random = np.random.default_rng([shard, 93])
    rows, sample = manifest.shard_rows(shard), sampled_rows(manifest)
    here = sample[(sample >= rows.start) & (sample < rows.stop)]
    shape = (len(rows), manifest.model.n_layers, manifest.model.n_heads[0])
    energy = random.uniform(1, 2, shape).astype(np.float32)
    dependence = (np.arange(shape[1]) + 1) / (shape[1] + 1)
    deviation = energy * (dependence[None, :, None] * random.uniform(0.5, 1, shape)).astype(np.float32)
    for values in (energy, deviation):
        values[[row == SKIPPED for row in rows]] = np.nan
    first, per_image = int((sample < rows.start).sum()), shape[1] * shape[2]
    n = len(here) * per_image
    matrices = np.full((n, SIDE, SIDE), np.nan, np.float16)
    whole = max(0, min(len(here), WHOLE_IMAGES - first)) * per_image
    rows_of = random.dirichlet(np.full(SIDE, 0.3), 997).astype(np.float16)
    matrices[:whole] = rows_of[random.integers(0, len(rows_of), (whole, SIDE))]
    offsets = random.dirichlet(np.ones(OFFSETS**2), n).reshape(n, OFFSETS, OFFSETS).astype(np.float16)
    return MatricesUnit(
        deviation=deviation,
        energy=energy,
        rows=here.tolist(),
        first=first,
        matrices=matrices,
        offsets=offsets,
        features=random.uniform(0, 1, (n, len(FEATURES))).astype(np.float32),
    )


def patterns_unit(manifest: Manifest) -> PatternsUnit:
    """Clusters of the autoencoder are islands on the map; the features' space merges the two smallest."""
    random = np.random.default_rng(94)
    sample, heads = sampled_rows(manifest), (manifest.model.n_layers, manifest.model.n_heads[0])
    clusters = clusters_of(manifest)
    merged = by_size(np.minimum(clusters, len(CLUSTERS) - 2))
    n, per_image = len(clusters), heads[0] * heads[1]
    centres = np.random.default_rng(95).uniform(-10, 10, (len(CLUSTERS), 8))
    codes = (centres[clusters] + random.normal(0, 0.5, (n, 8))).astype(np.float16)
    layer, head = np.divmod(np.tile(np.arange(per_image), len(sample)), heads[1])
    spaces = {"autoencoder": clusters, "features": merged}
    medoids = random.dirichlet(np.full(SIDE, 0.3), (len(CLUSTERS), SIDE)).astype(np.float16)
    return PatternsUnit(
        columns={
            "image": np.repeat(sample, per_image),
            "layer": layer,
            "head": head,
            "cluster": clusters,
            "x": codes[:, 0],
            "y": codes[:, 1],
            "pattern": np.where(clusters < 0, len(PATTERNS) - 1, [PATTERNS.index(CLUSTERS[c]) for c in clusters]),
            "cluster_features": merged,
            "x_features": codes[:, 2],
            "y_features": codes[:, 3],
        },
        codes=codes,
        medoids=medoids,
        prototypes=np.roll(medoids, 1, axis=1),
        document={
            "chosen": "autoencoder",
            "verdict": "the autoencoder is the better one: stability 0.93 against 0.88, silhouette 0.41 against 0.35",
            "patterns": PATTERNS,
            "spaces": {name: _space(name, values) for name, values in spaces.items()},
        },
    )


def _space(name: str, clusters: np.ndarray) -> dict[str, object]:
    first = name == "autoencoder"
    return {
        "silhouette": 0.41 if first else 0.35,
        "fair": 0.38 if first else 0.31,
        "stability": 0.93 if first else 0.88,
        "reconstruction": 0.82 if first else 0.56,
        "criterion": "k-means, k = the largest mean silhouette of 2 to 12",
        "plane": "pca",
        "clusters": [
            {
                "id": cluster,
                "name": CLUSTERS[cluster],
                "rule": f"the rule of {CLUSTERS[cluster]}: self mass above 0.5",
                "confidence": 0.9 - 0.1 * cluster,
                "evidence": dict(zip(FEATURES, (0.5, 0.1, 40.0, 3.2), strict=True)),
                "size": int((clusters == cluster).sum()),
                "medoid": int(np.flatnonzero(clusters == cluster)[0]),
            }
            for cluster in range(clusters.max() + 1)
        ],
    }


def _source(name: str, shard: int, first: np.random.Generator) -> np.random.Generator:
    """What a metric's values are drawn from: more metrics leave the other numbers as they are."""
    return first if name in recorded(4)["metric"] else np.random.default_rng([shard, 98])


def _effect(name: str, values: np.ndarray, manifest: Manifest) -> np.ndarray:
    if manifest.model.n_classes is None and "features" not in quantity(name).readouts:
        return np.full_like(values, np.nan)
    effect = values * np.float32(0.05)
    effect[..., STRONG[0], STRONG[1]] += np.float32(0.5)
    if name == "flip":
        return np.where(np.isnan(effect), effect, (effect > 0.52).astype(np.float32))
    return effect - np.float32(0.02) if name in {"prob_drop", "logit_drop"} else effect


def _columns(manifest: Manifest, rows: range, labels: np.ndarray, random: np.random.Generator) -> dict[str, list]:
    n_classes = manifest.model.n_classes
    columns: dict[str, list] = {}
    for row in rows:
        skipped = row == SKIPPED
        label = int(labels[row])
        known = n_classes is not None and not skipped
        prediction = (label if random.uniform() < 0.7 else (label + 1) % n_classes) if known else -1
        result = {
            "prediction": prediction,
            "probability": float(random.uniform(0.3, 1)) if known else float("nan"),
            "correct": prediction == label if known and label >= 0 else None,
            "target": (label if label >= 0 else prediction) if known else -1,
            "target_source": ("label" if label >= 0 else "prediction") if known else None,
            "width": 0 if skipped else 40,
            "height": 0 if skipped else 30,
            "note": "CMYK converted to RGB" if row == NOTED else None,
            "problem": "truncated: the file ends before the picture does" if skipped else None,
        }
        for name, value in result.items():
            columns.setdefault(name, []).append(value)
    return columns


def _picture(manifest: Manifest, random: np.random.Generator) -> bytes:
    channels, height, width = manifest.model.input_size
    pixels = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
