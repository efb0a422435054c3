"""Every public function with one argument wrong at a time: what is called, what is wrong, what may be accepted."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tests import zoo
from tests.attention_cases import LAYOUTS, random_attention

import vitscope
from vitscope import measures

TOKENS = LAYOUTS["cls, 5 x 2"]
JUNK: dict[str, Any] = {
    "None": None,
    "text": "cls",
    "bytes": b"x",
    "half": 0.5,
    "two as a float": 2.0,
    "NaN": float("nan"),
    "True": True,
    "minus one": -1,
    "sixty": 60,
    "empty list": [],
    "list of text": ["a", "b"],
    "list of floats": [0.5, 1.5],
    "list of bools": [True, False],
    "nested list": [[1.0, 2.0], [3.0]],
    "empty dict": {},
    "dict": {"a": 1},
    "dict of heads": {(0, 1): "pp"},
    "dict of wrong heads": {(0, 9): "head"},
    "dict of wrong modes": {(0, 1): 3},
    "one head": (0, 1),
    "heads of floats": [(0.5, 1)],
    "triples": [(0, 1, 2)],
    "object": object(),
    "type": int,
    "function": len,
    "array": np.ones((2, 3)),
    "no axes": torch.tensor(0.5),
    "one axis": torch.ones(3),
    "no entries": torch.ones(0, 3, 12, 30),
    "whole numbers": torch.ones(2, 3, dtype=torch.int64),
    "true and false": torch.ones(2, 3, dtype=torch.bool),
    "seven axes": torch.ones(1, 1, 1, 1, 1, 1, 1),
    "complex": torch.ones(2, 3, dtype=torch.complex64),
    "picture": Image.new("RGB", (8, 8)),
    "pictures": [Image.new("RGB", (8, 8))],
    "module": torch.nn.Linear(2, 3),
    "class": torch.nn.Linear,
    "layout": TOKENS,
    "path": Path("there is no such file"),
}


@dataclass(frozen=True)
class Call:
    """A function and arguments that it takes."""

    function: Callable[..., Any]
    arguments: dict[str, Any]


def calls(folder: Path) -> Iterator[Call]:
    """Every public function with arguments that it takes; `folder` for what is written."""
    model = vitscope.wrap(zoo.make("plain"))
    pixels, heads = zoo.pixels(2), [(0, 1), (2, 0)]
    given = {"model": model, "pixels": pixels}
    yield Call(vitscope.attention, {**given, "layers": [0, 2]})
    yield Call(vitscope.attention_gradients, {**given, "targets": [0, -1], "score": "layer"})
    importance = {
        "labels": [1, -1],
        "modes": ("head",),
        "fill": "zero",
        "references": None,
        "seed": 0,
    }
    yield Call(vitscope.head_importance, given | importance)
    replaced = {"fill": "mean", "references": pixels, "seed": 0}
    yield Call(vitscope.prune, {**given, "heads": {(0, 1): "head"}, **replaced})
    yield Call(vitscope.what_if, {**given, "heads": {(0, 1): "head"}, "labels": [1, -1], **replaced})
    yield Call(vitscope.interactions, {**given, "heads": heads, "labels": None, "metric": "jsd"})
    yield Call(
        vitscope.shapley,
        {**given, "heads": heads, "labels": None, "metric": "jsd", "permutations": 4, "seed": 0},
    )
    yield Call(
        vitscope.pruning_curve,
        {**given, "orders": heads, "labels": [0, 1], "sizes": [0, 1], "random": 1, "seed": 0},
    )
    yield Call(vitscope.greedy_order, {**given, "length": 1})
    yield Call(vitscope.without_heads, {"model": model, "heads": heads})
    yield Call(
        vitscope.wrap,
        {
            "module": zoo.make("plain"),
            "classes": list("abcdefg"),
            "transform": len,
            "classifier": torch.nn.Linear(24, 7),
        },
    )
    yield Call(
        vitscope.load_model, {"spec": "demo", "weights": folder / "none.pth", "device": "cpu", "dtype": "float32"}
    )
    yield Call(vitscope.open_run, {"path": folder / "none"})
    options = dict.fromkeys(("modes", "fill", "limit", "partial_images", "patterns", "seed", "threads"))
    nothing = {"model": model, "images": folder / "no images"}
    yield Call(vitscope.analyze, {**nothing, "out": folder / "run", "resume": False, "progress": None, **options})
    yield Call(
        vitscope.judge,
        {**nothing, "boxes": None, "labels": None, "maps": ("raw",), "steps": 2, "limit": 1, "seed": 0},
    )
    yield Call(vitscope.resolution, {**nothing, "sizes": [(12, 30)], "labels": None, "limit": 1, "seed": 0})
    yield Call(vitscope.TokenLayout, {"prefix": ("cls",), "rows": 3, "cols": 5, "patch": (4, 6)})
    yield from _measures()


def _measures() -> Iterator[Call]:
    one = random_attention(2, tokens=TOKENS)
    whole = random_attention(2, 2, 3, tokens=TOKENS)
    logits, target = torch.randn(2, 5, generator=torch.Generator().manual_seed(0)), torch.tensor([1, 4])
    stream = torch.randn(2, TOKENS.n_tokens, 8, generator=torch.Generator().manual_seed(1))
    maps = torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(2))
    of_tokens = (
        *("ring_mass", "ring_density", "mass_to_cls", "mass_to_others", "region_sums", "cls_entropy", "focus", "nmi"),
        *("share_above_uniform", "cls_map", "summarise", "check_attention"),
        *("key_shares", "few_keys", "corners", "border", "sink_keys", "step", "neighbour"),
    )
    for name in of_tokens:
        yield Call(getattr(measures, name), {"attention": one, "tokens": TOKENS})
    options = {"tokens": TOKENS, "residual": 0.5, "fusion": "mean", "discard": 0.1, "start": 0}
    table: dict[str, dict[str, Any]] = {
        "mean_distance": {"attention": one, "tokens": TOKENS, "variant": "drop"},
        "coverage": {"attention": one, "tokens": TOKENS, "mass": 0.6},
        "entropy": {"attention": one},
        "sink": {"attention": one},
        "head_diversity": {"attention": whole, "tokens": TOKENS, "variant": "cls"},
        "head_similarity": {"attention": whole, "tokens": TOKENS, "variant": "cls"},
        "rollout": {"attention": whole} | options,
        "gradient_rollout": {"attention": whole, "gradients": whole} | options,
        "relevance": {"attention": whole, "gradients": whole, "start": 0},
        "legrad": {"gradients": whole, "tokens": TOKENS, "layers": 2},
        "fuse": {"values": one, "dim": 0, "fusion": "mean"},
        "map_entropy": {"cls_rows": torch.full((2, 3, 4), 0.25)},
        "spread_level": {"entropies": torch.rand(5, 2)},
        "linear_cka": {"outputs": torch.rand(6, 2, 3)},
        "image_diagonal": {"tokens": TOKENS},
        "patch_order": {"maps": maps, "seed": 0},
        "step_sizes": {"n_patches": 9, "steps": 3},
        "removed": {"order": torch.tensor([[2, 0, 1, 3]]), "number": 2, "rows": 2},
        "curve_area": {"scores": torch.rand(2, 3), "sizes": [0, 1, 2]},
        "pointing_hit": {"maps": maps, "inside": maps > 0.5},
        "mass_inside": {"maps": maps, "covered": maps},
        "centre_map": {"rows": 3, "cols": 5},
    }
    for name, arguments in table.items():
        yield Call(getattr(measures, name), arguments)
    of_answers = {"intact": logits, "pruned": logits, "target": target}
    of_streams = {"intact": stream, "pruned": stream, "tokens": TOKENS}
    for effect in (getattr(measures, name) for name in measures.__all__):
        takes = inspect.signature(effect).parameters
        if "pruned" in takes:
            known = of_streams if "tokens" in takes else of_answers
            yield Call(effect, {name: known[name] for name in takes if name in known})
