"""The question and what can be chosen around it, as one HTML form with the browser's own controls.

Gradio's radio buttons each form a group of their own, so that arrow keys do not move between them, and its
drop-down opens a keyboard on a phone; a plain form has neither trouble.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reasonrank.data import Query
from reasonrank.errors import InputError
from reasonrank.query_writing import MAX_QUERIES
from reasonrank.settings import Settings
from reasonrank.ui.markup import attr, esc, one_line, shorten
from reasonrank.ui.own import own_section

DEPTHS = (10, 20, 50)
"""How many documents can be asked for; the setting's own number joins them."""
REASONS = (0, 3, 5, 10)
"""How many of them can get a reason; the setting's own number joins them too."""
RETRIEVERS = (("hybrid", "Hybrid"), ("bm25", "BM25"), ("dense", "Dense"))
ORDERS = (("student", "the student’s grade"), ("fused", "student and encoder together"))
MODES = (("score_then_reason", "score, then reason"), ("reason_then_score", "reason, then score"))
WRITING = (("no", "the question"), ("yes", "the student’s queries too"))
EXAMPLE_WIDTH = 220

Named = Sequence[tuple[str, str]]
"""Values and what they are called."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a visitor asks and has chosen. ``queries`` are those to search beside the question, where they are given."""

    question: str
    corpus: str
    retriever: str
    k: int
    order: str
    mode: str
    explain: int
    query_writing: bool = False
    queries: tuple[str, ...] | None = None

    @classmethod
    def of(cls, sent: Mapping[str, Any]) -> Choices:
        """The form's values as the browser sent them, which may be anything.

        Raises:
            InputError: A value is missing or not of its kind.
        """
        try:
            texts = {name: str(sent[name]) for name in ("question", "corpus", "retriever", "order", "mode")}
            return cls(
                **texts,
                k=int(sent["k"]),
                explain=int(sent["explain"]),
                query_writing=sent.get("query_writing") == "yes",
                queries=None if sent.get("queries") is None else _given(sent["queries"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("The form came incomplete; reload the page and ask again.") from error


def _given(sent: Any) -> tuple[str, ...]:
    if not isinstance(sent, list) or not all(isinstance(query, str) for query in sent):
        raise TypeError("queries are a list of texts")
    if len(sent) > MAX_QUERIES:
        raise InputError(f"There are {len(sent)} search queries; at most {MAX_QUERIES} are searched. Leave some out.")
    return tuple(sent)


def depths(settings: Settings) -> tuple[int, ...]:
    """The numbers of documents on offer."""
    return tuple(sorted({*DEPTHS, settings.k}))


def reason_counts(settings: Settings) -> tuple[int, ...]:
    """The numbers of reasons on offer."""
    return tuple(sorted({*REASONS, settings.explain}))


def search_form(settings: Settings, corpora: Named) -> str:
    """The form with ``settings`` chosen."""
    counts = [(str(n), str(n)) for n in depths(settings)]
    written = "yes" if settings.query_writing else "no"
    writing = "" if settings.student == "none" else segments("query_writing", "Search with", WRITING, written)
    reasons = [(str(n), str(n) if n else "none") for n in reason_counts(settings)]
    return (
        '<form class="rr-form" role="search" aria-label="Search">'
        '<div class="rr-ask"><label class="rr-sr" for="rr-question">Your question</label>'
        '<textarea id="rr-question" name="question" rows="1" dir="auto" enterkeyhint="search" autocomplete="off"'
        ' placeholder="Ask a question"></textarea>'
        '<button type="submit" class="rr-submit">Search</button></div>'
        f'<div class="rr-controls">{select("corpus", "Search in", corpora, settings.corpus)}'
        f"{segments('retriever', 'Find by', RETRIEVERS, settings.retriever)}"
        f"{segments('k', 'Show', counts, str(settings.k))}</div>"
        '<details class="rr-more"><summary>More settings</summary><div class="rr-controls">'
        f"{segments('order', 'Order by', ORDERS, settings.order)}"
        f"{segments('mode', 'Judge by', MODES, settings.mode)}{writing}"
        f"{segments('explain', 'Reasons from the top', reasons, str(settings.explain))}"
        f"</div></details>{own_section()}</form>"
    )


def select(name: str, label: str, options: Named, chosen: str, beside: str = "") -> str:
    """A labelled drop-down list, with HTML that belongs beside it."""
    inner = "".join(
        f'<option value="{esc(value)}"{attr("selected", value == chosen)}>{esc(one_line(told))}</option>'
        for value, told in options
    )
    return (
        f'<div class="rr-control"><label class="rr-label" for="rr-{name}">{label}</label>'
        f'<select id="rr-{name}" name="{name}">{inner}</select>{beside}</div>'
    )


def segments(name: str, label: str, options: Named, chosen: str) -> str:
    """A labelled group of radio buttons that looks like one row of segments."""
    inner = "".join(
        f'<label><input type="radio" name="{name}" value="{esc(value)}"{attr("checked", value == chosen)}>'
        f"<span>{esc(told)}</span></label>"
        for value, told in options
    )
    return (
        f'<fieldset class="rr-control"><legend class="rr-label">{label}</legend>'
        f'<div class="rr-segments">{inner}</div></fieldset>'
    )


def examples(questions: Sequence[Query]) -> str:
    """Example questions as buttons; nothing where there are none."""
    if not questions:
        return ""
    buttons = "".join(
        f'<li><button type="button" class="rr-example" data-question="{esc(one_line(query.text))}" dir="auto">'
        f"{esc(shorten(query.text, EXAMPLE_WIDTH))}</button></li>"
        for query in questions
    )
    return (
        '<section class="rr-examples" aria-labelledby="rr-examples-title">'
        f'<h2 id="rr-examples-title">Or try one of these</h2><ul>{buttons}</ul></section>'
    )


def notice(text: str, *, bad: bool = True) -> str:
    """A sentence under the question; empty for no text. Lines of the text stay lines."""
    css, role = ("rr-notice rr-notice-bad", "alert") if bad else ("rr-notice", "status")
    return f'<p class="{css}" role="{role}">{esc(text)}</p>' if text else ""
