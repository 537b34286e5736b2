"""The steps of a search or a reranking as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from reasonrank.pipeline import Step, Writing
from reasonrank.serialize import ranking_to_json
from reasonrank.serve.desk import Desk
from reasonrank.serve.reranking import comparisons_of, response_of, results_of
from reasonrank.serve.sse import event
from reasonrank.serve.wire import RerankRequest
from reasonrank.serve.work import Work


async def search_events(desk: Desk, work: Work[Step]) -> AsyncIterator[bytes]:
    """``list``, ``scores``, then ``writing``, ``reason`` and ``comparison`` as they come, and ``done`` with it all.

    ``list`` comes twice where the student writes search queries: what the question finds alone, and what all find.
    """
    reader = Reader()
    async for step in work.values():
        if step.stage == "retrieve":
            yield event("list", ranking_to_json(step.ranking))
        elif reader.scored(step):
            yield event("scores", ranking_to_json(step.ranking))
        if step.writing is not None:
            yield event("writing", {"doc_ids": list(step.writing.doc_ids), "text": written(step.writing)})
        if step.stage == "done":
            desk.count(step.ranking)
            yield event("done", ranking_to_json(step.ranking))
            return
        if reader.has_news(step):
            shown = ranking_to_json(step.ranking)
            for document in reader.new_reasons(shown["documents"]):
                yield event("reason", {"doc_id": document["doc_id"], "reason": document["reason"]})
            for comparison in reader.new_comparisons(shown["comparisons"]):
                yield event("comparison", comparison)


async def rerank_events(desk: Desk, body: RerankRequest, work: Work[Step], version: str) -> AsyncIterator[bytes]:
    """``results``, then ``writing``, ``reason`` and ``comparison`` as they come, then ``done`` with all of it."""
    reader = Reader()
    async for step in work.values():
        if step.stage == "done":
            desk.count(step.ranking)
            yield event("done", response_of(body, step.ranking, version))
            return
        if reader.scored(step):
            yield event("results", response_of(body, step.ranking, version))
        if step.writing is not None:
            indexes = [int(doc_id) for doc_id in step.writing.doc_ids]
            writing = replace(step.writing, doc_ids=tuple(map(str, indexes)))
            yield event("writing", {"indexes": indexes, "text": written(writing)})
        if reader.has_news(step):
            for result in reader.new_reasons(results_of(body, step.ranking)):
                yield event("reason", {"index": result["index"], "reason": result["reason"]})
            for comparison in reader.new_comparisons(comparisons_of(step.ranking)):
                yield event("comparison", comparison)


def written(writing: Writing) -> str:
    """The text in the making, with the documents of a comparison named by their ids, in brackets."""
    if len(writing.doc_ids) < 2:
        return writing.text
    preferred, other = (f"[{doc_id}]" for doc_id in writing.doc_ids)
    # Split, not replaced one after the other: an id may itself contain "{other}".
    return preferred.join(part.replace("{other}", other) for part in writing.text.split("{preferred}"))


class Reader:
    """What a stream has told already."""

    def __init__(self) -> None:
        self._scored = False
        self._reasons: set[Any] = set()
        self._comparisons = 0

    def scored(self, step: Step) -> bool:
        """Whether this is the first step whose whole list is judged."""
        documents = step.ranking.documents
        if self._scored or not documents or any(scored.judgement is None for scored in documents):
            return False
        self._scored = True
        return True

    def has_news(self, step: Step) -> bool:
        """Whether a reason or a comparison is finished that was not told yet."""
        told = sum(scored.reason is not None for scored in step.ranking.documents)
        return told > len(self._reasons) or len(step.ranking.comparisons) > self._comparisons

    def new_reasons(self, shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of documents or results as JSON, those whose reason is new."""
        new = []
        for entry in shown:
            name = entry.get("doc_id", entry.get("index"))
            if name not in self._reasons and entry.get("reason", {}).get("status", "not_requested") != "not_requested":
                self._reasons.add(name)
                new.append(entry)
        return new

    def new_comparisons(self, shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of all comparisons as JSON, those that are new."""
        new = list(shown[self._comparisons :])
        self._comparisons += len(new)
        return new
