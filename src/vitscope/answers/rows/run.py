"""The run as a whole: what it is, its first answer, how far it is.

Knows nothing about: HTTP.
"""

import inspect
import math

from vitscope import text
from vitscope.analysis.images.layout import METHODS, TSNE_LIMIT
from vitscope.answers import thumbs
from vitscope.answers.messages import (
    AnswerInfo,
    Capabilities,
    GroupProgress,
    Headline,
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
from vitscope.answers.rows.modes import mode_label
from vitscope.answers.rows.patterns import patterns_reason
from vitscope.answers.source import Source
from vitscope.answers.table import ANSWERS, document
from vitscope.measures import image_diagonal
from vitscope.quantities import Quantity, Readout, metrics_of, of_kind, ranking_metric
from vitscope.store import Manifest
from vitscope.tokens import HEAD, available_modes, mode_regions


@document(stamp=None)
def answers(source: Source) -> list[AnswerInfo]:
    """Every answer there is, with its arguments."""
    return [
        AnswerInfo(
            name=answer.name,
            meaning=inspect.getdoc(answer.make) or "",
            arguments={
                name: "" if field.is_required() else str(field.default)
                for name, field in answer.arguments.model_fields.items()
            },
            codec=answer.codec,
            axes={name: list(axes) for name, axes in answer.axes.items()},
        )
        for answer in ANSWERS.values()
    ]


@document(stamp=lambda source: (source.generation, source.live is not None))
def run(source: Source) -> RunInfo:
    """The run: model, tokens, metrics, modes, and what can be asked; all that does not grow with its images."""
    manifest = source.run.manifest
    return RunInfo(
        schema_version=manifest.schema_version,
        run_id=manifest.run_id,
        name=source.run.path.resolve().name,
        created=manifest.created,
        vitscope=manifest.vitscope,
        model=_model(manifest),
        tokens=_tokens(manifest),
        n_images=manifest.n_images,
        fill=manifest.options.fill,
        metrics=metric_infos(manifest),
        modes=mode_infos(manifest),
        default_metric=default_metric(manifest),
        spread=measure_infos(manifest),
        hops=max(manifest.tokens.rows, manifest.tokens.cols),
        diagonal=image_diagonal(manifest.tokens),
        thumbs=ThumbsInfo(size=thumbs.SIZE, columns=thumbs.COLUMNS, per_page=thumbs.PER_PAGE),
        capabilities=capabilities(source),
        generation=source.generation,
    )


@document(kept=True)
def headline(source: Source) -> Headline:
    """The first answer; not part of the run's description, because its intervals take a second for a large run."""
    return Headline(text=text.headline(source.run, source.output_ranking))


def default_metric(manifest: Manifest) -> str:
    """By which heads are ranked first."""
    return ranking_metric(_readout(manifest))


def _readout(manifest: Manifest) -> Readout:
    model = manifest.model
    return model.readout if model.n_classes or model.readout == "values" else "features"


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
        readout=_readout(manifest),
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
        if row.name in metrics_of(_readout(manifest))
        for reason in (_reason(manifest, row),)
    ]


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None


def _reason(manifest: Manifest, row: Quantity) -> str:
    """Why there are no values: the model cannot have any, or the run does not keep them; empty where there are."""
    cls = manifest.tokens.cls is not None
    missing = row.missing(_readout(manifest), cls=cls, n_features=manifest.model.n_features)
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


def capabilities(source: Source) -> Capabilities:
    """What this server can answer now."""
    run = source.run
    embedding = run.manifest.model.n_features is not None
    sources = ("importance", "embedding") if embedding else ("importance",)
    methods = [method for method in METHODS if method != "tsne" or run.manifest.n_images <= TSNE_LIMIT]
    return Capabilities(
        live=source.live is not None,
        live_command=source.live_command,
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


@document(stamp=None)
def progress(source: Source) -> ProgressInfo:
    """How far the run is and how long the rest takes; asked again and again while shards land."""
    progress, manifest = source.run.progress(), source.run.manifest
    left = source.pace.see(progress.units)
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
        idle_seconds=source.pace.idle_seconds,
    )
