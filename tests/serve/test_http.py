"""The HTTP contract against a real server: results, reasons, streams, errors, health, metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from slow import HeldEngine

TEXTS = ["A poor text.", "A good text.", {"text": "A fair text.", "title": "Fair", "id": "mine"}]


def events(lines: Iterator[str]) -> list[tuple[str, dict]]:
    """Names and values of a stream's events."""
    found, name = [], ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            found.append((name, json.loads(line.removeprefix("data: "))))
    return found


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_rerank_speaks_the_common_dialect(client: httpx.Client, version: str) -> None:
    body = {"model": "any-name", "query": "why", "documents": TEXTS, "top_n": 2, "return_documents": True}
    value = client.post(f"/{version}/rerank", json=body).json()
    assert [(result["index"], result["document"]) for result in value["results"]] == [
        (1, {"text": "A good text."}),
        (2, {"text": "A fair text.", "title": "Fair"}),
    ]
    # Expected grades of the script: 0.2 + 2 * 0.7, and 0.6 + 2 * 0.2; halved.
    assert [result["relevance_score"] for result in value["results"]] == pytest.approx([0.8, 0.5])
    assert value["model"] == "script"
    assert value["meta"] == {"api_version": {"version": version.removeprefix("v")}}
    assert "expected grade / 2" in value["relevance_scale"]
    assert "comparisons" not in value
    assert "reason" not in value["results"][0]


def test_equal_documents_keep_the_order_given(client: httpx.Client) -> None:
    value = client.post("/v1/rerank", json={"query": "why", "documents": ["A poor text."] * 12}).json()
    assert [result["index"] for result in value["results"]] == list(range(12))


def test_reasons_come_by_choice(client: httpx.Client) -> None:
    body = {"query": "why", "documents": TEXTS, "return_reasons": True, "explain": 2}
    value = client.post("/v1/rerank", json=body).json()
    first, second, third = value["results"]
    assert first["reason"]["text"] == second["reason"]["text"] == "Tells what was asked for."
    assert first["reason"]["status"] == "ok"
    assert first["reason"]["evidence"]["verified"] is True
    assert first["label_probabilities"] == [0.1, 0.2, 0.7]
    assert third["reason"]["status"] == "not_requested"
    (comparison,) = value["comparisons"]
    assert (comparison["preferred_index"], comparison["other_index"]) == (1, 2)
    assert comparison["text"] == "[1] tells more than [2] does."


def test_search_gives_the_contracts_object(client: httpx.Client) -> None:
    value = client.post("/v1/search", json={"query": "lamp", "k": 3, "explain": 2}).json()
    assert value["corpus"] == "garden"
    assert value["order_by"] == "expected_grade"
    assert value["documents"][0]["doc_id"] == "moths"
    assert [document["rank"] for document in value["documents"]] == [1, 2, 3]
    assert [document["reason"]["status"] for document in value["documents"]] == ["ok", "ok", "not_requested"]
    assert len(value["comparisons"]) == 1
    assert set(value["timings_ms"]) == {"retrieve", "score", "explain", "compare", "total"}


def test_search_can_do_without_the_student(client: httpx.Client) -> None:
    value = client.post("/v1/search", json={"query": "lamp", "k": 2, "rerank": False}).json()
    assert (value["student"], value["order_by"]) == ("none", "bm25")
    assert [document["score"] for document in value["documents"]] == [None, None]


def test_given_queries_are_searched_beside_the_question(client: httpx.Client) -> None:
    body = {"query": "lamp", "k": 3, "explain": 0, "queries": ["moths", "moths "], "rerank": False}
    value = client.post("/v1/search", json=body).json()
    assert value["queries"] == {"status": "ok", "texts": ["moths"], "text": "", "given": True}
    found_by = [document["retrieval"]["found_by"] for document in value["documents"]]
    assert {place["query"] for places in found_by for place in places} == {0, 1}


def test_the_student_writes_queries_by_choice(client: httpx.Client) -> None:
    body = {"query": "lamp", "k": 3, "explain": 0, "query_writing": True, "stream": True}
    with client.stream("POST", "/v1/search", json=body) as response:
        found = events(response.iter_lines())
    assert [name for name, _ in found] == ["list", "list", "scores", "done"]
    assert "queries" not in found[0][1]
    assert found[1][1]["queries"]["texts"] == ["Tells what was asked for."]


