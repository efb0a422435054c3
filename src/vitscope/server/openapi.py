"""The OpenAPI document: the routes that FastAPI knows, and a path for each answer of the table.

Knows nothing about: runs.
"""

from typing import Any, Final

from fastapi import FastAPI

from vitscope.answers import ANSWERS, Answer
from vitscope.answers.messages import ErrorBody
from vitscope.server.routes import FAILURES

_REF: Final = "#/components/schemas/{model}"
_MEDIA: Final = {
    "array": ("application/x-npy",),
    "arrays": ("application/x-npz",),
    "picture": ("image/png", "image/webp"),
}


def install(app: FastAPI) -> None:
    """Let the application describe the answers too."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemas = document["components"]["schemas"]
        for answer in ANSWERS.values():
            path, definitions = _path(answer)
            document["paths"][f"/api/answers/{answer.name}"] = {"get": path}
            schemas.update(definitions)
        return document

    app.openapi = openapi


def _path(answer: Answer) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operation of one answer, and the schemas that it refers to."""
    arguments = answer.arguments.model_json_schema()
    required = arguments.get("required", [])
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": schema,
            "description": schema.get("description", ""),
        }
        for name, schema in arguments.get("properties", {}).items()
    ]
    content, definitions = _content(answer)
    failed = {"application/json": {"schema": {"$ref": _REF.format(model=ErrorBody.__name__)}}}
    description = (answer.make.__doc__ or "").strip()
    operation = {
        "summary": answer.name,
        "description": "\n".join(line.strip() for line in description.splitlines()),
        "parameters": parameters,
        "responses": {
            "200": {"description": "The answer.", "content": content},
            "304": {"description": "Unchanged since the tag in If-None-Match."},
            **{
                str(status): {"description": told["description"], "content": failed}
                for status, told in FAILURES.items()
            },
        },
    }
    return operation, definitions


def _content(answer: Answer) -> tuple[dict[str, Any], dict[str, Any]]:
    if answer.codec == "document":
        schema = answer.returns.json_schema(mode="serialization", ref_template=_REF, by_alias=True)
        definitions = schema.pop("$defs", {})
        if schema.get("type") == "object":
            name = str(schema["title"])
            definitions[name] = schema
            schema = {"$ref": _REF.format(model=name)}
        return {"application/json": {"schema": schema}}, definitions
    axes = {name or "": list(each) for name, each in answer.axes.items()}
    binary = {"schema": {"type": "string", "format": "binary"}} | ({"x-axes": axes} if axes else {})
    return dict.fromkeys(_MEDIA[answer.codec], binary), {}
