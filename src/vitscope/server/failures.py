"""One body for everything that goes wrong: {code, message, hint}, whatever raised it.

Knows nothing about: routes, runs.
"""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from vitscope.answers.messages import ErrorBody
from vitscope.errors import VitscopeError


def failure(status: int, code: str, message: str, hint: str = "") -> JSONResponse:
    """The response for a failure, never cached."""
    body = ErrorBody(code=code, message=message, hint=hint)
    return JSONResponse(body.model_dump(), status_code=status, headers={"cache-control": "no-store"})


def install(app: FastAPI) -> None:
    """Answer every exception of a route with the one body."""

    @app.exception_handler(VitscopeError)
    def ours(_: Request, error: VitscopeError) -> JSONResponse:
        return failure(error.status, error.code, error.message, error.hint)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase.lower()
        code = phrase.replace(" ", "_")
        response = failure(error.status_code, code, f"{request.method} {request.url.path}: {phrase}")
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = (f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in error.errors())
        return failure(422, "invalid_request", "the request does not fit the route: " + "; ".join(faults))

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> JSONResponse:  # uvicorn logs the traceback
        message = f"{type(error).__name__} while answering {request.url.path}"
        return failure(500, "internal", message, "The server's log has the details; please report them.")
