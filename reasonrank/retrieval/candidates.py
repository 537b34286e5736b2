"""A retriever's list as candidates."""

from __future__ import annotations

from collections.abc import Iterable

from reasonrank.data import Candidate, Document, StageScore


def first_stage(kind: str, scored: Iterable[tuple[Document, float]]) -> list[Candidate]:
    """Candidates of one retriever, best first as given; each holds its own place under ``kind`` as its only part."""
    return [
        Candidate(document, rank, score, kind, {kind: StageScore(rank, score)})
        for rank, (document, score) in enumerate(scored, start=1)
    ]
