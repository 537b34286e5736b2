"""The only way text becomes HTML here: escaped, isolated, and free of characters that disturb what is around it."""

from __future__ import annotations

import hashlib
import html
import unicodedata

from reasonrank.data import Document

REPLACEMENT = "\ufffd"
_OVERRIDES = frozenset("\u202d\u202e")
_KEPT_CONTROLS = frozenset("\n\t")


def visible(text: str) -> str:
    """Text with control characters, lone surrogates and bidi overrides each replaced by U+FFFD.

    One code point stands for one code point. Overrides could make a text read as something else than it says;
    the other direction marks stay, since right-to-left writing needs them, and :func:`words` contains them.
    """
    return "".join(REPLACEMENT if _hidden(ch) else ch for ch in text)


def _hidden(ch: str) -> bool:
    return ch in _OVERRIDES or (unicodedata.category(ch) in ("Cc", "Cs") and ch not in _KEPT_CONTROLS)


def esc(text: object) -> str:
    """Untrusted text for element content and for quoted attributes alike."""
    return html.escape(visible(str(text)), quote=True)


def words(text: str, tag: str = "span", css: str = "") -> str:
    """Untrusted text in an element of its own, whose writing direction cannot reach beyond it."""
    return f'<{tag}{attr("class", css)} dir="auto">{esc(text)}</{tag}>'


def attr(name: str, value: object | None) -> str:
    """One attribute with a leading space; nothing for None, False and the empty text; the bare name for True."""
    if value is None or value is False or value == "":
        return ""
    return f" {name}" if value is True else f' {name}="{esc(value)}"'


def key(*doc_ids: str) -> str:
    """A short identifier for one document or a pair, in either order, safe in ids and selectors."""
    joined = "\0".join(sorted(doc_ids)).encode("utf-8", "surrogatepass")
    return hashlib.blake2s(joined, digest_size=8).hexdigest()


def one_line(text: str) -> str:
    """Text with every run of white space as one space."""
    return " ".join(text.split())


def shorten(text: str, width: int) -> str:
    """The beginning of a text on one line, cut at a word where one ends near, with an ellipsis."""
    line = one_line(text)
    if len(line) <= width:
        return line
    head = line[: width - 1]
    at_word = head.rsplit(" ", 1)[0]
    return (at_word if len(at_word) > width // 2 else head).rstrip(" ,;:.") + "…"


def ordinal(number: int) -> str:
    """
    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 112)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '21st', '112th']
    """
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def plural(count: int, noun: str) -> str:
    """
    >>> plural(1, "document"), plural(1200, "document")
    ('1 document', '1,200 documents')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def milliseconds(value: float) -> str:
    """
    >>> milliseconds(0.4), milliseconds(12.3), milliseconds(4321.0)
    ('<1 ms', '12 ms', '4,321 ms')
    """
    return f"{value:,.0f} ms" if value >= 0.5 else "<1 ms"


def label_of(document: Document) -> str:
    """What a document is called: its title, or its id where it has none."""
    return one_line(document.title) or one_line(document.doc_id) or "Untitled"
