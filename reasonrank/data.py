"""The values that flow through ReasonRank: frozen, built once, passed one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

GRADES = (0, 1, 2)
"""Relevance grades: not, partly, fully relevant (the scale of InteRank, arXiv 2504.03947)."""

Status = Literal["ok", "unparsable", "repeated", "truncated", "failed", "not_requested"]
STATUSES: tuple[Status, ...] = ("ok", "unparsable", "repeated", "truncated", "failed", "not_requested")
Written = Literal["after_score", "before_score"]
JudgingMode = Literal["score_then_reason", "reason_then_score"]


@dataclass(frozen=True, slots=True)
class Query:
    query_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    doc_id: str
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class StageScore:
    """Where one retriever put a document: rank from 1, and its score on that retriever's own scale."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document as the first stage returned it.

    Args:
        document: The document.
        rank: Rank in the first stage's list, from 1.
        score: First-stage score, higher is better.
        kind: The scale of ``score``: ``bm25``, ``cosine``, ``rrf`` or ``given``.
        parts: Rank and score by each retriever that found it, under the same names.
        found_by: Where several queries were searched (:class:`SearchQueries`): its place with each that found it, by
            the query's number; 0 is the question itself.
        similarity: Cosine of question and document by the encoder, where the order reads it (see ``rerank``).
    """

    document: Document
    rank: int
    score: float
    kind: str
    parts: Mapping[str, StageScore] = field(default_factory=dict)
    found_by: Mapping[int, StageScore] = field(default_factory=dict)
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class SearchQueries:
    """Search queries that the student wrote for a question, or that came with it.

    Args:
        status: What became of them; other than ``ok``, the question was searched alone.
        texts: The queries, without the question itself.
        text: What was written, as it stands.
        detail: Why it could not be read.
        given: They came with the question; the student was not asked.
    """

    status: Status
    texts: tuple[str, ...] = ()
    text: str = ""
    detail: str = ""
    given: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the student said of one document by its label tokens.

    Args:
        label_probabilities: Softmax over the tokens of grades 0, 1, 2; sums to 1.
        label_mass: Share of the whole vocabulary's probability that the three tokens hold, in [0, 1].
        cut: The document was longer than the student's window and was cut at a sentence end.
        samples: How many sampled reasons the probabilities are the mean of (1 when none was sampled).
        bounded: Grades that a server did not list among its likeliest tokens: their probability is an upper bound.
        drawn: Of how many drawn tokens the probabilities are an estimate; 0 where they were read.
    """

    label_probabilities: tuple[float, float, float]
    label_mass: float
    cut: bool = False
    samples: int = 1
    bounded: tuple[int, ...] = ()
    drawn: int = 0

    @property
    def expected_grade(self) -> float:
        """Mean grade under ``label_probabilities``, in [0, 2]."""
        return sum(grade * p for grade, p in zip(GRADES, self.label_probabilities, strict=True))

    @property
    def label(self) -> int:
        """The most probable grade; the lower one on a tie."""
        return max(GRADES, key=lambda grade: (self.label_probabilities[grade], -grade))


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a document, selected as the one that supports a reason best.

    Args:
        text: The sentence.
        start: First code point of the sentence in the document's text.
        end: One past its last code point.
        support: Calibrated strength of the support, in [0, 1].
        verified: ``document.text[start:end] == text`` was checked and holds.
        supported: ``support`` reaches the threshold of :mod:`reasonrank.evidence`.
    """

    text: str
    start: int
    end: int
    support: float
    verified: bool
    supported: bool = True


@dataclass(frozen=True, slots=True)
class DirectReason:
    """Why this document: the student's text on one document.

    ``label`` is the grade that the text was conditioned on (or, before the score, None);
    ``text`` holds what was written even when ``status`` is not ``ok``, so that it can be shown as such.
    """

    status: Status
    text: str
    written: Written
    label: int | None = None
    evidence: Evidence | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Why this one above that one.

    Args:
        preferred_id: The document that the student prefers, whatever the list says.
        other_id: The other one.
        text: Argues for ``preferred_id``; names the two as ``{preferred}`` and ``{other}``.
        probability: That ``preferred_id`` is the better one, at least 0.5; mean over both orders of presentation.
        by_order: That same probability with the preferred document shown first and shown second.
        flipped: The two orders of presentation choose different documents.
        agrees_with_order: The list has ``preferred_id`` above ``other_id``.
        status: What became of ``text``.
    """

    preferred_id: str
    other_id: str
    text: str
    probability: float
    by_order: tuple[float, float]
    flipped: bool
    agrees_with_order: bool
    status: Status


@dataclass(frozen=True, slots=True)
class ScoredDocument:
    """One document of the final list.

    ``order_score`` is on the scale that :attr:`Ranking.order_by` names; ``judgement`` is None where no
    student judged.
    """

    candidate: Candidate
    rank: int
    order_score: float
    judgement: Judgement | None = None
    reason: DirectReason | None = None

    @property
    def document(self) -> Document:
        return self.candidate.document

    @property
    def doc_id(self) -> str:
        return self.candidate.document.doc_id


@dataclass(frozen=True, slots=True)
class Ranking:
    """An ordered list with its reasons, as far as they have arrived.

    ``timings_ms`` has the finished stages among ``retrieve``, ``score``, ``explain``, ``compare``, ``total``;
    ``problems`` has a sentence for each stage that failed, under the stage's name. ``queries`` is there where the
    question was searched together with search queries, or the student was asked to write some.
    """

    query: Query
    corpus: str
    retriever: str
    student: str
    engine: str
    order_by: str
    documents: tuple[ScoredDocument, ...]
    comparisons: tuple[Comparison, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    queries: SearchQueries | None = None
