"""The command line: names, options and help of the commands, exit codes, and how errors are told. Imports no torch.

Exit codes: 0 done; 2 the user's mistake; 1 ours; 130 interrupted.
"""

import io
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from vitscope._version import __version__
from vitscope.commands.choosing import ModelChoice, takes_model
from vitscope.errors import InvalidArgument, VitscopeError
from vitscope.file_names import require_text

app = typer.Typer(
    name="vitscope",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which heads of a Vision Transformer matter, where they look, how far, and what happens without them.",
    epilog="First time? [bold]vitscope demo[/] needs nothing but this computer.",
)

LegradReading = Literal["mean", "classifier"]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="Table path,label\\[,class_name]; paths relative to the file."),
]
Classes = Annotated[
    str | None,
    typer.Option(
        "--classes",
        metavar="FILE",
        help="What folders and labels mean: class names in order, one per line, or JSON; or how training numbered the "
        "folders: imagefolder, timm, numbers.",
    ),
]
Range = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LOW,HIGH",
        help="Black and white in pictures of more than 8 bits: 0,4095 or 12-bit; default: all of their bits.",
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="A seeded sample of at most N images.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on the standard output.")]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; default: 8765 or the next free one."),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the address.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder made by analyze or demo.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vitscope {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """See `app`'s help; `--debug` is read by `main`."""


@app.command(epilog="Example: [bold]vitscope demo[/]")
def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the run; an unfinished one is resumed.")
    ] = Path("vitscope-demo"),
    port: Port = None,
    no_browser: NoBrowser = False,
) -> None:
    """Analyse the bundled model and images, and watch the answer come in.

    A small Vision Transformer trained on Fashion-MNIST, and 300 of its test images: whole heads on all of them, then
    regions of heads on 60, then the patterns of their attention. Needs no download, no account, no GPU.
    """
    from vitscope.commands import serving

    raise typer.Exit(serving.demo(out, port=port, browser=not no_browser))


