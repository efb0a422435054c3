"""Judge maps of images: does the class's probability fall when their patches are removed, do they lie on the object?

Knows nothing about: how the verdict is printed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from vitscope import measures
from vitscope.analysis.statistics.intervals import SHARE, UNIT, mean_interval
from vitscope.arguments import checked
from vitscope.engine import MAPS, LeGrad, explain, intact
from vitscope.engine.explaining import AUTHORS, Reading, check_legrad
from vitscope.engine.finite import HINT
from vitscope.engine.gradients import target_classes
from vitscope.engine.importance.schedule import keep_freed_memory, plan_micro_batch
from vitscope.errors import BadInput, InvalidArgument
from vitscope.measures.effects.answers import probabilities
from vitscope.models import Model
from vitscope.pipeline.plan.labels import Given, classes_of
from vitscope.pipeline.plan.listing import Images, list_images
from vitscope.pipeline.studies.boxes import OnPatches, boxed, on_patches, read_boxes
from vitscope.pipeline.studies.pictures import Preprocessed, in_batches, pictures

if TYPE_CHECKING:
    import xarray

BASELINES: Final = ("centre", "random")
MEASURES: Final = {
    "deletion": "probability",
    "insertion": "probability",
    "pointing": "share of images",
    "mass": "share of the map",
}
"""What a map is judged by, with its unit; smaller is better for deletion, larger for the others."""
STEPS: Final = 14
BATCH: Final = 4

OnImages = Callable[[int, int], object]
"""Called with the number of images done and of all."""


@dataclass(frozen=True)
class Verdict:
    """One map by one measure: mean over images with its 95 % interval; NaN where it was not measured."""

    map: str
    measure: str
    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Judgement:
    """How maps did. `values` are per image; `unreadable` images were left out, and those that are `not_finite`.

    `not_finite` has the reason by path; `legrad` says how that map was made, `note` how labels were read, where that
    was not plain.
    """

    model: str
    steps: int
    unreadable: int
    note: str | None
    not_finite: dict[str, str]
    legrad: LeGrad
    verdicts: tuple[Verdict, ...]
    values: "xarray.Dataset"

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON, without the values per image; what is not known is null."""
        rows = [{k: None if v != v else v for k, v in asdict(verdict).items()} for verdict in self.verdicts]
        return {
            "model": self.model,
            "steps": self.steps,
            "unreadable": self.unreadable,
            "note": self.note,
            "not_finite": self.not_finite,
            "legrad": self.legrad._asdict(),
            "units": MEASURES,
            "verdicts": rows,
        }


@checked
def judge(
    model: Model,
    images: Images,
    boxes: str | Path | None = None,
    *,
    labels: str | Path | None = None,
    classes: Given | None = None,
    picture_range: str | Sequence[float] | None = None,
    maps: Sequence[str] = MAPS,
    legrad_layers: int | None = AUTHORS.layers,
    legrad_reading: Reading = AUTHORS.reading,
    steps: int = STEPS,
    limit: int | None = None,
    seed: int = 0,
    progress: OnImages | None = None,
) -> Judgement:
    """Judge maps of the class over images, beside a map of the centre and a random one.

    Deletion: patches become the colour that preprocessing maps to 0 (the mean colour of the training photos for timm's
    models), the map's largest first. Insertion: patches of a blurred image (Gaussian, its deviation one patch) become
    sharp again in the same order. Both are areas under the probability of the target class over the share of patches.

    Parameters
    ----------
    boxes: JSON file of boxes (`read_boxes`); images without boxes are then left out. None: no pointing, no mass.
    labels, classes, picture_range: as for `analyze`.
    maps: of raw, rollout, gradient_rollout, relevance, legrad.
    legrad_layers: the last so many that `legrad` takes; None: all.
    legrad_reading: what it reads of a layer: `mean` of all tokens, or the tokens that the `classifier` reads.
    steps: nearly equal groups in which patches go.
    limit: a seeded sample of at most so many images.

    Returns
    -------
    Verdicts by map and measure. The class is the label, else the model's own top class. For the random map pointing
    and mass are the values to be expected: the share of patches on the object.

    Raises
    ------
    InvalidArgument: no classifier, an unknown map, no step.
    BadInput: images, labels or boxes that do not fit together.
    """
    legrad = LeGrad(legrad_layers, legrad_reading)
    _check(model, maps, legrad, steps)
    known, places = classes_of(model, classes), None
    if boxes is None:
        listing = list_images(images, labels, known, picture_range, limit=limit, seed=seed)
    else:
        listing = list_images(images, labels, known, picture_range)
        listing, places = boxed(listing, read_boxes(boxes))
        rows = {path: place for path, place in zip(listing.paths, places, strict=True)}
        listing = listing.sample(limit, seed)
        places = [rows[path] for path in listing.paths]
    keep_freed_memory()
    found: list[dict[str, np.ndarray]] = []
    paths: list[str] = []
    done = 0
    skipped: dict[str, str] = {}
    for read in in_batches(pictures(listing, model.input_size[0]), BATCH, model.preprocess):
        batch, problems = _finite(model, read)
        skipped |= {listing.paths[row]: reason for row, reason in problems.items()}
        done = read[-1].row + 1
        if progress is not None:
            progress(done, len(listing))
        if not batch:
            continue
        on = None if places is None else [on_patches(model, item.size, places[item.row]) for item in batch]
        found.append(_judged(model, batch, on, maps, legrad, steps, seed))
        paths += [listing.paths[item.row] for item in batch]
    if not found:
        raise BadInput(f"cannot judge maps on these images: none of the {len(listing)} has finite activations", HINT)
    if progress is not None and done < len(listing):
        progress(len(listing), len(listing))
    values = {name: np.concatenate([part[name] for part in found], axis=1) for name in found[0]}
    names = [*maps, *BASELINES]
    return Judgement(
        model=model.id,
        steps=len(measures.step_sizes(model.tokens.n_patches, steps)) - 1,
        unreadable=len(listing) - len(paths) - len(skipped),
        note=listing.note,
        not_finite=skipped,
        legrad=legrad,
        verdicts=verdicts_of(names, values),
        values=_dataset(model, names, values, paths, steps),
    )


