"""Which models vitscope loads: every name of timm and every family of transformers, each held against its library.

    python -m benchmarks.models                    small models of transformers, torchvision, open_clip
    python -m benchmarks.models --timm             every name of timm.list_models(), made small where it can be
    python -m benchmarks.models --write            and keep numbers in docs/models.json, tables in docs/models.md

Numbers of another version of a library are kept beside those of this one: run it once with each.
"""

import argparse
import json
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from tests.families import (
    OPEN_CLIP,
    TIMM_BY_EXPERIMENT,
    TRANSFORMERS,
    has,
    open_clip_tower,
    scrambled,
    torchvision_vit,
)
from tests.library_checks import agreement
from torch import nn

import vitscope
from vitscope.errors import VitscopeError

DOCS: Final = Path(__file__).parents[1] / "docs"
KEPT: Final = DOCS / "models.json"
PAGE: Final = DOCS / "models.md"
BEGIN, END = "<!-- made by make models -->\n", "<!-- end -->\n"
SMALLER: Final = ({"depth": 2, "embed_dim": 96, "num_heads": 3}, {"depth": 2}, {})
"""How a timm model is made small, first come first: names that do not take the first take the second."""


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timm", action="store_true", help="every name of timm instead of the families of the others")
    parser.add_argument("--write", action="store_true", help="keep the numbers, and write docs/models.md")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    found = timm_names() if arguments.timm else families()
    kept |= found
    if arguments.write:
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        text = PAGE.read_text()
        before, _, rest = text.partition(BEGIN)
        PAGE.write_text(before + BEGIN + tables(kept) + END + rest.partition(END)[2])
    print(tables(found))


def families() -> dict[str, Any]:
    """Small scrambled models of each family of each library: parity, one pruned head, attention."""
    import open_clip
    import timm
    import torchvision
    import transformers

    of_transformers: dict[str, Any] = {}
    for family in (family for family in TRANSFORMERS if has(family)):
        of_transformers[family.label] = [
            one(lambda a=a, f=family: f.make(a), family.make("eager")) for a in (None, "eager")
        ]
    others = {
        f"timm {timm.__version__}": TIMM_BY_EXPERIMENT,
        f"torchvision {torchvision.__version__.partition('+')[0]}": {
            "VisionTransformer": torchvision_vit,
            "VisionTransformer (representation_size)": lambda: torchvision_vit(representation_size=11),
        },
        f"open_clip {open_clip.__version__}": {
            f"VisionTransformer ({name})": (lambda more=more: open_clip_tower(**more))
            for name, more in OPEN_CLIP.items()
        },
    }
    made = {
        library: {label: [one(make, hook=library.startswith("timm"))] for label, make in models.items()}
        for library, models in others.items()
    }
    return {f"transformers {transformers.__version__}": of_transformers, **made}


def one(make: Callable[[], nn.Module], eager: nn.Module | None = None, *, hook: bool = True) -> dict[str, Any] | str:
    """The agreement of one model, or why there is none."""
    module = make()
    try:
        model = vitscope.wrap(module)
        if hook:
            numbers = dict(vars(agreement(module, model, eager)))
        else:  # nn.MultiheadAttention calls no projection that a hook could see: tests prune it by its values
            numbers = {"parity": model.parity, "blocks": max(model.proof.blocks)}
        return {key: value if value is None else float(f"{value:.2g}") for key, value in numbers.items()}
    except VitscopeError as error:
        return f"refused: {error.message}"
    except Exception as error:
        return f"crash: {type(error).__name__}: {error}"


def timm_names() -> dict[str, Any]:
    """Every name of timm: what becomes of it, by class."""
    import timm

    outcome: dict[str, Counter[str]] = defaultdict(Counter)
    crashes: list[str] = []
    worst: dict[str, float] = defaultdict(float)
    names = timm.list_models()
    for i, name in enumerate(names):
        kind, result = timm_name(name)
        if isinstance(result, float):
            worst[kind] = max(worst[kind], result)
            outcome[kind]["ok"] += 1
        elif result.startswith("crash"):
            crashes.append(f"{name}: {result}")
            outcome[kind]["crash"] += 1
        else:
            outcome[kind]["refused"] += 1
        if i % 100 == 99:
            print(f"{i + 1} of {len(names)} names", file=sys.stderr, flush=True)
    rows = {
        kind: {**dict(count), "parity": float(f"{worst[kind]:.2g}") if kind in worst else None}
        for kind, count in outcome.items()
    }
    return {f"names of timm {timm.__version__}": {"names": len(names), "classes": rows, "crashes": crashes}}


