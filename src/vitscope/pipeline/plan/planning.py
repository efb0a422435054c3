"""Plan an analysis: resolve, once, everything that fixes its bits, and make the run folder; or reopen one to resume.

Knows nothing about: how units are computed.
"""

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from vitscope._version import __version__
from vitscope.analysis import Run, open_run
from vitscope.engine import check_fill, derangement, plan_micro_batch
from vitscope.errors import InvalidArgument, RunError
from vitscope.file_names import require_text
from vitscope.models import Model
from vitscope.patterns import FEATURES, OFFSETS, SIDE
from vitscope.pipeline.plan.backends import enabled_backends
from vitscope.pipeline.plan.head_outputs import plan_outputs
from vitscope.pipeline.plan.identity import file_ids, fingerprint, model_info, require_same, versions
from vitscope.pipeline.plan.labels import classes_of
from vitscope.pipeline.plan.listing import Images, Listing, list_images, require_text_names
from vitscope.pipeline.plan.request import Request, resolve_modes
from vitscope.quantities import KINDS, Readout, metrics_of, names
from vitscope.store import SCHEMA_VERSION, Manifest, Options, PatternSample, RunWriter, Source
from vitscope.store.pattern_files import FEWEST_MATRICES
from vitscope.store.writer import require_free
from vitscope.tokens import HEAD

if TYPE_CHECKING:
    import pandas as pd

SHARD_SIZE: Final = 32
FEATURED: Final = 24
"""Images whose whole attention is kept, where their matrices fit into FEATURED_BYTES."""
FEATURED_BYTES: Final = 512 * 2**20
MEAN_BYTES: Final = 256 * 2**20
"""Largest mean attention that is kept: it is written anew after every shard."""
PATTERNS: Final = 20_000
"""Matrices that patterns are learned from, where not said otherwise."""
_NAMED: Final = 3


def plan(model: Model, images: Images, out: str | Path, request: Request, *, resume: bool = False) -> Run:
    """Make the folder of a run, planned and empty; or, with `resume`, reopen one that is the same analysis.

    Raises
    ------
    BadInput, InvalidArgument: images, labels or options that do not fit; nothing is written.
    StorageError: `out` holds something already, or cannot be written.
    RunError: on resume, the run is of another model, image set, options or versions; the message names the difference.
    """
    out = Path(out)
    weights = request.weights_file and Path(request.weights_file).resolve()
    for name, doing in ((out, "write to"), (request.labels, "take labels from"), (weights, "load")):
        if name is not None:
            require_text(str(name), doing)
    resume = resume and out.is_dir() and any(out.iterdir())
    if not resume:
        require_free(out)
    kept = open_run(out) if resume else None
    request = request if kept is None else _as_in_run(request, kept.manifest.options)
    modes = resolve_modes(request.modes or HEAD, model.tokens)
    fill, seed = request.fill or "zero", request.seed or 0
    check_fill(fill, list(modes))

    classes = classes_of(model, request.classes)
    listing = list_images(images, request.labels, classes, request.picture_range, limit=request.limit, seed=seed)
    require_text_names(listing)
    if fill == "resample":
        derangement(len(listing), seed)  # refuses a single image before anything is written
    if fill == "mean" and len(listing) < 2:
        raise InvalidArgument(
            "cannot fill with the mean over 1 image: it is the image itself, and nothing would change",
            "Give at least two images, or use fill zero.",
        )
    ids = file_ids(listing)
    manifest = _manifest(model, listing, ids, request, modes)
    if kept is not None:
        planned = _planned(kept)
        changed = _changed_files(planned, listing, ids) if planned is not None else _other_set(kept.manifest, manifest)
        require_same(str(out), kept.manifest, manifest, changed)
        with RunWriter.opened(out) as writer:  # the files are the same, but may have moved
            if planned is None:
                writer.restore_plan(_table(listing, ids, kept.manifest))
            writer.relocate(manifest.source, manifest.model.weights)
        return open_run(out)
    RunWriter.create(out, manifest, _table(listing, ids, manifest))
    return open_run(out)


def _planned(run: Run) -> "pd.DataFrame | None":
    """The plan of a run; None where it is damaged."""
    try:
        return run.planned_images
    except RunError:
        return None


def _other_set(kept: Manifest, now: Manifest) -> str | None:
    """That the images are not the run's, where its damaged plan cannot say which they were."""
    return None if kept.fingerprint == now.fingerprint else "its plan is damaged, and these are not all of its images"


def _as_in_run(request: Request, kept: Options) -> Request:
    """What was not said now is as it was; a sample size that covers all images is the same as none."""
    said = {
        "modes": kept.modes,
        "fill": kept.fill,
        "limit": kept.limit,
        "partial_images": kept.partial_images or None,
        "patterns": kept.patterns,
        "picture_range": kept.picture_range,
        "seed": kept.seed,
        "threads": kept.threads,
    }
    return replace(request, **{name: value for name, value in said.items() if getattr(request, name) is None})


