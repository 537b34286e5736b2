"""Rerank clients of others, as they come, against a real server."""

from __future__ import annotations

import cohere
import pytest
from rerankers import Reranker

TEXTS = ["A poor text.", "A good text.", "A fair text."]


def test_cohere_v2(address: str) -> None:
    client = cohere.ClientV2(api_key="none", base_url=address)
    response = client.rerank(model="rerank-v3.5", query="why", documents=TEXTS, top_n=2, max_tokens_per_doc=64)
    assert [result.index for result in response.results] == [1, 2]
    assert [result.relevance_score for result in response.results] == pytest.approx([0.8, 0.5])
    assert response.id


def test_cohere_v1(address: str) -> None:
    client = cohere.Client(api_key="none", base_url=address)
    documents = [TEXTS[0], {"text": TEXTS[1]}, {"text": TEXTS[2]}]
    response = client.rerank(
        model="rerank-english-v3.0", query="why", documents=documents, return_documents=True, max_chunks_per_doc=1
    )
    assert [(result.index, result.document.text) for result in response.results] == [
        (1, TEXTS[1]),
        (2, TEXTS[2]),
        (0, TEXTS[0]),
    ]


def test_cohere_is_told_of_errors(address: str) -> None:
    client = cohere.ClientV2(api_key="none", base_url=address)
    with pytest.raises(cohere.UnprocessableEntityError, match="21 documents; at most 20"):
        client.rerank(model="any", query="why", documents=["x"] * 21)


@pytest.mark.parametrize(("provider", "path"), [("jina", "/v1/rerank"), ("cohere", "/v2/rerank")])
def test_rerankers(address: str, provider: str, path: str) -> None:
    ranker = Reranker(provider, api_key="none", url=address + path, verbose=0)
    assert ranker is not None
    ranked = ranker.rank(query="why", docs=TEXTS, doc_ids=["p", "g", "f"])
    assert [result.document.doc_id for result in ranked.results] == ["g", "f", "p"]
    assert ranked.results[0].score == pytest.approx(0.8)
