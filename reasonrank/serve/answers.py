"""What a request is answered: values while the client waits for them, and for every failure a status and a sentence."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from reasonrank.errors import Cancelled, InputError, ReasonRankError
from reasonrank.serve.sse import event
from reasonrank.serve.turns import BusyError
from reasonrank.serve.wire import Problem
from reasonrank.serve.work import RETRY_S, OutOfTimeError, StoppingError

log = logging.getLogger(__name__)

T = TypeVar("T")
UNEXPECTED = "Something went wrong on the server; its log has the details."
MAX_SENTENCE = 500
CLIENT_GONE = 499
"""What the log calls a request whose client did not wait; nobody receives it."""

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body cannot be read"},
    401: {"model": Problem, "description": "No valid API key"},
    408: {"model": Problem, "description": "The request did not arrive in time"},
    413: {"model": Problem, "description": "More than one request may ask for"},
    422: {"model": Problem, "description": "A field is not as expected"},
    429: {"model": Problem, "description": "The server is full; Retry-After says when to ask again"},
    503: {"model": Problem, "description": "The student or the index is not available, or the server is stopping"},
}
"""For the OpenAPI document."""


def status_of(error: ReasonRankError) -> int:
    """The status of an error that is told in its own words."""
    if isinstance(error, BusyError):
        return 429
    if isinstance(error, OutOfTimeError):
        return 413
    if isinstance(error, InputError):
        return 422
    return CLIENT_GONE if isinstance(error, Cancelled) else 503


def refusal(error: ReasonRankError) -> JSONResponse:
    """An error as a response; one that passes says when to ask again."""
    headers = {}
    if isinstance(error, BusyError):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, StoppingError):
        headers |= {"Retry-After": str(RETRY_S), "Connection": "close"}
    return problem(status_of(error), str(error), headers)


def problem(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """One sentence as a response."""
    return JSONResponse({"message": sentence[:MAX_SENTENCE]}, status, headers)


def install(app: FastAPI) -> None:
    """Have every error of the interface answered with one sentence, and none with a traceback."""

    @app.exception_handler(ReasonRankError)
    async def told(request: Request, error: ReasonRankError) -> Response:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> Response:
        return problem(422, sentence_of(error.errors()))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, f"{error.detail}.".replace("..", "."), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return problem(500, UNEXPECTED)


def sentence_of(errors: Sequence[Any]) -> str:
    """The first of pydantic's errors as a sentence; what was sent is not repeated.

    >>> sentence_of([{"loc": ("body", "documents", 0, "str"), "msg": "Input should be a valid string"}])
    'documents, 0: Input should be a valid string.'
    """
    first = errors[0]
    if first.get("type") == "json_invalid":
        return f"The body is not JSON: {first.get('ctx', {}).get('error', 'it cannot be read')}."
    # "DocumentIn" and "function-after[...]" tell which kind of document was tried, not a place.
    place = [part for part in map(str, first["loc"][1:]) if part not in ("str", "DocumentIn") and "[" not in part]
    where = f"{', '.join(place)}: " if place else "The body: "
    return f"{where}{first['msg']}."


async def while_wanted(request: Request, answer: Awaitable[T]) -> T:
    """Await an answer as long as the client does.

    Raises:
        Cancelled: The client went away; the answer's own clean-up has run.
    """
    working = asyncio.ensure_future(answer)
    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Cancelled("The client is gone.")
        return working.result()
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def told_failures(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Events of a stream that has begun; what fails from here on is an event too, and the last one."""
    try:
        async for one in events:
            yield one
    except Cancelled:
        return
    except ReasonRankError as error:
        value: dict[str, Any] = {"message": str(error), "status": status_of(error)}
        if isinstance(error, BusyError):
            value["retry_after"] = error.retry_after
        yield event("error", value)
    except Exception:
        log.exception("A stream failed")
        yield event("error", {"message": UNEXPECTED, "status": 500})


def quoted(text: str, most: int = 200) -> str:
    """A question for the log: on one line, whatever characters it has."""
    return json.dumps(text[:most])
