"""A rerank request to candidates, and a ranking back to results by index: pure functions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reasonrank.data import Candidate, Document, Ranking, ScoredDocument, StageScore
from reasonrank.errors import EngineError, InputError
from reasonrank.serialize import ranking_to_json
from reasonrank.serve.settings import ServeSettings
from reasonrank.serve.wire import DocumentIn, RerankRequest
from reasonrank.settings import Settings

SCALE = "expected grade / 2: 0 not relevant, 0.5 partly, 1 fully"
LEAST_TOKENS = 16
"""A document is read at least so far, whatever ``max_tokens_per_doc`` asks."""


def candidates_of(texts: Sequence[tuple[str, str]]) -> list[Candidate]:
    """Texts and titles as candidates whose doc_id is their index, with zeros before it: ties keep the order given."""
    width = len(str(max(0, len(texts) - 1)))
    return [
        Candidate(Document(f"{index:0{width}d}", text, title), index + 1, -float(index), "given", {"given": part})
        for index, (text, title) in enumerate(texts)
        for part in [StageScore(index + 1, -float(index))]
    ]


def documents_of(request: RerankRequest, settings: ServeSettings) -> list[tuple[str, str]]:
    """Text and title of each document, within the server's bounds.

    Raises:
        InputError: There are too many, or one is too long.
    """
    count, most = len(request.documents), settings.max_documents
    if count > most:
        raise InputError(f"The request has {count:,} documents; at most {most:,} are read. Send them in parts.")
    fields = set(request.rank_fields or ("title", "text"))
    found = []
    for index, sent in enumerate(request.documents):
        text, title = (sent, "") if isinstance(sent, str) else (sent.text, sent.title or "")
        if len(text) + len(title) > settings.max_document_chars:
            raise InputError(
                f"Document {index} has {len(text) + len(title):,} characters; at most "
                f"{settings.max_document_chars:,} are read. Shorten it."
            )
        found.append((text if "text" in fields else "", title if "title" in fields else ""))
    return found


def settings_of(request: RerankRequest, settings: ServeSettings) -> Settings:
    """The settings that a request asks for: reasons only where asked, and no more than there are results.

    Raises:
        InputError: More reasons are asked for than the server gives.
    """
    explain = 0
    if request.return_reasons:
        explain = settings.explain if request.explain is None else request.explain
        if explain > settings.max_explain:
            raise InputError(f"explain is {explain}; this server gives at most {settings.max_explain} reasons.")
        explain = min(explain, request.top_n or explain)
    tokens = settings.max_document_tokens
    if request.max_tokens_per_doc is not None:
        tokens = min(tokens, max(LEAST_TOKENS, request.max_tokens_per_doc))
    return replace(settings, explain=explain, order="student", mode="score_then_reason", max_document_tokens=tokens)


def response_of(request: RerankRequest, ranking: Ranking, version: str) -> dict[str, Any]:
    """The response to a request.

    Raises:
        EngineError: The student did not judge, so that there is no score to give.
    """
    if ranking.order_by != "expected_grade":
        raise EngineError(ranking.problems.get("score", "No student is loaded here, so nothing can be scored."))
    value: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "model": ranking.student,
        "results": results_of(request, ranking),
        "relevance_scale": SCALE,
        "meta": {"api_version": {"version": version}},
    }
    if request.return_reasons:
        value["comparisons"] = comparisons_of(ranking)
    if ranking.problems:
        value["problems"] = dict(ranking.problems)
    return value


def results_of(request: RerankRequest, ranking: Ranking) -> list[dict[str, Any]]:
    """The documents' places, the best first, with reasons where the request asks for them."""
    shown = ranking_to_json(replace(ranking, documents=ranking.documents[: request.top_n]))["documents"]
    results = []
    for scored, plain in zip(ranking.documents, shown, strict=False):
        index = int(scored.doc_id)
        value: dict[str, Any] = {"index": index, "relevance_score": relevance(scored)}
        if request.return_documents:
            value["document"] = document_of(request.documents[index])
        if request.return_reasons:
            value |= {name: plain[name] for name in ("label_probabilities", "label_mass", "reason")}
        results.append(value)
    return results


def relevance(scored: ScoredDocument) -> float:
    """A judged document's expected grade as a share of the best one."""
    assert scored.judgement is not None
    # Sums of probabilities may miss 1 by a rounding.
    return min(1.0, max(0.0, scored.judgement.expected_grade / 2))


def document_of(sent: str | DocumentIn) -> dict[str, Any]:
    """A document as it was sent."""
    if isinstance(sent, str):
        return {"text": sent}
    return {"text": sent.text} if sent.title is None else {"text": sent.text, "title": sent.title}


def comparisons_of(ranking: Ranking) -> list[dict[str, Any]]:
    """The comparisons, with the documents named by their index in the request."""
    named = tuple(
        replace(comparison, preferred_id=str(int(comparison.preferred_id)), other_id=str(int(comparison.other_id)))
        for comparison in ranking.comparisons
    )
    values = ranking_to_json(replace(ranking, documents=(), comparisons=named))["comparisons"]
    return [
        {"preferred_index": int(value.pop("preferred_id")), "other_index": int(value.pop("other_id")), **value}
        for value in values
    ]
