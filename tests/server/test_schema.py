"""The committed schema and types are what the code gives: a drift fails here and in `make check`."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from tests.server.clients import FakeLive, client_of
from tests.synthetic_run import synthetic_run

from vitscope.answers.messages import ErrorBody
from vitscope.server.app import api
from vitscope.server.schema import schema_text

WEB = Path(__file__).parents[2] / "web"


def test_the_committed_schema_is_current():
    assert (WEB / "openapi.json").read_text("utf-8") == schema_text(), "run `make types`"


def test_the_committed_types_are_current(tmp_path):
    command = WEB / "node_modules" / ".bin" / "openapi-typescript"
    if not command.exists() or shutil.which("node") is None:
        pytest.skip("the web app's packages are not installed")
    made = tmp_path / "wire.gen.ts"
    subprocess.run([command, WEB / "openapi.json", "--output", made], check=True, capture_output=True, timeout=120)
    assert (WEB / "src/io/wire.gen.ts").read_text("utf-8") == made.read_text("utf-8"), "run `make types`"


def test_names_on_the_wire_are_camel_case():
    for name, schema in api().openapi()["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert "_" not in field, f"{name}.{field}"


def test_no_lock_file_names_a_registry():
    assert '"resolved": "http' not in (WEB / "package-lock.json").read_text("utf-8")


@pytest.fixture(scope="module")
def operations():
    import schemathesis

    schema = schemathesis.openapi.from_dict(api().openapi())
    return {operation.ok().path: operation.ok() for operation in schema.get_all_operations()}


@pytest.fixture(scope="module")
def patterned(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("schema") / "run", pattern_images=4)


@pytest.mark.parametrize("path", sorted(api().openapi()["paths"]))
def test_any_request_the_schema_allows_is_answered_as_it_says(operations, run, patterned, path):
    """Property over the OpenAPI document: no status it does not name, and the one body for every failure."""
    operation = operations[path]
    run = patterned if path.startswith("/api/answers/pattern") else run
    client = client_of(run, FakeLive(run))

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def check(case):
        body = {"content": case.body} if isinstance(case.body, bytes) else {}
        response = client.request(case.method, case.formatted_path, params=case.query or {}, **body)
        assert str(response.status_code) in operation.definition.raw["responses"]
        if response.status_code >= 400:
            ErrorBody.model_validate(response.json())

    check()
