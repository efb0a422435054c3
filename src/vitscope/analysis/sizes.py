"""What a comparison of input sizes says: accuracy, probability, distance and entropy by size, as numbers and text.

Knows nothing about: models, torch, files.
"""

from dataclasses import asdict, dataclass
from math import log
from typing import Any

import numpy as np

from vitscope.analysis.statistics.intervals import UNIT, mean_interval
from vitscope.analysis.statistics.proportion import wilson
from vitscope.quantities.form import estimate
from vitscope.store.resolution import Resolution, SizeInfo


@dataclass(frozen=True)
class AtSize:
    """One size over all images; NaN where it is not known.

    Parameters
    ----------
    accuracy, accuracy_low, accuracy_high, n_labelled: of the images with a label; 95 % Wilson interval.
    probability...: of the target, mean over `n` images with its 95 % interval.
    distance, entropy: by layer, mean over heads and images; pixels of this input, nats. The distance is the one without
    sinks (`measures.mean_distance`, no-sinks): others do not compare across sizes.
    distance_share, entropy_share: as a share of the image diagonal and of the log of the number of tokens.
    """

    size: SizeInfo
    n: int
    n_labelled: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    probability: float
    probability_low: float
    probability_high: float
    distance: tuple[float, ...]
    distance_share: tuple[float, ...]
    entropy: tuple[float, ...]
    entropy_share: tuple[float, ...]


def by_size(found: Resolution) -> list[AtSize]:
    """The comparison in numbers, smallest size first."""
    arrays = found.arrays
    interval = mean_interval(arrays["probability"].T.astype(np.float64), UNIT)
    result = []
    for i, size in enumerate(found.sizes):
        probability, correct = arrays["probability"][i], arrays["correct"][i]
        labelled = np.isfinite(correct)
        hits, n_labelled = int(correct[labelled].sum()), int(labelled.sum())
        low, high = wilson(hits, n_labelled)
        known = probability[np.isfinite(probability)].astype(np.float64)
        distance, entropy = (_by_layer(arrays[name][i]) for name in ("distance_no_sinks", "entropy"))
        result.append(
            AtSize(
                size=size,
                n=len(probability),
                n_labelled=n_labelled,
                accuracy=hits / n_labelled if n_labelled else float("nan"),
                accuracy_low=low,
                accuracy_high=high,
                probability=float(known.mean()) if known.size else float("nan"),
                probability_low=float(interval.low[i]),
                probability_high=float(interval.high[i]),
                distance=distance,
                distance_share=tuple(value / size.diagonal for value in distance),
                entropy=entropy,
                entropy_share=tuple(value / log(size.tokens) if size.tokens > 1 else float("nan") for value in entropy),
            )
        )
    return result


def as_dict(found: Resolution) -> dict[str, Any]:
    """The comparison for JSON; what is not known is null."""
    return {
        "model": found.model,
        "own_size": list(found.own_size),
        "preprocessing": found.preprocessing,
        "images": len(found.paths),
        "units": {
            "probability": "probability",
            "accuracy": "share of labelled images",
            "distance": "pixels, rescaled to the patches and without sink keys",
            "distance_share": "share of the image diagonal",
            "entropy": "nats",
            "entropy_share": "share of the log of the number of tokens",
        },
        "sizes": [_plain(asdict(at)) for at in by_size(found)],
    }


def as_text(found: Resolution) -> str:
    """Two tables: what each size does to the answer, and how far heads look by layer."""
    rows = by_size(found)
    lines = [_row("size", "patches", "tokens", "positions", "accuracy", "p(target)", "distance", "entropy")]
    for at in rows:
        size = at.size
        own = (size.height, size.width) == found.own_size
        lines.append(
            _row(
                name(size),
                f"{size.rows} x {size.cols}",
                str(size.tokens),
                "own" if own else "interpolated" if size.interpolated else "computed",
                estimate(at.accuracy, at.accuracy_low, at.accuracy_high),
                estimate(at.probability, at.probability_low, at.probability_high),
                _distance(at),
                f"{_mean(at.entropy):.2f} nats = {_mean(at.entropy_share):.1%}",
            )
        )
    lines += ["", "Mean attention distance without sinks by layer, share of the image diagonal:"]
    lines.append("layer  " + "".join(f"{name(at.size):>10}" for at in rows))
    for layer in range(len(rows[0].distance)):
        lines.append(f"{layer:>5}  " + "".join(f"{_share(at.distance_share[layer]):>10}" for at in rows))
    n, labelled = rows[0].n, rows[0].n_labelled
    lines += [
        "",
        f"{found.model}, n = {n} images, {labelled} with a label; [95 % intervals: Wilson for accuracy, bootstrap-t "
        "over images for p].",
        "Distance and entropy are means over layers and heads; shares are of the image diagonal and of ln(tokens), and "
        "only they compare across sizes. Distances are rescaled to the patches and without sink keys: CLS and sinks "
        "take other shares of the attention at other sizes.",
        *_old(found),
        f"Positions: interpolated = learned position embeddings resized by the model's own rule. Pixels: "
        f"{found.preprocessing}.",
    ]
    return "\n".join(lines) + "\n"


def _old(found: Resolution) -> list[str]:
    if np.isfinite(found.arrays["distance_no_sinks"]).any():
        return []
    return ["Distances: - this comparison was made before they were measured without sinks; compute it again."]


def name(size: SizeInfo) -> str:
    """`224`, or `224x160` where it is no square."""
    return str(size.height) if size.height == size.width else f"{size.height}x{size.width}"


def _by_layer(values: np.ndarray) -> tuple[float, ...]:
    """[image, layer, head] -> mean by layer, heads that are not there left out."""
    layers = values.astype(np.float64).transpose(1, 0, 2).reshape(values.shape[1], -1)
    return tuple(float(np.nanmean(layer)) if np.isfinite(layer).any() else float("nan") for layer in layers)


def _mean(values: tuple[float, ...]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


def _distance(at: AtSize) -> str:
    pixels = _mean(at.distance)
    return "-" if pixels != pixels else f"{pixels:.1f} px = {_share(_mean(at.distance_share))}"


def _share(value: float) -> str:
    return "-" if value != value else f"{value:.1%}"


def _row(*cells: str) -> str:
    widths = (9, 10, 8, 14, 22, 22, 20, 0)
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _plain(value: Any) -> Any:  # noqa: ANN401 - a tree of plain values
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and value != value else value
