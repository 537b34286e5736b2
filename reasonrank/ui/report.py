"""A ranking with its reasons as one HTML file: no server, no script, nothing from elsewhere, made for paper."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from reasonrank.data import Ranking
from reasonrank.ui.agreement import agreement, in_words
from reasonrank.ui.cards import card
from reasonrank.ui.change import is_reordered
from reasonrank.ui.markup import esc, milliseconds, words
from reasonrank.ui.pairs import pair
from reasonrank.ui.queries import queries_told, share_found
from reasonrank.ui.stages import STAGE_NAMES, order_name, problems

_FOLDER = Path(__file__).parent
STYLES = ("page.css", "cards.css", "report.css")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Whatever a document's text holds, a browser fetches and runs nothing for this file."""


def report_html(ranking: Ranking, now: datetime | None = None) -> str:
    """The whole file."""
    when = (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    question = esc(ranking.query.text)
    styles = [
        (_FOLDER / "style.css").read_text(encoding="utf-8"),
        ".gradio-container {",
        *((_FOLDER / name).read_text(encoding="utf-8") for name in STYLES),
        "}",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{question} – ReasonRank</title><style>{chr(10).join(styles)}</style></head>"
        '<body class="gradio-container rr-report"><main>'
        f'<header class="rr-head"><p class="rr-over">ReasonRank, {when}</p><h1 dir="auto">{question}</h1>'
        f"{_facts(ranking)}{problems(ranking)}{_queries(ranking)}{_agreement(ranking)}</header>"
        f'<div class="rr-list rr-all">{_list(ranking)}</div>'
        '<footer class="rr-bottom"><p>Scores and reasons are written by a small language model. They can be wrong.</p>'
        "</footer></main></body></html>\n"
    )


def _facts(ranking: Ranking) -> str:
    facts = [
        ("Corpus", ranking.corpus),
        ("Retriever", ranking.retriever),
        ("Student", ranking.student or "none"),
        ("Engine", ranking.engine or "none"),
        ("Ordered by", order_name(ranking.order_by)),
        *((STAGE_NAMES[s], milliseconds(ranking.timings_ms[s])) for s in STAGE_NAMES if s in ranking.timings_ms),
    ]
    return f'<dl class="rr-chips">{"".join(f"<div><dt>{n}</dt> <dd>{esc(v)}</dd></div>" for n, v in facts)}</dl>'


def _queries(ranking: Ranking) -> str:
    if ranking.queries is None:
        return ""
    rows = "".join(
        f"<li>{words(text)} ({share_found(number, ranking)})</li>"
        for number, text in enumerate(ranking.queries.texts, start=1)
    )
    listed = f"<ol>{rows}</ol>" if rows else ""
    return f'<section class="rr-queries"><h3>Search queries</h3>{queries_told(ranking.queries)}{listed}</section>'


def _agreement(ranking: Ranking) -> str:
    if not is_reordered(ranking):
        return ""
    first = [scored.doc_id for scored in sorted(ranking.documents, key=lambda scored: scored.candidate.rank)]
    found = agreement(first, [scored.doc_id for scored in ranking.documents])
    lines = "".join(f"<li>{esc(line)}</li>" for line in in_words(found))
    return f'<p class="rr-note">The first stage’s order and this one:</p><ul class="rr-lines">{lines}</ul>'


def _list(ranking: Ranking) -> str:
    places = {scored.doc_id: scored for scored in ranking.documents}
    compared = {frozenset((c.preferred_id, c.other_id)): c for c in ranking.comparisons}
    queries = ranking.queries.texts if ranking.queries else ()
    parts = [card(scored, ranking.order_by, queries=queries) for scored in ranking.documents[:1]]
    for upper, lower in pairwise(ranking.documents):
        found = compared.get(frozenset((upper.doc_id, lower.doc_id)))
        parts += [pair(found, places)] if found else []
        parts.append(card(lower, ranking.order_by, queries=queries))
    return "".join(parts)
