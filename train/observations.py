"""What a student says of one judged list: grades, reasons, scores around cited sentences, comparisons."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from reasonrank.data import Document, Judgement
from reasonrank.rerank import neighbour_pairs, order_documents
from reasonrank.retrieval.candidates import first_stage
from reasonrank.sentences import sentence_spans
from reasonrank.student import Student
from train.records import TeacherRecord

TOP = 10
"""Pairs are asked among so many documents from the top of the student's own order."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the student and what became of it."""

    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """Scores around the cited sentence, all expected grades in [0, 2] read at the first answer position.

    Args:
        text: The sentence.
        supported: Its support reaches the threshold.
        whole: Of the document as it is.
        without: With the cited sentence deleted.
        without_other: With another sentence deleted, drawn at random.
        alone: Of the cited sentence alone.
        other_alone: Of that other sentence alone.
    """

    text: str
    supported: bool
    whole: float
    without: float
    without_other: float
    alone: float
    other_alone: float


@dataclass(frozen=True, slots=True)
class DocumentObservation:
    """One document: the judgement, the reason, the reason under a swapped query, and the cited sentence.

    ``cited`` is None where no sentence was cited, the document has only one, or it was cut before it was read.
    ``cites`` is the selected evidence sentence, empty where there is none.
    """

    doc_id: str
    judgement: Judgement
    reason: Said
    swapped: Said | None
    cites: str
    cited: Cited | None


@dataclass(frozen=True, slots=True)
class PairObservation:
    """Probability that the first document is the better one, shown first and shown second."""

    first_id: str
    second_id: str
    by_order: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ListObservation:
    """All that was observed of one judged list."""

    query_id: str
    documents: tuple[DocumentObservation, ...]
    pairs: tuple[PairObservation, ...]
    comparisons: tuple[Said, ...]


def observe(record: TeacherRecord, student: Student, other_query: str | None = None) -> ListObservation:
    """Ask the student everything about one list, by the functions that the app calls.

    Args:
        record: The list; its labels are not looked at.
        student: With an encoder, so that it cites sentences.
        other_query: Another list's query, for the reasons under a swapped query; None leaves them out.

    Raises:
        ReasonRankError: The engine failed.
    """
    query, documents = record.query.text, record.documents
    judgements = student.score(query, documents)
    reason_first = student.settings.mode == "reason_then_score"
    swapped = _swapped(student, other_query, documents) if other_query is not None else [None] * len(documents)
    seen = []
    for document, first, under_other in zip(documents, judgements, swapped, strict=True):
        if reason_first:
            reason, judgement = drained(student.explain_then_score(query, document))
        else:
            reason, judgement = drained(student.explain(query, document, first)), first
        cited = None
        if reason.evidence is not None and not first.cut:
            span = (reason.evidence.start, reason.evidence.end)
            cited = _cited(record, document, span, reason.evidence.supported, first.expected_grade, student)
        cites = reason.evidence.text if reason.evidence else ""
        said = Said(reason.status, reason.text)
        seen.append(DocumentObservation(document.doc_id, judgement, said, under_other, cites, cited))
    pairs, comparisons = _compared(record, {one.doc_id: one.judgement for one in seen}, student)
    return ListObservation(record.query.query_id, tuple(seen), pairs, comparisons)


def drained(writing: Generator[str, None, Value]) -> Value:
    """A writing generator's value, its partial texts thrown away."""
    while True:
        try:
            next(writing)
        except StopIteration as end:
            value: Value = end.value
            return value


def _swapped(student: Student, query: str, documents: Sequence[Document]) -> list[Said | None]:
    if student.settings.mode == "reason_then_score":
        reasons = [drained(student.explain_then_score(query, document))[0] for document in documents]
    else:
        judgements = student.score(query, documents)
        reasons = [
            drained(student.explain(query, document, judgement))
            for document, judgement in zip(documents, judgements, strict=True)
        ]
    return [Said(reason.status, reason.text) for reason in reasons]


def _cited(
    record: TeacherRecord, document: Document, span: tuple[int, int], supported: bool, whole: float, student: Student
) -> Cited | None:
    text = document.text
    others = [one for one in sentence_spans(text) if one != span]
    if not others:
        return None
    key = f"{record.query.query_id} {document.doc_id}"
    other = random.Random(key).choice(others)
    cut = [text[: one[0]] + text[one[1] :] for one in (span, other)]
    alone = [text[one[0] : one[1]] for one in (span, other)]
    scores = student.score(record.query.text, [Document(document.doc_id, part, document.title) for part in cut + alone])
    grades = [score.expected_grade for score in scores]
    return Cited(text[span[0] : span[1]], supported, whole, grades[0], grades[1], grades[2], grades[3])


def _compared(
    record: TeacherRecord, judgements: dict[str, Judgement], student: Student
) -> tuple[tuple[PairObservation, ...], tuple[Said, ...]]:
    """Preferences among the top, and the texts between neighbours, as the page would show them."""
    query, by_id = record.query.text, {document.doc_id: document for document in record.documents}
    listed = first_stage("given", [(document, 0.0) for document in record.documents])
    _, ordered = order_documents(listed, judgements, "student")
    top = [scored.doc_id for scored in ordered[:TOP]]
    asked = list(combinations(top, 2))
    found = student.prefer(query, [(by_id[first], by_id[second]) for first, second in asked])
    pairs = tuple(PairObservation(*ids, by_order) for ids, by_order in zip(asked, found, strict=True))
    known = dict(zip(asked, found, strict=True))
    texts = []
    for upper, lower in neighbour_pairs(ordered, TOP):
        comparison = drained(student.compare(query, by_id[upper], by_id[lower], known[upper, lower]))
        texts.append(Said(comparison.status, comparison.text))
    return pairs, tuple(texts)


def other_queries(records: Sequence[TeacherRecord]) -> dict[str, str]:
    """For each list the query of the next one over other documents, by query_id; the last follow the first."""
    found = {}
    for place, record in enumerate(records):
        own = {document.doc_id for document in record.documents}
        for other in (*records[place + 1 :], *records[:place]):
            if not own & {document.doc_id for document in other.documents}:
                found[record.query.query_id] = other.query.text
                break
    return found
