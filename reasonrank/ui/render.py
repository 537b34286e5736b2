"""The whole result as a value for the page: escaped HTML in keyed parts, and the order they stand in.

The page's script replaces only parts that changed, so that nothing flickers, closes or scrolls away; Gradio sends
only the parts that changed, since it compares nested values. Keys are hashes, parts are HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from reasonrank.data import Comparison, Ranking, ScoredDocument
from reasonrank.pipeline import Writing
from reasonrank.settings import Settings
from reasonrank.ui.cards import VISIBLE, card
from reasonrank.ui.change import before_and_after, is_reordered
from reasonrank.ui.judged import Known, judged_view
from reasonrank.ui.markup import attr, esc, key, plural, shorten
from reasonrank.ui.pairs import comparison_body, decide_button, pair, pair_writing, writing_body
from reasonrank.ui.queries import queries_part
from reasonrank.ui.share import share_view
from reasonrank.ui.stages import PageStage, State, active_stage, announcement, chips, problems, stage_line
from reasonrank.ui.tools import Tool, tool_parts

QUESTION_WIDTH = 140
NOTHING_YET = "The question alone finds nothing; the student is writing search queries."
PAIR_PANEL, PAIR_TITLE = "pair", "Why this one above that one"
"""The sheet with two documents: its name among the parts, and its heading."""
STOPPED = '<p class="rr-flag rr-flag-plain">Stopped. What was reached stands.</p>'


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows of one question.

    Args:
        run: Number of the run; the page ignores what comes late from a lower one.
        question: As typed.
        settings: As chosen.
        state: How far it is.
        ranking: The list so far.
        writing: The text in the making.
        sentence: Why it failed.
        progress: What is being prepared before the first list, and how much of it, in [0, 1].
        trained: Whether the student was trained for this.
        known: The corpus's judgements for this question, where it has them.
        link: The query string that asks the same again; empty where no link can.
        queries: Search queries that were given with the question.
    """

    run: int
    question: str
    settings: Settings
    state: State
    ranking: Ranking | None = None
    writing: Writing | None = None
    sentence: str = ""
    progress: tuple[str, float] | None = None
    trained: bool | None = None
    link: str = ""
    known: Known | None = None
    queries: tuple[str, ...] | None = None


Value = dict[str, Any]
EMPTY: Value = {"run": 0, "busy": False, "announce": "", "link": None, "order": [], "parts": {}}


def page_value(view: View) -> Value:
    """The value of the results component."""
    parts = {"head": _head(view)}
    if view.sentence:
        parts["sentence"] = sentence_block(view.sentence)
    elif view.ranking is None:
        parts["waiting"] = _waiting(view)
    elif not view.ranking.documents:
        writing = view.state == "running" and active_stage(view.ranking, view.settings) == "queries"
        told = NOTHING_YET if writing else nothing_found(view.ranking)
        parts |= queries_part(view.ranking) | {"sentence": sentence_block(told, bad=False)}
    if view.ranking is not None and view.ranking.documents:
        parts |= queries_part(view.ranking) | tool_parts(_tools(view, view.ranking)) | _documents(view, view.ranking)
    return {
        "run": view.run,
        "busy": view.state == "running",
        "announce": view.sentence or announcement(view.ranking, view.settings, running=view.state == "running"),
        "link": view.link,
        "order": list(parts),
        "parts": parts,
    }


def _tools(view: View, ranking: Ranking) -> list[Tool]:
    """What can be done with this list as far as it is."""
    tools = []
    if is_reordered(ranking):
        tools.append(Tool("change", "Before and after", before_and_after(ranking)))
    if len(ranking.documents) > 1 and all(scored.judgement for scored in ranking.documents) and view.state != "running":
        tools.append(Tool("matrix", "Every pair"))
    if view.state != "running":
        tools.append(Tool("duel", "Against another set-up"))
    if view.known is not None and view.state != "running":
        tools.append(Tool("judged", "Against the judgements", judged_view(ranking, view.known)))
    if view.state != "running" and any(scored.judgement for scored in ranking.documents):
        tools.append(Tool("review", "Send to review"))
    if view.state != "running":
        tools.append(Tool("share", "Share and keep", share_view(view.question, view.settings, view.link, view.queries)))
    return tools


def nothing_found(ranking: Ranking) -> str:
    """What to do when the list is empty."""
    advice = {
        "bm25": "BM25 finds words as they are written: try other words, or the dense retriever, "
        "which finds by meaning.",
    }.get(ranking.retriever, "Try other words, or another corpus.")
    return f"Nothing in {ranking.corpus} matches this question. {advice}"


