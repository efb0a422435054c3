"""A run in the words of the wire: pure translations, one for each message.

Knows nothing about: HTTP.
"""

import math
from typing import Any

from vitscope import text
from vitscope.analysis.layout import METHODS, TSNE_LIMIT
from vitscope.measures import image_diagonal
from vitscope.quantities import Quantity, of_kind, ranking_metric
from vitscope.server import thumbs
from vitscope.server.catalogue import mode_label
from vitscope.server.describe_patterns import patterns_reason
from vitscope.server.live import Dropped
from vitscope.server.served import Served
from vitscope.server.wire import (
    Capabilities,
    ClassGuess,
    DroppedImage,
    GroupProgress,
    Headline,
    ImageTable,
    MeasureInfo,
    MetricInfo,
    ModeInfo,
    ModelInfo,
    ProgressInfo,
    RunInfo,
    Size,
    ThumbsInfo,
    TokenInfo,
)
from vitscope.store import Manifest, Run
from vitscope.tokens import HEAD, available_modes, mode_regions


def run_info(served: Served) -> RunInfo:
    """Everything that does not grow with the number of images."""
    run, manifest = served.run, served.run.manifest
    generation = run.progress().generation
    metrics = metric_infos(manifest)
    return RunInfo(
        schema_version=manifest.schema_version,
        run_id=manifest.run_id,
        name=run.path.resolve().name,
        created=manifest.created,
        vitscope=manifest.vitscope,
        model=_model(manifest),
        tokens=_tokens(manifest),
        n_images=manifest.n_images,
        fill=manifest.options.fill,
        metrics=metrics,
        modes=mode_infos(manifest),
        default_metric=ranking_metric(manifest.model.readout if manifest.model.n_classes else "features"),
        spread=measure_infos(manifest),
        hops=max(manifest.tokens.rows, manifest.tokens.cols),
        diagonal=image_diagonal(manifest.tokens),
        thumbs=ThumbsInfo(size=thumbs.SIZE, columns=thumbs.COLUMNS, per_page=thumbs.PER_PAGE),
        capabilities=capabilities(served),
        generation=generation,
    )


def headline(served: Served) -> Headline:
    """The first answer; not part of the run's description, because its intervals take a second for a large run."""
    run = served.run
    return Headline(text=served.kept("headline", run.progress().generation, lambda: text.headline(run)))


def _model(manifest: Manifest) -> ModelInfo:
    model = manifest.model
    _, height, width = model.input_size
    return ModelInfo(
        id=model.id,
        name=model.name,
        adapter=model.adapter,
        parity=model.parity,
        n_layers=model.n_layers,
        n_heads=list(model.n_heads),
        n_classes=model.n_classes,
        readout=model.readout if model.n_classes else "features",
        input_size=Size(height=height, width=width),
        device=model.device,
        dtype=model.dtype,
    )


def _tokens(manifest: Manifest) -> TokenInfo:
    tokens = manifest.tokens
    height, width = tokens.patch
    return TokenInfo(
        prefix=list(tokens.prefix),
        rows=tokens.rows,
        cols=tokens.cols,
        patch=Size(height=height, width=width),
        cls=tokens.cls,
    )


def measure_infos(manifest: Manifest) -> list[MeasureInfo]:
    """All measures of spread in words, with the reason where the model or the run has no values for one."""
    return [
        MeasureInfo(
            name=row.name,
            label=row.label,
            unit=row.mark,
            definition=row.meaning,
            available=not reason,
            reason=reason,
        )
        for row in of_kind("spread")
        for reason in (_reason(manifest, row),)
    ]


def metric_infos(manifest: Manifest) -> list[MetricInfo]:
    """All metrics in words, with the reason where the model or the run has no values for one."""
    return [
        MetricInfo(
            name=row.name,
            label=row.label,
            unit=row.mark,
            signed=row.signed,
            least=_finite(row.low),
            most=_finite(row.high),
            family=row.family or "output",
            definition=row.meaning,
            available=not reason,
            reason=reason,
        )
        for row in of_kind("metric")
        for reason in (_reason(manifest, row),)
    ]


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None


def _reason(manifest: Manifest, row: Quantity) -> str:
    """Why there are no values: the model cannot have any, or the run does not keep them; empty where there are."""
    missing = row.missing(classifier=bool(manifest.model.n_classes), cls=manifest.tokens.cls is not None)
    return missing or manifest.lacks(row.name)


