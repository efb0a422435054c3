"""Facts about heads, seeded, with the clauses that Python says of them: tests/shared/sentences.json.

pytest and vitest read the file: `show` and the page must say the same, word for word. It is written anew by
`python -m tests.reference.sentences`; a change of it is a change of what users read.
"""

import json
import math
import random
from pathlib import Path

from vitscope.analysis.findings import RegionEffect
from vitscope.analysis.gaze import Gaze, SinkKey
from vitscope.analysis.patterns.census import HeldPattern
from vitscope.analysis.places import n_border_patches, n_corner_patches, token_name, uniform_reach
from vitscope.measures import image_diagonal
from vitscope.text import looks, why
from vitscope.tokens import HeadRef, TokenLayout

FILE = Path(__file__).parents[1] / "shared" / "sentences.json"
LAYOUTS = (
    TokenLayout(("cls",), 14, 14, (16, 16)),
    TokenLayout((), 3, 5, (4, 6)),
    TokenLayout(("cls", "reg1", "reg2", "reg3", "reg4"), 16, 16, (14, 14)),
    TokenLayout(("cls", "dist"), 1, 7, (8, 4)),
)
CASES_A_LAYOUT = 30
NAMES = ("self", "left neighbour", "content blob", "few keys", "mixed")


def facts(tokens: TokenLayout, draw: random.Random) -> dict:
    """What is measured of one head, in the page's words; None = not known."""

    def maybe(value: float) -> float | None:
        return None if draw.random() < 0.08 else value

    # some at the very bounds, and some that are nothing
    share = [draw.choice([0.0, 0.05, 0.0499, 1.0, draw.random(), draw.random() ** 4]) for _ in range(8)]
    sinks = draw.sample(range(tokens.n_tokens), draw.choice([0, 0, 1, 2, 5]))
    corners = share[5]
    pattern = draw.choice([None, *NAMES])
    mix = sorted((draw.random() for _ in range(draw.choice([1, 2, 4]))), reverse=True)
    return {
        "mass": [share[0], *([share[1]] if draw.random() < 0.9 else []), *(draw.random() / 9 for _ in range(3))],
        "toCls": maybe(share[2]),
        "toOther": maybe(share[3]),
        "clsToCls": share[4],
        "clsToPatches": maybe(1 - share[4]),
        "corners": corners,
        "border": min(1.0, corners + draw.random()),
        "neighbour": maybe(draw.choice([0.5, draw.random()])),
        "stepDown": draw.choice([0.0, draw.uniform(-1, 1), draw.uniform(-0.1, 0.1)]),
        "stepRight": draw.uniform(-1, 1),
        "fewKeys": maybe(float(draw.choice([1, 2, 3, 8, 80]))),
        "distance": maybe(draw.uniform(0, image_diagonal(tokens))),
        "distanceRescaled": maybe(draw.uniform(0, 300)),
        "distanceNoSinks": maybe(draw.uniform(0, 300)),
        "missing": draw.choice(["", "", "this run was made by vitscope 0.1.0, which did not measure it"]),
        "entropy": maybe(draw.uniform(0, math.log(tokens.n_tokens))),
        "nmi": maybe(draw.choice([0.1, 0.4, draw.random()])),
        "focus": maybe(draw.random()),
        "sinks": [{"token": token, "share": draw.uniform(0.05, 0.4)} for token in sinks],
        "regions": [
            {
                "mode": mode,
                "mean": draw.uniform(-0.1, 1),
                "whole": draw.choice([0.0, 0.5, 1.0]),
                "n": draw.randint(2, 99),
            }
            for mode in draw.sample(("cc", "cp+pc", "pp"), draw.randint(0, 3))
        ],
        "pattern": pattern
        and {
            "name": pattern,
            "share": mix[0],
            "shares": [[name, part] for name, part in zip(draw.sample(NAMES, len(mix)), mix, strict=True)],
            "n": draw.randint(1, 900),
            "content": maybe(draw.random()),
        },
    }


def clauses(tokens: TokenLayout, of: dict) -> dict[str, str]:
    """What Python says."""

    def number(name: str) -> float:
        return math.nan if of[name] is None else of[name]

    near, far = uniform_reach(tokens)
    seen = Gaze(
        n=9,
        to_self=of["mass"][0],
        to_neighbours=of["mass"][1] if len(of["mass"]) > 1 else 0.0,
        to_far=sum(of["mass"][2:]),
        to_cls=number("toCls") if tokens.cls is not None else math.nan,
        to_others=number("toOther") if tokens.others else math.nan,
        near_uniform=near,
        cls_to_cls=number("clsToCls"),
        cls_to_patches=number("clsToPatches"),
        corners=of["corners"],
        corners_uniform=n_corner_patches(tokens) / tokens.n_tokens,
        border=of["border"],
        border_uniform=n_border_patches(tokens) / tokens.n_tokens,
        few_keys=number("fewKeys"),
        n_tokens=tokens.n_tokens,
        sinks=tuple(SinkKey(key["token"], token_name(tokens, key["token"]), key["share"]) for key in of["sinks"]),
        neighbour=number("neighbour"),
        step_down=of["stepDown"],
        step_right=of["stepRight"],
        distance=number("distance"),
        distance_uniform=far,
        distance_rescaled=number("distanceRescaled"),
        distance_no_sinks=number("distanceNoSinks"),
        missing=of["missing"],
        diagonal=image_diagonal(tokens),
        entropy=number("entropy"),
        entropy_max=math.log(tokens.n_tokens),
        nmi=number("nmi"),
        focus=number("focus"),
    )
    held = of["pattern"] and HeldPattern(
        head=HeadRef(0, 0),
        pattern=of["pattern"]["name"],
        share=of["pattern"]["share"],
        n=of["pattern"]["n"],
        names=dict(of["pattern"]["shares"]),
        cluster=None,
        cluster_name="none",
        cluster_share=math.nan,
        entropy=math.nan,
        content_dependence=math.nan if of["pattern"]["content"] is None else of["pattern"]["content"],
    )
    regions = [RegionEffect(each["mode"], each["mean"], 0, 0, each["whole"], each["n"]) for each in of["regions"]]
    return {
        "patches": looks.patches(seen),
        "direction": looks.direction(seen),
        "cls": looks.cls(seen),
        "keys": looks.keys(seen, tokens),
        "distance": looks.distance(seen),
        "shape": looks.shape(seen),
        "through": why._acts_through(regions),
        "pattern": why._holds(held),
    }


def cases() -> list[dict]:
    """Layouts, facts and clauses."""
    draw, made = random.Random(7), []
    for tokens in LAYOUTS:
        layout = {
            "prefix": list(tokens.prefix),
            "rows": tokens.rows,
            "cols": tokens.cols,
            "patch": {"height": tokens.patch[0], "width": tokens.patch[1]},
            "cls": tokens.cls,
        }
        for _ in range(CASES_A_LAYOUT):
            of = facts(tokens, draw)
            made.append({"tokens": layout, "facts": of, "clauses": clauses(tokens, of)})
    return made


if __name__ == "__main__":
    FILE.write_text(json.dumps(cases(), ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
