"""Candidates and judgements to an order: the only sort, one tie rule, and which pairs to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean, pstdev

from reasonrank.data import Candidate, Judgement, ScoredDocument

FUSED_WEIGHTS = {"student": 0.45, "similarity": 0.45, "first_stage": 0.1}
"""What the fused order weighs: z-scores over the list. Measured: see the README's table.

A small student and an encoder err on different documents, so that the two together order better than each; the
encoder's cosine is read whatever the first stage was, so that the order means the same for every retriever.
"""


def z_scores(values: Sequence[float]) -> list[float]:
    """Each value's distance from the mean in standard deviations; all 0 where the values are equal."""
    if not values:
        return []
    mean, deviation = fmean(values), pstdev(values)
    return [(value - mean) / deviation if deviation > 0 else 0.0 for value in values]


def order_documents(
    candidates: Sequence[Candidate], judgements: Mapping[str, Judgement], order: str
) -> tuple[str, tuple[ScoredDocument, ...]]:
    """The list in its order, and the name of what it is ordered by.

    Where a judgement is missing the first stage's order stands for the whole list: half a list on one scale and
    half on another would be no order.

    Args:
        candidates: The first stage's list.
        judgements: By doc_id.
        order: ``student`` (expected grade) or ``fused`` (z-scores of expected grade, similarity and first-stage
            score over the list, weighted by :data:`FUSED_WEIGHTS`; where a document has no similarity, by the other
            two's).

    Returns:
        ``order_by`` (``expected_grade``, ``fused`` or the first stage's kind) and the documents, ranks from 1.
    """
    judged = bool(candidates) and all(c.document.doc_id in judgements for c in candidates)
    grades = [judgements[c.document.doc_id].expected_grade for c in candidates] if judged else []
    if not judged:
        order_by, scores = (candidates[0].kind if candidates else "none"), [c.score for c in candidates]
    elif order == "fused":
        order_by, scores = "fused", _fused(candidates, grades)
    else:
        order_by, scores = "expected_grade", grades
    ranked = sorted(zip(scores, candidates, strict=True), key=lambda pair: (-pair[0], pair[1].document.doc_id))
    documents = tuple(
        ScoredDocument(candidate, rank, score, judgements.get(candidate.document.doc_id))
        for rank, (score, candidate) in enumerate(ranked, start=1)
    )
    return order_by, documents


def _fused(candidates: Sequence[Candidate], grades: Sequence[float]) -> list[float]:
    parts = {"student": grades, "first_stage": [candidate.score for candidate in candidates]}
    similarities = [candidate.similarity for candidate in candidates]
    known = [value for value in similarities if value is not None]
    if len(known) == len(similarities):
        parts["similarity"] = known
    total = sum(FUSED_WEIGHTS[name] for name in parts)
    weighed = [[FUSED_WEIGHTS[name] / total * z for z in z_scores(values)] for name, values in parts.items()]
    return [sum(of_one) for of_one in zip(*weighed, strict=True)]


def neighbour_pairs(documents: Sequence[ScoredDocument], explained: int) -> list[tuple[str, str]]:
    """Ids of neighbours among the first ``explained`` documents, the upper one first."""
    return [(upper.doc_id, lower.doc_id) for upper, lower in pairwise(documents[:explained])]