def _check(model: Model, maps: Sequence[str], legrad: LeGrad, steps: int) -> None:
    if model.n_classes is None:
        raise InvalidArgument(
            f"cannot judge maps of {model.id}: it has no classifier, so there is no class",
            "Give one in Python: vitscope.wrap(module, classifier=...).",
        )
    unknown = [name for name in maps if name not in MAPS]
    if unknown or not maps or len(set(maps)) != len(maps):
        raise InvalidArgument(
            f"cannot judge the maps {', '.join(maps) or '(none)'}: expected some of {', '.join(MAPS)}, each once",
            "Example: --maps raw,rollout.",
        )
    check_legrad(legrad)
    measures.step_sizes(model.tokens.n_patches, steps)


def _finite(model: Model, read: Sequence[Preprocessed]) -> tuple[list[Preprocessed], dict[int, str]]:
    """The pictures whose activations are finite; the rows of the others with the reason."""
    problems = intact(model, torch.stack([item.pixels for item in read])).problems
    kept = [item for place, item in enumerate(read) if place not in problems]
    return kept, {read[place].row: reason for place, reason in problems.items()}


def _judged(
    model: Model,
    batch: Sequence[Preprocessed],
    on: list[OnPatches] | None,
    maps: Sequence[str],
    legrad: LeGrad,
    steps: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Values [map, image] of each measure, and curves [map, image, step], of one batch."""
    pixels = torch.stack([item.pixels for item in batch])
    targets = target_classes(model, pixels, [item.label for item in batch])
    tokens = model.tokens
    shown = explain(model, pixels, targets, maps, legrad)
    shown["centre"] = measures.centre_map(tokens.rows, tokens.cols).expand(len(batch), -1, -1)
    shown["random"] = torch.ones(len(batch), tokens.rows, tokens.cols)  # its order is drawn, each image its own
    orders = {name: measures.patch_order(value, seed) for name, value in shown.items()}
    orders["random"] = torch.cat(
        [measures.patch_order(shown["random"][:1], _seed_of(seed, item.row)) for item in batch]
    )
    sizes = measures.step_sizes(tokens.n_patches, steps)
    curves = _curves(model, pixels, targets, orders, sizes)
    values: dict[str, list[Tensor]] = {name: [] for name in MEASURES}
    for name, value in shown.items():
        for kind in ("deletion", "insertion"):
            values[kind].append(measures.curve_area(curves[name, kind], sizes))
        unknown = torch.full((len(batch),), torch.nan)
        inside, covered = (torch.stack(part) for part in zip(*on, strict=True)) if on is not None else (None, None)
        values["pointing"].append(unknown if inside is None else measures.pointing_hit(value, inside))
        values["mass"].append(unknown if covered is None else measures.mass_inside(value, covered))
    stacked = {name: torch.stack(parts).numpy() for name, parts in values.items()}
    for kind in ("deletion", "insertion"):
        stacked[f"{kind}_curve"] = torch.stack([curves[name, kind] for name in shown]).numpy()
    return stacked


def _curves(
    model: Model, pixels: Tensor, targets: Tensor, orders: dict[str, Tensor], sizes: list[int]
) -> dict[tuple[str, str], Float[Tensor, "image step"]]:
    """Probability of the target after each step, by map and kind; what all maps share is computed once."""
    grey, blurred = torch.zeros_like(pixels), blur(pixels, model.tokens.patch)
    intact, none_left, all_blurred = _probabilities(model, iter([pixels, grey, blurred]), targets)
    kinds = {"deletion": (pixels, grey), "insertion": (blurred, pixels)}

    def variants() -> Iterator[Tensor]:
        for order in orders.values():
            for before, after in kinds.values():
                for size in sizes[1:-1]:
                    yield put_in(before, after, measures.removed(order, size, model.tokens.rows), model.tokens.patch)

    inner = iter(_probabilities(model, variants(), targets))
    ends = {"deletion": (intact, none_left), "insertion": (all_blurred, intact)}
    return {
        (name, kind): torch.stack([ends[kind][0], *(next(inner) for _ in sizes[1:-1]), ends[kind][1]], dim=-1)
        for name in orders
        for kind in kinds
    }


def _probabilities(model: Model, variants: Iterator[Tensor], targets: Tensor) -> list[Float[Tensor, " image"]]:
    """Probability of each image's target in each variant of the batch; several variants run together."""
    n = len(targets)
    together = max(1, plan_micro_batch(model) // n)
    result: list[Tensor] = []
    waiting: list[Tensor] = []

    def run() -> None:
        logits = intact(model, torch.cat(waiting), len(waiting) * n).logits
        assert logits is not None  # noqa: S101 - asked only of a model with classes
        said = probabilities(logits.cpu(), model.readout).view(len(waiting), n, -1)
        result.extend(said[:, torch.arange(n), targets].float())
        waiting.clear()

    for variant in variants:
        waiting.append(variant)
        if len(waiting) == together:
            run()
    if waiting:
        run()
    return result


def put_in(
    before: Float[Tensor, "image color y x"],
    after: Float[Tensor, "image color y x"],
    where: Bool[Tensor, "image row col"],
    patch: tuple[int, int],
) -> Float[Tensor, "image color y x"]:
    """`before` with the patches `where` of `after`; pixels that belong to no patch stay."""
    mask = where.repeat_interleave(patch[0], 1).repeat_interleave(patch[1], 2)
    height, width = before.shape[-2:]
    mask = F.pad(mask, (0, width - mask.shape[2], 0, height - mask.shape[1]))
    return torch.where(mask[:, None], after, before)


def blur(pixels: Float[Tensor, "image color y x"], deviation: tuple[int, int]) -> Float[Tensor, "image color y x"]:
    """Gaussian blur with a deviation in pixels for each axis, cut at three of them; the border is continued."""
    for axis, sigma in ((2, deviation[0]), (3, deviation[1])):
        radius = 3 * sigma
        offsets = torch.arange(-radius, radius + 1, dtype=pixels.dtype)
        kernel = torch.exp(-((offsets / sigma) ** 2) / 2)
        kernel = (kernel / kernel.sum()).view(1, 1, -1, 1) if axis == 2 else (kernel / kernel.sum()).view(1, 1, 1, -1)
        border = (0, 0, radius, radius) if axis == 2 else (radius, radius, 0, 0)
        wide = F.pad(pixels, border, mode="replicate").flatten(0, 1)[:, None]
        pixels = F.conv2d(wide, kernel)[:, 0].unflatten(0, pixels.shape[:2])
    return pixels


def _seed_of(seed: int, row: int) -> int:
    return seed * 1_000_003 + row + 1


def verdicts_of(names: Sequence[str], values: Mapping[str, np.ndarray]) -> tuple[Verdict, ...]:
    """Means and intervals from values [map, image] of some of `MEASURES`."""
    verdicts: list[Verdict] = []
    for measure in (name for name in MEASURES if name in values):
        per_image = values[measure].T.astype(np.float64)
        for place, name in enumerate(names):
            own = per_image[:, [place]]
            counted = MEASURES[measure] == "share of images" and not set(np.unique(own[np.isfinite(own)])) - {0.0, 1.0}
            interval = mean_interval(own, SHARE if counted else UNIT)  # ties and chance give shares of a hit
            known = per_image[:, place][np.isfinite(per_image[:, place])]
            mean = float(known.mean()) if known.size else float("nan")
            verdicts.append(Verdict(name, measure, mean, float(interval.low[0]), float(interval.high[0]), known.size))
    return tuple(verdicts)


def _dataset(
    model: Model, names: Sequence[str], values: dict[str, np.ndarray], paths: Sequence[str], steps: int
) -> "xarray.Dataset":
    import xarray

    sizes = measures.step_sizes(model.tokens.n_patches, steps)
    variables: dict[str, Any] = {name: (("map", "image"), values[name], {"units": MEASURES[name]}) for name in MEASURES}
    for kind in ("deletion", "insertion"):
        curve = values[f"{kind}_curve"]
        variables[f"{kind}_curve"] = (("map", "image", "step"), curve, {"units": "probability"})
    share = np.array(sizes) / sizes[-1]
    return xarray.Dataset(variables, coords={"map": list(names), "image": list(paths), "share": ("step", share)})
