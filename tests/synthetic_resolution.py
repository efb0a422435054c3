"""A seeded comparison of input sizes for a synthetic run, through the real writer: no model, no torch."""

import numpy as np

from vitscope.analysis import Run
from vitscope.store import RunWriter
from vitscope.store.resolution import COLUMNS, Resolution, SizeInfo, write_resolution


def synthetic_resolution(run: Run, factors=(0.5, 1.0, 2.0), shown: int = 3, strangers: int = 1) -> Resolution:
    """Sizes that are multiples of the run's own; accuracy grows with the size, distance shares fall."""
    manifest = run.manifest
    tokens, model = manifest.tokens, manifest.model
    random = np.random.default_rng(5)
    images = [int(row) for row in run.images.index[run.images["done"] & run.images["problem"].isna()]]
    rows = [*images, *[-1] * strangers]
    labels = [int(label) for label in run.images.loc[images, "label"]] + [0] * strangers
    heads = (len(rows), model.n_layers, max(model.n_heads))
    sizes, arrays = (
        [],
        {name: [] for name in (*COLUMNS, "prediction")},
    )
    for i, factor in enumerate(factors):
        grid = (max(1, round(tokens.rows * factor)), max(1, round(tokens.cols * factor)))
        height, width = grid[0] * tokens.patch[0], grid[1] * tokens.patch[1]
        diagonal = float(np.hypot(height, width))
        n_tokens = tokens.n_prefix + grid[0] * grid[1]
        sizes.append(SizeInfo(height, width, *grid, n_tokens, diagonal, factor != 1.0))
        probability = random.uniform(0.1 + 0.2 * i, 0.5 + 0.2 * i, len(rows)).clip(0, 1)
        arrays["probability"].append(probability)
        arrays["correct"].append(np.where(np.array(labels) >= 0, (probability > 0.35).astype(float), np.nan))
        arrays["prediction"].append(np.array(labels))
        arrays["distance_no_sinks"].append(random.uniform(0.1, 0.4 - 0.05 * i, heads) * diagonal)
        arrays["distance"].append(random.uniform(0.1, 0.4 - 0.05 * i, heads) * diagonal)
        arrays["entropy"].append(random.uniform(0.5, 0.9, heads) * np.log(n_tokens))
        if tokens.cls is not None:
            maps = random.uniform(size=(shown, *heads[1:], grid[0] * grid[1]))
            maps /= maps.sum(-1, keepdims=True)
            arrays[f"map_{i}"] = maps.astype(np.float16)
            arrays[f"mean_map_{i}"] = maps.mean(0).astype(np.float16)
    stacked = {
        name: value if isinstance(value, np.ndarray) else np.stack(value).astype(np.float32)
        for name, value in arrays.items()
    }
    if not model.n_classes:
        stacked["probability"][:], stacked["correct"][:], stacked["prediction"][:] = np.nan, np.nan, -1
    found = Resolution(
        model=model.id,
        weights_sha256=model.weights_sha256,
        preprocessing="seeded numbers",
        own_size=model.input_size[1:],
        sizes=tuple(sizes),
        paths=tuple(f"{i}.png" for i in range(len(rows))),
        rows=tuple(rows),
        labels=tuple(labels),
        targets=tuple(labels),
        shown=shown,
        arrays=stacked | {"prediction": stacked["prediction"].astype(np.int32)},
    )
    with RunWriter.opened(run.path) as writer:
        write_resolution(writer.path, found)
    return found
