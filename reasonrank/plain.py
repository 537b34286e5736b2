"""A Ranking as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from reasonrank.data import Comparison, Ranking, ScoredDocument, SearchQueries
from reasonrank.prompts import one_line

WIDTH = 100


def ranking_to_text(ranking: Ranking) -> str:
    """The list with its scores and reasons; control characters in texts are dropped."""
    lines = [
        f"{len(ranking.documents)} documents, ordered by {ranking.order_by}, "
        f"from {ranking.corpus} by {ranking.retriever}; student: {ranking.student} on {ranking.engine}",
    ]
    if ranking.queries is not None:
        lines += _queries(ranking.queries)
    if not ranking.documents:
        lines.append("Nothing was found. Try other words, another retriever or another corpus.")
    places = {scored.doc_id: scored.rank for scored in ranking.documents}
    between = {frozenset((item.preferred_id, item.other_id)): item for item in ranking.comparisons}
    upper: ScoredDocument | None = None
    for scored in ranking.documents:
        comparison = between.get(frozenset((upper.doc_id, scored.doc_id))) if upper else None
        if comparison is not None:
            lines += _comparison(comparison, places)
        lines += _document(scored)
        upper = scored
    spent = "  ".join(f"{name} {value:,.0f} ms" for name, value in ranking.timings_ms.items())
    return "\n".join([*lines, "", spent, ""])


def _queries(queries: SearchQueries) -> list[str]:
    if queries.status != "ok":
        return _wrapped(f"Written queries ({queries.status}, the question was searched alone): {queries.text}")
    return _wrapped(f"Searched too: {'; '.join(queries.texts) or 'nothing'}")


def _document(scored: ScoredDocument) -> Iterator[str]:
    judgement, reason = scored.judgement, scored.reason
    name = one_line(scored.document.title) or scored.doc_id
    moved = scored.candidate.rank - scored.rank
    grade = f"{judgement.expected_grade:.2f} of 2" if judgement else "not judged"
    yield ""
    yield f"{scored.rank:3}. {name}  [{grade}; first stage {scored.candidate.rank}, {moved:+d}]"
    yield from _wrapped(textwrap.shorten(one_line(scored.document.text), 2 * WIDTH, placeholder=" ..."))
    if len(scored.candidate.found_by) > 1 or (scored.candidate.found_by and 0 not in scored.candidate.found_by):
        numbers = ", ".join(
            "the question" if number == 0 else f"query {number}" for number in scored.candidate.found_by
        )
        yield from _wrapped(f"Found by {numbers}.")
    if reason is not None:
        yield from _wrapped(("Why: " if reason.status == "ok" else f"Why ({reason.status}): ") + reason.text)
        if reason.evidence is not None:
            support = "Evidence" if reason.evidence.supported else "Nothing in the text supports this; nearest"
            yield from _wrapped(f'{support} ({reason.evidence.support:.2f}): "{one_line(reason.evidence.text)}"')


def _comparison(comparison: Comparison, places: dict[str, int]) -> Iterator[str]:
    names = (f"#{places[comparison.preferred_id]}", f"#{places[comparison.other_id]}")
    text = comparison.text.replace("{preferred}", names[0]).replace("{other}", names[1])
    doubts = [] if comparison.agrees_with_order else ["contradicts the order"]
    doubts += ["changes with the order of presentation"] if comparison.flipped else []
    doubts += [comparison.status] if comparison.status != "ok" else []
    yield ""
    yield from _wrapped(f"{names[0]} over {names[1]} ({', '.join([f'{comparison.probability:.0%}', *doubts])}): {text}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="     ", subsequent_indent="     ")
