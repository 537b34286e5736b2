"""A Ranking as the JSON object of the command line and the HTTP interface (the contract in DESIGN.md's words)."""

from __future__ import annotations

from typing import Any

from reasonrank.data import Candidate, Comparison, DirectReason, Evidence, Ranking, ScoredDocument

TIMINGS = ("retrieve", "score", "explain", "compare", "total")


def ranking_to_json(ranking: Ranking) -> dict[str, Any]:
    """Plain values only. ``problems`` (stage to sentence) is there when a stage failed, ``queries`` and each
    document's ``found_by`` when search queries were written or given."""
    value: dict[str, Any] = {
        "query": ranking.query.text,
        "corpus": ranking.corpus,
        "retriever": ranking.retriever,
        "student": ranking.student,
        "engine": ranking.engine,
        "order_by": ranking.order_by,
        "documents": [_document(scored) for scored in ranking.documents],
        "comparisons": [_comparison(comparison) for comparison in ranking.comparisons],
        "timings_ms": {name: ranking.timings_ms.get(name) for name in TIMINGS},
    }
    if ranking.query.query_id:
        value = {"query_id": ranking.query.query_id, **value}
    if ranking.queries is not None:
        queries = ranking.queries
        value["queries"] = {"status": queries.status, "texts": list(queries.texts), "text": queries.text}
        if queries.given:
            value["queries"]["given"] = True
        if queries.detail:
            value["queries"]["detail"] = queries.detail
        if "queries" in ranking.timings_ms:
            value["queries"]["ms"] = ranking.timings_ms["queries"]
    if ranking.problems:
        value["problems"] = dict(ranking.problems)
    return value


def comparison_text(comparison: Comparison) -> str:
    """The comparative reason with both documents named by their ids, in brackets."""
    # Split, not replaced one after the other: an id may itself contain "{other}".
    parts = [part.replace("{other}", f"[{comparison.other_id}]") for part in comparison.text.split("{preferred}")]
    return f"[{comparison.preferred_id}]".join(parts)


def _document(scored: ScoredDocument) -> dict[str, Any]:
    judgement, candidate = scored.judgement, scored.candidate
    value: dict[str, Any] = {
        "doc_id": scored.doc_id,
        "title": scored.document.title,
        "text": scored.document.text,
        "cut": judgement.cut if judgement else False,
        "rank": scored.rank,
        "order_score": scored.order_score,
        "score": judgement.expected_grade if judgement else None,
        "label_probabilities": list(judgement.label_probabilities) if judgement else None,
        "label_mass": judgement.label_mass if judgement else None,
        "retrieval": {
            "rank": candidate.rank,
            "score": candidate.score,
            "kind": candidate.kind,
            "parts": {kind: {"rank": part.rank, "score": part.score} for kind, part in candidate.parts.items()},
            **_found_by(candidate),
            **({} if candidate.similarity is None else {"similarity": candidate.similarity}),
        },
        "reason": _reason(scored.reason),
    }
    if judgement and judgement.bounded:
        value["bounded_labels"] = list(judgement.bounded)
    if judgement and judgement.drawn:
        value["drawn"] = judgement.drawn
    return value


def _found_by(candidate: Candidate) -> dict[str, Any]:
    """Which query found it, where there were several; query 0 is the question itself."""
    if not candidate.found_by:
        return {}
    places = candidate.found_by.items()
    return {"found_by": [{"query": number, "rank": one.rank, "score": one.score} for number, one in places]}


def _reason(reason: DirectReason | None) -> dict[str, Any]:
    if reason is None:
        return {"status": "not_requested", "text": "", "written": None, "evidence": None}
    value: dict[str, Any] = {
        "status": reason.status,
        "text": reason.text,
        "written": reason.written,
        "evidence": _evidence(reason.evidence),
        "label": reason.label,
    }
    if reason.detail:
        value["detail"] = reason.detail
    return value


def _evidence(evidence: Evidence | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    return {
        "text": evidence.text,
        "start": evidence.start,
        "end": evidence.end,
        "support": evidence.support,
        "verified": evidence.verified,
        "supported": evidence.supported,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "preferred_id": comparison.preferred_id,
        "other_id": comparison.other_id,
        "text": comparison_text(comparison),
        "probability": comparison.probability,
        "by_order": {"preferred_first": comparison.by_order[0], "preferred_second": comparison.by_order[1]},
        "flipped": comparison.flipped,
        "agrees_with_order": comparison.agrees_with_order,
        "status": comparison.status,
    }
