"""The pipeline as tools of the Model Context Protocol: search, rerank and compare."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from reasonrank import __version__
from reasonrank.data import Comparison, Query, Ranking
from reasonrank.engines.base import Cancel
from reasonrank.errors import EngineError, InputError, MissingDependencyError, ReasonRankError
from reasonrank.pipeline import Writing, check_query
from reasonrank.rerank import order_documents
from reasonrank.serialize import ranking_to_json
from reasonrank.serve.desk import Desk
from reasonrank.serve.reranking import candidates_of, comparisons_of, documents_of, response_of
from reasonrank.serve.wire import RerankRequest, SearchRequest

if TYPE_CHECKING:
    from mcp.server import MCPServer

INSTRUCTIONS = (
    "Search and rerank texts with a small language model that says why. Scores are expected grades "
    "(0 not, 1 partly, 2 fully relevant). Reasons are written by a small model and can be wrong."
)
Question = Annotated[str, Field(description="The question, in plain words")]


def build_mcp(desk: Desk) -> MCPServer:
    """A server with the three tools over a desk.

    Raises:
        MissingDependencyError: The package mcp is missing, or older than 2.
    """
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
    except ImportError as error:
        raise MissingDependencyError("mcp 2 or newer", "pip install 'reasonrank[serve]'") from error
    instructions = f"{INSTRUCTIONS} Corpora: {', '.join(desk.corpora.names)}."
    server = MCPServer("ReasonRank", instructions=instructions, version=__version__, log_level="WARNING")

    @asynccontextmanager
    async def told() -> AsyncIterator[None]:
        try:
            yield
        except ReasonRankError as error:
            raise ToolError(str(error)) from error

    @server.tool()
    async def search(
        query: Question,
        corpus: Annotated[str | None, Field(description="Its name; the server's instructions list them")] = None,
        k: Annotated[int, Field(ge=1, description="How many documents")] = 10,
        explain: Annotated[int, Field(ge=0, description="Reasons for so many from the top; each takes seconds")] = 3,
    ) -> dict[str, Any]:
        """Search a corpus: documents in order of relevance, why each is relevant, why one stands above the next."""
        async with told():
            work = desk.search(SearchRequest(query=query, corpus=corpus, k=k, explain=min(explain, k)))
            return ranking_to_json(await desk.collect(work))

    @server.tool()
    async def rerank(
        query: Question,
        documents: Annotated[list[str], Field(min_length=1, description="The texts to put in order")],
        top_n: Annotated[int | None, Field(ge=1, description="Return only so many")] = None,
        explain: Annotated[int, Field(ge=0, description="Reasons for so many from the top; each takes seconds")] = 0,
    ) -> dict[str, Any]:
        """Put texts in order of relevance to a question, by the index they have in the list given."""
        async with told():
            request = RerankRequest(
                query=query, documents=list(documents), top_n=top_n, return_reasons=explain > 0, explain=explain
            )
            return response_of(request, await desk.collect(desk.rerank(request)), "2")

    @server.tool()
    async def compare(
        query: Question,
        first: Annotated[str, Field(description="One text")],
        second: Annotated[str, Field(description="The other text")],
    ) -> dict[str, Any]:
        """Which of two texts answers a question better, how sure that is, and why; indexes are 0 and 1."""
        async with told():
            return await _compare(desk, query, first, second)

    return server


async def _compare(desk: Desk, query: str, first: str, second: str) -> dict[str, Any]:
    text = check_query(query, desk.settings)
    if desk.settings.student == "none":
        raise EngineError("This server runs without a student, so it cannot compare; start it with --student.")
    if first == second:
        raise InputError("The two texts are the same; give two different ones.")
    documents = documents_of(RerankRequest(query=text, documents=[first, second]), desk.settings)
    order_by, listed = order_documents(candidates_of(documents), {}, "student")
    ranking = Ranking(Query("", text), "given", "given", "", "", order_by, listed)
    work = desk.office.start(_comparing(desk, ranking), free_first=False)
    last: Writing | Comparison | None = None
    try:
        async for value in work.values():
            last = value
    finally:
        work.end("gone")
    if not isinstance(last, Comparison):
        raise EngineError("The comparison ended without a result.")
    found = comparisons_of(replace(ranking, comparisons=(last,)))[0]
    del found["agrees_with_order"]  # there is no order of these two
    return found


def _comparing(desk: Desk, ranking: Ranking) -> Callable[[Cancel], Iterator[Writing | Comparison]]:
    def work(cancel: Cancel) -> Iterator[Writing | Comparison]:
        upper, lower = (scored.doc_id for scored in ranking.documents)
        return desk.pipeline.compare(ranking, upper, lower, desk.settings, cancel)

    return work
