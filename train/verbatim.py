"""Where a quotation stands in a text, whatever its white space: offsets of the text's own words."""

from __future__ import annotations


def find_verbatim(text: str, quote: str) -> tuple[int, int] | None:
    """Span of ``quote`` in ``text`` (code points, half open), or None; only white space may differ.

    >>> find_verbatim("A cat\\nsleeps. It purrs.", "cat sleeps.")
    (2, 13)
    >>> find_verbatim("A cat sleeps.", "a dog") is None
    True
    """
    kept = [place for place, letter in enumerate(text) if not letter.isspace()]
    letters = "".join(text[place] for place in kept)
    wanted = "".join(quote.split())
    found = letters.find(wanted) if wanted else -1
    if found < 0:
        return None
    return kept[found], kept[found + len(wanted) - 1] + 1


def verbatim(text: str, quote: str) -> str:
    """The part of ``text`` that ``quote`` is, letter by letter, or "" where it does not stand there."""
    span = find_verbatim(text, quote)
    return text[span[0] : span[1]] if span else ""