def timm_name(name: str) -> tuple[str, float | str]:
    """The class of a timm name, and its parity, or why it is refused."""
    import timm

    from vitscope.models.adapters.adapting import adapts

    try:
        with torch.device("meta"):
            kind = timm.create_model(name)
    except Exception as error:
        return "?", f"crash: timm cannot make it: {type(error).__name__}"
    if not adapts(kind):
        try:
            vitscope.wrap(kind)
        except VitscopeError as error:
            return type(kind).__name__, f"refused: {error.message}"
        except Exception as error:
            return type(kind).__name__, f"crash: {type(error).__name__}: {error}"
    for sizes in SMALLER:
        try:
            module = timm.create_model(name, **sizes)
        except Exception:  # noqa: S112 - an entry point that does not take these sizes
            continue
        torch.manual_seed(0)
        try:
            return type(module).__name__, vitscope.wrap(scrambled(module.eval(), 0.02)).parity
        except VitscopeError as error:
            return type(module).__name__, f"refused: {error.message}"
        except Exception as error:
            return type(module).__name__, f"crash: {type(error).__name__}: {error}"
    return type(kind).__name__, "crash: timm cannot make it"


def tables(kept: dict[str, Any]) -> str:
    """Markdown."""
    parts: list[str] = []
    for library, rows in sorted(kept.items()):
        parts.append(f"### {library}\n\n")
        parts.append(_names(rows) if library.startswith("names of") else _families(rows))
    return "".join(parts)


def _families(rows: dict[str, list[Any]]) -> str:
    lines = ["| model | parity | by block | one pruned head | attention |", "|---|---|---|---|---|"]
    for label, results in sorted(rows.items()):
        refused = next((result for result in results if isinstance(result, str)), None)
        if refused is not None:
            lines.append(f"| {label} | {refused} | | | |")
            continue
        worst = [_worst(results, key) for key in ("parity", "blocks", "prune", "attention")]
        lines.append(f"| {label} | {' | '.join(worst)} |")
    n_ok = sum(all(isinstance(result, dict) for result in results) for results in rows.values())
    classes = {label.partition(" (")[0] for label, results in rows.items() if isinstance(results[0], dict)}
    return "\n".join(lines) + f"\n\n{n_ok} of {len(rows)} configurations, {len(classes)} classes.\n\n"


def _worst(results: list[dict[str, float | None]], key: str) -> str:
    numbers = [value for result in results if (value := result.get(key)) is not None]
    return f"{max(numbers):.1e}" if numbers else "-"


def _names(rows: dict[str, Any]) -> str:
    lines = ["| class | names that load | refused | crash | parity, at most |", "|---|---|---|---|---|"]
    loads = {kind: row for kind, row in rows["classes"].items() if row.get("ok")}
    for kind, row in sorted(loads.items(), key=lambda item: -item[1]["ok"]):
        lines.append(
            f"| {kind} | {row['ok']} | {row.get('refused', 0)} | {row.get('crash', 0)} | {row['parity']:.1e} |"
        )
    others = [row for kind, row in rows["classes"].items() if kind not in loads]
    refused, crash = (sum(row.get(key, 0) for row in others) for key in ("refused", "crash"))
    lines.append(f"| {len(others)} other classes | 0 | {refused} | {crash} | |")
    said = "".join(f"\n* {crash}" for crash in rows["crashes"])
    total = sum(row["ok"] for row in loads.values())
    return "\n".join(lines) + f"\n\n{total} of {rows['names']} names load.{said}\n\n"


if __name__ == "__main__":
    main()
