"""Keys, hosts, origins, sizes, slow senders, and what the log has."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import httpx
import pytest
from serving import served
from slow import GardenPipeline, garden_settings

from reasonrank.addresses import is_loopback
from reasonrank.errors import InputError
from reasonrank.serve.settings import ServeSettings

RERANK = {"query": "a very private question", "documents": ["A good text."]}


def test_only_this_machine_without_keys() -> None:
    with pytest.raises(InputError, match="set REASONRANK_API_KEYS, or leave host at"):
        ServeSettings(host="0.0.0.0")
    assert ServeSettings(host="0.0.0.0", api_keys="one, two").keys == ("one", "two")
    assert [is_loopback(host) for host in ("127.0.0.9", "::1", "localhost", "example.org", "10.0.0.1", "0.0.0.0")] == [
        *(True, True, True),
        *(False, False, False),
    ]
    assert "one" not in repr(ServeSettings(api_keys="one"))


def test_keys(cache: Path) -> None:
    settings = garden_settings(cache, api_keys="first-key,second-key", mcp=True)
    with served(GardenPipeline(settings), settings) as (address, _), httpx.Client(base_url=address) as client:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer"},
            {"Authorization": "Basic first-key"},
            {"Authorization": "Bearer first-key,second-key"},
        ):
            for path in ("/v1/rerank", "/v2/rerank", "/v1/search", "/mcp", "/mcp/", "/v1/nowhere"):
                refused = client.post(path, json=RERANK, headers=headers)
                assert refused.status_code == 401, path
                assert "API key" in refused.json()["message"]
            assert client.get("/metrics", headers=headers).status_code == 401
        for path in ("/healthz", "/readyz", "/openapi.json"):
            assert client.get(path).status_code == 200
        for key in ("first-key", "second-key"):
            allowed = client.post("/v1/rerank", json=RERANK, headers={"Authorization": f"Bearer {key}"})
            assert allowed.status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8000", 200),
        ("LOCALHOST:80", 200),
        ("evil.example", 400),
        ("evil.example:8000", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
    ],
)
def test_without_keys_only_this_machines_names_are_answered(client: httpx.Client, host: str, status: int) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == status


def test_foreign_pages_are_not_let_in(client: httpx.Client, cache: Path) -> None:
    origin = {"Origin": "https://evil.example"}
    preflight = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for response in (
        client.options("/v1/rerank", headers=preflight),
        client.post("/v1/rerank", json=RERANK, headers=origin),
    ):
        assert "access-control-allow-origin" not in response.headers
    # What a page may send without asking first is not read as JSON.
    plain = client.post(
        "/v1/rerank", content=b'{"query": "why", "documents": ["x"]}', headers={"Content-Type": "text/plain"}
    )
    assert plain.status_code == 422
    settings = garden_settings(cache, cors_origins="https://friend.example")
    with served(GardenPipeline(settings), settings) as (address, _), httpx.Client(base_url=address) as opened:
        friend = opened.options("/v1/rerank", headers={**preflight, "Origin": "https://friend.example"})
        assert friend.headers["access-control-allow-origin"] == "https://friend.example"
        assert "access-control-allow-origin" not in opened.options("/v1/rerank", headers=preflight).headers


def test_large_and_slow_bodies(cache: Path) -> None:
    settings = garden_settings(cache, max_body_bytes=2_000, body_seconds=0.5)
    with served(GardenPipeline(settings), settings) as (address, _), httpx.Client(base_url=address) as client:
        declared = client.post("/v1/rerank", content=b"x" * 2_001)
        streamed = client.post("/v1/rerank", content=iter([b"x" * 1_000] * 3))
        for response in (declared, streamed):
            assert response.status_code == 413
            assert response.json() == {"message": "The request is larger than 2,000 bytes; send it in parts."}
        port = int(address.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
            slow.sendall(b"POST /v1/rerank HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
            assert b" 408 " in slow.recv(4096)


def test_the_log_has_no_questions_unless_asked(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    for log_queries in (False, True):
        caplog.clear()
        settings = garden_settings(cache, log_queries=log_queries)
        with (
            caplog.at_level(logging.DEBUG),
            served(GardenPipeline(settings), settings) as (address, _),
            httpx.Client(base_url=address) as client,
        ):
            client.post("/v1/rerank", json=RERANK)
            client.post("/v1/search", json={"query": RERANK["query"], "stream": True})
            client.get("/v1/search", params={"query": RERANK["query"]})
            client.post("/v1/search", json={"query": RERANK["query"], "k": "a very private question"})
        ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("reasonrank"))
        assert "/v1/rerank 200" in ours
        assert ("private" in ours) is log_queries
    caplog.clear()
    settings = garden_settings(cache, log_queries=True)
    with (
        caplog.at_level(logging.INFO),
        served(GardenPipeline(settings), settings) as (address, _),
        httpx.Client(base_url=address) as client,
    ):
        client.post("/v1/rerank", json={"query": "one\nWARNING forged", "documents": ["x"]})
    assert not any("\n" in record.getMessage() for record in caplog.records if record.name.startswith("reasonrank"))
