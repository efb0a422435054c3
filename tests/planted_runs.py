"""Runs in memory whose answer is known: one head is planted to matter, one to matter to its own layer only."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from vitscope.analysis import Run
from vitscope.quantities import metrics_of, names, of_kind, recorded
from vitscope.store import Manifest, ModelInfo, Options, Progress, Source
from vitscope.tokens import TokenLayout

METRICS = metrics_of("classes")
CLS = TokenLayout(("cls",), 5, 7, (16, 16))


class PlantedRun(Run):
    """A run that reads from memory what `Run` reads from disk."""

    def __init__(self, manifest, images, effects, strength, spread, mean_attention, progress):
        self.path = Path("planted")
        self._heads = None
        self._parts = (manifest, images, effects, strength, spread, mean_attention, progress)

    manifest = property(lambda self: self._parts[0])
    images = property(lambda self: self._parts[1].copy())
    strength = property(lambda self: self._parts[3])
    spread = property(lambda self: self._parts[4])
    mean_attention = property(lambda self: self._parts[5])
    has_mean_attention = property(lambda self: self._parts[5] is not None)

    def done_units(self):
        return set()

    def layer_mean_attention(self, layer):
        return self._parts[5][layer]

    def measure(self, path):
        folder, name = path.split("/")
        return {"strength": self.strength, "spread": self.spread}[folder][name].values

    def effect(self, metric, mode):
        assert mode == "head"
        return self._parts[2][metric]

    def progress(self):
        return self._parts[6]


def manifest_of(n, n_heads, tokens, classes, kept):
    model = ModelInfo(
        id="timm:planted",
        name="planted",
        adapter="timm_vit",
        weights=None,
        weights_sha256=None,
        parity=2.5e-7,
        n_layers=len(n_heads),
        n_heads=tuple(n_heads),
        n_classes=None if classes is None else len(classes),
        n_features=None,
        classes=classes,
        input_size=(3, tokens.rows * tokens.patch[0], tokens.cols * tokens.patch[1]),
        device="cpu",
        dtype="float32",
    )
    options = Options(("head",), "zero", None, 60, 32, {"head": 8}, 1, "math", 0, 24, True, 0)
    source = Source("folder", "photos", "photos", None, 0, (), None)
    versions = {"torch": "2.13.0"}
    return Manifest(
        1,
        "id",
        "2026-11-21",
        "0.1.0",
        "complete",
        model,
        tokens,
        "resize",
        source,
        options,
        None,
        None,
        kept,
        versions,
        "f",
        n,
    )


def attention_of(rng, n_heads, tokens):
    """Random mean attention [layer, head, query, key], rows summing to 1, NaN for heads that do not exist."""
    full = np.full((len(n_heads), max(n_heads), tokens.n_tokens, tokens.n_tokens), np.nan, np.float32)
    for layer, count in enumerate(n_heads):
        weights = rng.exponential(size=(count, tokens.n_tokens, tokens.n_tokens))
        full[layer, :count] = weights / weights.sum(axis=-1, keepdims=True)
    return full


def planted_run(
    n=60,
    n_heads=(3, 3, 3, 3),
    tokens=CLS,
    classes=("ant", "bee", "cat"),
    labels=True,
    seed=3,
    done=None,
    skipped=(),
    version=5,
):
    """Head (2, 1) tops every output metric, (1, 0) is low on output but first on layer; the rest is small noise.

    Spread and strength are constants per head over images, so that sentences can be checked word by word. `version` is
    the format whose quantities the run keeps.
    """
    rng = np.random.default_rng(seed)
    shape = (n, len(n_heads), max(n_heads))
    effects = {metric: rng.uniform(0.001, 0.01, shape).astype(np.float32) for metric in METRICS}
    for metric in METRICS:
        effects[metric][:, 2, 1] = rng.uniform(0.3, 0.5, n)
    effects["jsd"][:, 1, 0] = effects["out_cos"][:, 1, 0] = 0.0001
    effects["cls_cos"][:, 1, 0] = rng.uniform(0.8, 0.9, n)
    effects["flip"] = np.zeros(shape, np.float32)
    effects["flip"][: n // 2, 2, 1] = 1  # half of the predictions change
    hops = max(tokens.rows, tokens.cols)
    mass = np.full((*shape, hops), 0.6 / hops)
    mass[:, 2, 1] = [0.3, 0.2, *[0.1 / (hops - 2)] * (hops - 2)]
    kept = recorded(version) | {"metric": METRICS}
    spread = {name: np.full(shape, 0.3) for name in names("spread")}
    spread["distance"] = np.broadcast_to(10.0 + np.arange(shape[1] * shape[2]).reshape(shape[1:]), shape).copy()
    spread["distance_rescaled"], spread["distance_no_sinks"] = spread["distance"] + 8, spread["distance"] + 6
    spread["few_keys"][:], spread["corners"][:] = tokens.n_tokens // 3, 0.0
    spread["neighbour"][:], spread["step_down"][:], spread["step_right"][:] = 0.05, 0.0, 0.0
    spread["to_cls"][:], spread["to_other"][:] = 0.4, 0.0
    columns = {"prob_drop", "logit_drop", "jsd", "flip"} if classes is None else set()
    if tokens.cls is None:
        columns.add("cls_cos")
        for row in of_kind("spread"):
            if "cls" in row.needs:
                spread[row.name][:] = np.nan
    for metric in columns:
        effects[metric][:] = np.nan
    images = image_table(n, classes, labels)
    for row, reason in dict(skipped).items():
        images.loc[row, "problem"] = reason
        images.loc[row, ["prediction", "target"]] = -1
    measured = np.arange(n) < (n if done is None else done)
    images["done"] = measured
    images.loc[~measured, ["prediction", "target"]] = -1
    empty = ~measured | images["problem"].notna().to_numpy()
    missing = np.arange(max(n_heads)) >= np.array(n_heads)[:, None]
    for values in (*effects.values(), *spread.values(), mass):
        values[empty] = np.nan
        values[:, missing] = np.nan
    attention = attention_of(rng, n_heads, tokens)
    attention[2, 1] = 0.5 / (tokens.n_tokens - 1)
    attention[2, 1, :, 0] = 0.5
    manifest = manifest_of(n, n_heads, tokens, classes, kept)
    progress = Progress("complete", 3, 3, {"head": (2, 2), "featured": (1, 1), "partial": (0, 0)}, 4)
    if done is not None:
        manifest = replace(manifest, state="running")
        units = int(done > 0)
        progress = Progress("running", units, 3, {"head": (units, 2), "featured": (0, 1), "partial": (0, 0)}, units)
        attention = None
    dims = ("image", "layer", "head")
    return PlantedRun(
        manifest,
        images,
        effects,
        xr.Dataset({"mass": ((*dims, "hop"), mass)}),
        xr.Dataset({name: (dims, spread[name]) for name in kept["spread"]}),
        attention,
        progress,
    )


def image_table(n, classes, labels):
    """Labels go round the classes; every fourth prediction is wrong."""
    label = np.arange(n) % len(classes) if classes is not None and labels else np.full(n, -1)
    known = np.arange(n) % len(classes) if classes is not None else np.full(n, -1)
    prediction = known if classes is None else np.where(np.arange(n) % 4 == 0, (known + 1) % len(classes), known)
    return pd.DataFrame(
        {
            "id": [f"{row:064x}" for row in range(n)],
            "path": [f"{row}.jpg" for row in range(n)],
            "label": label,
            "class_name": [classes[c] if classes is not None and c >= 0 else None for c in label],
            "prediction": prediction,
            "target": np.where(label >= 0, label, prediction),
            "note": pd.Series([None] * n, dtype=object),
            "problem": pd.Series([None] * n, dtype=object),
        },
        index=pd.RangeIndex(n, name="image"),
    )
