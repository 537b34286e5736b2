"""The MCP tools, driven by a real client: over HTTP, and over the pipes of a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from serving import served
from slow import GardenPipeline, garden_settings


def texts(result: Any) -> str:
    return " ".join(part.text for part in result.content if part.type == "text")


def value(result: Any) -> dict[str, Any]:
    assert not result.is_error, texts(result)
    return json.loads(texts(result))


def drive(server: Any, work: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Client(server, read_timeout_seconds=120) as client:
            await work(client)

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_three_tools_over_http(cache: Path, path: str) -> None:
    settings = garden_settings(cache, mcp=True, max_documents=5)

    async def work(client: Client) -> None:
        assert client.instructions is not None
        assert "garden" in client.instructions
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {"search", "rerank", "compare"}
        found = value(await client.call_tool("search", {"query": "lamp", "k": 2, "explain": 2}))
        assert [document["reason"]["status"] for document in found["documents"]] == ["ok", "ok"]
        order = value(await client.call_tool("rerank", {"query": "why", "documents": ["A poor text.", "A good text."]}))
        assert [result["index"] for result in order["results"]] == [1, 0]
        both = {"query": "why", "first": "A poor text.", "second": "A good text."}
        comparison = value(await client.call_tool("compare", both))
        assert (comparison["preferred_index"], comparison["other_index"]) == (1, 0)
        # The script says 0.9 for the good one shown first, and 1 - 0.3 for it shown second.
        assert comparison["probability"] == pytest.approx(0.8)
        assert comparison["text"] == "[1] tells more than [0] does."
        for name, arguments, words in (
            ("search", {"query": "lamp", "corpus": "../../etc/passwd"}, "There is no such corpus here"),
            ("search", {"query": " "}, "The question is empty"),
            ("rerank", {"query": "why", "documents": ["x"] * 6}, "at most 5"),
            ("compare", {"query": "why", "first": "x", "second": "x"}, "The two texts are the same"),
        ):
            refused = await client.call_tool(name, arguments)
            assert refused.is_error
            assert words in texts(refused)
            assert "Traceback" not in texts(refused)

    with served(GardenPipeline(settings), settings) as (address, _):
        drive(address + path, work)


def test_the_command_speaks_over_pipes(tmp_path: Path) -> None:
    corpus = tmp_path / "notes.jsonl"
    corpus.write_text('{"id": "moths", "text": "Moths circle a lamp."}\n{"id": "bees", "text": "Bees hum."}\n')
    arguments = [
        "--corpus",
        str(corpus),
        "--retriever",
        "bm25",
        "--student",
        "none",
        "--cache",
        str(tmp_path / "cache"),
    ]
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "reasonrank.cli", "mcp", *arguments], env=dict(os.environ)
    )

    async def work(client: Client) -> None:
        found = value(await client.call_tool("search", {"query": "lamp", "corpus": "notes.jsonl"}))
        assert [document["doc_id"] for document in found["documents"]] == ["moths"]
        refused = await client.call_tool("rerank", {"query": "why", "documents": ["x", "y"]})
        assert refused.is_error
        assert "without a student" in texts(refused)

    drive(command, work)
