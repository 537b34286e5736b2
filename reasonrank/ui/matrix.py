"""Every pair of the top documents: a table of probabilities, contradictions marked, and the cycles among them named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean

from reasonrank.data import Comparison, Ranking, ScoredDocument
from reasonrank.ui.markup import attr, esc, label_of, shorten
from reasonrank.ui.pairs import reference
from reasonrank.uncertainty import percent

DOCUMENTS = 6
"""Documents from the top whose pairs are read: 15 pairs, each in both orders of presentation."""
TITLE_WIDTH = 34

Pair = tuple[str, str]
Preferences = Mapping[Pair, tuple[float, float]]
"""For ``(upper, lower)``: the probability that the upper one is better, with it shown first and shown second."""


def pairs_of(ranking: Ranking) -> list[Pair]:
    """The pairs to read, the upper document first."""
    return list(combinations([scored.doc_id for scored in ranking.documents[:DOCUMENTS]], 2))


def known_preferences(ranking: Ranking, comparisons: Sequence[Comparison]) -> dict[Pair, tuple[float, float]]:
    """What comparisons that were made already say of pairs, the upper document of the list first."""
    places = {scored.doc_id: scored.rank for scored in ranking.documents}
    found = {}
    for one in comparisons:
        if places[one.preferred_id] < places[one.other_id]:
            found[one.preferred_id, one.other_id] = one.by_order
        else:
            found[one.other_id, one.preferred_id] = (1 - one.by_order[1], 1 - one.by_order[0])
    return found


def cycles(doc_ids: Sequence[str], preferences: Preferences) -> list[tuple[str, str, str]]:
    """Triples of which each is preferred over the next, and the last over the first; each once, by its top document.

    Longer cycles need no search of their own: where all pairs were read, each holds one of three.
    """
    better = {
        pair if fmean(both) >= 0.5 else pair[::-1] for pair, both in preferences.items() if set(pair) <= set(doc_ids)
    }
    found = []
    for a, b, c in combinations(doc_ids, 3):
        for one, two, three in ((a, b, c), (a, c, b)):
            if {(one, two), (two, three), (three, one)} <= better:
                found.append((one, two, three))
    return found


def matrix_view(ranking: Ranking, preferences: Preferences, *, complete: bool) -> str:
    """The table as far as it is read, what it means, and the cycles once it is complete."""
    documents = ranking.documents[:DOCUMENTS]
    count, wanted = len(preferences), len(pairs_of(ranking))
    progress = (
        ""
        if complete
        else f'<progress max="{wanted}" value="{count}" aria-label="Pairs read"></progress>'
        f'<p class="rr-note">{count} of {wanted} pairs read</p>'
    )
    heads = "".join(f'<th scope="col">{reference(scored, title=False)}</th>' for scored in documents)
    rows = "".join(_row(scored, documents, preferences) for scored in documents)
    return (
        "<p>How surely the document of the row is better than the one of the column, as the student says when it reads "
        "the two side by side. <b>!</b> marks a pair that contradicts the list, <b>⇄</b> one where the answer changes "
        f"with the order of presentation.</p>{progress}"
        f'<div class="rr-scroll" tabindex="0" role="region" aria-label="Table of pairs"><table class="rr-matrix">'
        f'<thead><tr><th scope="col"><span class="rr-sr">Document</span></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{_told(documents, preferences) if complete else ''}"
    )


def _row(scored: ScoredDocument, documents: Sequence[ScoredDocument], preferences: Preferences) -> str:
    cells = "".join(_cell(scored, other, preferences) for other in documents)
    title = esc(shorten(label_of(scored.document), TITLE_WIDTH))
    return f'<tr><th scope="row">{reference(scored, title=False)} <bdi>{title}</bdi></th>{cells}</tr>'


def _cell(row: ScoredDocument, column: ScoredDocument, preferences: Preferences) -> str:
    if row is column:
        return "<td></td>"
    upper_first = row.rank < column.rank
    both = preferences.get((row.doc_id, column.doc_id) if upper_first else (column.doc_id, row.doc_id))
    if both is None:
        return '<td class="rr-note">…</td>'
    share = fmean(both) if upper_first else 1 - fmean(both)
    contradicts, flipped = fmean(both) < 0.5, (both[0] >= 0.5) != (both[1] >= 0.5)
    marks = ("!" if contradicts else "") + ("⇄" if flipped else "")
    told = ", ".join(
        name for name, so in (("contradicts the list", contradicts), ("changes with the order", flipped)) if so
    )
    css = f"rr-cell-{min(4, int(abs(share - 0.5) * 10))}-{'for' if share >= 0.5 else 'against'}"
    mark = f' <b aria-hidden="true">{marks}</b><span class="rr-sr">, {told}</span>' if marks else ""
    return f'<td class="{css}"{attr("title", told)}>{percent(share)}{mark}</td>'


def _told(documents: Sequence[ScoredDocument], preferences: Preferences) -> str:
    places = {scored.doc_id: scored for scored in documents}
    against = sum(fmean(both) < 0.5 for both in preferences.values())
    sentences = [
        "No pair contradicts the list."
        if not against
        else f"{against} of {len(preferences)} pairs contradict the list: side by side, the student prefers the lower "
        "one. The list is made from scores that it gives each document alone."
    ]
    lines = [f"<li>{esc(sentence)}</li>" for sentence in sentences]
    circles = cycles([scored.doc_id for scored in documents], preferences)
    if not circles:
        lines.append("<li>There is no cycle: the pairs agree on one order.</li>")
    for circle in circles:
        named = " over ".join(reference(places[doc_id], title=False) for doc_id in (*circle, circle[0]))
        lines.append(f"<li>A cycle: {named}. No order can satisfy all three.</li>")
    return f'<ul class="rr-lines">{"".join(lines)}</ul>'