def _head(view: View) -> str:
    running = view.state == "running"
    stop = '<button type="button" class="rr-link rr-stop">Stop</button>' if running else ""
    ranking = view.ranking
    stopped = STOPPED if view.state == "stopped" else ""
    return (
        f'<header class="rr-head"{attr("aria-busy", "true" if running else "false")}>'
        f'<h2 tabindex="-1"><span class="rr-sr">Results for </span><bdi title="{esc(shorten(view.question, 600))}">'
        f"{esc(shorten(view.question, QUESTION_WIDTH))}</bdi></h2>"
        f'<div class="rr-progress">{stage_line(ranking, view.settings, view.state)}{stop}</div>'
        f"{chips(ranking, view.settings, view.trained) if ranking else ''}"
        f"{problems(ranking) if ranking else ''}{stopped}</header>"
    )


def sentence_block(text: str, *, bad: bool = True) -> str:
    """A sentence on its own, with a rule at its side where something went wrong."""
    return f'<p class="rr-sentence{" rr-sentence-bad" if bad else ""}">{esc(text)}</p>'


def _waiting(view: View) -> str:
    if view.progress is None:
        return sentence_block("Searching…", bad=False)
    return f'<div class="rr-sentence">{progress_bar(*view.progress)}</div>'


def progress_bar(what: str, share: float) -> str:
    """What is being prepared, and how much of it is done; at 0, only that it is under way."""
    percent = round(100 * min(max(share, 0.0), 1.0))
    if percent == 0:
        return f'<p class="rr-preparing">{esc(what)}…</p><progress aria-label="{esc(what)}"></progress>'
    return (
        f'<p class="rr-preparing">{esc(what)} <b>{percent}%</b></p>'
        f'<progress max="100" value="{percent}" aria-label="{esc(what)}"></progress>'
    )


def _documents(view: View, ranking: Ranking) -> dict[str, str]:
    """Cards with the comparisons of neighbours between them, in order."""
    running = view.state == "running"
    active = active_stage(ranking, view.settings) if running else None
    texts = {frozenset(view.writing.doc_ids): view.writing} if view.writing else {}
    compared = {frozenset((c.preferred_id, c.other_id)): c for c in ranking.comparisons}
    places = {scored.doc_id: scored for scored in ranking.documents}
    parts: dict[str, str] = {}
    for upper, lower in [*pairwise(ranking.documents), (ranking.documents[-1], None)]:
        own = texts.get(frozenset((upper.doc_id,)))
        parts[f"card-{key(upper.doc_id)}"] = card(
            upper,
            ranking.order_by,
            writing=own.text if own else None,
            awaits_score=active == "score" and upper.judgement is None,
            awaits_reason=_awaits_reason(upper, active, view.settings),
            grade=view.known.grades.get(upper.doc_id) if view.known else None,
            queries=ranking.queries.texts if ranking.queries else (),
        )
        if lower is None:
            continue
        ids = frozenset((upper.doc_id, lower.doc_id))
        name = f"pair-{key(*ids)}"
        if ids in compared:
            parts[name] = pair(compared[ids], places)
        elif ids in texts:
            first, second = texts[ids].doc_ids
            parts[name] = pair_writing((first, second), texts[ids].text, places)
    rest = len(ranking.documents) - VISIBLE
    if rest > 0:
        told = f"Show the other {plural(rest, 'document')}" if rest > 1 else "Show one more document"
        parts["rest"] = f'<p class="rr-rest"><button type="button" class="rr-unfold">{told}</button></p>'
    return parts


def _awaits_reason(scored: ScoredDocument, active: PageStage | None, settings: Settings) -> bool:
    """Whether a reason is still to come: of every document where it comes before the score, else of those on top."""
    if active == "score" and settings.mode == "reason_then_score":
        return scored.judgement is None
    return active in ("score", "explain") and scored.rank <= settings.explain


def comparison_panel(
    ranking: Ranking, ids: tuple[str, str], current: Writing | Comparison | None, *, sentence: str = ""
) -> str:
    """The comparison of two documents that a reader picked, as far as it is written."""
    places: dict[str, ScoredDocument] = {scored.doc_id: scored for scored in ranking.documents}
    if sentence:
        return panel(sentence_block(sentence))
    if isinstance(current, Comparison):
        return panel(comparison_body(current, places) + decide_button(current))
    if current is not None and len(current.doc_ids) == 2:
        return panel(writing_body((current.doc_ids[0], current.doc_ids[1]), current.text, places))
    return panel(writing_body(ids, "", places))


def panel_sentence(text: str) -> str:
    """The panel with nothing but a sentence."""
    return panel(sentence_block(text))


def panel(inner: str, title: str = PAIR_TITLE) -> str:
    """The sheet in which two picked documents are compared, or something else is tried."""
    return (
        '<section class="rr-panel" aria-labelledby="rr-panel-title"><header><h2 id="rr-panel-title" tabindex="-1">'
        f"{esc(shorten(title, QUESTION_WIDTH))}</h2>"
        '<button type="button" class="rr-link rr-close">Close</button></header>'
        f'<div class="rr-panel-body">{inner}</div></section>'
    )
