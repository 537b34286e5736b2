"""What every retriever does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from reasonrank.data import Candidate

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it, in [0, 1], while an index is built or a model is converted."""


class Retriever(ABC):
    """Finds candidates for a query in one corpus.

    ``name`` is what a user chooses (``bm25``, ``dense``, ``hybrid``); ``kind`` names the scale of its scores
    (``bm25``, ``cosine``, ``rrf``).
    """

    name: str
    kind: str

    def retrieve(self, query: str, k: int) -> list[Candidate]:
        """The best ``k`` candidates, best first, ties by doc_id; ranks count from 1. Empty when nothing matches."""
        if k < 1 or not query.strip():
            return []
        return self._retrieve(query, k)

    @abstractmethod
    def _retrieve(self, query: str, k: int) -> list[Candidate]: ...

    def close(self) -> None:
        """Release what the retriever holds; it is not used afterwards."""
        return