def mode_infos(manifest: Manifest) -> list[ModeInfo]:
    """The modes the layout allows and any other the run has, with the reason where it has none."""
    computed = manifest.options.modes
    possible = available_modes(manifest.tokens)
    infos = []
    for name in (*possible, *(mode for mode in computed if mode not in possible)):
        reason = "" if name in computed else f"not computed in this run: analyse with --modes {HEAD},{name}"
        regions = sorted(mode_regions(name)) if manifest.tokens.cls is not None else ["pp"]
        infos.append(ModeInfo(name=name, label=mode_label(name), regions=regions, available=not reason, reason=reason))
    return infos


def capabilities(served: Served) -> Capabilities:
    """What this server can answer now."""
    run = served.run
    embedding = run.manifest.model.n_features is not None
    sources = ("importance", "embedding") if embedding else ("importance",)
    methods = [method for method in METHODS if method != "tsne" or run.manifest.n_images <= TSNE_LIMIT]
    return Capabilities(
        live=served.live is not None,
        live_command=served.live_command,
        cls_rows=run.manifest.tokens.cls is not None,
        featured=list(run.featured),
        embedding=embedding,
        mean=run.has_mean_attention,
        mean_reason=run.no_mean_reason,
        layouts=[f"{source}/{method}" for source in sources for method in methods],
        tsne_limit=TSNE_LIMIT,
        patterns=run.patterns.n_clusters if run.has_patterns else 0,
        patterns_reason=patterns_reason(run),
    )


def progress_info(served: Served) -> ProgressInfo:
    """How far the run is and how long the rest takes."""
    progress, manifest = served.run.progress(), served.run.manifest
    left = served.pace.see(progress.units)
    groups = [
        GroupProgress(name=name, done=done, total=total, seconds_left=left[name])
        for name, (done, total) in progress.units.items()
    ]
    done_shards = progress.units[HEAD][0]
    return ProgressInfo(
        state=progress.state,
        generation=progress.generation,
        done_units=progress.done_units,
        total_units=progress.total_units,
        groups=groups,
        n_done=min(done_shards * manifest.options.shard_size, manifest.n_images),
        n_images=manifest.n_images,
        idle_seconds=served.pace.idle_seconds,
    )


def image_table(run: Run, generation: int) -> ImageTable:
    """The images' columns; class names once for each class, not once for each image."""
    frame = run.images
    predictions, labels = frame["prediction"].tolist(), frame["label"].tolist()
    return ImageTable(
        generation=generation,
        name=frame["path"].tolist(),
        label=labels,
        prediction=predictions,
        probability=[None if _missing(value) else float(value) for value in frame["probability"]],
        correct=[None if _missing(value) else bool(value) for value in frame["correct"]],
        target=frame["target"].tolist(),
        done=[bool(value) for value in frame["done"]],
        problem=[None if _missing(value) else str(value) for value in frame["problem"]],
        note=[None if _missing(value) else str(value) for value in frame["note"]],
        class_names=class_names(run, labels, predictions, frame["class_name"].tolist()),
    )


def class_names(run: Run, labels: list[int], predictions: list[int], given: list[Any]) -> dict[str, str]:
    """The user's names for the labels first, the model's own for the rest, a number where neither knows."""
    own = run.manifest.model.classes or ()
    numbers = {number for number in {*labels, *predictions} if number >= 0}  # -1 = none
    names = {number: own[number] if number < len(own) else f"class {number}" for number in numbers}
    names |= {label: name for label, name in zip(labels, given, strict=True) if label >= 0 and name}
    return {str(number): name for number, name in sorted(names.items())}


def dropped_image(run: Run, dropped: Dropped) -> DroppedImage:
    """A dropped image; its classes by the names that the run's images have."""
    frame = run.images
    names = class_names(
        run, frame["label"].tolist(), [number for number, _ in dropped.top], frame["class_name"].tolist()
    )
    top = [
        ClassGuess(number=number, name=names[str(number)], probability=probability)
        for number, probability in dropped.top
    ]
    return DroppedImage(
        image=dropped.image,
        name=dropped.name,
        prediction=top[0].number if top else -1,
        probability=top[0].probability if top else None,
        top=top,
        note=dropped.note,
    )


def _missing(value: Any) -> bool:  # noqa: ANN401 - a cell of a data frame
    return value is None or (isinstance(value, float) and math.isnan(value))
