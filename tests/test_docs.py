"""What the documents say is what there is: options, errors, routes, quantities; links lead somewhere."""

import re
from pathlib import Path

import pytest
import typer.main

from vitscope import errors
from vitscope.cli import app
from vitscope.quantities import ROWS
from vitscope.store.arrays import (
    DEPTH_COUNT,
    DEVIATION,
    DIVERSITY,
    ENERGY,
    MATRICES,
    MATRIX_FEATURES,
    OFFSETS,
    OUTPUTS,
)

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
INTERFACES = (ROOT / "docs" / "interfaces.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_every_command_and_option_is_documented():
    group = typer.main.get_command(app)
    commands = {name: command for name, command in group.commands.items() if not command.hidden}
    assert all(f"vitscope {name}" in INTERFACES for name in commands)
    options = {
        name
        for command in (group, *commands.values())
        for parameter in command.params
        if not getattr(parameter, "hidden", False)
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    }
    assert not {name for name in options if f"`{name}`" not in INTERFACES} - {"--version", "--debug"}
    named = set(re.findall(r"`(--[a-z-]+)`", INTERFACES))
    assert named <= options | {"--help", "--debug", "--version"}  # nothing documented that is gone


def test_every_error_code_is_documented_with_its_status():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) > 5
    assert [kind for kind in kinds if f"| `{kind.code}` | {kind.status} |" not in INTERFACES] == []


def test_every_route_is_documented():
    from vitscope.server.app import api

    paths = [path.removeprefix("/api") for path in api().openapi()["paths"]]
    assert len(paths) > 10
    routes = [path for path in paths if not path.startswith("/answers/")]
    assert [path for path in routes if path not in INTERFACES] == []
    answers = [path.removeprefix("/answers/") for path in paths if path not in routes]
    assert [name for name in answers if f"`{name}`" not in INTERFACES and name != "answers"] == []


def test_every_quantity_of_a_run_is_defined():
    definitions = (ROOT / "docs" / "definitions.md").read_text(encoding="utf-8")
    paths = {"deviation": DEVIATION, "energy": ENERGY, "diversity": DIVERSITY}
    names = [paths.get(row.name, row.name) for row in ROWS]
    names += [MATRICES, OFFSETS, MATRIX_FEATURES, DEPTH_COUNT, OUTPUTS]
    assert [name for name in names if f"`{name}`" not in definitions] == []


def test_every_feature_and_rule_of_a_pattern_is_defined_as_it_is():
    from vitscope.patterns import FEATURES, RULES

    definitions = (ROOT / "docs" / "definitions.md").read_text(encoding="utf-8")
    assert [name for name in FEATURES if f"`{name}`" not in definitions] == []
    assert [name for name, rule in RULES.items() if f"| {name} | {rule} |" not in definitions] == []


def test_the_rules_of_the_report_are_documented_as_they_are():
    from vitscope.analysis import classes, findings, quadrant
    from vitscope.analysis.statistics import intervals, permutation, resampling
    from vitscope.quantities import bounds
    from vitscope.text import looks

    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    rules = [
        f"{resampling.DRAWS} seeded draws",
        f"the {intervals.BEYOND}th and the {resampling.DRAWS + 1 - intervals.BEYOND}th",
        f"*few images* below {intervals.FEW}",
        f"1/{1 / resampling.NO_SPREAD:,.0f} of the variance",
        f"shuffled {permutation.PERMUTATIONS} times",
        f"p from {quadrant.THRESHOLD} up",
        f"less than {findings.PATCH_SHARE:.0%}".replace("%", " %"),
        f"at least {bounds.SINK_SHARE:.0%}".replace("%", " %"),
        f"and {bounds.SINK_TIMES:.0f} times uniform",
        f"from {bounds.CORNER_SHARE:.0%}".replace("%", " %"),
        f"from {bounds.BORDER_SHARE:.0%}".replace("%", " %"),
        f"up to {bounds.FEW_KEYS} keys, and one in {bounds.FEW_KEYS_PART}",
        f"from {bounds.NEIGHBOUR_SHARE:.0%} of".replace("%", " %"),
        f"step of {bounds.STEP_CLEAR} patches",
        f"below {looks.SHARP:.0%}, up to {looks.FLAT:.0%}".replace("%", " %"),
        f"below {looks.SHARED_MAP}: all queries",
        f"above {looks.OWN_MAP}: each",
        f"from {classes.MIN_IMAGES} images up",
        f"a factor of {classes.FACTOR:.0f}",
        f"at least {classes.SIZE:.0%} of the top".replace("%", " %"),
        f"p < {classes.THRESHOLD}",
    ]
    assert [rule for rule in rules if rule not in page] == []
