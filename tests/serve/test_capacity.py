"""A full server, a client that leaves, work that takes too long, and a server that is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from serving import served
from slow import GardenPipeline, HeldEngine, garden_settings
from test_http import events

RERANK = {"query": "why", "documents": ["A poor text.", "A good text."]}
LONG = {**RERANK, "return_reasons": True}


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    last = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < last, "it did not come to pass"
        time.sleep(0.01)


def test_a_full_server_refuses_and_says_when_to_ask_again(client: httpx.Client, engine: HeldEngine) -> None:
    engine.hold(scoring=True)
    with ThreadPoolExecutor(3) as pool:
        # One at work and two waiting are all that this server takes.
        asked = [pool.submit(client.post, "/v1/rerank", json=RERANK) for _ in range(3)]
        until(lambda: "under_way 3.0" in client.get("/metrics").text)
        until(lambda: "reasonrank_requests_waiting 2.0" in client.get("/metrics").text)
        refused = client.post("/v1/rerank", json=RERANK)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["message"] == "The server is full: 3 requests are under way."
        engine.let_go()
        assert [future.result().status_code for future in asked] == [200, 200, 200]


def test_the_first_list_waits_for_nobody(client: httpx.Client, engine: HeldEngine) -> None:
    engine.hold(scoring=True)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/v1/rerank", json=RERANK)
        assert engine.reached.wait(20)
        with client.stream("POST", "/v1/search", json={"query": "lamp", "stream": True}) as response:
            lines = response.iter_lines()
            assert next(lines) == "event: list"
            engine.let_go()
            assert events(lines)[-1][0] == "done"
        assert asked.result().status_code == 200


def test_a_client_that_leaves_ends_the_work(address: str, client: httpx.Client, engine: HeldEngine) -> None:
    engine.hold(scoring=True)
    before = engine.cancelled
    with httpx.Client(base_url=address) as impatient:
        try:
            impatient.post("/v1/rerank", json=RERANK, timeout=0.5)
        except httpx.ReadTimeout:
            pass
        else:
            raise AssertionError("it was answered")
    until(lambda: engine.cancelled == before + 1)
    until(lambda: "under_way 0.0" in client.get("/metrics").text)


def test_a_client_that_leaves_a_stream_ends_the_writing(client: httpx.Client, engine: HeldEngine) -> None:
    engine.hold(writing=True)
    closed = engine.closed_streams
    with client.stream("POST", "/v1/rerank", json={**LONG, "stream": True}) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: results"
        assert engine.reached.wait(20)
    until(lambda: engine.closed_streams == closed + 1)
    until(lambda: "under_way 0.0" in client.get("/metrics").text)


def test_out_of_time(cache: Path) -> None:
    settings = garden_settings(cache, request_seconds=0.7)
    pipeline = GardenPipeline(settings)
    engine = pipeline.engine
    assert isinstance(engine, HeldEngine)
    with served(pipeline, settings) as (address, _), httpx.Client(base_url=address, timeout=30) as client:
        engine.hold(writing=True)
        late = client.post("/v1/rerank", json=LONG).json()
        # The scores stand; what was being written is named.
        assert [result["index"] for result in late["results"]] == [1, 0]
        assert late["problems"] == {"explain": "This took longer than the 0.7 s that a request may take; ask for less."}
        with client.stream("POST", "/v1/rerank", json={**LONG, "stream": True}) as response:
            found = events(response.iter_lines())
        assert (found[0][0], found[-1][0]) == ("results", "error")
        assert found[-1][1]["status"] == 413
        engine.hold(scoring=True)
        nothing = client.post("/v1/rerank", json=RERANK)
        assert nothing.status_code == 413
        assert "took longer" in nothing.json()["message"]
        engine.let_go()
        until(lambda: "under_way 0.0" in client.get("/metrics").text)


def test_who_waits_too_long_is_refused(cache: Path) -> None:
    settings = garden_settings(cache, running=1, wait_seconds=0.3)
    pipeline = GardenPipeline(settings)
    engine = pipeline.engine
    assert isinstance(engine, HeldEngine)
    with served(pipeline, settings) as (address, _), httpx.Client(base_url=address, timeout=30) as client:
        engine.hold(scoring=True)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(client.post, "/v1/rerank", json=RERANK)
            assert engine.reached.wait(20)
            second = client.post("/v1/rerank", json=RERANK)
            engine.let_go()
            assert first.result().status_code == 200
        assert second.status_code == 429
        assert "Retry-After" in second.headers
        assert "busy with others" in second.json()["message"]


def test_turns_go_to_who_waited_longest(client: httpx.Client, engine: HeldEngine) -> None:
    order: list[str] = []

    def ask(name: str) -> None:
        assert client.post("/v1/rerank", json={**RERANK, "query": name}).status_code == 200
        order.append(name)

    engine.hold(scoring=True)
    threads = []
    for number, name in enumerate(("first", "second", "third")):
        threads.append(threading.Thread(target=ask, args=(name,)))
        threads[-1].start()
        until(lambda number=number: f"reasonrank_requests_waiting {number}.0" in client.get("/metrics").text)
        assert engine.reached.wait(20)
    engine.let_go()
    for thread in threads:
        thread.join(20)
    asked = [prompt.split("Query: ")[1].split("\n")[0] for prompt in engine.prompts if "Query: " in prompt]
    places = [asked.index(name) for name in ("first", "second", "third")]
    assert places == sorted(places)
    assert sorted(order) == ["first", "second", "third"]


def test_a_server_that_stops_tells_whom_it_leaves(cache: Path) -> None:
    settings = garden_settings(cache)
    pipeline = GardenPipeline(settings)
    engine = pipeline.engine
    assert isinstance(engine, HeldEngine)
    with served(pipeline, settings) as (address, desk), httpx.Client(base_url=address, timeout=30) as client:
        engine.hold(scoring=True)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.post, "/v1/rerank", json=RERANK)
            assert engine.reached.wait(20)
            desk.office.refuse()
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()) == (503, {"status": "stopping"})
            refused = client.post("/v1/search", json={"query": "lamp"})
            assert refused.status_code == 503
            assert "shutting down" in refused.json()["message"]
            desk.office.end_all()
            ended = asked.result()
        assert ended.status_code == 503
        assert "Retry-After" in ended.headers
