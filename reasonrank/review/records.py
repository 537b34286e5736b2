"""Reviewed sets as what a student learns from: settled grades, training records, preference pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reasonrank.review.consensus import EQUAL, Judged, answers, majority
from reasonrank.review.values import ReasonJudgement

GOOD = 2
"""The step of a scale that says yes without reserve."""

Key = tuple[str, str, str]
"""query_id, query, doc_id."""


def settled_grades(judged: Iterable[Judged]) -> dict[Key, int | None]:
    """The grade of every document that anybody graded: adjudicated, else of more than half, else None.

    A document may stand in several items; each annotator has one vote on it, the latest.
    """
    votes: dict[Key, dict[str, int]] = {}
    decided: dict[Key, int] = {}
    for entry in judged:
        if entry.item.kind == "pair":
            continue
        key = _key(entry)
        given = {**entry.grades}
        for standing in entry.judgements:
            grade = None if standing.value is None else answers(standing.value).get("grade")
            if isinstance(grade, int):
                given[standing.event.annotator] = grade
        if given:
            votes.setdefault(key, {}).update(given)
        if entry.adjudication is not None and isinstance(entry.settled("grade"), int):
            decided[key] = int(entry.settled("grade") or 0)
    found: dict[Key, int | None] = {}
    for key in {**votes, **decided}:
        grade = decided.get(key, majority(list(votes.get(key, {}).values())))
        found[key] = None if grade is None else int(grade)
    return found


def reviewed_reason(judged: Judged) -> tuple[str, str]:
    """``(target, rejected)`` of a reason item, either empty where there is none.

    A corrected text is the target and what it corrects is rejected. Without one, the student's own text is the
    target where it was settled to be correct and supported, and rejected where it was settled to be wrong or
    unsupported; a text in between is neither.
    """
    text = str(judged.item.content["reason"]["text"]).strip()
    corrected = _corrected(judged)
    if corrected:
        return corrected, text
    verdicts = (judged.settled("correct"), judged.settled("supported"))
    if verdicts == (GOOD, GOOD) and judged.item.content["reason"].get("status") == "ok":
        return text, ""
    return ("", text) if 0 in verdicts else ("", "")


def training_records(judged: Iterable[Judged]) -> Iterator[dict[str, Any]]:
    """One teacher record a question, in the form that ``train.records.read_records`` reads."""
    judged = list(judged)
    grades = settled_grades(judged)
    groups: dict[tuple[str, ...], list[Judged]] = {}
    for entry in judged:
        version = entry.item.content["made_by"]["prompt_version"]
        group = (entry.item.query_id, entry.item.query, entry.review_set.set_id, version)
        groups.setdefault(group, []).append(entry)
    for (query_id, query, _, version), entries in groups.items():
        documents = _documents(entries)
        record: dict[str, Any] = {
            "query_id": query_id,
            "query": query,
            "documents": list(documents.values()),
            "prompt_version": version,
            "source": "annotator",
            "teacher": "annotators",
            "labels": {d: grade for d in documents if (grade := grades.get((query_id, query, d))) is not None},
            "reasons": {},
            "comparisons": [_comparison(entry) for entry in entries if _comparison(entry)],
            "rejected": {},
        }
        for entry in entries:
            if entry.item.kind == "reason":
                _add_reason(record, entry)
        filled = {name: value for name, value in record.items() if value}
        if filled.keys() & {"labels", "reasons", "comparisons"}:
            yield filled


def preference_pairs(judged: Iterable[Judged]) -> Iterator[dict[str, Any]]:
    """What was preferred to what: documents of a pair, and corrected reasons to the student's own."""
    for entry in judged:
        head = {"query_id": entry.item.query_id, "query": entry.item.query}
        if entry.item.kind == "pair":
            better = entry.settled("preferred")
            documents = {document["doc_id"]: document for document in entry.item.content["documents"]}
            if isinstance(better, str) and better != EQUAL:
                other = next(doc_id for doc_id in documents if doc_id != better)
                yield {"kind": "document", **head, "chosen": documents[better], "rejected": documents[other]}
        elif entry.item.kind == "reason":
            target, rejected = reviewed_reason(entry)
            if target and rejected:
                document = entry.item.content["document"]
                yield {"kind": "reason", **head, "document": document, "chosen": target, "rejected": rejected}


def _key(judged: Judged) -> Key:
    return judged.item.query_id, judged.item.query, str(judged.item.content["document"]["doc_id"])


def _corrected(judged: Judged) -> str:
    """The adjudicated correction, else the latest one of an annotator who saw the settled grade as it is."""
    if judged.adjudication is not None and isinstance(judged.adjudication.value, ReasonJudgement):
        return judged.adjudication.value.corrected
    settled = judged.settled("grade")
    found = ""
    for standing in judged.judgements:
        value = standing.value
        if not isinstance(value, ReasonJudgement) or not value.corrected:
            continue
        if settled is None or value.grade in (None, settled):
            found = value.corrected
    return found


def _documents(entries: Iterable[Judged]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for entry in entries:
        content = entry.item.content
        for document in content["documents"] if entry.item.kind == "pair" else [content["document"]]:
            plain = {"doc_id": document["doc_id"], "text": document["text"]}
            found.setdefault(document["doc_id"], plain | ({"title": document["title"]} if document["title"] else {}))
    return {doc_id: document for doc_id, document in found.items() if document["text"].strip()}


def _add_reason(record: dict[str, Any], entry: Judged) -> None:
    doc_id = entry.item.content["document"]["doc_id"]
    target, rejected = reviewed_reason(entry)
    if target:
        evidence = entry.item.content["reason"].get("evidence")
        kept = evidence if evidence and evidence.get("supported") and not rejected else None
        record["reasons"][doc_id] = {"direct": target} | ({"evidence": kept["text"]} if kept else {})
    if rejected:
        record["rejected"].setdefault(doc_id, []).append(rejected)


def _comparison(entry: Judged) -> Mapping[str, str] | None:
    """The student's comparison where it argues for the settled better document and was settled to be right."""
    if entry.item.kind != "pair":
        return None
    comparison = entry.item.content["comparison"]
    right = entry.settled("preferred") == comparison["preferred_id"] and entry.settled("reason_right") == GOOD
    if not right or comparison.get("status") != "ok":
        return None
    return {name: comparison[name] for name in ("preferred_id", "other_id", "text")}
