"""The clauses of *why* are those that the page is held to as well (web/tests/sentences.test.ts)."""

import json

from tests.reference import sentences


def test_every_clause_is_the_shared_one_and_each_kind_occurs():
    made = sentences.cases()
    assert made == json.loads(sentences.FILE.read_text("utf-8")), "python -m tests.reference.sentences writes it anew"
    for name in made[0]["clauses"]:
        told = [case["clauses"][name] for case in made]
        assert len(set(told)) > 10, name
        assert "" in told or name == "shape", name
