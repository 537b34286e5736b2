"""Judgements of reranked lists as JSON lines, so that a stopped evaluation goes on and another order costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reasonrank.data import Candidate, Query, Ranking
from reasonrank.errors import InputError
from reasonrank.rerank import order_documents
from train.kept_lines import KeptLines
from train.observation_file import judgement_from_json


class ScoreFile:
    """``judgements.jsonl`` of a folder, by query_id.

    Args:
        folder: Made if it is not there.
        about: Which student, engine and settings; a folder that holds those of another one is refused.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self._lines = KeptLines(folder, "judgements", about)

    def ranking(self, query: Query, candidates: Sequence[Candidate], order: str) -> Ranking | None:
        """The list in the wanted order from kept judgements; None where a document was not judged yet.

        Raises:
            InputError: A kept line is not one of judgements.
        """
        kept = self._lines.known.get(query.query_id)
        if kept is None or kept.get("query") != query.text.strip():
            return None
        try:
            judged = {doc_id: judgement_from_json(value) for doc_id, value in kept["judgements"].items()}
            student, engine = str(kept["student"]), str(kept["engine"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{self._lines.path}, query_id {query.query_id}: no judgements ({type(error).__name__}); "
                "delete that line."
            ) from error
        if any(candidate.document.doc_id not in judged for candidate in candidates):
            return None
        order_by, documents = order_documents(candidates, judged, order)
        return Ranking(query, "given", "given", student, engine, order_by, documents)

    def add(self, ranking: Ranking) -> None:
        """Keep the judgements of a ranking; a list without a student has none to keep."""
        judged = {one.doc_id: asdict(one.judgement) for one in ranking.documents if one.judgement is not None}
        if not judged:
            return
        self._lines.add(
            {
                "query_id": ranking.query.query_id,
                "query": ranking.query.text,
                "student": ranking.student,
                "engine": ranking.engine,
                "judgements": judged,
            }
        )
