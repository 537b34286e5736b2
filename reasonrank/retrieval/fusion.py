"""Reciprocal rank fusion, and the retriever that fuses others by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reasonrank.data import Candidate, Document, StageScore
from reasonrank.retrieval.base import Retriever

DEPTH = 100
"""Candidates asked of each retriever at least, so that a document found low by both can still rise."""


def reciprocal_rank_fusion(rankings: Mapping[str, Sequence[str]], k: int = 60) -> list[tuple[str, float]]:
    """Documents by the sum of ``1 / (k + rank)`` over the lists that have them, best first, ties by doc_id.

    Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods", SIGIR 2009.

    Args:
        rankings: doc_ids, best first, by the name of their list.
        k: Softens the difference between high ranks; 60 in the paper.

    >>> reciprocal_rank_fusion({"one": ["a", "b"], "two": ["b"]}, k=1)
    [('b', 0.8333333333333333), ('a', 0.5)]
    """
    shares: dict[str, list[float]] = {}
    for ranking in rankings.values():
        for rank, doc_id in enumerate(ranking, start=1):
            shares.setdefault(doc_id, []).append(1 / (k + rank))
    # fsum, so that the order of the lists cannot break a tie.
    scores = {doc_id: math.fsum(terms) for doc_id, terms in shares.items()}
    return sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))


class HybridRetriever(Retriever):
    """Fuses retrievers of one corpus; a candidate's ``parts`` hold its place with each that found it.

    Args:
        retrievers: Retrievers of different kinds.
        rrf_k: The constant of reciprocal rank fusion.
    """

    name = "hybrid"
    kind = "rrf"

    def __init__(self, retrievers: Sequence[Retriever], rrf_k: int = 60) -> None:
        self._retrievers = tuple(retrievers)
        self._rrf_k = rrf_k

    def _retrieve(self, query: str, k: int) -> list[Candidate]:
        found = {one.kind: one.retrieve(query, max(k, DEPTH)) for one in self._retrievers}
        documents: dict[str, Document] = {}
        parts: dict[str, dict[str, StageScore]] = {}
        for candidates in found.values():
            for candidate in candidates:
                doc_id = candidate.document.doc_id
                documents[doc_id] = candidate.document
                parts.setdefault(doc_id, {}).update(candidate.parts)
        rankings = {kind: [one.document.doc_id for one in candidates] for kind, candidates in found.items()}
        fused = reciprocal_rank_fusion(rankings, self._rrf_k)[:k]
        return [
            Candidate(documents[doc_id], rank, score, self.kind, parts[doc_id])
            for rank, (doc_id, score) in enumerate(fused, start=1)
        ]

    def close(self) -> None:
        for retriever in self._retrievers:
            retriever.close()
