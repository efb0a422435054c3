"""What an import may cost: reading a run loads no torch, and the package itself loads almost nothing.

Import arrows are checked by import-linter (`make imports`); this is about what is loaded, and when.
"""

import json
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.conftest import CHECKED

HEAVY = {"torch", "torchvision", "timm", "xarray", "zarr", "sklearn", "scipy", "matplotlib", "duckdb", "fastapi"}


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after the statement."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_package_loads_nothing_heavy():
    assert not loaded_by("import vitscope") & (HEAVY | {"numpy", "pandas"})


@pytest.mark.parametrize(
    "module", ["vitscope.store", "vitscope.analysis", "vitscope.text", "vitscope.tokens", "vitscope.errors"]
)
def test_reading_and_reporting_load_no_torch_and_no_array_files(module):
    assert not loaded_by(f"import {module}") & HEAVY


@pytest.mark.parametrize("module", ["vitscope.server.routes", "vitscope.server.app", "vitscope.server"])
def test_serving_loads_no_torch(module):
    assert not loaded_by(f"import {module}") & (HEAVY - {"fastapi"})


def test_measures_that_runs_need_load_no_torch():
    names = "check_attention, coverage, head_diversity, image_diagonal, key_shares, map_entropy, rollout"
    assert not loaded_by(f"from vitscope.measures import {names}") & HEAVY


def test_the_command_line_starts_without_torch():
    assert not loaded_by("import vitscope.cli") & {"torch", "timm", "xarray", "zarr"}


def test_reading_a_run_and_showing_it_loads_no_torch(tmp_path):
    from tests.synthetic_run import synthetic_run

    synthetic_run(tmp_path / "run")
    imports = "from vitscope.analysis import open_run; from vitscope.text import show"
    assert not loaded_by(f"{imports}; show(open_run({str(tmp_path / 'run')!r}))") & {"torch", "torchvision", "timm"}


def test_no_room_has_more_than_15_files_at_its_top_level():
    source = Path(__file__).parents[1] / "src" / "vitscope"
    rooms = Counter(path.parent.relative_to(source).as_posix() for path in source.rglob("*.py"))
    assert {room: files for room, files in rooms.items() if files > 15} == {}


def test_every_module_whose_annotations_are_checked_is_there():
    assert [name for name in CHECKED if find_spec(f"vitscope.{name}") is None] == []