@app.command(
    epilog="Examples:\n\n"
    "[bold]vitscope analyze timm:vit_tiny_patch16_224 photos --out run[/]\n\n"
    "[bold]vitscope analyze timm:vit_base_patch16_224 photos.csv --weights vit.safetensors --modes all "
    "--partial-images 60 --out run[/]"
)
@takes_model
def analyze(
    model: ModelChoice,
    images: Annotated[
        str,
        typer.Argument(
            metavar="IMAGES",
            help="A folder (one sub-folder per class gives labels), a table path,label\\[,class_name], or a .txt list.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder for the results; new or empty.")],
    labels: Labels = None,
    classes: Classes = None,
    picture_range: Range = None,
    modes: Annotated[
        str | None,
        typer.Option(
            "--modes",
            help="head (default): prune whole heads; all: the six partial modes too; or names such as pp,cp+pc.",
        ),
    ] = None,
    fill: Annotated[
        str | None,
        typer.Option("--fill", help="What replaces the pruned part: zero (default), renormalise, mean, resample."),
    ] = None,
    limit: Limit = None,
    partial_images: Annotated[
        int | None,
        typer.Option(
            "--partial-images", min=1, metavar="N", help="Modes other than head on a seeded sample of N images."
        ),
    ] = None,
    patterns: Annotated[
        int | None,
        typer.Option(
            "--patterns",
            min=0,
            metavar="N",
            help="Learn patterns from at most N attention matrices; default 20000, 0: none.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of every sample; default 0.")] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Processor threads; default: torch's.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the unfinished run in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Prune every head, one at a time, on every image, and keep the effects.

    Effects on the output and on the layer, attention by distance, spread, CLS maps and predictions land in RUN, shard
    by shard; then how far each image moves a head's attention, and the patterns that heads have learned. It may be
    stopped at any moment: --resume continues it, with the same results to the bit.
    """
    from vitscope.commands import analysis
    from vitscope.pipeline.plan.request import Request

    request = Request(
        labels=labels,
        classes=classes,
        picture_range=picture_range,
        modes=modes,
        fill=fill,
        limit=limit,
        partial_images=partial_images,
        patterns=patterns,
        seed=seed,
        threads=threads,
        weights_file=model.weights,
    )
    code = analysis.analyze(model, images, out, request, resume=resume, as_json=as_json)
    raise typer.Exit(code)


@app.command(epilog="Example: [bold]vitscope serve run[/]")
def serve(
    run: RunFolder,
    port: Port = None,
    live: Annotated[
        bool | None,
        typer.Option("--live/--no-live", help="Require or disable the live model; default: where it can be loaded."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="The run's weights; default: where they were."),
    ] = None,
    no_browser: NoBrowser = False,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TOKEN",
            help="Answer only requests with this token, where others use this computer too. `auto` makes one.",
        ),
    ] = None,
) -> None:
    """Open a run in the browser; one that is still being computed fills in as it grows.

    With the model loaded (same weights), attention is shown for any token of any image.
    """
    from vitscope.commands import serving

    raise typer.Exit(serving.serve(run, port=port, live=live, weights=weights, browser=not no_browser, token=token))


@app.command(epilog="Example: [bold]vitscope show run[/]")
def show(run: RunFolder, as_json: Json = False) -> None:
    """Say which heads matter and why, as text."""
    from vitscope import text
    from vitscope.analysis import open_run
    from vitscope.commands import terminal

    opened = open_run(run)
    if as_json:
        terminal.print_json(text.summary(opened))
    else:
        sys.stdout.write(terminal.plain(text.show(opened)))


@app.command(epilog="Example: [bold]vitscope check run[/]")
def check(run: RunFolder, as_json: Json = False) -> None:
    """Read everything that a run keeps, report damage and how to repair it; exit code 2 if there is any."""
    from vitscope.commands import checking

    raise typer.Exit(checking.check(run, as_json=as_json))


@app.command(epilog="Example: [bold]vitscope doctor timm:vit_tiny_patch16_224 photo.jpg[/]")
@takes_model
def doctor(
    model: ModelChoice,
    image: Annotated[Path | None, typer.Argument(metavar="IMAGE", help="A photo; default: a test pattern.")] = None,
    picture_range: Range = None,
    as_json: Json = False,
) -> None:
    """Check how vitscope sees a model: adapter, tokens, heads, parity, one prediction."""
    from vitscope.commands import analysis

    raise typer.Exit(
        analysis.doctor(
            model,
            image,
            picture_range=picture_range,
            as_json=as_json,
        )
    )


@app.command(
    epilog="Examples:\n\n"
    "[bold]vitscope prune demo --heads L0.H1,L3.H2 --save smaller[/]\n\n"
    "[bold]vitscope prune timm:vit_tiny_patch16_224 photos.csv --weights vit.safetensors --heads L11.H0 "
    "--save smaller[/]"
)
@takes_model
def prune(
    model: ModelChoice,
    images: Annotated[
        str | None,
        typer.Argument(metavar="IMAGES", help="Labelled images for the accuracy before and after; as for analyze."),
    ] = None,
    heads: Annotated[
        str, typer.Option("--heads", metavar="HEADS", help="Layer and head, counted from 0: L2.H0,L4.H2.")
    ] = "",
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="New folder for the smaller model.")
    ] = None,
    pairs: Annotated[
        bool,
        typer.Option(
            "--pairs", help="Also find redundant heads (backups of each other): each pair is pruned on each image."
        ),
    ] = False,
    labels: Labels = None,
    classes: Classes = None,
    picture_range: Range = None,
    as_json: Json = False,
) -> None:
    """Remove heads from a model permanently: fewer parameters, faster, the same outputs as with those heads masked.

    Writes model.safetensors and a short load.py that needs torch and timm only, and prints accuracy, parameters and
    speed before and after. `vitscope show RUN` says which heads matter least.
    """
    from vitscope.commands import pruning

    if save is None:
        raise InvalidArgument("cannot prune: no folder to save to is named", "Add --save DIR.")
    code = pruning.prune(
        model,
        heads,
        save,
        images,
        labels=labels,
        classes=classes,
        picture_range=picture_range,
        pairs=pairs,
        as_json=as_json,
    )
    raise typer.Exit(code)


@app.command(
    epilog="Example: [bold]vitscope judge timm:vit_tiny_patch16_224 photos.csv --weights vit.safetensors "
    "--boxes boxes.json[/]"
)
@takes_model
def judge(
    model: ModelChoice,
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="As for analyze; labels say which class is meant.")],
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes",
            metavar="FILE",
            help="JSON: image name to boxes \\[left, top, right, bottom] as shares of the picture, 0 to 1.",
        ),
    ] = None,
    maps: Annotated[
        str | None,
        typer.Option("--maps", help="Which of raw, rollout, gradient_rollout, relevance, legrad; default: all."),
    ] = None,
    legrad_layers: Annotated[
        int, typer.Option("--legrad-layers", min=1, help="Number of last layers that LeGrad uses; its authors use 2.")
    ] = 2,
    legrad_reading: Annotated[
        LegradReading,
        typer.Option(
            "--legrad-reading",
            help="LeGrad reads a layer by the mean of all tokens, as its authors do, or as the classifier does.",
        ),
    ] = "mean",
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Steps in which patches are removed, the map's largest first.")
    ] = 14,
    limit: Limit = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the sample and of the random map.")] = 0,
    labels: Labels = None,
    classes: Classes = None,
    picture_range: Range = None,
    as_json: Json = False,
) -> None:
    """Judge maps of a class: does its probability fall when their patches are removed, do they lie on the object?

    Raw attention and rollout beside gradient-weighted maps, and two baselines: the centre and chance.
    Deletion and insertion: how the class's probability falls and rises as patches are removed and added in the map's
    order. With boxes: whether the map's largest patch lies on the object, and how much of the map does.
    """
    from vitscope.commands import judging

    code = judging.judge(
        model,
        images,
        boxes,
        maps,
        legrad_layers=legrad_layers,
        legrad_reading=legrad_reading,
        steps=steps,
        limit=limit,
        seed=seed,
        labels=labels,
        classes=classes,
        picture_range=picture_range,
        as_json=as_json,
    )
    raise typer.Exit(code)


@app.command(
    epilog="Examples:\n\n"
    "[bold]vitscope resolution demo photos --sizes 20,28,40,56[/]\n\n"
    "[bold]vitscope resolution timm:vit_tiny_patch16_224 photos.csv --weights vit.safetensors "
    "--sizes 96,160,224,384 --run run[/]"
)
@takes_model
def resolution(
    model: ModelChoice,
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="As for analyze.")],
    sizes: Annotated[
        str,
        typer.Option(
            "--sizes", metavar="SIZES", help="Pixels, multiples of the patch: 96,160,224x160 (rows x columns)."
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Numbers by size (.json), or all arrays by image and head (.npz)."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run", metavar="RUN", help="Keep the result in this run of the same model, for `vitscope serve`."
        ),
    ] = None,
    limit: Limit = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the sample.")] = 0,
    labels: Labels = None,
    classes: Classes = None,
    picture_range: Range = None,
    as_json: Json = False,
) -> None:
    """Run the same images at several input sizes: how accurate is the model, and how far do its heads attend?

    Learned positions are interpolated by the model's own rule; preprocessing follows the size. Accuracy and probability
    with intervals, attention distance in pixels and as a share of the image, entropy, by size and layer.
    """
    from vitscope.commands import sizing

    code = sizing.resolution(
        model,
        images,
        sizes,
        out=out,
        run=run,
        limit=limit,
        seed=seed,
        labels=labels,
        classes=classes,
        picture_range=picture_range,
        as_json=as_json,
    )
    raise typer.Exit(code)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; wrong usage is typer's to tell (code 2)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments  # welcome at any place of the line, not only before the command
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a stream that cannot write × or ▒ shows ?
    try:
        for argument in arguments:
            if not argument.isascii():
                require_text(argument, "use")
        app([argument for argument in arguments if argument != "--debug"], prog_name="vitscope")
    except Exception as error:
        if debug:
            raise
        sys.exit(_tell(error))


def _tell(error: Exception) -> int:
    """Say what went wrong in one sentence and return the exit code."""
    from vitscope.commands import terminal

    if not isinstance(error, VitscopeError):
        reason = " ".join(str(error).split())[:500] or "no reason given"
        error = VitscopeError(
            f"vitscope failed: {type(error).__name__}: {reason}", "Please report it with what --debug shows."
        )
        error.exit_code = 1
    terminal.print_error(error)
    return error.exit_code
