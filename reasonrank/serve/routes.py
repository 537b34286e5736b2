"""The endpoints: rerank in two versions of one dialect, search, health and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute

from reasonrank.pipeline import Step
from reasonrank.serialize import ranking_to_json
from reasonrank.serve import sse
from reasonrank.serve.answers import REFUSALS, problem, told_failures, while_wanted
from reasonrank.serve.desk import Desk
from reasonrank.serve.events import rerank_events, search_events
from reasonrank.serve.reranking import response_of
from reasonrank.serve.wire import RerankRequest, RerankResponse, SearchRequest, SearchResponse, State
from reasonrank.serve.work import Work

Answers = dict[int | str, dict[str, Any]]

EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {"event": {"type": "string"}, "data": {"type": "string", "contentMediaType": "application/json"}},
}
STREAMED: dict[str, Any] = {"text/event-stream": {"schema": EVENT}}
RERANKED: Answers = {200: {"model": RerankResponse, "content": STREAMED}, **REFUSALS}
FOUND: Answers = {200: {"model": SearchResponse, "content": STREAMED}, **REFUSALS}
STATES: Answers = {200: {"model": State}, 503: {"model": State, "description": "Not yet, or not any more"}}
FIGURES: Answers = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 401: REFUSALS[401]}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def build_router(desk: Desk) -> APIRouter:
    """The endpoints over a desk."""
    router = APIRouter()
    _add_judging(router, desk)
    _add_operating(router, desk)
    _add_nowhere(router)
    return router


def _add_judging(router: APIRouter, desk: Desk) -> None:
    async def rerank(request: Request, body: RerankRequest, version: str) -> Response:
        work = desk.rerank(body)
        if body.stream:
            return await _stream(request, work, rerank_events(desk, body, work, version))
        ranking = await while_wanted(request, desk.collect(work))
        return JSONResponse(response_of(body, ranking, version))

    @router.post("/v1/rerank", response_model=None, responses=RERANKED, tags=["judging"])
    async def rerank_v1(request: Request, body: RerankRequest) -> Response:
        """Put documents in order of relevance to a query, with a reason for each by choice."""
        return await rerank(request, body, "1")

    @router.post("/v2/rerank", response_model=None, responses=RERANKED, tags=["judging"])
    async def rerank_v2(request: Request, body: RerankRequest) -> Response:
        """The same; clients of the dialect's second version ask here."""
        return await rerank(request, body, "2")

    @router.post("/v1/search", response_model=None, responses=FOUND, tags=["judging"])
    async def search(request: Request, body: SearchRequest) -> Response:
        """Search a corpus: what the first stage found, in the student's order, with reasons and comparisons."""
        work = desk.search(body)
        if body.stream:
            return await _stream(request, work, search_events(desk, work))
        return JSONResponse(ranking_to_json(await while_wanted(request, desk.collect(work))))


def _add_operating(router: APIRouter, desk: Desk) -> None:
    @router.get("/healthz", response_model=State, response_model_exclude_none=True, tags=["operating"])
    async def healthz() -> State:
        """The process runs and answers."""
        return State(status="ok")

    @router.get("/readyz", response_model=None, responses=STATES, tags=["operating"])
    async def readyz() -> Response:
        """The index is built and the student is loaded; 503 until then, and while the server stops."""
        state = desk.preparations.state(desk.settings)
        if desk.office.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        if state.problem:
            return JSONResponse({"status": "failed", "detail": state.problem}, 503)
        if not state.done:
            return JSONResponse({"status": "preparing", "detail": f"{state.what}, {round(100 * state.share)}%"}, 503)
        return JSONResponse({"status": "ready"})

    @router.get("/metrics", response_model=None, responses=FIGURES, tags=["operating"])
    async def metrics() -> Response:
        """Figures for Prometheus."""
        desk.metrics.under_way.set(desk.office.under_way)
        desk.metrics.waiting.set(desk.office.turns.waiting)
        return Response(desk.metrics.text(), media_type="text/plain; version=0.0.4")


def _add_nowhere(router: APIRouter) -> None:
    """Answers what the interface does not have; otherwise the page, which has all other paths, would."""
    methods = {route.path: sorted(route.methods or ()) for route in router.routes if isinstance(route, APIRoute)}

    async def nowhere(request: Request) -> Response:
        path = request.url.path
        if path in methods:
            allowed = ", ".join(methods[path])
            return problem(405, f"{path} is asked with {allowed}.", {"Allow": allowed})
        return problem(404, "There is nothing here; /openapi.json lists what there is.")

    for path in (*methods, "/v1/{rest:path}", "/v2/{rest:path}"):
        router.add_api_route(path, nowhere, methods=METHODS, include_in_schema=False)


async def _stream(request: Request, work: Work[Step], events: AsyncIterator[bytes]) -> Response:
    """A streamed response, once its first event is there: until then a failure is a status."""
    try:
        first = await while_wanted(request, anext(events))
    except BaseException:
        work.end("gone")
        raise

    async def all_events() -> AsyncIterator[bytes]:
        try:
            yield first
            async for event in sse.kept_alive(told_failures(events)):
                yield event
        finally:
            work.end("gone")

    return StreamingResponse(all_events(), media_type="text/event-stream", headers=sse.HEADERS)