def _manifest(model: Model, listing: Listing, ids: list[str], request: Request, modes: tuple[str, ...]) -> Manifest:
    n_images, tokens = len(listing), model.tokens
    matrices = model.n_layers * max(model.n_heads) * tokens.n_tokens**2
    partial = 0 if modes == (HEAD,) else min(request.partial_images or n_images, n_images)
    sample = _pattern_sample(model, n_images, request.patterns)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        run_id=secrets.token_hex(8),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        vitscope=__version__,
        state="planned",
        model=model_info(model, None if request.weights_file is None else str(Path(request.weights_file).resolve())),
        tokens=tokens,
        transform=model.transform_text,
        source=_source(listing, request),
        options=Options(
            modes=modes,
            fill=request.fill or "zero",
            limit=request.limit,
            partial_images=partial,
            shard_size=SHARD_SIZE,
            micro_batch=plan_micro_batch(model),
            threads=request.threads or torch.get_num_threads(),
            attention_backend=enabled_backends(),
            seed=request.seed or 0,
            featured=min(FEATURED, n_images, FEATURED_BYTES // (2 * matrices)),
            mean_attention=4 * matrices <= MEAN_BYTES,
            patterns=0 if sample is None else PATTERNS if request.patterns is None else request.patterns,
            picture_range=listing.picture_range,
        ),
        patterns=sample,
        outputs=plan_outputs(model, n_images, SHARD_SIZE),
        quantities=_quantities(sample, model.readout),
        versions=versions(),
        fingerprint=fingerprint(ids, listing),
        n_images=n_images,
    )


def _quantities(sample: PatternSample | None, readout: Readout) -> dict[str, tuple[str, ...]]:
    """All of the table; those of patterns where the run has patterns, those of values where there are some."""
    kept = {kind: () if kind == "pattern" and sample is None else names(kind) for kind in KINDS}
    return kept | {"metric": metrics_of(readout)}


def _pattern_sample(model: Model, n_images: int, asked: int | None) -> PatternSample | None:
    """All heads of as many images as fit; none where patterns were not asked for and there is too little to learn from.

    Raises
    ------
    InvalidArgument: patterns were asked for, of too few matrices.
    """
    heads = sum(model.n_heads)
    images = min((PATTERNS if asked is None else asked) // heads, n_images)
    if asked == 0 or (asked is None and images * heads < FEWEST_MATRICES):
        return None
    if images * heads < FEWEST_MATRICES:
        raise InvalidArgument(
            f"cannot learn patterns from at most {asked} matrices of {n_images} images with {heads} heads each: whole "
            f"images give {images * heads}, expected at least {FEWEST_MATRICES}",
            "Give more, or leave patterns out with --patterns 0.",
        )
    return PatternSample(images, SIDE, OFFSETS, FEATURES)


def _source(listing: Listing, request: Request) -> Source:
    return Source(
        kind=listing.kind,
        root="" if listing.held is not None else str(listing.root),
        images=listing.given,
        labels=None if request.labels is None else str(request.labels),
        ignored=len(listing.ignored),
        ignored_names=listing.ignored[:_NAMED],
        note=listing.note,
    )


def _table(listing: Listing, ids: list[str], manifest: Manifest) -> dict[str, list[object]]:
    order = np.random.default_rng([manifest.options.seed, 2]).permutation(manifest.n_images)
    sample = set(order[: manifest.options.partial_images].tolist())
    return {
        "id": list(ids),
        "path": list(listing.paths),
        "label": list(listing.labels),
        "class_name": list(listing.class_names),
        "partial": [row in sample for row in range(manifest.n_images)],
    }


def _changed_files(kept: "pd.DataFrame", listing: Listing, ids: list[str]) -> str | None:
    """How the image set differs from the run's, in words; None when it does not."""
    columns = (kept[name].tolist() for name in ("id", "label", "class_name"))
    before = dict(zip(kept["path"], zip(*columns, strict=True), strict=True))
    now = dict(zip(listing.paths, zip(ids, listing.labels, listing.class_names, strict=True), strict=True))
    both = [path for path in now if path in before]
    groups = {
        "new": [path for path in now if path not in before],
        "gone": [path for path in before if path not in now],
        "with other bytes": [path for path in both if now[path][0] != before[path][0]],
        "with other labels": [path for path in both if now[path][1:] != before[path][1:]],
    }
    found = [f"{len(paths)} {what}: {', '.join(paths[:_NAMED])}" for what, paths in groups.items() if paths]
    if not found and list(listing.paths) != kept["path"].tolist():
        found = ["another order"]
    return ", ".join(found) or None
