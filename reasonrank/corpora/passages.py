"""Long texts cut into passages, at the best break there is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

MAX_PASSAGE_WORDS = 220
"""A text of more words is split; about what a student reads before it has to cut a document."""

_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?])\s+"), re.compile(r"\s+"))
"""Where a text may be split, best first: paragraphs, lines, sentences, words."""


def split_passages(text: str, max_words: int = MAX_PASSAGE_WORDS) -> list[str]:
    """``text`` in passages of at most ``max_words`` words and similar lengths, cut where the text itself pauses.

    >>> split_passages("One two.\\n\\nThree four.\\n\\nFive six.\\n\\nSeven.", max_words=5)
    ['One two.\\n\\nThree four.', 'Five six.\\n\\nSeven.']
    """
    total = len(text.split())
    enough = total / max(1, math.ceil(total / max_words))
    passages: list[str] = []
    start = end = 0
    words = 0
    for piece_start, piece_end in _pieces(text, 0, len(text), max_words, 0):
        size = len(text[piece_start:piece_end].split())
        if words and (words + size > max_words or words >= enough):
            passages.append(text[start:end].strip())
            start, words = piece_start, 0
        end, words = piece_end, words + size
    passages.append(text[start:end].strip())
    return [passage for passage in passages if passage]


def numbered(name: str, passages: list[str]) -> Iterator[tuple[str, str]]:
    """Ids for the passages of one text: ``name``, ``name#2``, ``name#3`` ..."""
    for number, passage in enumerate(passages, start=1):
        yield (name if number == 1 else f"{name}#{number}"), passage


def _pieces(text: str, start: int, end: int, max_words: int, level: int) -> Iterator[tuple[int, int]]:
    """Spans of at most ``max_words`` words that together are the text, by the coarsest break that does it."""
    if len(text[start:end].split()) <= max_words or level == len(_BREAKS):
        yield start, end
        return
    at = start
    for match in _BREAKS[level].finditer(text, start, end):
        yield from _pieces(text, at, match.end(), max_words, level + 1)
        at = match.end()
    yield from _pieces(text, at, end, max_words, level + 1)
