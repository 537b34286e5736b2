"""Rankings to review items: frozen JSON with everything that was shown, and an id that follows from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reasonrank.data import GRADES, Comparison, Document, Ranking, ScoredDocument
from reasonrank.errors import InputError
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.review.values import KINDS, Item, Kind
from reasonrank.serialize import ranking_to_json


def ranking_items(
    ranking: Ranking,
    set_id: str,
    *,
    kinds: Collection[Kind] = KINDS,
    doc_ids: Collection[str] | None = None,
) -> list[Item]:
    """A ranking's documents, direct reasons and comparisons as items, positions from 0.

    A document that has a reason becomes one ``reason`` item, which asks for its grade too; with ``kinds``
    without ``reason`` it becomes a ``document`` item.

    Args:
        ranking: The ranking.
        set_id: The set that the items belong to; part of their ids.
        kinds: Which kinds to make.
        doc_ids: Only these documents, and comparisons between them; None takes all.

    Raises:
        InputError: ``kinds`` has something else, or nothing is left to judge.
    """
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise InputError(f"Got the kinds {sorted(unknown)}; expected some of {list(KINDS)}.")
    found = [
        _item(set_id, number, kind, ranking, content)
        for number, (kind, content) in enumerate(_contents(ranking, kinds, doc_ids))
    ]
    if not found:
        raise InputError("There is nothing here to review: no document, reason or comparison of the chosen kinds.")
    return found


def item_doc_ids(item: Item) -> tuple[str, ...]:
    """The documents of an item: one, or a pair's two in the list's order."""
    if item.kind == "pair":
        return tuple(document["doc_id"] for document in item.content["documents"])
    return (item.content["document"]["doc_id"],)


def check_content(item: Item) -> None:
    """Hold an item from elsewhere to the form that :func:`ranking_items` makes.

    Raises:
        InputError: Something is missing or has the wrong type.
    """
    try:
        if not all(isinstance(item.content["made_by"][name], str) for name in ("student", "engine", "prompt_version")):
            raise ValueError
        if item.kind == "pair":
            _check_pair(item.content)
        else:
            _check_document(item.content["document"])
            student = item.content["student"]
            if student is not None:
                probabilities = student["label_probabilities"]
                fine = len(probabilities) == len(GRADES) and all(0 <= share <= 1 for share in probabilities)
                if not fine or type(student["label"]) is not int or student["label"] not in GRADES:
                    raise ValueError
                float(student["score"])
        if item.kind == "reason" and not item.content["reason"]["text"].strip():
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"The content of the item {item.item_id!r} is not that of a {item.kind}.") from error


def without_answer(item: Item) -> Mapping[str, Any]:
    """The item's content without anything the student said: what may be seen before the blind half is in."""
    if item.kind == "pair":
        return {"documents": item.content["documents"]}
    return {"document": item.content["document"]}


def _check_pair(content: Mapping[str, Any]) -> None:
    for document in content["documents"]:
        _check_document(document)
    comparison = content["comparison"]
    pair = {comparison["preferred_id"], comparison["other_id"]}
    if len(pair) != 2 or [document["doc_id"] in pair for document in content["documents"]] != [True, True]:
        raise ValueError
    comparison["text"].strip()


def _check_document(document: Mapping[str, Any]) -> None:
    for name in ("doc_id", "title", "text"):
        if not isinstance(document[name], str):
            raise ValueError
    if not document["doc_id"]:
        raise ValueError


def _contents(
    ranking: Ranking, kinds: Collection[Kind], doc_ids: Collection[str] | None
) -> Iterator[tuple[Kind, dict[str, Any]]]:
    as_json = {entry["doc_id"]: entry for entry in ranking_to_json(ranking)["documents"]}
    made_by = {"student": ranking.student, "engine": ranking.engine, "prompt_version": PROMPT_VERSION}
    documents = {scored.doc_id: scored.document for scored in ranking.documents}
    for scored in ranking.documents:
        if doc_ids is not None and scored.doc_id not in doc_ids:
            continue
        content = {"document": _document(scored.document), "student": _student(scored, ranking.order_by)}
        content["made_by"] = made_by
        if scored.reason is not None and scored.reason.text.strip() and "reason" in kinds:
            yield "reason", {**content, "reason": as_json[scored.doc_id]["reason"]}
        elif "document" in kinds:
            yield "document", content
    if "pair" in kinds:
        ranks = {scored.doc_id: scored.rank for scored in ranking.documents}
        for comparison in ranking.comparisons:
            pair = sorted((comparison.preferred_id, comparison.other_id), key=ranks.__getitem__)
            if doc_ids is None or set(pair) <= set(doc_ids):
                both = [_document(documents[doc_id]) for doc_id in pair]
                yield "pair", {"documents": both, "comparison": _comparison(comparison), "made_by": made_by}


def _item(set_id: str, position: int, kind: Kind, ranking: Ranking, content: dict[str, Any]) -> Item:
    # A question typed into the page has no id of its own; its text stands for it.
    query = ranking.query
    query_id = query.query_id or "q" + hashlib.sha256(query.text.encode()).hexdigest()[:12]
    frozen = json.dumps([set_id, kind, query_id, query.text, content], ensure_ascii=False, sort_keys=True)
    item_id = hashlib.sha256(frozen.encode()).hexdigest()[:24]
    return Item(item_id, set_id, position, kind, query_id, query.text, content)


def _document(document: Document) -> dict[str, Any]:
    return {"doc_id": document.doc_id, "title": document.title, "text": document.text}


def _student(scored: ScoredDocument, order_by: str) -> dict[str, Any] | None:
    judgement = scored.judgement
    if judgement is None:
        return None
    return {
        "rank": scored.rank,
        "order_by": order_by,
        "score": judgement.expected_grade,
        "label": judgement.label,
        "label_probabilities": list(judgement.label_probabilities),
        "label_mass": judgement.label_mass,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "preferred_id": comparison.preferred_id,
        "other_id": comparison.other_id,
        "text": comparison.text,  # names the two as {preferred} and {other}, as training records do
        "probability": comparison.probability,
        "by_order": list(comparison.by_order),
        "flipped": comparison.flipped,
        "agrees_with_order": comparison.agrees_with_order,
        "status": comparison.status,
    }
