"""What several pages draw: the picture a model saw, maps over it, values of heads by layer.

Knows nothing about: questions, verdicts.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import vitscope


def picture(run: vitscope.Run, image: int) -> np.ndarray:
    """What the model saw of an image of the run: uint8 [row, column, colour]."""
    path = run.preview(image)
    assert path is not None, f"image {image} has no preview"
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))


def attention_of(run: vitscope.Run, image: int) -> Float[torch.Tensor, "1 layer head query key"]:
    """Whole attention of a featured image, float32, rows rescaled to sum to 1 after half precision."""
    whole = torch.from_numpy(run.featured_attention(image).astype(np.float32))[None]
    return whole / whole.sum(-1, keepdim=True)


def pictures_of(run: vitscope.Run, images: Sequence[int]) -> list[np.ndarray]:
    """`picture` of several images."""
    return [picture(run, image) for image in images]


def featured(run: vitscope.Run, number: int) -> list[int]:
    """Featured images that the model gets right, most confident first: clear cases to look at."""
    table = run.images.loc[list(run.featured)]
    right = table[table["correct"].astype(bool)].sort_values("probability", ascending=False)
    return [int(row) for row in right.index[:number]]


def map_grid(
    pictures: Sequence[np.ndarray],
    columns: Sequence[str],
    maps: Float[np.ndarray, "image column row col"],
    *,
    size: float = 0.9,
    bar: str = "attention of the CLS token, each map as a share of its own largest value",
) -> Figure:
    """One row an image: the picture, then its maps, each on a scale of its own (shapes compare, amounts do not)."""
    figure, axes = plt.subplots(
        len(pictures), len(columns) + 1, figsize=(size * (len(columns) + 1), size * len(pictures) + 0.45), squeeze=False
    )
    drawn = None
    for row, shown in enumerate(pictures):
        axes[row, 0].imshow(shown)
        for column, title in enumerate(columns):
            drawn = axes[row, column + 1].imshow(maps[row, column] / maps[row, column].max(), vmin=0, vmax=1)
            if row == 0:
                axes[row, column + 1].set_title(title)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    assert drawn is not None
    figure.colorbar(drawn, ax=axes, location="bottom", shrink=0.4, aspect=40, pad=0.02, label=bar)
    return figure


def heads_by_layer(axis: Axes, values: Float[np.ndarray, "layer head"], label: str) -> None:
    """A dot for each head over its layer, with the layer's mean as a line."""
    n_layers, n_heads = values.shape
    for head in range(n_heads):
        axis.plot(range(n_layers), values[:, head], "o", ms=3.5, color="#0072B2", alpha=0.75, mew=0)
    axis.plot(range(n_layers), np.nanmean(values, axis=1), color="#222", lw=1, label="mean of the layer's heads")
    axis.set_xlabel("layer")
    axis.set_xticks(range(n_layers))
    axis.set_ylabel(label)


def rows_as_maps(rows: Float[np.ndarray, "*batch patch"], run: vitscope.Run) -> Float[np.ndarray, "*batch row col"]:
    """CLS->patch rows, rescaled to sum to 1, on the grid."""
    shares = rows / rows.sum(-1, keepdims=True)
    return shares.reshape(*rows.shape[:-1], run.tokens.rows, run.tokens.cols)


def thirds(values: Float[np.ndarray, "layer *rest"]) -> tuple[float, float, float]:
    """Mean over the first, the middle and the last third of the layers."""
    n = len(values)
    cut = [0, n // 3, n - n // 3, n]
    first, middle, last = (float(np.nanmean(values[a:b])) for a, b in zip(cut, cut[1:], strict=False))
    return first, middle, last
