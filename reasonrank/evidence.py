"""Which sentence of a document supports a reason best, and whether it supports it at all.

For each sentence two signs are read: the cosine of its embedding with the reason's, and the share of the
reason's content words that it contains. A logistic function turns them into ``support``, calibrated so that it
estimates the probability that the reason was written for this document rather than for another one
(``python -m train.calibrate_evidence`` fits the three numbers and reports how well they do on lists kept aside).
The sentence with the highest support is the evidence; below :data:`THRESHOLD` the reason counts as unsupported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Protocol

from reasonrank.data import Document, Evidence
from reasonrank.sentences import sentence_spans

THRESHOLD = 0.5
MAX_SENTENCES = 200
"""Sentences read of one document, so that a huge one cannot stall the page."""
INTERCEPT, COSINE_WEIGHT, OVERLAP_WEIGHT = -4.18, 4.90, 6.56

_WORD = re.compile(r"\w+")


class SentenceEncoder(Protocol):
    """Texts to L2-normalised vectors, shape (texts, dimensions)."""

    def encode(self, texts: Sequence[str]) -> Any: ...


def content_stems(text: str) -> frozenset[str]:
    """Words of more than three letters, and numbers, cut to five characters: a language-neutral light stemming."""
    words = (word.lower() for word in _WORD.findall(text))
    return frozenset(word[:5] for word in words if len(word) > 3 or word.isdigit())


def overlap(reason: str, sentence: str) -> float:
    """Share of the reason's content stems that the sentence contains, in [0, 1].

    >>> overlap("It names insulin.", "Insulin lowers blood sugar.")
    0.5
    """
    wanted = content_stems(reason)
    return len(wanted & content_stems(sentence)) / len(wanted) if wanted else 0.0


def support(cosine: float, shared: float) -> float:
    """Calibrated support of one sentence, in (0, 1)."""
    return 1 / (1 + math.exp(-(INTERCEPT + COSINE_WEIGHT * cosine + OVERLAP_WEIGHT * shared)))


def sentence_features(reason: str, text: str, encoder: SentenceEncoder) -> list[tuple[int, int, float, float]]:
    """``(start, end, cosine, overlap)`` of every sentence of ``text``."""
    spans = sentence_spans(text)[:MAX_SENTENCES]
    if not spans or not reason.strip():
        return []
    sentences = [text[start:end] for start, end in spans]
    vectors = encoder.encode([reason, *sentences])
    cosines = vectors[1:] @ vectors[0]  # (sentences,)
    return [
        (start, end, float(cosine), overlap(reason, sentence))
        for (start, end), cosine, sentence in zip(spans, cosines, sentences, strict=True)
    ]


def select_evidence(reason: str, document: Document, encoder: SentenceEncoder) -> Evidence | None:
    """The sentence that supports the reason best; None where the document or the reason has no words."""
    features = sentence_features(reason, document.text, encoder)
    if not features:
        return None
    start, end, cosine, shared = max(features, key=lambda item: (support(item[2], item[3]), -item[0]))
    strength = support(cosine, shared)
    text = document.text[start:end]
    return Evidence(text, start, end, strength, verify(text, start, end, document), strength >= THRESHOLD)


def verify(text: str, start: int, end: int, document: Document) -> bool:
    """Whether ``text`` stands in the document at just this place."""
    return bool(text) and 0 <= start < end <= len(document.text) and document.text[start:end] == text
