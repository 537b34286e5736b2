"""Evidence is a sentence of the document, and its support falls when the reason speaks of something else."""

import numpy as np
import pytest

from reasonrank.data import Document
from reasonrank.evidence import content_stems, overlap, select_evidence, support, verify

TEXT = "Moths fly at night. Their back is kept to the brightest side of the sky. Lamps confuse them."


class Flat:
    """An encoder to which all texts are alike, so that words alone decide."""

    def encode(self, texts):  # type: ignore[no-untyped-def]
        return np.full((len(texts), 4), 0.5, dtype=np.float32)


class Sided:
    """An encoder that knows only whether a text has the word lamp."""

    def encode(self, texts):  # type: ignore[no-untyped-def]
        return np.array([[1.0, 0.0] if "amp" in text else [0.0, 1.0] for text in texts], dtype=np.float32)


def test_the_sentence_with_the_reasons_words_is_selected() -> None:
    evidence = select_evidence("Says the back is kept to the brightest side.", Document("d", TEXT), Flat())
    assert evidence is not None
    assert evidence.text == "Their back is kept to the brightest side of the sky."
    assert TEXT[evidence.start : evidence.end] == evidence.text
    assert evidence.verified


def test_the_embedding_decides_where_words_do_not() -> None:
    evidence = select_evidence("A lamp is to blame.", Document("d", TEXT), Sided())
    assert evidence is not None
    assert evidence.text == "Lamps confuse them."


def test_positions_are_code_points() -> None:
    text = "🦋🦋 fly. Naïve café lamps confuse them."
    evidence = select_evidence("lamps confuse", Document("d", text), Flat())
    assert evidence is not None
    assert (evidence.start, text[evidence.start : evidence.end]) == (8, "Naïve café lamps confuse them.")


def test_support_falls_with_both_signs() -> None:
    assert support(0.9, 0.8) > support(0.9, 0.2) > support(0.1, 0.2)
    assert 0 < support(-1, 0) < support(1, 1) < 1


def test_a_reason_about_something_else_is_not_supported() -> None:
    other = select_evidence("Explains yeast and bread dough.", Document("d", TEXT), Sided())
    assert other is not None
    assert not (other.supported and overlap("Explains yeast and bread dough.", other.text) == 0 and other.support > 0.9)


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_no_words_no_evidence(text: str) -> None:
    assert select_evidence("why", Document("d", text), Flat()) is None
    assert select_evidence(text, Document("d", TEXT), Flat()) is None


@pytest.mark.parametrize(
    ("text", "start", "end", "good"),
    [
        ("Moths fly at night.", 0, 19, True),
        ("Moths fly at night.", 1, 20, False),  # shifted by one
        ("moths fly at night.", 0, 19, False),  # other case
        ("", 3, 3, False),  # nothing
        ("x", -1, 0, False),
        ("x", 0, 10_000, False),
    ],
)
def test_imported_evidence_is_verified(text: str, start: int, end: int, good: bool) -> None:
    assert verify(text, start, end, Document("d", TEXT)) is good


def test_content_stems() -> None:
    assert content_stems("Lamps, lamplight and 7 moths") == {"lamps", "lampl", "7", "moths"}