def test_a_search_streams_the_list_first_and_then_each_reason(client: httpx.Client) -> None:
    body = {"query": "lamp", "k": 3, "explain": 2, "stream": True}
    with client.stream("POST", "/v1/search", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        found = events(response.iter_lines())
    names = [name for name, _ in found]
    assert [name for name in names if name != "writing"] == ["list", "scores", "reason", "reason", "comparison", "done"]
    by_name = dict(found)
    assert by_name["list"]["order_by"] == "bm25"
    assert by_name["scores"]["order_by"] == "expected_grade"
    assert [value["doc_id"] for name, value in found if name == "reason"] == [
        document["doc_id"] for document in by_name["done"]["documents"][:2]
    ]
    plain = client.post("/v1/search", json={**body, "stream": False}).json()
    for value in (plain, by_name["done"]):
        del value["timings_ms"]
    assert by_name["done"] == plain
    texts = [value["text"] for name, value in found if name == "writing"]
    assert "[moths] tells more than [attack]" in texts or any(text.startswith("[moths]") for text in texts)
    assert not any("{preferred}" in text for text in texts)


def test_a_reranking_streams_results_first(client: httpx.Client) -> None:
    body = {"query": "why", "documents": TEXTS, "return_reasons": True, "explain": 2, "stream": True}
    with client.stream("POST", "/v2/rerank", json=body) as response:
        found = events(response.iter_lines())
    names = [name for name, _ in found if name != "writing"]
    assert names == ["results", "reason", "reason", "comparison", "done"]
    assert [value["index"] for name, value in found if name == "reason"] == [1, 2]
    done = found[-1][1]
    assert [result["index"] for result in done["results"]] == [1, 2, 0]
    assert done["comparisons"] == [value for name, value in found if name == "comparison"]


BAD = [
    ("/v1/rerank", {"query": "", "documents": ["x"]}, 422, "The question is empty"),
    ("/v1/rerank", {"query": "x" * 4001, "documents": ["x"]}, 422, "4,001 characters; at most 4,000"),
    ("/v1/rerank", {"query": "why"}, 422, "documents: Field required."),
    ("/v1/rerank", {"query": "why", "documents": []}, 422, "documents: List should have at least 1 item"),
    ("/v1/rerank", {"query": "why", "documents": [7]}, 422, "documents, 0: Input should be a valid string."),
    ("/v1/rerank", {"query": "why", "documents": [{"title": "x"}]}, 422, "documents, 0"),
    ("/v1/rerank", {"query": "why", "documents": ["x"] * 21}, 422, "21 documents; at most 20"),
    ("/v1/rerank", {"query": "why", "documents": ["x", "x" * 2001]}, 422, "Document 1 has 2,001 characters"),
    ("/v1/rerank", {"query": "why", "documents": ["x"], "top_n": 0}, 422, "top_n: Input should be greater than"),
    ("/v1/rerank", {"query": "why", "documents": ["x"], "rank_fields": ["author"]}, 422, "rank_fields, 0: "),
    ("/v1/rerank", {"query": "why", "documents": ["x"], "return_reasons": True, "explain": 11}, 422, "at most 10"),
    ("/v1/search", {"query": "why", "k": 101}, 422, "k is 101; this server returns at most 100"),
    ("/v1/search", {"query": "why", "explain": 11}, 422, "at most 10 reasons"),
    ("/v1/search", {"query": "why", "retriever": "magic"}, 422, "retriever: Input should be 'bm25', 'dense' or"),
    ("/v1/search", {"query": "why", "queries": ["x"] * 7}, 422, "queries: List should have at most 6 items"),
    ("/v1/search", {"query": "why", "queries": ["?"]}, 422, "The search queries cannot be used: a query has no word"),
    ("/v1/search", {"query": "why", "query_writing": True, "rerank": False}, 422, "query_writing needs the student"),
    ("/v1/search", ["why"], 422, "The body: "),
]


@pytest.mark.parametrize(("path", "body", "status", "words"), BAD)
def test_over_a_bound_is_a_sentence(client: httpx.Client, path: str, body: object, status: int, words: str) -> None:
    response = client.post(path, json=body)
    assert response.status_code == status
    assert list(response.json()) == ["message"]
    assert words in response.json()["message"]


def test_a_student_that_fails_is_told(client: httpx.Client, engine: HeldEngine) -> None:
    engine._fail_on = "choose"
    try:
        refused = client.post("/v1/rerank", json={"query": "why", "documents": TEXTS})
        streamed = client.post("/v1/rerank", json={"query": "why", "documents": TEXTS, "stream": True})
        found = client.post("/v1/search", json={"query": "lamp"})
    finally:
        engine._fail_on = None
    for response in (refused, streamed):
        assert (response.status_code, response.json()) == (503, {"message": "The script fails to choose."})
    # A search still has the first stage's list.
    assert found.status_code == 200
    assert found.json()["order_by"] == "bm25"
    assert found.json()["problems"] == {"score": "The script fails to choose."}


def test_a_student_that_fails_while_it_writes_keeps_the_scores(client: httpx.Client, engine: HeldEngine) -> None:
    engine._fail_on = "stream"
    try:
        body = {"query": "why", "documents": TEXTS, "return_reasons": True, "stream": True}
        with client.stream("POST", "/v1/rerank", json=body) as response:
            found = events(response.iter_lines())
    finally:
        engine._fail_on = None
    assert [name for name, _ in found] == ["results", "done"]
    done = found[-1][1]
    assert [result["index"] for result in done["results"]] == [1, 2, 0]
    assert set(done["problems"]) == {"explain", "compare"}


def test_health_metrics_and_paths_that_lead_nowhere(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    client.post("/v1/rerank", json={"query": "why", "documents": ["A good text."]})
    figures = client.get("/metrics").text
    assert 'reasonrank_requests_total{route="/v1/rerank",status="200"}' in figures
    assert 'reasonrank_stage_seconds_count{stage="score"}' in figures
    assert "reasonrank_requests_under_way 0.0" in figures
    refused = client.get("/v1/rerank?query=secret")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert client.post("/v1/nowhere").status_code == 404
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/v1/rerank", "/v2/rerank", "/v1/search", "/healthz", "/readyz", "/metrics"}
