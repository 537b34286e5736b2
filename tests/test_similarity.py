"""The cosine that the fused order reads: kept where it is known, made where it is not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from reasonrank.data import Candidate, Document, StageScore
from reasonrank.encoder import Encoder, EncoderIdentity
from reasonrank.similarity import with_similarity


class Letters(Encoder):
    """Counts of the letters a, b and c; notes what it was asked."""

    dimensions = 3

    def __init__(self) -> None:
        self.identity = EncoderIdentity("letters", "1")
        self.asked: list[tuple[list[str], bool]] = []

    def _encode(self, texts: list[str], as_query: bool) -> Any:
        self.asked.append((texts, as_query))
        return np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=np.float32)


def candidate(doc_id: str, text: str, **more: Any) -> Candidate:
    return Candidate(Document(doc_id, text), 1, 1.0, "bm25", **more)


def similarities(candidates: Sequence[Candidate]) -> list[float | None]:
    return [one.similarity for one in candidates]


def test_each_document_gets_its_cosine_to_the_question() -> None:
    encoder = Letters()
    found = with_similarity("a", [candidate("1", "aa"), candidate("2", "ab"), candidate("3", "c")], encoder)
    assert similarities(found) == pytest.approx([1.0, 0.5**0.5, 0.0])
    assert encoder.asked == [(["aa", "ab", "c"], False), (["a"], True)]


def test_what_dense_retrieval_found_is_not_encoded_again() -> None:
    encoder = Letters()
    known = candidate("1", "ccc", parts={"bm25": StageScore(1, 9.0), "cosine": StageScore(4, 0.25)})
    found = with_similarity("a", [known, candidate("2", "a")], encoder)
    assert similarities(found) == pytest.approx([0.25, 1.0])
    assert encoder.asked[0] == (["a"], False)
    again = with_similarity("a", found, Letters())
    assert again == found


def test_another_querys_cosine_is_not_the_questions() -> None:
    part = StageScore(1, 0.25)
    written = candidate("1", "a", parts={"cosine": part}, found_by={1: part})
    assert similarities(with_similarity("a", [written], Letters())) == pytest.approx([1.0])


def test_an_empty_list_asks_nothing() -> None:
    encoder = Letters()
    assert with_similarity("a", [], encoder) == []
    assert encoder.asked == []
