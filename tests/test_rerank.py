"""The only sort: by score, ties by doc_id, on the scale that is named."""

from dataclasses import replace

import pytest

from reasonrank.data import Candidate, Document, Judgement
from reasonrank.rerank import FUSED_WEIGHTS, neighbour_pairs, order_documents, z_scores


def candidate(doc_id: str, rank: int, score: float) -> Candidate:
    return Candidate(Document(doc_id, doc_id), rank, score, "bm25")


CANDIDATES = [candidate("c", 1, 9.0), candidate("a", 2, 5.0), candidate("b", 3, 1.0)]
SURE_0, SURE_1, SURE_2 = (Judgement(p, 0.9) for p in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))


def ids(documents: object) -> list[str]:
    return [scored.doc_id for scored in documents]  # type: ignore[attr-defined]


def test_the_student_orders_by_expected_grade_and_breaks_ties_by_id() -> None:
    order_by, documents = order_documents(CANDIDATES, {"a": SURE_2, "b": SURE_2, "c": SURE_0}, "student")
    assert order_by == "expected_grade"
    assert [(d.doc_id, d.rank, d.order_score) for d in documents] == [("a", 1, 2.0), ("b", 2, 2.0), ("c", 3, 0.0)]


def test_no_student_keeps_the_first_stage() -> None:
    order_by, documents = order_documents(CANDIDATES, {}, "student")
    assert (order_by, ids(documents)) == ("bm25", ["c", "a", "b"])
    assert documents[0].judgement is None


def test_a_partly_judged_list_keeps_the_first_stage_but_shows_what_is_known() -> None:
    order_by, documents = order_documents(CANDIDATES, {"b": SURE_2}, "student")
    assert (order_by, ids(documents)) == ("bm25", ["c", "a", "b"])
    assert documents[2].judgement is SURE_2


def test_fused_is_the_weighted_sum_of_z_scores() -> None:
    order_by, documents = order_documents(CANDIDATES, {"a": SURE_1, "b": SURE_2, "c": SURE_0}, "fused")
    # Both stages' values are evenly spaced, so their z-scores are +-sqrt(3/2) and 0.
    edge = 1.5**0.5
    student = FUSED_WEIGHTS["student"] / (FUSED_WEIGHTS["student"] + FUSED_WEIGHTS["first_stage"])
    expected = {"c": (1 - student) * edge - student * edge, "a": 0.0, "b": student * edge - (1 - student) * edge}
    assert order_by == "fused"
    assert {d.doc_id: d.order_score for d in documents} == pytest.approx(expected)


def test_fused_reads_the_similarity_where_every_document_has_it() -> None:
    near = [replace(one, similarity=value) for one, value in zip(CANDIDATES, (0.1, 0.9, 0.5), strict=True)]
    judged = {"a": SURE_1, "b": SURE_2, "c": SURE_0}
    edge = 1.5**0.5
    weight = FUSED_WEIGHTS
    expected = {
        "c": (weight["first_stage"] - weight["student"] - weight["similarity"]) * edge,
        "a": weight["similarity"] * edge,
        "b": (weight["student"] - weight["first_stage"]) * edge,
    }
    assert {d.doc_id: d.order_score for d in order_documents(near, judged, "fused")[1]} == pytest.approx(expected)
    partly = [*near[:2], CANDIDATES[2]]  # one unknown: the similarity counts for none
    scores = [d.order_score for d in order_documents(partly, judged, "fused")[1]]
    assert scores == [d.order_score for d in order_documents(CANDIDATES, judged, "fused")[1]]


def test_the_weights_share_the_whole() -> None:
    assert sum(FUSED_WEIGHTS.values()) == pytest.approx(1.0)


def test_an_empty_list_is_fine() -> None:
    assert order_documents([], {}, "student") == ("none", ())


def test_z_scores_of_equal_values_are_zero() -> None:
    assert z_scores([3.0, 3.0]) == [0.0, 0.0]
    assert z_scores([]) == []


def test_expected_grade_and_label() -> None:
    judgement = Judgement((0.2, 0.3, 0.5), 0.8)
    assert judgement.expected_grade == pytest.approx(0.3 + 2 * 0.5)
    assert judgement.label == 2
    assert Judgement((0.4, 0.4, 0.2), 1.0).label == 0  # a tie takes the lower grade


@pytest.mark.parametrize(("explained", "pairs"), [(0, []), (1, []), (2, [("c", "a")]), (9, [("c", "a"), ("a", "b")])])
def test_neighbours(explained: int, pairs: list[tuple[str, str]]) -> None:
    assert neighbour_pairs(order_documents(CANDIDATES, {}, "student")[1], explained) == pairs
