"""Reciprocal rank fusion by hand, and what the hybrid retriever keeps of its parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonrank.data import Candidate, Document, StageScore
from reasonrank.retrieval.base import Retriever
from reasonrank.retrieval.candidates import first_stage
from reasonrank.retrieval.fusion import HybridRetriever, reciprocal_rank_fusion

RANKINGS = st.dictionaries(
    st.sampled_from(["one", "two", "three"]), st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=1
)


class ListRetriever(Retriever):
    """Returns a fixed list, and remembers how deep it was asked."""

    def __init__(self, kind: str, doc_ids: str) -> None:
        self.name = self.kind = kind
        self._doc_ids = doc_ids
        self.asked: list[int] = []
        self.closed = False

    def _retrieve(self, query: str, k: int) -> list[Candidate]:
        self.asked.append(k)
        scored = [(Document(doc_id, doc_id), 10.0 - i) for i, doc_id in enumerate(self._doc_ids)]
        return first_stage(self.kind, scored[:k])

    def close(self) -> None:
        self.closed = True


def test_fusion_by_hand() -> None:
    fused = reciprocal_rank_fusion({"bm25": ["a", "b", "c"], "cosine": ["c", "b"]}, k=60)
    # b and c are in both lists; c's 1/63 + 1/61 is a little more than b's 2/62.
    assert fused == [
        ("c", pytest.approx(1 / 63 + 1 / 61)),
        ("b", pytest.approx(2 / 62)),
        ("a", pytest.approx(1 / 61)),
    ]


def test_equal_sums_are_ordered_by_doc_id() -> None:
    assert [doc_id for doc_id, _ in reciprocal_rank_fusion({"one": ["b", "a"], "two": ["a", "b"]})] == ["a", "b"]


@given(RANKINGS, st.integers(1, 100))
def test_order_of_the_lists_changes_nothing(rankings: dict[str, list[str]], k: int) -> None:
    backwards = dict(reversed(rankings.items()))
    fused = reciprocal_rank_fusion(rankings, k)
    assert reciprocal_rank_fusion(backwards, k) == fused
    assert {doc_id for doc_id, _ in fused} == set().union(*rankings.values())
    assert fused == sorted(fused, key=lambda scored: (-scored[1], scored[0]))


def test_hybrid_keeps_every_place_and_asks_deep() -> None:
    words, vectors = ListRetriever("bm25", "abc"), ListRetriever("cosine", "cd")
    hybrid = HybridRetriever([words, vectors], rrf_k=60)
    found = hybrid.retrieve("query", 2)
    assert [(one.document.doc_id, one.rank, one.kind) for one in found] == [("c", 1, "rrf"), ("a", 2, "rrf")]
    assert found[0].score == pytest.approx(1 / 63 + 1 / 61)
    assert found[0].parts == {"bm25": StageScore(3, 8.0), "cosine": StageScore(1, 10.0)}
    assert found[1].parts == {"bm25": StageScore(1, 10.0)}
    assert len(hybrid.retrieve("query", 150)) == 4
    assert (words.asked, vectors.asked) == ([100, 150], [100, 150])


def test_hybrid_of_nothing_found_is_empty_and_closes_its_parts() -> None:
    parts = [ListRetriever("bm25", ""), ListRetriever("cosine", "")]
    hybrid = HybridRetriever(parts)
    assert hybrid.retrieve("query", 5) == []
    assert hybrid.retrieve("   ", 5) == []
    hybrid.close()
    assert [part.closed for part in parts] == [True, True]
