"""The census of patterns: its numbers against loops, the clause of the sentence, what a run without patterns tells."""

import json

import numpy as np
import pytest
from tests.synthetic_run import CLUSTERS, STRONG, synthetic_run

from vitscope import text
from vitscope.analysis.findings import output_ranking
from vitscope.analysis.patterns.census import held_patterns
from vitscope.quantities.form import WIDTH
from vitscope.text.answer import answer, reasons
from vitscope.tokens import HeadRef


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("census") / "run", n_images=24, layers=3, heads=4, pattern_images=15)


@pytest.fixture(scope="module")
def found(run):
    return answer(run).patterns


def test_the_census_counts_what_a_loop_counts(run, found):
    table, effect = run.patterns.table, run.effect("jsd", "head")
    assert (found.n_matrices, found.n_images, found.metric) == (15 * 12, 15, "jsd")
    assert [count.pattern for count in found.patterns] == list(CLUSTERS)
    for count in found.patterns:
        own = table[table["cluster"] == count.cluster]
        assert count.size == len(own)
        assert count.share == pytest.approx(len(own) / len(table))
        values = [float(effect[row.image, row.layer, row.head]) for row in own.itertuples()]
        assert count.effect == pytest.approx(sum(values) / len(values))
        by_layer = [int((own["layer"] == layer).sum()) for layer in range(3)]
        assert sum(by_layer[layer] for layer in count.layers) >= len(own) / 2
        assert sum(sorted(by_layer)[::-1][: len(count.layers) - 1]) < len(own) / 2
        name, share = count.by_rule[0]
        assert share == max((own["pattern"] == name).mean() for name in run.patterns.pattern_names)
        for head, share in count.examples:
            assert found.of(head).pattern == count.pattern  # never a head that its own matrices call otherwise
            own = table[(table["layer"] == head.layer) & (table["head"] == head.head)]
            assert share == pytest.approx(np.mean(own["cluster"] == count.cluster))
    assert sum(count.heads for count in found.patterns) == 12


def test_each_head_and_those_that_repeat_a_pattern(run, found):
    mix, entropy = run.patterns.mix.values, run.patterns.mix_entropy.values
    for held in found.heads:
        assert held.cluster_share == mix[held.head].max()
        assert mix[held.head][held.cluster] == held.cluster_share
        assert held.entropy == entropy[held.head]
        table = run.patterns.table
        own = table[(table["layer"] == held.head.layer) & (table["head"] == held.head.head)]["pattern"].tolist()
        most = max(own.count(name) for name in own if name != "mixed") / len(own)
        assert held.names == {name: own.count(name) / len(own) for name in own}
        if most >= 0.5:
            assert held.share == held.names[held.pattern] == most
        else:
            assert (held.pattern, held.share) == ("mixed", pytest.approx(1 - most))
        assert held == held_patterns(run)[held.head]
    values = [held.content_dependence for held in found.by_content()]
    assert values == sorted(values)
    assert len(values) == 12
    for repetition in found.repeated:
        assert len(repetition.heads) > 1
        assert repetition.similarity >= 0.9
        assert all(found.of(head).names[repetition.pattern] >= 0.8 for head in repetition.heads)
    assert sum(name.share for name in found.names) == pytest.approx(1)
    assert sorted(head for name in found.names for head in name.heads) == sorted(
        held.head for held in found.heads if held.pattern in held.names
    )


def test_the_sentence_has_a_clause_that_holds(run, found):
    held = found.of(HeadRef(*STRONG))
    told = answer(run).why
    clause = f"its pattern is {held.pattern} in {held.share:.0%} of 15 images, content dependence "
    clause += f"{held.content_dependence:.2f}"
    assert clause.replace("%", " %") in told.sentence
    assert told.pattern == held
    ranking = output_ranking(run)
    assert "its pattern is" in reasons(run, ranking, [HeadRef(2, 3)])[0].sentence


def test_show_and_json_hold_the_census(run, found):
    shown = text.show(run)
    assert max(map(len, shown.splitlines())) <= WIDTH + 1
    for title in ("WHAT HEADS SHOW, matrix by matrix: 180 matrices of 15 images",
                  "CLUSTERS OF MATRICES: 5 clusters among 180 matrices of 15 images",
                  "HOW GOOD ARE THE CLUSTERS?", "DOES THE IMAGE DECIDE?",
                  "WHICH PATTERNS IMPORTANT HEADS HAVE (by jsd)",
                  "HEADS THAT REPEAT A PATTERN"):  # fmt: skip
        assert title in shown
    assert "autoencoder (chosen)" in shown
    assert found.verdict in " ".join(shown.split())
    told = json.loads(json.dumps(text.summary(run)))["patterns"]
    assert [count["pattern"] for count in told["patterns"]] == list(CLUSTERS)
    assert told["heads"][1]["head"] == {"layer": 0, "head": 1}
    assert told["quality"]["features"]["stability"] == 0.88


def test_names_of_the_user_are_told_and_names_that_repeat_are_numbered(tmp_path):
    run = synthetic_run(tmp_path / "run", n_images=8, pattern_images=6)
    run.patterns.rename(0, "row")
    names = [count.pattern for count in answer(run).patterns.patterns]
    assert names[0] == "row #0"
    assert names[CLUSTERS.index("row")] == f"row #{CLUSTERS.index('row')}"
    assert "one-key stripe" in names


def test_a_run_without_patterns_tells_nothing_of_them(tmp_path):
    run = synthetic_run(tmp_path / "run", n_images=6)
    assert answer(run).patterns is None
    assert answer(run).why.pattern is None
    shown = text.show(run)
    assert "WHAT HEADS SHOW" not in shown
    assert "its pattern is" not in shown
    assert text.summary(run)["patterns"] is None
