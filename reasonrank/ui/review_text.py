"""Texts under review as escaped HTML: the question's words and the evidence marked, and guidelines laid out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from reasonrank.evidence import content_stems
from reasonrank.ui.markup import esc, words

WORD = re.compile(r"\w+")


def document_html(
    document: Mapping[str, Any], query: str, evidence: Mapping[str, Any] | None = None, *, heading: str = "h3"
) -> str:
    """A document with the question's words set off, and the evidence in a ``<mark>`` where it is known.

    Args:
        document: ``doc_id``, ``title`` and ``text``.
        query: The question.
        evidence: ``start`` and ``end`` in code points of the text, or None.
        heading: The tag of its title, one below that of what it stands under.
    """
    title = words(document["title"] or document["doc_id"], heading, "" if document["title"] else "rr-untitled")
    text = document["text"]
    cuts = [0, len(text)]
    if evidence is not None and 0 <= evidence["start"] < evidence["end"] <= len(text):
        cuts = [0, evidence["start"], evidence["end"], len(text)]
    stems = content_stems(query)
    pieces = [with_words(text[start:end], stems) for start, end in pairwise(cuts)]
    if len(pieces) == 3:
        pieces[1] = f'<mark><span class="rr-sr">Evidence: </span>{pieces[1]}</mark>'
    return f'<article class="rr-rv-doc">{title}<div class="rr-rv-text" dir="auto">{"".join(pieces)}</div></article>'


def with_words(text: str, stems: frozenset[str]) -> str:
    """Escaped text in which words that share a stem with the question stand in ``<b>``.

    >>> with_words("Lamps & a lamp", content_stems("lamps"))
    '<b class="rr-word">Lamps</b> &amp; a <b class="rr-word">lamp</b>'
    """
    done, pieces = 0, []
    for found in WORD.finditer(text):
        if _matches(content_stems(found.group()), stems):
            pieces += [esc(text[done : found.start()]), f'<b class="rr-word">{esc(found.group())}</b>']
            done = found.end()
    return "".join([*pieces, esc(text[done:])])


def _matches(of_word: frozenset[str], stems: frozenset[str]) -> bool:
    return any(one == stem or one + "s" == stem or one == stem + "s" for one in of_word for stem in stems)


def guideline_html(text: str) -> str:
    """A guideline's paragraphs, and its lines that begin with a dash as a list; everything escaped."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        prose, entries = [], []
        for line in block.split("\n"):
            if line.startswith("- "):
                entries.append(line[2:])
            elif entries:
                entries[-1] += " " + line.strip()
            else:
                prose.append(line.strip())
        if prose:
            blocks.append(words(" ".join(prose), "p"))
        if entries:
            blocks.append(f"<ul>{''.join(words(entry, 'li') for entry in entries)}</ul>")
    return "".join(blocks)


def comparison_html(comparison: Mapping[str, Any], left_id: str) -> str:
    """The comparative reason, with its two documents named by the sides they stand on."""
    named = {
        "{preferred}": side_name(comparison["preferred_id"], left_id),
        "{other}": side_name(comparison["other_id"], left_id),
    }
    # Split, never str.format: the text is the student's.
    return "".join(
        f"<b>{named[part]}</b>" if part in named else esc(part)
        for part in re.split(r"(\{preferred\}|\{other\})", comparison["text"])
    )


def side_name(doc_id: str, left_id: str) -> str:
    return "the left one" if doc_id == left_id else "the right one"


def seconds_told(seconds: float) -> str:
    """
    >>> seconds_told(7.26), seconds_told(83)
    ('7.3 s', '83 s')
    """
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
