"""A quantity is named once, in the table: no other list of names, and the page's copy is the table."""

import ast
import re
from pathlib import Path

import pytest

from vitscope.errors import InvalidArgument
from vitscope.quantities import AXES, KINDS, READOUTS, ROWS, names, quantity, ranking_metric, recorded
from vitscope.server.schema import quantities_text

ROOT = Path(__file__).parents[1]
NAMES = {row.name for row in ROWS}
COMPUTES = "each name stands beside the formula of its value"
EXCEPTIONS = {
    "src/vitscope/measures/__init__.py": "names of functions",
    "src/vitscope/measures/summary.py": COMPUTES,
    "src/vitscope/engine/importance/sweep.py": COMPUTES,
    "src/vitscope/engine/head_sets/what_if.py": COMPUTES,
    "src/vitscope/engine/head_sets/curve.py": COMPUTES,
    "src/vitscope/engine/head_sets/together.py": COMPUTES,
    "src/vitscope/pipeline/work/computing.py": COMPUTES,
    "src/vitscope/pipeline/live/lab.py": "the columns of an answer with a set of heads pruned, computed there",
    "src/vitscope/server/lab/tasks.py": "the fields of such an answer",
    "src/vitscope/pipeline/studies/across_sizes.py": COMPUTES,
    "src/vitscope/store/resolution.py": "the columns of a comparison of sizes, a file of its own",
    "src/vitscope/answers/rows/sizes.py": "the same columns",
    "src/vitscope/analysis/sizes.py": "the same columns",
    "src/vitscope/text/summary.py": "the keys of `show --json`, each beside its value",
    "src/vitscope/patterns/features.py": "features of a matrix, some of which are called as the quantity that they are",
    "src/vitscope/patterns/names/naming.py": "features of a matrix",
    "src/vitscope/patterns/names/rules.py": "features of a matrix",
    "web/src/attention/resolution.ts": "the columns of a comparison of sizes",
    "web/src/selection/options.ts": "words of the address, which links in the world hold",
    "web/src/views/heads/resolution/ResolutionPane.svelte": "the columns of a comparison of sizes",
    "web/src/views/heads/resolution/ResolutionChart.svelte": "the columns of a comparison of sizes",
    "web/src/views/explore/inspector/why_columns.ts": "what the clauses of one sentence are made of",
}


def test_names_differ_and_rows_are_whole():
    assert len(NAMES) == len(ROWS)
    for row in ROWS:
        assert row.kind in KINDS and row.axes == AXES[row.kind]
        assert row.unit and row.label and row.short and row.meaning.endswith(".")
        assert row.low < row.high and row.signed == (row.low < 0)
        assert (row.family is not None) == (row.kind in ("metric", "depth"))


def test_an_unknown_name_is_refused():
    with pytest.raises(InvalidArgument, match="no quantity 'jds'"):
        quantity("jds")


def test_heads_are_ranked_by_one_metric_a_readout():
    assert [ranking_metric(readout) for readout in READOUTS] == ["jsd", "jsd", "out_cos", "value_change"]


def test_what_the_formats_before_the_manifest_listed_their_quantities_had():
    spread = "distance entropy cls_entropy focus coverage nmi sink cls_self cls_to_patches patches_to_cls"
    spread += " patches_to_patches to_cls to_other"
    for version in (1, 2, 3, 4):
        kept = recorded(version)
        assert " ".join(kept["spread"]) == spread
        assert kept["strength"] == ("mass", "density")
        assert kept["depth"] == (("cls_cos_at", "patch_cos_at") if version == 4 else ())
        assert kept["pattern"] == (("deviation", "energy") if version >= 3 else ())


def test_the_page_has_the_table():
    page = ROOT / "web" / "src" / "io" / "quantities.gen.ts"
    assert page.read_text(encoding="utf-8") == quantities_text(), "run `make types`"


def test_no_other_list_of_names():
    found = {path for path, names_there in listed() if len(names_there) > 1}
    assert found - set(EXCEPTIONS) == set()
    assert set(EXCEPTIONS) - found == set()  # none too many


def test_a_second_list_would_be_found():
    assert python_lists('METRICS = ("jsd", "flip")') == [{"jsd", "flip"}]
    assert python_lists('UNITS = {"jsd": "bits", "nmi": ""}') == [{"jsd", "nmi"}]
    assert python_lists('Name = Literal["jsd", "flip"]') == [{"jsd", "flip"}]
    assert {"jsd", "nmi"} in page_lists("const SHORT = {\n  jsd: 'JSD',\n  nmi: 'MI',\n};")
    assert {"jsd", "nmi"} in page_lists("const WANTED = [['jsd'], ['nmi']];")
    assert {"jsd", "nmi"} in page_lists("type Name = 'jsd' | 'nmi';")


def listed():
    for file in sorted((ROOT / "src").rglob("*.py")):
        for there in python_lists(file.read_text(encoding="utf-8")):
            yield file.relative_to(ROOT).as_posix(), there
    for file in sorted((ROOT / "web" / "src").rglob("*")):
        if file.suffix in (".ts", ".svelte") and not file.name.endswith(".gen.ts"):
            for there in page_lists(file.read_text(encoding="utf-8")):
                yield file.relative_to(ROOT).as_posix(), there


def python_lists(text):
    """Names of quantities together in a tuple, list, set, dict or subscript."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            parts = node.elts
        elif isinstance(node, ast.Dict):
            parts = node.keys
        else:
            continue
        found.append({part.value for part in parts if isinstance(part, ast.Constant) and part.value in NAMES})
    return found


def page_lists(text):
    """The same in a list, an object whose values are texts, or a union of texts."""
    lists = [re.findall(r"'(\w+)'", part) for part in re.findall(r"\[((?:[^\[\];=]|\[[^\[\];=]*\])*)\]", text)]
    objects = [re.findall(r"(?:^|[\s{,])'?(\w+)'?: ['\"`]", part) for part in re.findall(r"\{([^{}]*)\}", text)]
    unions = [re.findall(r"'(\w+)'", part) for part in re.findall(r"'\w+'(?:\s*\|\s*'\w+')+", text)]
    return [NAMES & set(part) for part in (*lists, *objects, *unions)]


def test_names_of_a_kind_are_in_the_order_of_the_table():
    assert names("metric", family="layer") == ("cls_cos", "patch_cos")
    assert names("metric", readout="features") == ("out_cos", "cls_cos", "patch_cos")
