"""The search queries beside a question: written or given, what each of them found, and a form to edit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reasonrank.data import Candidate, Ranking, SearchQueries
from reasonrank.query_writing import MAX_CHARS, MAX_QUERIES
from reasonrank.ui.markup import attr, esc, key, ordinal, plural, shorten
from reasonrank.ui.reasons import status_flag

WRITTEN_WIDTH = 400
"""Characters that are shown of a text in which no queries could be read."""
ALONE = "The question was searched alone."


def queries_part(ranking: Ranking) -> dict[str, str]:
    """The section as a keyed part of the page; none where the question was not to be searched with others."""
    queries = ranking.queries
    if queries is None:
        return {}
    # Another name for other queries, so that what a reader typed into the old form does not stay in the new one.
    return {f"queries-{key(queries.status, *queries.texts)}": _section(queries, ranking)}


def _section(queries: SearchQueries, ranking: Ranking) -> str:
    rows = "".join(_row(number, queries.texts, ranking) for number in range(1, MAX_QUERIES + 1))
    room = attr("hidden", len(queries.texts) == MAX_QUERIES)
    return (
        '<section class="rr-queries" aria-labelledby="rr-queries-title"><h3 id="rr-queries-title">Search queries</h3>'
        f'{queries_told(queries)}<form data-act="requery"><ol>{rows}</ol><p class="rr-row">'
        f'<button type="button" class="rr-link rr-add-query"{room}>Add a query</button>'
        '<button type="submit" class="rr-button">Search again with these</button></p></form></section>'
    )


def queries_told(queries: SearchQueries) -> str:
    """Where the queries come from, or why there are none."""
    if queries.status != "ok":
        written = f'<blockquote class="rr-said rr-said-doubtful" dir="auto">{esc(shorten(queries.text, WRITTEN_WIDTH))}'
        return (
            f'{status_flag(queries.status)}<p class="rr-note">{esc(queries.detail)} {ALONE}</p>'
            f"{written + '</blockquote>' if queries.text else ''}"
        )
    if not queries.texts:
        told = ALONE
    elif queries.given:
        told = "Searched beside the question as you gave them; the student was not asked."
    else:
        told = "The student wrote these; each was searched beside the question."
    return f'<p class="rr-note">{told}</p>'


def _row(number: int, texts: Sequence[str], ranking: Ranking) -> str:
    text = texts[number - 1] if number <= len(texts) else ""
    name = f"query-{number}"
    return (
        f'<li value="{number}"{attr("hidden", not text)}><label class="rr-sr" for="rr-{name}">Query {number}</label> '
        f'<input id="rr-{name}" name="{name}" value="{esc(text)}" maxlength="{MAX_CHARS}" dir="auto" '
        f'autocomplete="off"> <span class="rr-note">{share_found(number, ranking) if text else ""}</span> '
        f'<button type="button" class="rr-link rr-drop-query" aria-label="Remove query {number}">Remove</button></li>'
    )


def share_found(number: int, ranking: Ranking) -> str:
    """How many of the list's documents a query found, and how many of them no other did."""
    found = [scored.candidate.found_by for scored in ranking.documents if number in scored.candidate.found_by]
    alone = sum(len(places) == 1 for places in found)
    if not found:
        return "found none of these"
    told = f"found {len(found)} of these {plural(len(ranking.documents), 'document')}"
    return f"{told}, {alone} of them alone" if alone else told


def found_by(candidate: Candidate, texts: Sequence[str]) -> str:
    """Which queries found a document, and where each had it; nothing where there was only one question."""
    if not candidate.found_by:
        return ""
    places = ", ".join(
        f"<span{attr('title', texts[number - 1] if 0 < number <= len(texts) else None)}>"
        f"{'the question' if number == 0 else f'query {number}'} ({ordinal(place.rank)})</span>"
        for number, place in sorted(candidate.found_by.items())
    )
    return f"<div><dt>Found by</dt><dd>{places}</dd></div>"


def sent_queries(sent: Mapping[str, Any]) -> tuple[str, ...]:
    """The form's queries as the browser sent them, in order; what is no text is none."""
    values = (sent.get(f"query-{number}") for number in range(1, MAX_QUERIES + 1))
    return tuple(value for value in values if isinstance(value, str) and value.strip())
