"""Before and after: the first stage's order beside the list's, with lines between them, and how far they agree."""

from __future__ import annotations

from reasonrank.data import Ranking
from reasonrank.ui.agreement import agreement, in_words
from reasonrank.ui.cards import kind_name
from reasonrank.ui.markup import esc, label_of, plural
from reasonrank.ui.slope import MAX_ROWS, Side, slope_chart

SWITCHES = {"bm25": "Without dense", "dense": "Without BM25"}
"""What remains of the hybrid retriever, and how the button is called that switches the other one off."""


def is_reordered(ranking: Ranking) -> bool:
    """Whether the list is in another order than the first stage's."""
    return bool(ranking.documents) and ranking.order_by != ranking.documents[0].candidate.kind


def before_and_after(ranking: Ranking) -> str:
    """The view's content."""
    documents = ranking.documents
    first = [scored.doc_id for scored in sorted(documents, key=lambda scored: scored.candidate.rank)]
    final = [scored.doc_id for scored in documents]
    titles = {scored.doc_id: label_of(scored.document) for scored in documents}
    kind = documents[0].candidate.kind
    chart = slope_chart(Side(f"First stage: {kind_name(kind)}", first), Side("This list", final), titles)
    more = f"<p>The first {MAX_ROWS} places of either list are shown.</p>" if len(documents) > MAX_ROWS else ""
    return f"{agreement_lines(first, final)}{_moved(ranking)}{_switches(ranking)}{chart}{more}"


def agreement_lines(one: list[str], other: list[str]) -> str:
    """How far two orders agree, as a list of sentences."""
    return f'<ul class="rr-lines">{"".join(f"<li>{esc(line)}</li>" for line in in_words(agreement(one, other)))}</ul>'


def _moved(ranking: Ranking) -> str:
    moves = [scored.candidate.rank - scored.rank for scored in ranking.documents]
    up, down = sum(move > 0 for move in moves), sum(move < 0 for move in moves)
    stayed = len(moves) - up - down
    return (
        f"<p>{plural(len(moves), 'document')}: {up} moved up, {down} moved down, "
        f"{stayed} stayed where the first stage had {'it' if stayed == 1 else 'them'}.</p>"
    )


def _switches(ranking: Ranking) -> str:
    if ranking.retriever != "hybrid":
        return ""
    buttons = " ".join(
        f'<button type="button" class="rr-link" data-act="without" data-left="{left}">{name}</button>'
        for left, name in SWITCHES.items()
    )
    return f'<p class="rr-switches">What if one retriever were off? {buttons}</p>'
